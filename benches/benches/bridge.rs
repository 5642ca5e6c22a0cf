//! The kernel's part of bridge mode: a learning bridge, and Docker's hooks on an established
//! connection, next to the same packet through a namespace's hooks alone.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddrV4};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim_core::SimTime;
use sim_net::cost::Free;
use sim_net::frame::Mac;
use sim_net::headers::Protocol;
use sim_net::ids::IfaceId;
use sim_net::kernel::bridge::{Bridge, BridgeDecision};
use sim_net::kernel::netfilter::docker::{self, DockerRules};
use sim_net::kernel::netfilter::{Hook, Netfilter, PacketContext, PacketState};

const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const CONTAINER: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 2);

fn learned(c: &mut Criterion) {
    let (owner, a, b) = (Mac::local(0, 0), Mac::local(0, 1), Mac::local(0, 2));
    let mut bridge = Bridge::new(owner);
    let first = bridge.add_port(false).expect("a port is free");
    let second = bridge.add_port(false).expect("a port is free");
    bridge.ingress(SimTime::ZERO, Some(second), b, a);
    c.bench_function("bridge/learned", |bencher| {
        bencher.iter(|| {
            let decision = bridge.ingress(SimTime::ZERO, Some(first), black_box(a), black_box(b));
            assert_eq!(decision, BridgeDecision::Port(second));
        });
    });
}

/// A segment from the client to the published port, with as much of its headers as hooks read.
fn segment() -> Vec<u8> {
    let mut packet = vec![0; 1500];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&1500_u16.to_be_bytes());
    packet[8] = 64;
    packet[9] = Protocol::Tcp.into();
    packet[12..16].copy_from_slice(&CLIENT.octets());
    packet[16..20].copy_from_slice(&HOST.octets());
    packet[20..22].copy_from_slice(&40_000_u16.to_be_bytes());
    packet[22..24].copy_from_slice(&8080_u16.to_be_bytes());
    packet[32] = 0x50;
    packet[33] = 0x02;
    packet
}

fn hooks(c: &mut Criterion) {
    let (eth0, docker0) = (IfaceId::new(1), IfaceId::new(2));
    let rules = DockerRules {
        docker0,
        network: "172.17.0.0/16".parse().expect("a network"),
        hairpin: false,
        icc: true,
    };
    let mut netfilter = Netfilter::default();
    docker::install(&mut netfilter, rules);
    let to = SocketAddrV4::new(CONTAINER, 80);
    docker::publish(&mut netfilter, rules, Protocol::Tcp, 8080, to);
    let template = segment();
    let mut packet = template.clone();
    let mut walk = |packet: &mut Vec<u8>| {
        let mut state = PacketState::default();
        for (hook, out_iface) in [
            (Hook::Prerouting, None),
            (Hook::Forward, Some(docker0)),
            (Hook::Postrouting, Some(docker0)),
        ] {
            let ctx = PacketContext {
                now: SimTime::ZERO,
                in_iface: Some(eth0),
                out_iface,
                addresses: &[HOST],
                out_addr: Ipv4Addr::new(172, 17, 0, 1),
            };
            netfilter.run(hook, packet, &mut state, &ctx, &mut Free);
        }
    };
    let mut group = c.benchmark_group("netfilter");
    group.throughput(Throughput::Elements(1));
    group.bench_function("published_port", |bencher| {
        bencher.iter(|| {
            packet[..40].copy_from_slice(&template[..40]);
            walk(black_box(&mut packet));
        });
    });
    group.finish();
    assert_eq!(
        packet[16..20],
        CONTAINER.octets(),
        "the segment was translated"
    );
}

criterion_group!(bridge, learned, hooks);
criterion_main!(bridge);
