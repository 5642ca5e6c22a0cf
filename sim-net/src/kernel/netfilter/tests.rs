//! The engine, without either rule set.

use std::net::Ipv4Addr;

use sim_core::{SimDuration, SimTime};

use super::*;
use crate::cost::{Charge, Primitive};
use crate::headers::tests::{packet, tuple};
use crate::headers::{self, FiveTuple, Protocol};
use crate::ids::IfaceId;
use crate::kernel::netns::is_local;
use crate::verdict::DropReason;

mod properties;

pub(super) const LO: usize = 0;
pub(super) const ETH0: usize = 1;
pub(super) const DOCKER0: usize = 2;
pub(super) const SYN: u8 = 0x02;
pub(super) const SYN_ACK: u8 = 0x12;
pub(super) const ACK: u8 = 0x10;
pub(super) const RST: u8 = 0x04;

/// Counts what it is charged.
#[derive(Default)]
pub(super) struct Bill(pub(super) Vec<(Primitive, u32)>);

impl Bill {
    pub(super) fn of(&self, primitive: Primitive) -> u32 {
        let found = self.0.iter().filter(|(p, _)| *p == primitive);
        found.map(|(_, n)| n).sum()
    }
}

impl Charge for Bill {
    fn charge(&mut self, primitive: Primitive, _: usize) {
        self.0.push((primitive, 1));
    }

    fn charge_n(&mut self, primitive: Primitive, n: u32) {
        self.0.push((primitive, n));
    }
}

/// A namespace with `lo`, `eth0` at 10.0.0.5 and `docker0` at 172.17.0.1, which routes as the walks
/// of these tests need it.
pub(super) struct Host {
    pub(super) nf: Netfilter,
    pub(super) now: SimTime,
    pub(super) bill: Bill,
    pub(super) last: PacketState,
}

pub(super) fn iface(n: usize) -> IfaceId {
    IfaceId::new(n)
}

const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 5), Ipv4Addr::new(172, 17, 0, 1)];

fn out_addr(out: Option<usize>) -> Ipv4Addr {
    match out {
        Some(ETH0) => Ipv4Addr::new(10, 0, 0, 5),
        Some(DOCKER0) => Ipv4Addr::new(172, 17, 0, 1),
        _ => Ipv4Addr::LOCALHOST,
    }
}

fn route(a: Ipv4Addr) -> usize {
    if is_local(&ADDRESSES, a) {
        LO
    } else if a.octets()[..2] == [172, 17] {
        DOCKER0
    } else {
        ETH0
    }
}

/// Where a packet ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In a socket of the namespace.
    Socket,
    /// Out of an interface.
    Out(usize),
    Dropped(DropReason),
    Rejected(RejectWith),
}

impl Host {
    pub(super) fn new(config: NetfilterConfig) -> Self {
        Self {
            nf: Netfilter::new(config),
            now: SimTime::ZERO,
            bill: Bill::default(),
            last: PacketState::default(),
        }
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += SimDuration::from_secs(seconds);
    }

    fn hook(
        &mut self,
        hook: Hook,
        p: &mut [u8],
        state: &mut PacketState,
        from: Option<usize>,
        out: Option<usize>,
    ) -> Result<(), End> {
        let ctx = PacketContext {
            now: self.now,
            in_iface: from.map(iface),
            out_iface: out.map(iface),
            addresses: &ADDRESSES,
            out_addr: out_addr(out),
        };
        let verdict = self.nf.run(hook, p, state, &ctx, &mut self.bill);
        self.last = *state;
        match verdict {
            NfVerdict::Accept => Ok(()),
            NfVerdict::Drop(reason) => Err(End::Dropped(reason)),
            NfVerdict::Reject(with, _) => Err(End::Rejected(with)),
        }
    }

    /// A packet arrives by an interface.
    pub(super) fn receive(&mut self, p: &mut [u8], from: usize) -> End {
        match self.try_receive(p, from) {
            Ok(end) | Err(end) => end,
        }
    }

    fn try_receive(&mut self, p: &mut [u8], from: usize) -> Result<End, End> {
        let mut state = PacketState::default();
        let from = Some(from);
        self.hook(Hook::Prerouting, p, &mut state, from, None)?;
        let out = route(headers::dst_addr(p));
        if out == LO {
            self.hook(Hook::Input, p, &mut state, from, None)?;
            return Ok(End::Socket);
        }
        self.hook(Hook::Forward, p, &mut state, from, Some(out))?;
        self.hook(Hook::Postrouting, p, &mut state, from, Some(out))?;
        Ok(End::Out(out))
    }

