use super::*;
use crate::kernel::netfilter::NetfilterConfig;
use crate::kernel::netfilter::docker::{self, DockerRules};
use crate::kernel::netfilter::tests::{
    ACK, DOCKER0, ETH0, End, Host, RST, SYN, SYN_ACK, answer, iface, shown, tcp,
};
use crate::kernel::show;
use crate::verdict::DropReason;

fn host(rules: EcsAgentRules) -> Host {
    let mut host = Host::new(NetfilterConfig::default());
    docker::install(
        &mut host.nf,
        DockerRules {
            docker0: iface(DOCKER0),
            network: "172.17.0.0/16".parse().expect("a prefix"),
            hairpin: false,
            icc: true,
        },
    );
    install(&mut host.nf, iface(DOCKER0), rules);
    host
}

const REFUSED_AT_INPUT: End = End::Dropped(DropReason::FilterInput);

#[test]
fn a_bridge_task_gets_its_credentials_from_the_agent() {
    let mut host = host(EcsAgentRules::default());
    let mut p = tcp("172.17.0.2:40000", "169.254.170.2:80", SYN);
    assert_eq!(host.receive(&mut p, DOCKER0), End::Socket);
    assert_eq!(shown(&p), "172.17.0.2:40000 > 127.0.0.1:51679");
    let mut reply = answer(&p, SYN_ACK);
    assert_eq!(host.send(&mut reply), End::Out(DOCKER0));
    assert_eq!(shown(&reply), "169.254.170.2:80 > 172.17.0.2:40000");
}

#[test]
fn a_host_task_gets_its_credentials_over_loopback() {
    let mut host = host(EcsAgentRules::default());
    let mut p = tcp("10.0.0.5:40000", "169.254.170.2:80", SYN);
    assert_eq!(host.send(&mut p), End::Socket);
    assert_eq!(shown(&p), "10.0.0.5:40000 > 127.0.0.1:51679");
    assert_eq!(host.nf.conntrack().len(), 1, "it is one connection over lo");
    let mut reply = answer(&p, SYN_ACK);
    assert_eq!(host.send(&mut reply), End::Socket);
    assert_eq!(shown(&reply), "169.254.170.2:80 > 10.0.0.5:40000");
    let mut ack = tcp("10.0.0.5:40000", "169.254.170.2:80", ACK);
    assert_eq!(host.send(&mut ack), End::Socket);
    assert_eq!(shown(&ack), "10.0.0.5:40000 > 127.0.0.1:51679");
    assert_eq!(host.nf.conntrack().len(), 1);
}

#[test]
fn a_refusal_over_loopback_finds_its_way_back() {
    let mut host = host(EcsAgentRules::default());
    let mut p = tcp("10.0.0.5:40000", "169.254.170.2:80", SYN);
    host.send(&mut p);
    let mut reset = answer(&p, RST | ACK);
    assert_eq!(host.send(&mut reset), End::Socket);
    assert_eq!(shown(&reset), "169.254.170.2:80 > 10.0.0.5:40000");
    let mut again = tcp("10.0.0.5:40000", "169.254.170.2:80", SYN);
    assert_eq!(host.send(&mut again), End::Socket);
    assert_eq!(shown(&again), "10.0.0.5:40000 > 127.0.0.1:51679");
}

#[test]
fn loopback_addresses_are_closed_to_the_segment() {
    let to_agent = || tcp("10.0.0.9:40000", "127.0.0.1:51679", SYN);
    let mut closed = host(EcsAgentRules::default());
    assert_eq!(closed.receive(&mut to_agent(), ETH0), REFUSED_AT_INPUT);
    let mut local = tcp("127.0.0.1:40000", "127.0.0.1:51679", SYN);
    assert_eq!(closed.send(&mut local), End::Socket);
    let mut open = host(EcsAgentRules {
        localhost_filter: false,
        ..EcsAgentRules::default()
    });
    assert_eq!(open.receive(&mut to_agent(), ETH0), End::Socket);
}

#[test]
fn introspection_is_for_the_host_and_its_containers() {
    let ask = |src: &str, dst: &str| tcp(src, &format!("{dst}:51678"), SYN);
    let mut closed = host(EcsAgentRules::default());
    let from_peer = || ask("10.0.0.9:40000", "10.0.0.5");
    assert_eq!(closed.receive(&mut from_peer(), ETH0), REFUSED_AT_INPUT);
    let mut container = ask("172.17.0.2:40000", "172.17.0.1");
    assert_eq!(closed.receive(&mut container, DOCKER0), End::Socket);
    let mut own = ask("127.0.0.1:40000", "127.0.0.1");
    assert_eq!(closed.send(&mut own), End::Socket);
    let mut open = host(EcsAgentRules {
        offhost_introspection: true,
        ..EcsAgentRules::default()
    });
    assert_eq!(open.receive(&mut from_peer(), ETH0), End::Socket);
}

#[test]
fn the_rules_list_like_iptables() {
    let mut host = Host::new(NetfilterConfig::default());
    install(&mut host.nf, iface(DOCKER0), EcsAgentRules::default());
    let names = |i: IfaceId| ["lo", "eth0", "docker0"][i.index()].to_owned();
    let mut listing = String::new();
    for table in Table::ALL {
        listing += &format!("*{}\n", table.name());
        listing += &show::iptables(&host.nf, table, &names).to_string();
    }
    assert_eq!(listing.matches("-A ").count(), 5);
    insta::assert_snapshot!(listing, @r"
    *nat
    -P PREROUTING ACCEPT
    -P INPUT ACCEPT
    -P OUTPUT ACCEPT
    -P POSTROUTING ACCEPT
    -A PREROUTING -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 127.0.0.1:51679
    -A OUTPUT -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 51679
    *filter
    -P INPUT ACCEPT
    -P FORWARD ACCEPT
    -P OUTPUT ACCEPT
    -A INPUT -i docker0 -p tcp -m tcp --dport 51678 -j ACCEPT
    -A INPUT ! -i lo -p tcp -m tcp --dport 51678 -j DROP
    -A INPUT ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
    ");
}
