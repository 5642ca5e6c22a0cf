//! The translation table of a NAT gateway.
//!
//! A connection from inside gets a port of the gateway's own address. Ports are given out for each
//! destination (address, port and protocol) by itself, so that the limit is of connections to one
//! destination. Source: Amazon VPC User Guide, vpc-nat-gateway, 2023-06 (vendor). Which port it is,
//! AWS does not say: here the next free one, in turn (assumed).

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::{Digest, LookupMap, SimDuration, SimTime};

use super::defaults;
use crate::deadlines::{DeadlineId, Deadlines};
use crate::headers::{self, FiveTuple, Protocol, TcpFlags};
use crate::verdict::DropReason;

/// Why a packet is not translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatRefusal {
    /// Why it is dropped.
    pub reason: DropReason,
    /// Whether its sender, who is inside, is told by a reset. Source: Amazon VPC User Guide,
    /// nat-gateway-troubleshooting, 2023-06 (vendor).
    pub reset: bool,
}

impl NatRefusal {
    fn silent(reason: DropReason) -> Self {
        Self {
            reason,
            reset: false,
        }
    }
}

/// What the table keeps to.
#[derive(Clone, Copy, Debug)]
struct Limits {
    first_port: u16,
    last_port: u16,
    /// Connections to one destination at a time; fewer than there are ports.
    per_destination: u32,
    idle: SimDuration,
    closed: SimDuration,
    remembered: SimDuration,
}

impl Default for Limits {
    fn default() -> Self {
        let secs = |constant: defaults::Constant| SimDuration::from_secs(constant.value);
        let port = |constant: defaults::Constant| {
            u16::try_from(constant.value).expect("a port has 16 bits")
        };
        Self {
            first_port: port(defaults::NAT_FIRST_PORT),
            last_port: u16::MAX,
            per_destination: u32::try_from(defaults::NAT_CONNECTIONS.value)
                .expect("fewer connections than ports"),
            idle: secs(defaults::NAT_IDLE),
            closed: secs(defaults::NAT_CLOSED),
            remembered: secs(defaults::NAT_REMEMBERED),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The port is taken.
    Open { fin_inside: bool, fin_outside: bool },
    /// Both sides have closed, or one has reset: what is under way still passes, and the port may
    /// be given to another.
    Closed,
    /// It was idle for too long: nothing passes. It is remembered for the sake of the reason.
    TimedOut,
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    port: u16,
    state: State,
    deadline: DeadlineId,
}

/// The destination of connections, or for their replies the source. An ICMP query has no port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Remote {
    protocol: Protocol,
    at: SocketAddrV4,
}

#[derive(Clone, Copy, Debug)]
struct Destination {
    open: u32,
    /// Where the search for the next port begins.
    next_port: u16,
}

/// The table.
#[derive(Clone, Debug)]
pub struct NatTable {
    address: Ipv4Addr,
    limits: Limits,
    /// By the connection as it is inside.
    mappings: LookupMap<FiveTuple, Mapping>,
    /// The connection inside, by the gateway's port and the other end.
    outside: LookupMap<(u16, Remote), FiveTuple>,
    destinations: LookupMap<Remote, Destination>,
    deadlines: Deadlines<FiveTuple>,
}

impl NatTable {
    /// The empty table of a gateway whose own address is `address`.
    #[must_use]
    pub fn new(address: Ipv4Addr) -> Self {
        Self {
            address,
            limits: Limits::default(),
            mappings: LookupMap::default(),
            outside: LookupMap::default(),
            destinations: LookupMap::default(),
            deadlines: Deadlines::default(),
        }
    }

    /// Translates a packet that has come to the gateway: the destination of one that is addressed
    /// to it, the source of any other.
    ///
    /// # Errors
    /// [`DropReason::NatErrorPortAllocation`], [`DropReason::NatIdleTimeout`],
    /// [`DropReason::NatNoMapping`] or [`DropReason::Malformed`]; the packet is as it was.
    pub fn translate(&mut self, packet: &mut [u8], now: SimTime) -> Result<(), NatRefusal> {
        let tuple =
            headers::five_tuple(packet).ok_or_else(|| NatRefusal::silent(DropReason::Malformed))?;
        self.expire(now);
        let from_outside = *tuple.dst.ip() == self.address;
        if headers::icmp_error_quote(packet).is_some() {
            return match from_outside {
                true => self.inbound_error(packet),
                false => self.outbound_error(packet),
            };
        }
        if !translatable(packet, tuple.protocol, from_outside) {
            return Err(NatRefusal::silent(DropReason::NatNoMapping));
        }
        match from_outside {
            true => self.inbound(packet, tuple, now),
            false => self.outbound(packet, tuple, now),
        }
    }

