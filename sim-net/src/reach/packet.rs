//! The packet that a walk follows, and what it leaves behind on its way.

use std::net::SocketAddrV4;

use super::verdict::Leg;
use crate::headers::{FiveTuple, Protocol};

/// Ports that a client takes when it is given none, from and to.
/// Source: Linux, default of `net.ipv4.ip_local_port_range` (specified).
pub(super) const EPHEMERAL: (u16, u16) = (32_768, 60_999);

/// Ports that a NAT gateway takes.
/// Source: Amazon VPC User Guide, vpc-nat-gateway, 2023-06 (vendor).
pub(super) const NAT_PORTS: (u16, u16) = (1_024, 65_535);

/// Hops after which a packet is gone. Source: Linux, `net.ipv4.ip_default_ttl` (specified).
pub(super) const TTL: u8 = 64;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A SYN, or the first datagram.
    Ask,
    /// What a server says: a SYN-ACK, or a datagram.
    Answer,
    /// A RST.
    Reset,
    /// ICMP *port unreachable* about the packet with this tuple.
    Unreachable(FiveTuple),
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) tuple: FiveTuple,
    pub(super) kind: Kind,
    pub(super) ttl: u8,
    pub(super) leg: Leg,
    /// The client's port stands for all of these: which one it is, is not known before it asks.
    pub(super) client: (u16, u16),
}

impl Packet {
    /// What asks, from the first port that a client may take.
    pub(super) fn ask(protocol: Protocol, src: std::net::Ipv4Addr, dst: SocketAddrV4) -> Self {
        Self {
            tuple: FiveTuple {
                protocol,
                src: SocketAddrV4::new(src, EPHEMERAL.0),
                dst,
            },
            kind: Kind::Ask,
            ttl: TTL,
            leg: Leg::Forward,
            client: EPHEMERAL,
        }
    }

    /// A packet of this kind that goes back to where this one came from.
    pub(super) fn back(self, kind: Kind) -> Self {
        let mut tuple = self.tuple.reversed();
        if let Kind::Unreachable(_) = kind {
            tuple = FiveTuple {
                protocol: Protocol::Icmp,
                src: SocketAddrV4::new(*tuple.src.ip(), 0),
                dst: SocketAddrV4::new(*tuple.dst.ip(), 0),
            };
        }
        Self {
            tuple,
            kind,
            ttl: TTL,
            leg: Leg::Return,
            client: self.client,
        }
    }

    /// What refuses this packet, as the kernel of its destination says it.
    pub(super) fn refusal(self) -> Self {
        match self.tuple.protocol {
            Protocol::Tcp => self.back(Kind::Reset),
            _ => self.back(Kind::Unreachable(self.tuple)),
        }
    }

    /// The conversation that the packet belongs to, in the direction in which it goes: of an ICMP
    /// error that of the packet it is about, turned round.
    pub(super) fn flow(&self) -> FiveTuple {
        match self.kind {
            Kind::Unreachable(about) => about.reversed(),
            _ => self.tuple,
        }
    }

    /// The destination ports that the packet may have, or its ICMP type.
    pub(super) fn dst_ports(&self) -> (u16, u16) {
        if self.tuple.protocol == Protocol::Icmp {
            return (UNREACHABLE, UNREACHABLE);
        }
        match self.leg {
            Leg::Forward => (self.tuple.dst.port(), self.tuple.dst.port()),
            Leg::Return => self.client,
        }
    }

    /// Gives the conversation another source, as a translation does.
    pub(super) fn set_src(&mut self, to: SocketAddrV4) {
        match &mut self.kind {
            Kind::Unreachable(about) => {
                about.dst = to;
                self.tuple.src.set_ip(*to.ip());
            }
            _ => self.tuple.src = to,
        }
    }

    /// Gives the conversation another destination.
    pub(super) fn set_dst(&mut self, to: SocketAddrV4) {
        match &mut self.kind {
            Kind::Unreachable(about) => {
                about.src = to;
                self.tuple.dst.set_ip(*to.ip());
            }
            _ => self.tuple.dst = to,
        }
    }
}

/// ICMP type *destination unreachable*. Source: RFC 792 (specified).
pub(super) const UNREACHABLE: u16 = 3;

/// A connection that the netfilter of a namespace has seen begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tracked {
    pub(super) space: usize,
    /// As its first packet came.
    pub(super) original: FiveTuple,
    /// As its answers come, before they are translated back.
    pub(super) reply: FiveTuple,
    pub(super) src_translated: bool,
    pub(super) dst_translated: bool,
    pub(super) answered: bool,
}

/// A flow that the security groups of an interface have seen begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) interface: usize,
    /// As the interface sends it.
    pub(super) tuple: FiveTuple,
}

/// A connection through a NAT gateway.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping {
    pub(super) interface: usize,
    /// As the client sent it.
    pub(super) inside: FiveTuple,
    /// As the gateway sent it on.
    pub(super) outside: FiveTuple,
    /// The client's ports.
    pub(super) client: (u16, u16),
}

/// Somebody who waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) space: usize,
    /// As it was asked.
    pub(super) tuple: FiveTuple,
    /// What a userland proxy was asked, which made it ask on.
    pub(super) behalf: Option<Packet>,
}

/// A few items in a row, without an allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Few<T, const N: usize> {
    items: [Option<T>; N],
    len: usize,
}

impl<T: Copy, const N: usize> Few<T, N> {
    pub(super) fn new() -> Self {
        Self {
            items: [None; N],
            len: 0,
        }
    }

    /// Adds an item; `None` where there is no room.
    pub(super) fn push(&mut self, item: T) -> Option<usize> {
        *self.items.get_mut(self.len)? = Some(item);
        self.len += 1;
        Some(self.len - 1)
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        self.items[self.len].take()
    }

    pub(super) fn last(&self) -> Option<&T> {
        self.iter().next_back()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + '_ {
        self.items[..self.len].iter().flatten()
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.items.get(at)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.items.get_mut(at)?.as_mut()
    }
}
