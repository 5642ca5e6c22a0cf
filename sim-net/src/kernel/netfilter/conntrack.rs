//! Connection tracking: which packets belong together.

use sim_core::{LookupMap, SimDuration, SimTime};

use super::passed::Passed;
use super::tcp::{self, Step, TcpState};
use super::tuple::{Manip, invert};
use crate::headers::{FiveTuple, FlowKey, Protocol, TcpFlags};

/// A UDP flow that has had no answer, or is younger than two seconds. Source: Linux,
/// `nf_conntrack_udp_timeout` (specified).
const UDP_UNREPLIED: SimDuration = SimDuration::from_secs(30);
/// A UDP flow with packets both ways for more than two seconds. Source: Linux,
/// `nf_conntrack_udp_timeout_stream` (specified).
const UDP_STREAM: SimDuration = SimDuration::from_secs(120);
/// The age from which a UDP flow is a stream. Source: Linux, `nf_conntrack_proto_udp.c`
/// (specified).
const UDP_STREAM_AGE: SimDuration = SimDuration::from_secs(2);
/// Source: Linux, `nf_conntrack_icmp_timeout` (specified).
const ICMP: SimDuration = SimDuration::from_secs(30);
/// Source: Linux, `nf_conntrack_generic_timeout` (specified).
const GENERIC: SimDuration = SimDuration::from_secs(600);

/// How many entries a full table looks at for one that it may drop. Linux looks through eight hash
/// buckets (`NF_CT_EVICTION_RANGE`); a table at its default bound has two hash entries per bucket.
const EVICTION_SCAN: usize = 16;
/// How many entries each new connection looks at for ones that have expired, in place of Linux's
/// background worker.
const EXPIRY_SCAN: usize = 2;

/// Which way a packet goes through its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// As the first packet.
    Original,
    /// Against it.
    Reply,
}

impl Direction {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

/// An entry of the table. Numbers are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId(u32);

/// One end of a connection's translations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Binding {
    /// No rule has been asked.
    #[default]
    Unset,
    /// Left as it is.
    Null,
    /// Translated.
    Translated,
}

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    pub(super) original: FiveTuple,
    pub(super) reply: FiveTuple,
    pub(super) source: Binding,
    pub(super) destination: Binding,
    pub(super) tcp: Option<TcpState>,
    pub(super) seen_reply: bool,
    pub(super) assured: bool,
    pub(super) created: SimTime,
    pub(super) expires: SimTime,
    pub(super) packets: [u64; 2],
    pub(super) bytes: [u64; 2],
    /// How the filter table has let its packets pass, by direction.
    pub(super) passed: [Option<Passed>; 2],
}

impl Connection {
    /// The connection that a packet begins; `None` where none begins like that.
    pub(super) fn begin(now: SimTime, tuple: FiveTuple, flags: Option<TcpFlags>) -> Option<Self> {
        let tcp = match tuple.protocol {
            Protocol::Tcp => Some(tcp::first(flags?)?),
            _ => None,
        };
        let timeout = match tuple.protocol {
            Protocol::Tcp => tcp.map_or(GENERIC, TcpState::timeout),
            Protocol::Udp => UDP_UNREPLIED,
            Protocol::Icmp => ICMP,
            Protocol::Other(_) => GENERIC,
        };
        Some(Self {
            original: tuple,
            reply: invert(tuple),
            source: Binding::Unset,
            destination: Binding::Unset,
            tcp,
            seen_reply: false,
            assured: false,
            created: now,
            expires: now.saturating_add(timeout),
            packets: [0; 2],
            bytes: [0; 2],
            passed: [None; 2],
        })
    }

    /// The tuple of packets that go this way, as they reach the namespace.
    #[must_use]
    pub fn tuple(&self, direction: Direction) -> FiveTuple {
        match direction {
            Direction::Original => self.original,
            Direction::Reply => self.reply,
        }
    }

    /// Whether packets have gone both ways.
    #[must_use]
    pub fn seen_reply(&self) -> bool {
        self.seen_reply
    }

    /// Whether a full table keeps it: a TCP connection once it is established, a UDP flow once it
    /// is a stream.
    #[must_use]
    pub fn assured(&self) -> bool {
        self.assured
    }

    /// The state of a TCP connection.
    #[must_use]
    pub fn tcp_state(&self) -> Option<TcpState> {
        self.tcp
    }

    /// When it is forgotten if no packet follows.
    #[must_use]
    pub fn expires(&self) -> SimTime {
        self.expires
    }

    /// Packets and octets that went this way.
    #[must_use]
    pub fn traffic(&self, direction: Direction) -> (u64, u64) {
        let at = direction as usize;
        (self.packets[at], self.bytes[at])
    }

    /// Whether its destination is translated.
    #[must_use]
    pub fn destination_translated(&self) -> bool {
        self.destination == Binding::Translated
    }

    pub(super) fn binding(&self, manip: Manip) -> Binding {
        match manip {
            Manip::Source => self.source,
            Manip::Destination => self.destination,
        }
    }

    pub(super) fn count(&mut self, direction: Direction, bytes: usize) {
        self.packets[direction as usize] += 1;
        self.bytes[direction as usize] += bytes as u64;
    }

    /// Takes note of a packet; says what it is to the connection.
    fn follow(&mut self, now: SimTime, direction: Direction, flags: Option<TcpFlags>) -> Followed {
        match (self.original.protocol, self.tcp, flags) {
            (Protocol::Tcp, Some(state), Some(flags)) => match tcp::next(state, direction, flags) {
                Step::To(next) => self.enter(now, state, next, flags),
                Step::Ignore => {}
                Step::Invalid => return Followed::Invalid,
                Step::Reopen => return Followed::Reopen,
            },
            (Protocol::Tcp, ..) => return Followed::Invalid,
            (Protocol::Udp, ..) => self.refresh_udp(now),
            (Protocol::Icmp, ..) => self.expires = now.saturating_add(ICMP),
            (Protocol::Other(_), ..) => self.expires = now.saturating_add(GENERIC),
        }
        if direction == Direction::Reply {
            self.seen_reply = true;
        }
        Followed::Known
    }

