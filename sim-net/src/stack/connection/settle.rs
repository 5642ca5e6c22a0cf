//! What a program is told of its connection, and what becomes of it.

use smoltcp::socket::tcp::State;

use super::super::event::SocketEvent;
use super::{Cause, Connection, Fate, Origin};

impl Connection {
    /// Says what has changed, and what becomes of the connection.
    pub(in crate::stack) fn settle(
        &mut self,
        cause: Cause,
        unread_before: usize,
        events: &mut Vec<SocketEvent>,
    ) -> Fate {
        let (conn, owner) = (self.id, self.owner);
        let socket = self.view();
        let (state, unread) = (socket.state(), socket.recv_queue());
        let gone =
            state == State::Listen || (state == State::Closed && socket.local_endpoint().is_none());
        let roomy = self.room() * 3 >= self.send_limit() && socket.may_send();
        if !self.announced && !matches!(state, State::Closed | State::Listen) && !self.handshaking()
        {
            self.announced = true;
            events.push(match self.origin {
                Origin::Active => SocketEvent::Connected { conn, owner },
                Origin::Passive { listener, .. } => SocketEvent::Accepted {
                    listener,
                    conn,
                    owner,
                },
            });
        }
        if self.announced && unread > unread_before {
            events.push(SocketEvent::Readable { conn, owner });
        }
        if self.starved && roomy {
            self.starved = false;
            events.push(SocketEvent::Writable { conn, owner });
        }
        let peer_done = matches!(
            state,
            State::CloseWait | State::Closing | State::LastAck | State::TimeWait
        );
        if peer_done && !self.peer_closed {
            self.peer_closed = true;
            events.push(SocketEvent::PeerClosed { conn, owner });
        }
        if gone {
            self.end(cause, events);
            return Fate::Gone;
        }
        if state == State::TimeWait && unread == 0 && self.final_ack.is_some() {
            events.push(SocketEvent::Closed { conn, owner });
            return Fate::Waits;
        }
        Fate::Lives
    }

    pub(in crate::stack) fn end(&mut self, cause: Cause, events: &mut Vec<SocketEvent>) {
        let (conn, owner) = (self.id, self.owner);
        if !self.announced && self.is_passive() {
            return;
        }
        match cause {
            Cause::Segment { reset: true } if !self.announced => {
                events.push(SocketEvent::Refused { conn, owner });
            }
            Cause::Segment { reset: true } => events.push(SocketEvent::Reset { conn, owner }),
            Cause::IcmpError => events.push(SocketEvent::Refused { conn, owner }),
            Cause::Poll if !self.announced && !self.aborted => {
                events.push(SocketEvent::TimedOut { conn, owner });
            }
            Cause::Segment { reset: false } | Cause::Poll => {}
        }
        events.push(SocketEvent::Closed { conn, owner });
    }
}
