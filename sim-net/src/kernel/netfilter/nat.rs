//! Network address translation: choosing a connection's new ends, and rewriting its packets.
//!
//! Source: Linux, `net/netfilter/nf_nat_core.c` (specified): a translation is chosen once per
//! connection and end, such that no two connections share a reply tuple; later packets are rewritten
//! from the entry alone.

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::{Digest, SimTime};

use super::conntrack::{Binding, Connection, Conntrack, Direction};
use super::tuple::{Manip, invert, rewrite};
use crate::headers::{self, FiveTuple, Protocol};

/// How many ports in a row are tried, first; each further round tries half as many from another
/// start, down to sixteen. Source: Linux, `NF_NAT_MAX_ATTEMPTS` (specified).
const MAX_ATTEMPTS: u32 = 128;
const LEAST_ATTEMPTS: u32 = 16;

/// No port was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// Sets the new destination of a connection that is not in the table yet; a port of 0 keeps the
/// packet's.
///
/// Two connections may meet in one reply tuple here, since a destination is not negotiable; the
/// source is chosen afterwards and keeps them apart.
pub(super) fn bind_destination(connection: &mut Connection, to: Option<SocketAddrV4>) {
    connection.destination = Binding::Null;
    let Some(to) = to else {
        return;
    };
    let current = invert(connection.reply);
    let mut target = current;
    target.dst.set_ip(*to.ip());
    let has_ports = matches!(current.protocol, Protocol::Tcp | Protocol::Udp);
    if has_ports && to.port() != 0 {
        target.dst.set_port(to.port());
    }
    if target != current {
        connection.reply = invert(target);
        connection.destination = Binding::Translated;
    }
}

/// Sets the source of a connection that is not in the table yet: the address `to`, or its own, and
/// its own port if no other connection's replies would be taken for its own, else a free one.
///
/// A connection that no rule translates gets another port too where a translated one has taken its
/// own.
pub(super) fn bind_source(
    table: &mut Conntrack,
    now: SimTime,
    connection: &mut Connection,
    to: Option<Ipv4Addr>,
) -> Result<(), Exhausted> {
    let current = invert(connection.reply);
    let mut target = current;
    if let Some(address) = to {
        target.src.set_ip(address);
    }
    if table.is_taken(now, invert(target)) {
        target = free_port(table, now, target, connection.original).ok_or(Exhausted)?;
    }
    connection.source = if target == current {
        Binding::Null
    } else {
        connection.reply = invert(target);
        Binding::Translated
    };
    Ok(())
}

/// The lowest port and the number of ports that may stand in for `port`: privileged ports stay
/// privileged. Source: Linux, `nf_nat_l4proto_unique_tuple` (specified).
fn port_range(protocol: Protocol, port: u16) -> Option<(u32, u32)> {
    match (protocol, port) {
        (Protocol::Icmp, _) => Some((0, 65_536)),
        (Protocol::Tcp | Protocol::Udp, 0..512) => Some((1, 511)),
        (Protocol::Tcp | Protocol::Udp, 512..1024) => Some((600, 424)),
        (Protocol::Tcp | Protocol::Udp, _) => Some((1024, 64_512)),
        (Protocol::Other(_), _) => None,
    }
}

/// Linux starts its search at a random port; here the start is a function of the connection's first
/// packet and the round, so that a run can be repeated.
fn free_port(
    table: &mut Conntrack,
    now: SimTime,
    tuple: FiveTuple,
    original: FiveTuple,
) -> Option<FiveTuple> {
    let (lowest, ports) = port_range(tuple.protocol, tuple.src.port())?;
    let mut attempts = MAX_ATTEMPTS.min(ports);
    for round in 0.. {
        let start = start_of_search(original, round);
        for n in 0..attempts {
            let port = lowest + (start + n) % ports;
            let mut candidate = tuple;
            candidate
                .src
                .set_port(u16::try_from(port).expect("the range ends at 65535"));
            if !table.is_taken(now, invert(candidate)) {
                return Some(candidate);
            }
        }
        if attempts >= ports || attempts <= LEAST_ATTEMPTS {
            return None;
        }
        attempts /= 2;
    }
    None
}

fn start_of_search(tuple: FiveTuple, round: u32) -> u32 {
    let mut digest = Digest::new();
    for end in [tuple.src, tuple.dst] {
        digest.update(u64::from(end.ip().to_bits()) << 16 | u64::from(end.port()));
    }
    digest.update(u64::from(round) << 8 | u64::from(u8::from(tuple.protocol)));
    // Sixteen bits, as in Linux.
    u32::try_from(digest.finish() >> 48).expect("sixteen bits")
}

/// Whether the packets of this direction are rewritten at this end.
///
/// Packets against the first packet's direction are rewritten at the other end, back to what the
/// first packet's sender used.
fn applies(connection: &Connection, direction: Direction, manip: Manip) -> bool {
    let end = match direction {
        Direction::Original => manip,
        Direction::Reply => manip.other(),
    };
    connection.binding(end) == Binding::Translated
}

/// Rewrites one end of a packet of the connection; says whether there was anything to do.
pub(super) fn translate(
    packet: &mut [u8],
    connection: &Connection,
    direction: Direction,
    manip: Manip,
) -> bool {
    let applies = applies(connection, direction, manip);
    if applies {
        rewrite(packet, invert(connection.tuple(direction.other())), manip);
    }
    applies
}

/// Rewrites one end of an ICMP error about the connection, and the packet that it quotes to what
/// its sender knows; says whether there was anything to do.
pub(super) fn translate_error(
    packet: &mut [u8],
    connection: &Connection,
    direction: Direction,
    manip: Manip,
) -> bool {
    if !applies(connection, direction, manip) {
        return false;
    }
    let opposite = connection.tuple(direction.other());
    if let Some(quote) = headers::icmp_error_quote_mut(packet) {
        rewrite(quote, opposite, manip.other());
    }
    let target = invert(opposite);
    match manip {
        Manip::Source => {
            headers::set_src(packet, SocketAddrV4::new(*target.src.ip(), 0));
        }
        Manip::Destination => {
            headers::set_dst(packet, SocketAddrV4::new(*target.dst.ip(), 0));
        }
    }
    true
}