    /// A socket of the namespace sends a packet; over `lo` it arrives again.
    pub(super) fn send(&mut self, p: &mut [u8]) -> End {
        match self.try_send(p) {
            Ok(end) | Err(end) => end,
        }
    }

    fn try_send(&mut self, p: &mut [u8]) -> Result<End, End> {
        let mut state = PacketState::default();
        let out = route(headers::dst_addr(p));
        self.hook(Hook::Output, p, &mut state, None, Some(out))?;
        let out = route(headers::dst_addr(p));
        self.hook(Hook::Postrouting, p, &mut state, None, Some(out))?;
        if out == LO {
            return self.try_receive(p, LO);
        }
        Ok(End::Out(out))
    }

    /// A frame between two ports of `docker0`.
    pub(super) fn bridge(&mut self, p: &mut [u8]) -> End {
        let ctx = PacketContext {
            now: self.now,
            in_iface: Some(iface(DOCKER0)),
            out_iface: Some(iface(DOCKER0)),
            addresses: &ADDRESSES,
            out_addr: out_addr(Some(DOCKER0)),
        };
        let mut state = PacketState::default();
        let verdict = self.nf.bridge_forward(p, &mut state, &ctx, &mut self.bill);
        self.last = state;
        match verdict {
            NfVerdict::Accept => End::Out(DOCKER0),
            NfVerdict::Drop(reason) => End::Dropped(reason),
            NfVerdict::Reject(with, _) => End::Rejected(with),
        }
    }
}

pub(super) fn tcp(src: &str, dst: &str, flags: u8) -> Vec<u8> {
    packet(tuple(Protocol::Tcp, src, dst), flags, 0)
}

pub(super) fn udp(src: &str, dst: &str) -> Vec<u8> {
    packet(tuple(Protocol::Udp, src, dst), 0, 0)
}

/// The packet that answers `p`.
pub(super) fn answer(p: &[u8], flags: u8) -> Vec<u8> {
    packet(ends(p).reversed(), flags, 0)
}

pub(super) fn ends(p: &[u8]) -> FiveTuple {
    headers::five_tuple(p).expect("a whole packet")
}

pub(super) fn shown(p: &[u8]) -> String {
    let t = ends(p);
    format!("{} > {}", t.src, t.dst)
}

/// An ICMP error of `from` to the sender of `about`.
pub(super) fn icmp_error(from: &str, about: &[u8]) -> Vec<u8> {
    let quote = &about[..28];
    let to = format!("{}:0", headers::src_addr(about));
    let mut p = packet(tuple(Protocol::Icmp, from, &to), 0, quote.len());
    p[20] = 3;
    p[21] = 1;
    p[24..28].fill(0);
    p[28..].copy_from_slice(quote);
    p
}

fn small(conntrack_max: usize) -> Host {
    Host::new(NetfilterConfig {
        conntrack_max,
        ..NetfilterConfig::default()
    })
}

fn masquerading(conntrack_max: usize) -> Host {
    let mut host = small(conntrack_max);
    let chain = host.nf.builtin(Table::Nat, Hook::Postrouting);
    let matches = Match {
        src: Some(is("172.17.0.0/16".parse().expect("a prefix"))),
        ..Match::any()
    };
    host.nf
        .append(chain, Rule::new(matches, Target::Masquerade));
    host
}

#[test]
fn an_empty_rule_set_lets_everything_through_and_tracks_it() {
    let mut host = small(8);
    let mut syn = tcp("10.0.0.9:40000", "10.0.0.5:80", SYN);
    let before = syn.clone();
    assert_eq!(host.receive(&mut syn, ETH0), End::Socket);
    assert_eq!(syn, before);
    assert_eq!(host.last.state(), CtState::New);
    let mut reply = answer(&syn, SYN_ACK);
    assert_eq!(host.send(&mut reply), End::Out(ETH0));
    assert_eq!(host.last.state(), CtState::Established);
    assert!(host.last.is_reply());
    let mut ack = tcp("10.0.0.9:40000", "10.0.0.5:80", ACK);
    assert_eq!(host.receive(&mut ack, ETH0), End::Socket);
    assert_eq!(host.last.state(), CtState::Established);
    assert_eq!(host.nf.conntrack().len(), 1);
}

