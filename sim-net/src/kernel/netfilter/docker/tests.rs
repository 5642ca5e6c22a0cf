//! The reachability that was measured with these rules, case by case.

use super::*;
use crate::cost::{CostProfile, Primitive};
use crate::headers;
use crate::kernel::netfilter::tests::{
    ACK, DOCKER0, ETH0, End, Host, SYN, SYN_ACK, answer, ends, icmp_error, iface, shown, tcp, udp,
};
use crate::kernel::netfilter::{Backend, CtState, NetfilterConfig};
use crate::kernel::show;
use crate::verdict::DropReason;

fn rules(hairpin: bool, icc: bool) -> DockerRules {
    DockerRules {
        docker0: iface(DOCKER0),
        network: "172.17.0.0/16".parse().expect("a prefix"),
        hairpin,
        icc,
    }
}

fn host_with(config: NetfilterConfig, hairpin: bool, icc: bool) -> Host {
    let mut host = Host::new(config);
    let rules = rules(hairpin, icc);
    install(&mut host.nf, rules);
    let container = "172.17.0.2:80".parse().expect("an address");
    publish(&mut host.nf, rules, Protocol::Tcp, 8080, container);
    publish(&mut host.nf, rules, Protocol::Udp, 8080, container);
    host
}

fn host(hairpin: bool) -> Host {
    host_with(NetfilterConfig::default(), hairpin, true)
}

fn names(iface: IfaceId) -> String {
    ["lo", "eth0", "docker0"][iface.index()].to_owned()
}

/// Opens a connection from outside and returns its first packet as the container gets it.
fn open(host: &mut Host, src: &str) -> Vec<u8> {
    let mut p = tcp(src, "10.0.0.5:8080", SYN);
    assert_eq!(host.receive(&mut p, ETH0), End::Out(DOCKER0));
    p
}

#[test]
fn a_peer_reaches_a_published_port_and_the_container_sees_the_peer() {
    for hairpin in [false, true] {
        let mut host = host(hairpin);
        let syn = open(&mut host, "10.0.0.9:40000");
        assert_eq!(shown(&syn), "10.0.0.9:40000 > 172.17.0.2:80");
        let mut reply = answer(&syn, SYN_ACK);
        assert_eq!(host.receive(&mut reply, DOCKER0), End::Out(ETH0));
        assert_eq!(shown(&reply), "10.0.0.5:8080 > 10.0.0.9:40000");
    }
}

#[test]
fn a_container_reaches_the_outside_as_the_host() {
    let mut host = host(false);
    let mut p = tcp("172.17.0.2:40000", "93.184.216.34:443", SYN);
    assert_eq!(host.receive(&mut p, DOCKER0), End::Out(ETH0));
    assert_eq!(shown(&p), "10.0.0.5:40000 > 93.184.216.34:443");
    let mut reply = answer(&p, SYN_ACK);
    assert_eq!(host.receive(&mut reply, ETH0), End::Out(DOCKER0));
    assert_eq!(shown(&reply), "93.184.216.34:443 > 172.17.0.2:40000");
}

#[test]
fn a_container_reaches_a_service_of_its_host_as_itself() {
    let mut host = host(false);
    let mut p = tcp("172.17.0.2:40000", "10.0.0.5:22", SYN);
    assert_eq!(host.receive(&mut p, DOCKER0), End::Socket);
    assert_eq!(shown(&p), "172.17.0.2:40000 > 10.0.0.5:22");
}

#[test]
fn without_hairpin_a_container_and_localhost_are_left_to_the_proxy() {
    let mut host = host(false);
    let mut p = tcp("172.17.0.3:40000", "10.0.0.5:8080", SYN);
    assert_eq!(host.receive(&mut p, DOCKER0), End::Socket);
    assert_eq!(shown(&p), "172.17.0.3:40000 > 10.0.0.5:8080");
    let mut p = tcp("127.0.0.1:40000", "127.0.0.1:8080", SYN);
    assert_eq!(host.send(&mut p), End::Socket);
    assert_eq!(shown(&p), "127.0.0.1:40000 > 127.0.0.1:8080");
}