    fn enter(&mut self, now: SimTime, from: TcpState, to: TcpState, flags: TcpFlags) {
        self.tcp = Some(to);
        self.expires = now.saturating_add(to.timeout());
        if !self.seen_reply && flags.rst {
            // A refused connection is forgotten at once.
            self.expires = now;
        }
        let open = matches!(from, TcpState::SynRecv | TcpState::Established);
        if self.seen_reply && open && to == TcpState::Established {
            self.assured = true;
        }
    }

    fn refresh_udp(&mut self, now: SimTime) {
        let stream = self.seen_reply && now.saturating_since(self.created) > UDP_STREAM_AGE;
        self.assured |= stream;
        let timeout = if stream { UDP_STREAM } else { UDP_UNREPLIED };
        self.expires = now.saturating_add(timeout);
    }
}

/// What a packet is to the connection it was found to belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    Known,
    Invalid,
    Reopen,
}

/// The table of one namespace.
///
/// An entry expires when a packet looks it up too late, when new connections pass it by (each looks
/// at the next two entries), or when the table is full. Until then it counts, as in Linux, whose
/// worker also comes by only now and then.
#[derive(Debug)]
pub struct Conntrack {
    index: LookupMap<FlowKey, (EntryId, Direction)>,
    slots: Vec<Option<Connection>>,
    free: Vec<u32>,
    len: usize,
    max: usize,
    cursor: usize,
}

impl Conntrack {
    /// An empty table of at most `max` connections.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            index: LookupMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            len: 0,
            max,
            cursor: 0,
        }
    }

    /// Connections in the table, expired ones that nothing has come across included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Most connections that the table holds.
    #[must_use]
    pub fn max(&self) -> usize {
        self.max
    }

    /// The connections, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().flatten()
    }

    /// One connection, expired or not; `None` once it has left the table.
    #[must_use]
    pub fn get(&self, id: EntryId) -> Option<&Connection> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, id: EntryId) -> Option<&mut Connection> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// Finds the connection of packets with this tuple, expired or not.
    pub(super) fn find(&self, tuple: FiveTuple) -> Option<(EntryId, Direction)> {
        self.index.get(&tuple.into()).copied()
    }

    /// Finds the live connection of packets with this tuple.
    pub(super) fn lookup(
        &mut self,
        now: SimTime,
        tuple: FiveTuple,
    ) -> Option<(EntryId, Direction)> {
        let &(id, direction) = self.index.get(&tuple.into())?;
        let live = self.get(id).is_some_and(|c| c.expires > now);
        if !live {
            self.remove(id);
            return None;
        }
        Some((id, direction))
    }

    /// Whether packets with this tuple would be taken for a live connection's.
    pub(super) fn is_taken(&mut self, now: SimTime, tuple: FiveTuple) -> bool {
        self.lookup(now, tuple).is_some()
    }

    /// Takes note of a packet of a known connection.
    pub(super) fn follow(
        &mut self,
        now: SimTime,
        id: EntryId,
        direction: Direction,
        flags: Option<TcpFlags>,
        bytes: usize,
    ) -> Followed {
        let Some(Some(connection)) = self.slots.get_mut(id.0 as usize) else {
            return Followed::Invalid;
        };
        let followed = connection.follow(now, direction, flags);
        if followed == Followed::Known {
            connection.count(direction, bytes);
        }
        followed
    }

    /// Whether one more connection can be taken up; a full table tries to drop one that has
    /// expired, or else one that is not assured.
    pub(super) fn make_room(&mut self, now: SimTime) -> bool {
        for _ in 0..EXPIRY_SCAN {
            self.pass_by(|c| c.expires <= now);
        }
        for _ in 0..EVICTION_SCAN {
            if self.len < self.max {
                return true;
            }
            self.pass_by(|c| c.expires <= now || !c.assured);
        }
        self.len < self.max
    }

    /// Looks at the next slot and removes what is in it if `goes` says so.
    fn pass_by(&mut self, goes: impl Fn(&Connection) -> bool) {
        if self.slots.is_empty() {
            return;
        }
        self.cursor = (self.cursor + 1) % self.slots.len();
        if self.slots[self.cursor].as_ref().is_some_and(goes) {
            let at = u32::try_from(self.cursor).expect("a slot's number was made from a u32");
            self.remove(EntryId(at));
        }
    }

    /// Puts a connection into the table; `None` if the table is full or another connection has one
    /// of its tuples.
    pub(super) fn insert(&mut self, now: SimTime, connection: Connection) -> Option<EntryId> {
        let taken = self.is_taken(now, connection.original) || self.is_taken(now, connection.reply);
        if taken || self.len >= self.max {
            return None;
        }
        let id = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(connection);
                EntryId(slot)
            }
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Some(connection));
                EntryId(slot)
            }
        };
        // In this order: of a packet that is its own answer, the original direction is found.
        self.index
            .insert(connection.reply.into(), (id, Direction::Reply));
        self.index
            .insert(connection.original.into(), (id, Direction::Original));
        self.len += 1;
        Some(id)
    }

    /// Forgets a connection.
    pub(super) fn remove(&mut self, id: EntryId) {
        let Some(gone) = self.slots.get_mut(id.0 as usize).and_then(Option::take) else {
            return;
        };
        self.index.remove(&gone.original.into());
        self.index.remove(&gone.reply.into());
        self.free.push(id.0);
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests;