    fn outbound(
        &mut self,
        packet: &mut [u8],
        tuple: FiveTuple,
        now: SimTime,
    ) -> Result<(), NatRefusal> {
        let flags = headers::tcp_flags(packet);
        let goes_on = flags.is_some_and(|flags| !flags.syn || flags.ack);
        let reset = |reason| {
            let reset = flags.is_some_and(|flags| !flags.rst);
            Err(NatRefusal { reason, reset })
        };
        let port = match self.mappings.get(&tuple) {
            Some(mapping) if matches!(mapping.state, State::Open { .. }) => mapping.port,
            Some(mapping) if mapping.state == State::Closed && goes_on => mapping.port,
            Some(mapping) if mapping.state == State::TimedOut && goes_on => {
                return reset(DropReason::NatIdleTimeout);
            }
            None if goes_on => return reset(DropReason::NatNoMapping),
            _ => self.open(tuple, now).map_err(NatRefusal::silent)?,
        };
        self.see(&tuple, flags, true, now);
        headers::set_src(packet, SocketAddrV4::new(self.address, port));
        Ok(())
    }

    fn inbound(
        &mut self,
        packet: &mut [u8],
        tuple: FiveTuple,
        now: SimTime,
    ) -> Result<(), NatRefusal> {
        let inside = self.find(replies_to(tuple)).map_err(NatRefusal::silent)?;
        self.see(&inside, headers::tcp_flags(packet), false, now);
        if tuple.protocol == Protocol::Icmp {
            // The identifier stands at the source, whichever way the query goes.
            let source = SocketAddrV4::new(*tuple.src.ip(), inside.src.port());
            headers::set_src(packet, source);
        }
        headers::set_dst(packet, inside.src);
        Ok(())
    }

    /// The connection inside that has this port towards this end.
    fn find(&self, key: (u16, Remote)) -> Result<FiveTuple, DropReason> {
        let inside = self.outside.get(&key).ok_or(DropReason::NatNoMapping)?;
        let mapping = self.mappings.get(inside).ok_or(DropReason::NatNoMapping)?;
        match mapping.state {
            State::TimedOut => Err(DropReason::NatIdleTimeout),
            State::Open { .. } | State::Closed => Ok(*inside),
        }
    }

    /// Gives a new connection a port.
    fn open(&mut self, tuple: FiveTuple, now: SimTime) -> Result<u16, DropReason> {
        self.forget(&tuple);
        let remote = remote_of(tuple);
        let limits = self.limits;
        let destination = self
            .destinations
            .get_or_insert_with(remote, || Destination {
                open: 0,
                next_port: limits.start(remote),
            });
        if destination.open >= limits.per_destination {
            return Err(DropReason::NatErrorPortAllocation);
        }
        destination.open += 1;
        let first = destination.next_port;
        let port = self.free_port(first, remote);
        if let Some(old) = self.outside.get(&(port, remote)).copied() {
            self.forget(&old);
        }
        if let Some(destination) = self.destinations.get_mut(&remote) {
            destination.next_port = self.limits.after(port);
        }
        let mapping = Mapping {
            port,
            state: State::Open {
                fin_inside: false,
                fin_outside: false,
            },
            deadline: self.deadlines.add(now.saturating_add(limits.idle), tuple),
        };
        self.outside.insert((port, remote), tuple);
        self.mappings.insert(tuple, mapping);
        Ok(port)
    }

    /// The first port from `first` on that no open connection to `remote` has. There is one: the
    /// limit is lower than the number of ports.
    fn free_port(&self, first: u16, remote: Remote) -> u16 {
        let mut port = first;
        while self
            .outside
            .get(&(port, remote))
            .and_then(|inside| self.mappings.get(inside))
            .is_some_and(|mapping| matches!(mapping.state, State::Open { .. }))
        {
            port = self.limits.after(port);
        }
        port
    }

    /// A packet of a connection passes.
    fn see(&mut self, tuple: &FiveTuple, flags: Option<TcpFlags>, from_inside: bool, now: SimTime) {
        let Some(mapping) = self.mappings.get_mut(tuple) else {
            return;
        };
        let State::Open {
            fin_inside,
            fin_outside,
        } = &mut mapping.state
        else {
            return;
        };
        let mut lasts = self.limits.idle;
        if let Some(flags) = flags {
            *fin_inside |= flags.fin && from_inside;
            *fin_outside |= flags.fin && !from_inside;
            if flags.rst || (*fin_inside && *fin_outside) {
                mapping.state = State::Closed;
                lasts = self.limits.closed;
                count_down(&mut self.destinations, *tuple);
            }
        }
        let deadline = mapping.deadline;
        self.deadlines.set(deadline, now.saturating_add(lasts));
    }