#[test]
fn with_hairpin_the_kernel_translates_what_the_proxy_would_have_relayed() {
    let mut host = host(true);
    for (from, seen) in [
        ("172.17.0.2:40000", "172.17.0.1:40000 > 172.17.0.2:80"),
        ("172.17.0.3:40000", "172.17.0.3:40000 > 172.17.0.2:80"),
    ] {
        let mut p = tcp(from, "10.0.0.5:8080", SYN);
        assert_eq!(host.receive(&mut p, DOCKER0), End::Out(DOCKER0));
        assert_eq!(shown(&p), seen);
        let mut reply = answer(&p, SYN_ACK);
        assert_eq!(host.receive(&mut reply, DOCKER0), End::Out(DOCKER0));
        assert_eq!(shown(&reply), format!("10.0.0.5:8080 > {from}"));
    }
    let mut p = tcp("127.0.0.1:41000", "127.0.0.1:8080", SYN);
    assert_eq!(host.send(&mut p), End::Out(DOCKER0));
    assert_eq!(shown(&p), "172.17.0.1:41000 > 172.17.0.2:80");
    let mut reply = answer(&p, SYN_ACK);
    assert_eq!(host.receive(&mut reply, DOCKER0), End::Socket);
    assert_eq!(shown(&reply), "127.0.0.1:8080 > 127.0.0.1:41000");
}

#[test]
fn the_hosts_own_address_leads_to_the_container_without_a_proxy() {
    let mut host = host(false);
    let mut p = tcp("10.0.0.5:40000", "10.0.0.5:8080", SYN);
    assert_eq!(host.send(&mut p), End::Out(DOCKER0));
    assert_eq!(shown(&p), "10.0.0.5:40000 > 172.17.0.2:80");
}

#[test]
fn an_unpublished_port_of_the_host_is_the_hosts_own() {
    let mut host = host(false);
    let mut p = tcp("10.0.0.9:40000", "10.0.0.5:8081", SYN);
    assert_eq!(host.receive(&mut p, ETH0), End::Socket, "which refuses it");
    let mut p = tcp("10.0.0.9:40000", "10.0.0.5:80", SYN);
    assert_eq!(host.receive(&mut p, ETH0), End::Socket);
}

#[test]
fn from_outside_a_containers_address_answers_on_published_ports_only() {
    let mut host = host(false);
    let mut published = tcp("10.0.0.9:40000", "172.17.0.2:80", SYN);
    assert_eq!(host.receive(&mut published, ETH0), End::Out(DOCKER0));
    let mut other = tcp("10.0.0.9:40000", "172.17.0.2:81", SYN);
    let dropped = End::Dropped(DropReason::FilterForward);
    assert_eq!(host.receive(&mut other, ETH0), dropped);
    let decider = host.last.filter_decider().expect("FORWARD was asked");
    let shown = show::decider(&host.nf, decider, &names).to_string();
    assert_eq!(shown, "filter: -P FORWARD DROP");
    let decider = {
        host.receive(&mut published, ETH0);
        host.last.filter_decider().expect("FORWARD was asked")
    };
    assert_eq!(
        show::decider(&host.nf, decider, &names).to_string(),
        "filter: -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 \
         -j ACCEPT"
    );
}

#[test]
fn containers_reach_each_other_on_every_port_unless_icc_is_off() {
    for (icc, expected) in [
        (true, End::Out(DOCKER0)),
        (false, End::Dropped(DropReason::FilterForward)),
    ] {
        let mut host = host_with(NetfilterConfig::default(), false, icc);
        for port in [80, 81, 5432] {
            let mut p = tcp("172.17.0.3:40000", &format!("172.17.0.2:{port}"), SYN);
            let before = p.clone();
            assert_eq!(host.bridge(&mut p), expected, "icc {icc}, port {port}");
            assert_eq!(p, before, "nothing is translated");
        }
    }
}