#[test]
fn a_packet_that_is_dropped_on_its_way_leaves_no_connection_behind() {
    let mut host = small(8);
    let chain = host.nf.builtin(Table::Filter, Hook::Input);
    host.nf.set_policy(chain, Policy::Drop);
    let mut syn = tcp("10.0.0.9:40000", "10.0.0.5:80", SYN);
    let dropped = End::Dropped(DropReason::FilterInput);
    assert_eq!(host.receive(&mut syn, ETH0), dropped);
    assert!(host.nf.conntrack().is_empty());
    let decider = host.last.filter_decider().expect("it was asked");
    assert_eq!((decider.chain, decider.rule), (chain, None));
}

#[test]
fn a_rule_can_reject() {
    let mut host = small(8);
    let chain = host.nf.builtin(Table::Filter, Hook::Input);
    let target = Target::Reject(RejectWith::TcpReset);
    host.nf
        .append(chain, Rule::new(Match::port(Protocol::Tcp, 22), target));
    let mut ssh = tcp("10.0.0.9:40000", "10.0.0.5:22", SYN);
    assert_eq!(
        host.receive(&mut ssh, ETH0),
        End::Rejected(RejectWith::TcpReset)
    );
    let mut web = tcp("10.0.0.9:40000", "10.0.0.5:80", SYN);
    assert_eq!(host.receive(&mut web, ETH0), End::Socket);
}

#[test]
fn jumps_return_to_where_they_came_from() {
    let mut host = small(8);
    let input = host.nf.builtin(Table::Filter, Hook::Input);
    let user = host.nf.add_chain(Table::Filter, "USER");
    let port = |n| Match::port(Protocol::Udp, n);
    host.nf.append(user, Rule::new(port(1), Target::Accept));
    host.nf.append(user, Rule::new(port(2), Target::Return));
    host.nf.append(user, Rule::new(port(3), Target::Drop));
    host.nf
        .append(input, Rule::new(Match::any(), Target::Jump(user)));
    host.nf.append(input, Rule::new(Match::any(), Target::Drop));
    let mut end = |n: u16| host.receive(&mut udp("10.0.0.9:9", &format!("10.0.0.5:{n}")), ETH0);
    let dropped = End::Dropped(DropReason::FilterInput);
    assert_eq!(
        [end(1), end(2), end(3), end(4)],
        [End::Socket, dropped, dropped, dropped]
    );
}

#[test]
#[should_panic(expected = "jump in a circle")]
fn chains_may_not_jump_in_a_circle() {
    let mut nf = Netfilter::default();
    let a = nf.add_chain(Table::Filter, "A");
    let b = nf.add_chain(Table::Filter, "B");
    nf.append(a, Rule::new(Match::any(), Target::Jump(b)));
    nf.append(b, Rule::new(Match::any(), Target::Jump(a)));
}

#[test]
#[should_panic(expected = "translation outside nat")]
fn only_the_nat_table_translates() {
    let mut nf = Netfilter::default();
    let input = nf.builtin(Table::Filter, Hook::Input);
    nf.append(input, Rule::new(Match::any(), Target::Masquerade));
}

#[test]
fn masquerade_keeps_a_source_port_that_is_free_and_changes_one_that_is_not() {
    let mut host = masquerading(64);
    let mut first = tcp("172.17.0.2:40000", "93.184.216.34:443", SYN);
    assert_eq!(host.receive(&mut first, DOCKER0), End::Out(ETH0));
    assert_eq!(shown(&first), "10.0.0.5:40000 > 93.184.216.34:443");
    let mut second = tcp("172.17.0.3:40000", "93.184.216.34:443", SYN);
    assert_eq!(host.receive(&mut second, DOCKER0), End::Out(ETH0));
    let port = ends(&second).src.port();
    assert!(port != 40_000 && port >= 1024);
    let mut elsewhere = tcp("172.17.0.3:40000", "93.184.216.35:443", SYN);
    host.receive(&mut elsewhere, DOCKER0);
    assert_eq!(ends(&elsewhere).src.port(), 40_000, "another destination");

    for (sent, container) in [(first, "172.17.0.2:40000"), (second, "172.17.0.3:40000")] {
        let mut reply = answer(&sent, SYN_ACK);
        assert_eq!(host.receive(&mut reply, ETH0), End::Out(DOCKER0));
        assert_eq!(shown(&reply), format!("93.184.216.34:443 > {container}"));
    }
}

#[test]
fn a_connection_of_the_hosts_own_gives_way_to_a_masqueraded_one() {
    let mut host = masquerading(64);
    host.receive(&mut tcp("172.17.0.2:40000", "9.9.9.9:443", SYN), DOCKER0);
    let mut own = tcp("10.0.0.5:40000", "9.9.9.9:443", SYN);
    assert_eq!(host.send(&mut own), End::Out(ETH0));
    assert_ne!(ends(&own).src.port(), 40_000);
    let mut reply = answer(&own, SYN_ACK);
    assert_eq!(host.receive(&mut reply, ETH0), End::Socket);
    assert_eq!(shown(&reply), "9.9.9.9:443 > 10.0.0.5:40000");
}