    /// Closes what has been idle for too long, and forgets what was closed for long.
    fn expire(&mut self, now: SimTime) {
        while let Some(tuple) = self.deadlines.take_passed(now) {
            let Some(mapping) = self.mappings.get_mut(&tuple) else {
                continue;
            };
            if !matches!(mapping.state, State::Open { .. }) {
                let port = mapping.port;
                self.mappings.remove(&tuple);
                self.outside.remove(&(port, remote_of(tuple)));
                continue;
            }
            mapping.state = State::TimedOut;
            let until = now.saturating_add(self.limits.remembered);
            mapping.deadline = self.deadlines.add(until, tuple);
            count_down(&mut self.destinations, tuple);
        }
    }

    /// Forgets a connection that is over, if there is one.
    fn forget(&mut self, tuple: &FiveTuple) {
        let Some(mapping) = self.mappings.remove(tuple) else {
            return;
        };
        self.outside.remove(&(mapping.port, remote_of(*tuple)));
        self.deadlines.remove(mapping.deadline);
    }

    /// An error about a packet that the gateway has sent out.
    fn inbound_error(&mut self, packet: &mut [u8]) -> Result<(), NatRefusal> {
        let about = quoted(packet)?;
        let inside = self
            .find((about.src.port(), remote_of(about)))
            .map_err(NatRefusal::silent)?;
        if let Some(quote) = headers::icmp_error_quote_mut(packet) {
            headers::set_src(quote, inside.src);
        }
        headers::set_dst(packet, inside.src);
        Ok(())
    }

    /// An error about a packet that the gateway has let in.
    fn outbound_error(&mut self, packet: &mut [u8]) -> Result<(), NatRefusal> {
        let about = quoted(packet)?;
        let (mut inside, mut ident) = (about.reversed(), None);
        if about.protocol == Protocol::Icmp {
            inside.src.set_port(about.src.port());
            inside.dst.set_port(0);
            ident = Some(*about.src.ip());
        }
        let mapping = self
            .mappings
            .get(&inside)
            .filter(|mapping| mapping.state != State::TimedOut)
            .ok_or_else(|| NatRefusal::silent(DropReason::NatNoMapping))?;
        let outside = SocketAddrV4::new(self.address, mapping.port);
        if let Some(quote) = headers::icmp_error_quote_mut(packet) {
            if let Some(remote) = ident {
                headers::set_src(quote, SocketAddrV4::new(remote, mapping.port));
            }
            headers::set_dst(quote, outside);
        }
        headers::set_src(packet, SocketAddrV4::new(self.address, 0));
        Ok(())
    }
}

impl Limits {
    /// Where the search for a port begins: somewhere else for each destination, or a gateway that is
    /// its own destination would take its first question for the answer.
    fn start(&self, remote: Remote) -> u16 {
        let mut digest = Digest::new();
        let at = u64::from(u32::from(*remote.at.ip())) << 16 | u64::from(remote.at.port());
        digest.update(at << 8 | u64::from(u8::from(remote.protocol)));
        let ports = u64::from(self.last_port - self.first_port) + 1;
        let offset = (digest.finish() >> 32) % ports;
        self.first_port + u16::try_from(offset).expect("the range has fewer than 65,536 ports")
    }

    fn after(&self, port: u16) -> u16 {
        if port >= self.last_port {
            self.first_port
        } else {
            port + 1
        }
    }
}

/// Whether the gateway translates such packets: TCP, UDP, and of ICMP echo requests from inside and
/// the replies to them.
fn translatable(packet: &[u8], protocol: Protocol, from_outside: bool) -> bool {
    match protocol {
        Protocol::Tcp | Protocol::Udp => true,
        Protocol::Icmp => {
            let kind = packet[usize::from(packet[0] & 0x0f) * 4];
            kind == if from_outside { 0 } else { 8 }
        }
        Protocol::Other(_) => false,
    }
}

fn quoted(packet: &[u8]) -> Result<FiveTuple, NatRefusal> {
    headers::icmp_error_quote(packet)
        .and_then(headers::five_tuple)
        .ok_or_else(|| NatRefusal::silent(DropReason::Malformed))
}

/// The destination of a packet from inside.
fn remote_of(tuple: FiveTuple) -> Remote {
    Remote {
        protocol: tuple.protocol,
        at: tuple.dst,
    }
}

/// The gateway's port and the other end, of a packet from outside.
fn replies_to(tuple: FiveTuple) -> (u16, Remote) {
    let (port, from) = match tuple.protocol {
        Protocol::Icmp => (tuple.src.port(), SocketAddrV4::new(*tuple.src.ip(), 0)),
        _ => (tuple.dst.port(), tuple.src),
    };
    let remote = Remote {
        protocol: tuple.protocol,
        at: from,
    };
    (port, remote)
}

fn count_down(destinations: &mut LookupMap<Remote, Destination>, tuple: FiveTuple) {
    if let Some(destination) = destinations.get_mut(&remote_of(tuple)) {
        destination.open -= 1;
    }
}

#[cfg(test)]
mod tests;
