//! One core: what waits for it and which of it comes next.
//!
//! As in Linux, received frames go before programs, a program's own computation is interrupted by
//! them, and after a full round of frames a waiting program gets its turn (`ksoftirqd`).

use std::collections::VecDeque;

use sim_core::{SimDuration, SimTime};

use crate::frame::Frame;
use crate::ids::{AppId, BridgeId, BridgePortId, ConnId, EniId, IfaceId, NetnsId};
use crate::offload::TrainSlot;

/// Frames that one round takes before a waiting program gets its turn.
/// Source: Linux, `NAPI_POLL_WEIGHT` (specified).
pub const ROUND: usize = 64;

/// Frames that the backlog between namespaces holds.
/// Source: Linux, `net.core.netdev_max_backlog` (specified).
pub const BACKLOG: usize = 1000;

/// Where a frame enters the next namespace or bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingress {
    /// An interface of a namespace.
    Iface(NetnsId, IfaceId),
    /// A port of a bridge.
    Bridge(BridgeId, BridgePortId),
}

/// A packet in a receive ring.
#[derive(Debug)]
pub enum Descriptor {
    /// One that came alone.
    Packet(Frame),
    /// One of a train, by its number.
    OfTrain(TrainSlot, usize),
}

/// One unit of work in softirq context.
#[derive(Debug)]
pub enum Softirq {
    /// A frame that crossed into another namespace.
    Backlog(Ingress, Frame),
    /// A packet from the receive ring of an interface, and when it came.
    Ring(EniId, Descriptor, SimTime),
    /// A connection that may send again.
    Poll(NetnsId, ConnId),
}

/// A program's computation that frames may interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Whose.
    pub app: AppId,
    /// What the program called it.
    pub token: u32,
    /// CPU time still to spend.
    pub remaining: SimDuration,
    /// Since when it runs; `None` while interrupted.
    pub since: Option<SimTime>,
}

/// What waits for its turn in user space.
#[derive(Clone, Copy, Debug)]
enum Runnable {
    /// A program with events.
    App(AppId),
    /// A computation that has not begun.
    Slice(Slice),
}

/// What a core does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Work {
    /// A round of frames.
    Softirq,
    /// A program has events.
    App(AppId),
    /// A computation goes on until then, unless interrupted.
    Compute(SimTime),
    /// A computation has ended.
    Computed(AppId, u32),
    /// Nothing.
    Idle,
}

/// The queues and the clock of one core.
#[derive(Debug, Default)]
pub struct Core {
    ring: VecDeque<(EniId, Descriptor, SimTime)>,
    backlog: VecDeque<(Ingress, Frame)>,
    polls: VecDeque<(NetnsId, ConnId)>,
    runnable: VecDeque<Runnable>,
    /// The computation that goes on or is interrupted.
    slice: Option<Slice>,
    app_turn: bool,
    /// Until when a computation may not be interrupted: it has its turn.
    protected_until: SimTime,
    /// Length of the last pass.
    pub last_pass: SimDuration,
    /// Until when the present pass lasts.
    pub busy_until: SimTime,
    /// When the core is next looked at; an event for any other time is stale.
    pub wake_at: Option<SimTime>,
    /// The program that ran last.
    pub last_app: Option<AppId>,
    /// Time spent working.
    pub busy: SimDuration,
}

impl Core {
    /// Puts a packet from a receive ring in the queue. The ring's own bound is its owner's.
    pub fn push_ring(&mut self, eni: EniId, packet: Descriptor, now: SimTime) {
        self.ring.push_back((eni, packet, now));
    }

    /// Puts a frame in the backlog; gives it back when that is full.
    ///
    /// # Errors
    /// The frame, if the backlog holds [`BACKLOG`] frames.
    pub fn push_backlog(&mut self, ingress: Ingress, frame: Frame) -> Result<(), Frame> {
        if self.backlog.len() >= BACKLOG {
            return Err(frame);
        }
        self.backlog.push_back((ingress, frame));
        Ok(())
    }

    /// Lets a connection send in the next round.
    pub fn push_poll(&mut self, netns: NetnsId, conn: ConnId) {
        self.polls.push_back((netns, conn));
    }

    /// Puts a program in the run queue.
    pub fn push_app(&mut self, app: AppId) {
        self.runnable.push_back(Runnable::App(app));
    }

    /// Puts a computation in the run queue, behind the programs that wait already.
    pub fn push_slice(&mut self, app: AppId, token: u32, time: SimDuration) {
        let slice = Slice {
            app,
            token,
            remaining: time,
            since: None,
        };
        self.runnable.push_back(Runnable::Slice(slice));
    }