#[test]
fn a_privileged_source_port_stays_privileged() {
    let mut host = masquerading(64);
    for (port, range) in [(123, 1..512), (700, 600..1024)] {
        for container in ["172.17.0.2", "172.17.0.3"] {
            let mut p = udp(&format!("{container}:{port}"), "9.9.9.9:123");
            host.receive(&mut p, DOCKER0);
            assert!(range.contains(&ends(&p).src.port()));
        }
    }
}

#[test]
fn pings_are_translated_by_their_identifier() {
    let mut host = masquerading(64);
    let ping = |src: &str| packet(tuple(Protocol::Icmp, src, "9.9.9.9:0"), 0, 0);
    let mut first = ping("172.17.0.2:7");
    let mut second = ping("172.17.0.3:7");
    host.receive(&mut first, DOCKER0);
    host.receive(&mut second, DOCKER0);
    assert_eq!(ends(&first).src.port(), 7);
    assert_ne!(ends(&second).src.port(), 7);
    let mut reply = packet(
        tuple(
            Protocol::Icmp,
            &format!("9.9.9.9:{}", ends(&second).src.port()),
            "10.0.0.5:0",
        ),
        0,
        0,
    );
    reply[20] = 0;
    assert_eq!(host.receive(&mut reply, ETH0), End::Out(DOCKER0));
    assert_eq!(shown(&reply), "9.9.9.9:7 > 172.17.0.3:0");
}

#[test]
fn ports_run_out() {
    let mut host = masquerading(100_000);
    let mut opened = 0_u32;
    let end = loop {
        let container = Ipv4Addr::from(0xac11_0002 + opened);
        let mut p = udp(&format!("{container}:5000"), "9.9.9.9:53");
        match host.receive(&mut p, DOCKER0) {
            End::Out(ETH0) => opened += 1,
            end => break end,
        }
        assert!(opened <= 64_512, "there are no more ports than that");
    };
    assert_eq!(end, End::Dropped(DropReason::NatPortsExhausted));
    // As Linux, the search gives up before the last port is taken.
    assert!(opened > 55_000, "{opened}");
    assert_eq!(host.nf.conntrack().len(), opened as usize);
}

#[test]
fn nat_rules_are_asked_on_the_first_packet_only_and_filter_rules_on_every_one() {
    for (backend, nat, filter) in [
        (
            Backend::Legacy,
            Primitive::NatRuleTestLegacy,
            Primitive::FilterMatchTestLegacy,
        ),
        (
            Backend::Nft,
            Primitive::NatRuleTestNft,
            Primitive::FilterMatchTestNft,
        ),
    ] {
        let mut host = Host::new(NetfilterConfig {
            backend,
            ..NetfilterConfig::default()
        });
        let prerouting = host.nf.builtin(Table::Nat, Hook::Prerouting);
        let input = host.nf.builtin(Table::Filter, Hook::Input);
        for n in 0..100 {
            let to = "172.17.0.2:80".parse().expect("an address");
            let other = Match::port(Protocol::Tcp, 9000 + n);
            host.nf
                .append(prerouting, Rule::new(other.clone(), Target::Dnat(to)));
            host.nf.append(input, Rule::new(other, Target::Drop));
        }
        let mut syn = tcp("10.0.0.9:40000", "10.0.0.5:80", SYN);
        host.receive(&mut syn, ETH0);
        assert_eq!((host.bill.of(nat), host.bill.of(filter)), (100, 100));
        assert_eq!(host.bill.of(Primitive::ConntrackNew), 1);
        assert_eq!(host.bill.of(Primitive::NatNew), 0);
        host.send(&mut answer(&syn, SYN_ACK));
        host.receive(&mut tcp("10.0.0.9:40000", "10.0.0.5:80", ACK), ETH0);
        assert_eq!((host.bill.of(nat), host.bill.of(filter)), (100, 200));
        assert_eq!(host.bill.of(Primitive::ConntrackEstablished), 2);
        assert_eq!(host.bill.of(Primitive::NetfilterTable), 3);
    }
}