#[test]
fn without_icc_the_bridge_still_serves_the_outside() {
    let mut host = host_with(NetfilterConfig::default(), false, false);
    open(&mut host, "10.0.0.9:40000");
    let mut p = tcp("172.17.0.2:40000", "9.9.9.9:443", SYN);
    assert_eq!(host.receive(&mut p, DOCKER0), End::Out(ETH0));
}

#[test]
fn the_host_reaches_every_port_of_a_container() {
    let mut host = host(false);
    let mut p = tcp("172.17.0.1:40000", "172.17.0.2:5432", SYN);
    assert_eq!(host.send(&mut p), End::Out(DOCKER0));
    assert_eq!(shown(&p), "172.17.0.1:40000 > 172.17.0.2:5432");
}

#[test]
fn the_first_of_two_rules_for_one_port_wins() {
    let mut host = host(false);
    let second = "172.17.0.3:80".parse().expect("an address");
    publish(
        &mut host.nf,
        rules(false, true),
        Protocol::Tcp,
        8080,
        second,
    );
    let syn = open(&mut host, "10.0.0.9:40000");
    assert_eq!(shown(&syn), "10.0.0.9:40000 > 172.17.0.2:80");
}

#[test]
fn two_ways_to_one_socket_do_not_get_mixed_up() {
    let mut host = host(false);
    let through_host = open(&mut host, "10.0.0.9:40000");
    let mut direct = tcp("10.0.0.9:40000", "172.17.0.2:80", SYN);
    assert_eq!(host.receive(&mut direct, ETH0), End::Out(DOCKER0));
    assert_ne!(
        ends(&direct).src.port(),
        40_000,
        "the container tells them apart"
    );
    for (sent, seen_by_peer) in [
        (through_host, "10.0.0.5:8080 > 10.0.0.9:40000"),
        (direct, "172.17.0.2:80 > 10.0.0.9:40000"),
    ] {
        let mut reply = answer(&sent, SYN_ACK);
        host.receive(&mut reply, DOCKER0);
        assert_eq!(shown(&reply), seen_by_peer);
    }
}

#[test]
fn udp_is_published_like_tcp() {
    let mut host = host(false);
    let mut p = udp("10.0.0.9:5000", "10.0.0.5:8080");
    assert_eq!(host.receive(&mut p, ETH0), End::Out(DOCKER0));
    assert_eq!(shown(&p), "10.0.0.9:5000 > 172.17.0.2:80");
}

#[test]
fn a_containers_icmp_error_comes_from_the_address_that_was_asked() {
    let mut host = host(false);
    let mut p = udp("10.0.0.9:5000", "10.0.0.5:8080");
    host.receive(&mut p, ETH0);
    let mut error = icmp_error("172.17.0.2:0", &p);
    assert_eq!(host.receive(&mut error, DOCKER0), End::Out(ETH0));
    assert_eq!(host.last.state(), CtState::Related);
    assert_eq!(shown(&error), "10.0.0.5:0 > 10.0.0.9:0");
    let quoted = headers::icmp_error_quote(&error).expect("it quotes");
    assert_eq!(shown(quoted), "10.0.0.9:5000 > 10.0.0.5:8080");
}

#[test]
fn a_users_rule_comes_before_dockers() {
    let mut host = host(false);
    let user = host
        .nf
        .find_chain(Table::Filter, "DOCKER-USER")
        .expect("Docker makes it");
    let imds = Match {
        in_iface: Some(is(iface(DOCKER0))),
        dst: Some(is("169.254.169.254/32".parse().expect("a prefix"))),
        ..Match::any()
    };
    let mut p = tcp("172.17.0.2:40000", "169.254.169.254:80", SYN);
    assert_eq!(host.receive(&mut p, DOCKER0), End::Out(ETH0));
    host.nf.insert(user, 0, Rule::new(imds, Target::Drop));
    let mut p = tcp("172.17.0.2:40001", "169.254.169.254:80", SYN);
    let dropped = End::Dropped(DropReason::FilterForward);
    assert_eq!(host.receive(&mut p, DOCKER0), dropped);
}