    /// Frames from rings and the backlog that wait.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.ring.len() + self.backlog.len()
    }

    /// Packets that those are.
    #[must_use]
    pub fn packets(&self) -> usize {
        let backlog = self.backlog.iter().map(|(_, frame)| frame.packets());
        self.ring.len() + backlog.sum::<usize>()
    }

    /// Whether softirq work waits.
    #[must_use]
    pub fn has_softirq(&self) -> bool {
        !(self.ring.is_empty() && self.backlog.is_empty() && self.polls.is_empty())
    }

    /// Whether anything waits.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.has_softirq() || self.slice.is_some() || !self.runnable.is_empty()
    }

    /// The next unit of softirq work: what crossed into another namespace before what is new, so
    /// that a frame is carried to its end first.
    pub fn pop_softirq(&mut self) -> Option<Softirq> {
        if let Some((ingress, frame)) = self.backlog.pop_front() {
            return Some(Softirq::Backlog(ingress, frame));
        }
        if let Some((eni, packet, since)) = self.ring.pop_front() {
            return Some(Softirq::Ring(eni, packet, since));
        }
        self.polls
            .pop_front()
            .map(|(netns, conn)| Softirq::Poll(netns, conn))
    }

    /// The next packet of a receive ring.
    pub fn pop_ring(&mut self) -> Option<(EniId, Descriptor, SimTime)> {
        self.ring.pop_front()
    }

    /// The next frame that crossed into another namespace.
    pub fn pop_backlog(&mut self) -> Option<(Ingress, Frame)> {
        self.backlog.pop_front()
    }

    /// Remembers that a round of frames has ended without emptying the queues, so that a waiting
    /// program is next.
    pub fn end_round(&mut self) {
        self.app_turn = self.has_softirq();
    }

    /// The earliest time at which the core can take up something new.
    #[must_use]
    pub fn not_before(&self) -> SimTime {
        self.busy_until.max(self.protected_until)
    }

    /// Decides what comes next at `now`, and interrupts or resumes a computation accordingly.
    ///
    /// After a full round of frames a computation has its turn for as long as the round took, as
    /// two threads that the scheduler treats alike.
    pub fn next_work(&mut self, now: SimTime) -> Work {
        let user_turn = std::mem::take(&mut self.app_turn) && self.take_turn(now);
        if self.has_softirq() && !user_turn && now >= self.protected_until {
            self.interrupt(now);
            return Work::Softirq;
        }
        if self.slice.is_none() {
            match self.runnable.pop_front() {
                Some(Runnable::App(app)) => return Work::App(app),
                Some(Runnable::Slice(slice)) => self.slice = Some(slice),
                None => {}
            }
        }
        let Some(slice) = &mut self.slice else {
            return if self.has_softirq() {
                Work::Softirq
            } else {
                Work::Idle
            };
        };
        let since = *slice.since.get_or_insert(now);
        let end = since + slice.remaining;
        if now >= end {
            let Slice { app, token, .. } = *slice;
            self.busy += slice.remaining;
            self.slice = None;
            self.protected_until = SimTime::ZERO;
            return Work::Computed(app, token);
        }
        let turn_ends = now < self.protected_until && self.has_softirq();
        Work::Compute(if turn_ends {
            end.min(self.protected_until)
        } else {
            end
        })
    }

    /// Gives user space its turn after a full round; `false` if nobody there wants it.
    fn take_turn(&mut self, now: SimTime) -> bool {
        let computes =
            self.slice.is_some() || matches!(self.runnable.front(), Some(Runnable::Slice(_)));
        if computes {
            self.protected_until = now + self.last_pass;
        }
        computes || !self.runnable.is_empty()
    }

    fn interrupt(&mut self, now: SimTime) {
        if let Some(slice) = &mut self.slice
            && let Some(since) = slice.since.take()
        {
            let done = (now - since).min(slice.remaining);
            self.busy += done;
            slice.remaining -= done;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_us(us)
    }

    #[test]
    fn frames_interrupt_a_computation_and_it_still_gets_its_time() {
        let mut core = Core::default();
        let app = AppId::new(3);
        core.push_slice(app, 7, SimDuration::from_us(100));
        assert_eq!(core.next_work(at(0)), Work::Compute(at(100)));
        core.push_poll(NetnsId::new(0), ConnId::new(0));
        assert_eq!(core.next_work(at(40)), Work::Softirq);
        assert!(matches!(core.pop_softirq(), Some(Softirq::Poll(..))));
        assert_eq!(core.next_work(at(50)), Work::Compute(at(110)));
        assert_eq!(core.next_work(at(110)), Work::Computed(app, 7));
        assert_eq!(core.next_work(at(110)), Work::Idle);
        assert_eq!(core.busy, SimDuration::from_us(100));
    }

    #[test]
    fn a_computation_gets_as_much_time_as_the_round_that_kept_it_waiting() {
        let mut core = Core {
            last_pass: SimDuration::from_us(30),
            ..Core::default()
        };
        core.push_slice(AppId::new(1), 0, SimDuration::from_us(100));
        core.push_poll(NetnsId::new(0), ConnId::new(0));
        core.end_round();
        assert_eq!(core.next_work(at(0)), Work::Compute(at(30)));
        assert_eq!(core.not_before(), at(30));
        assert_eq!(core.next_work(at(30)), Work::Softirq);
    }

    #[test]
    fn a_program_that_computes_again_waits_behind_the_others() {
        let mut core = Core::default();
        let (busy, other) = (AppId::new(1), AppId::new(2));
        core.push_slice(busy, 0, SimDuration::from_us(10));
        assert_eq!(core.next_work(at(0)), Work::Compute(at(10)));
        core.push_app(other);
        assert_eq!(core.next_work(at(10)), Work::Computed(busy, 0));
        core.push_slice(busy, 1, SimDuration::from_us(10));
        assert_eq!(core.next_work(at(10)), Work::App(other));
        assert_eq!(core.next_work(at(10)), Work::Compute(at(20)));
    }

    #[test]
    fn a_program_gets_its_turn_after_a_full_round() {
        let mut core = Core::default();
        core.push_app(AppId::new(1));
        core.push_poll(NetnsId::new(0), ConnId::new(0));
        assert_eq!(core.next_work(at(0)), Work::Softirq);
        core.end_round();
        assert_eq!(core.next_work(at(1)), Work::App(AppId::new(1)));
        assert_eq!(core.next_work(at(2)), Work::Softirq);
    }
}