#[test]
fn translations_are_charged_once_for_each_end() {
    let mut host = masquerading(64);
    let mut p = tcp("172.17.0.2:40000", "9.9.9.9:443", SYN);
    host.receive(&mut p, DOCKER0);
    assert_eq!(host.bill.of(Primitive::NatNew), 1);
    host.receive(&mut answer(&p, SYN_ACK), ETH0);
    host.receive(&mut tcp("172.17.0.2:40000", "9.9.9.9:443", ACK), DOCKER0);
    assert_eq!(host.bill.of(Primitive::NatNew), 1);
    assert_eq!(host.bill.of(Primitive::NatEstablished), 2);
}

#[test]
fn without_tracking_nothing_is_translated_or_charged_for() {
    let mut host = Host::new(NetfilterConfig {
        tracking: false,
        ..NetfilterConfig::default()
    });
    let chain = host.nf.builtin(Table::Nat, Hook::Postrouting);
    host.nf
        .append(chain, Rule::new(Match::any(), Target::Masquerade));
    let mut p = tcp("172.17.0.2:40000", "9.9.9.9:443", SYN);
    let before = p.clone();
    assert_eq!(host.receive(&mut p, DOCKER0), End::Out(ETH0));
    assert_eq!(p, before);
    assert_eq!(host.bill.0, [(Primitive::NetfilterTable, 1)]);
    assert_eq!(host.last.state(), CtState::Untracked);
}

#[test]
fn an_error_from_outside_reaches_the_container_that_it_is_about() {
    let mut host = masquerading(64);
    host.receive(&mut udp("172.17.0.9:5000", "9.9.9.9:53"), DOCKER0);
    let mut sent = udp("172.17.0.2:5000", "9.9.9.9:53");
    host.receive(&mut sent, DOCKER0);
    assert_ne!(ends(&sent).src.port(), 5000);
    let mut error = icmp_error("10.0.0.1:0", &sent);
    assert_eq!(host.receive(&mut error, ETH0), End::Out(DOCKER0));
    assert_eq!(host.last.state(), CtState::Related);
    assert_eq!(shown(&error), "10.0.0.1:0 > 172.17.0.2:0");
    let quoted = headers::icmp_error_quote(&error).expect("it quotes");
    assert_eq!(shown(quoted), "172.17.0.2:5000 > 9.9.9.9:53");
}

#[test]
fn an_error_about_nothing_known_is_invalid() {
    let mut host = masquerading(64);
    let mut error = icmp_error("10.0.0.1:0", &udp("10.0.0.5:5000", "9.9.9.9:53"));
    assert_eq!(host.receive(&mut error, ETH0), End::Socket);
    assert_eq!(host.last.state(), CtState::Invalid);
    assert_eq!(host.bill.of(Primitive::NatEstablished), 0);
}

#[test]
fn the_namespaces_table_is_bounded() {
    let mut host = small(4);
    for n in 0..4 {
        host.receive(
            &mut tcp(&format!("10.0.0.9:{}", 4000 + n), "10.0.0.5:80", SYN),
            ETH0,
        );
        host.send(&mut tcp(
            "10.0.0.5:80",
            &format!("10.0.0.9:{}", 4000 + n),
            SYN_ACK,
        ));
        host.receive(
            &mut tcp(&format!("10.0.0.9:{}", 4000 + n), "10.0.0.5:80", ACK),
            ETH0,
        );
    }
    let mut fifth = tcp("10.0.0.9:5000", "10.0.0.5:80", SYN);
    let full = End::Dropped(DropReason::ConntrackTableFull);
    assert_eq!(host.receive(&mut fifth, ETH0), full);
    assert_eq!(host.nf.conntrack().len(), 4);
    let mut known = tcp("10.0.0.9:4000", "10.0.0.5:80", ACK);
    assert_eq!(host.receive(&mut known, ETH0), End::Socket);
    host.wait(432_001);
    assert_eq!(host.receive(&mut fifth, ETH0), End::Socket);
}

#[test]
fn the_default_bound_follows_the_memory() {
    const GIB: u64 = 1 << 30;
    assert_eq!(default_conntrack_max(GIB), 65_536);
    assert_eq!(default_conntrack_max(16 * GIB), 262_144);
    assert_eq!(default_conntrack_max(1 << 20), 1024);
}

#[test]
fn truncated_octets_are_malformed_and_a_packet_without_ports_is_invalid() {
    let mut host = small(4);
    let whole = tcp("10.0.0.9:5000", "10.0.0.5:80", SYN);
    let malformed = End::Dropped(DropReason::Malformed);
    assert_eq!(host.receive(&mut whole[..19].to_vec(), ETH0), malformed);
    assert_eq!(host.receive(&mut whole[..22].to_vec(), ETH0), End::Socket);
    assert_eq!(host.last.state(), CtState::Invalid);
}