#[test]
fn an_established_request_costs_what_a_bridge_was_measured_to_add() {
    let profile = CostProfile::builtin("linux-6.18-2vcpu").expect("it is built in");
    for (backend, measured) in [(Backend::Legacy, 1_400), (Backend::Nft, 1_800)] {
        let mut host = host_with(
            NetfilterConfig {
                backend,
                ..NetfilterConfig::default()
            },
            false,
            true,
        );
        let syn = open(&mut host, "10.0.0.9:40000");
        host.receive(&mut answer(&syn, SYN_ACK), DOCKER0);
        let mut hooks = |mut p: Vec<u8>, from| -> u64 {
            host.bill.0.clear();
            host.receive(&mut p, from);
            let charged = host.bill.0.iter();
            charged.map(|&(p, n)| profile.cost_n(p, n).as_ns()).sum()
        };
        let price = |p| profile.cost(p, 0).as_ns();
        // What Docker's hooks cost on a packet of the host's own, and what is no hook.
        let own = price(Primitive::ConntrackEstablished) + price(Primitive::NetfilterTable);
        let hops =
            price(Primitive::IpForward) + price(Primitive::BridgeLocal) + price(Primitive::VethHop);
        let there = hooks(tcp("10.0.0.9:40000", "10.0.0.5:8080", ACK), ETH0) + hops;
        let back = hooks(answer(&syn, ACK), DOCKER0) + hops + price(Primitive::BrNetfilterLocal);
        let adds = (there + back) / 2 - own;
        let off = adds.abs_diff(measured) * 100 / measured;
        assert!(off <= 10, "{backend:?}: {adds} ns instead of {measured}");
    }
}

#[test]
fn the_rule_set_lists_like_iptables() {
    for (hairpin, name) in [(false, "proxy"), (true, "hairpin")] {
        let host = host(hairpin);
        let mut listing = String::new();
        for table in Table::ALL {
            listing += &format!("*{}\n", table.name());
            listing += &show::iptables(&host.nf, table, &names).to_string();
        }
        assert_eq!(listing.matches("-j DNAT").count(), 2);
        assert_eq!(listing.matches("-P FORWARD DROP").count(), 1);
        insta::assert_snapshot!(name, listing);
    }
}

#[test]
fn connections_list_like_conntrack() {
    let mut host = host(false);
    let syn = open(&mut host, "10.0.0.9:40000");
    host.receive(&mut answer(&syn, SYN_ACK), DOCKER0);
    host.receive(&mut tcp("10.0.0.9:40000", "10.0.0.5:8080", ACK), ETH0);
    host.receive(&mut udp("172.17.0.2:5353", "10.0.0.2:53"), DOCKER0);
    assert_eq!(host.nf.conntrack().len(), 2);
    insta::assert_snapshot!(show::conntrack(&host.nf, host.now).to_string(), @r"
    tcp      6 432000 ESTABLISHED src=10.0.0.9 dst=10.0.0.5 sport=40000 dport=8080 packets=2 bytes=80 src=172.17.0.2 dst=10.0.0.9 sport=80 dport=40000 packets=1 bytes=40 [ASSURED]
    udp      17 30 src=172.17.0.2 dst=10.0.0.2 sport=5353 dport=53 packets=1 bytes=28 [UNREPLIED] src=10.0.0.2 dst=10.0.0.5 sport=53 dport=5353 packets=0 bytes=0
    ");
    host.wait(31);
    let listing = show::conntrack(&host.nf, host.now).to_string();
    assert_eq!(listing.lines().count(), 1, "the expired one is left out");
}
