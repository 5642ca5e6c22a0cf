//! Inner loops, counted in instructions by callgrind: a count is the same on a busy machine.
//!
//! Not for `cargo bench` alone: `benches/instructions/run` builds this with the profile that the
//! counts were recorded with, finds the runner, and compares.

#![expect(
    missing_docs,
    unused_qualifications,
    reason = "of the modules that gungraun's macros make"
)]

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;

use benches::hooks::PublishedPort;
use benches::pair::{Adapter, Pair, bulk, requests, settle};
use gungraun::Callgrind;
use gungraun::prelude::*;
use sim_core::{DataRate, EventKey, EventQueue, SimDuration, SimTime, SourceId};
use sim_net::eni::{
    Allowance, AllowancePlan, AutoTracking, EgressOutcome, Eni, EniPlan, Policy, ShaperPlan,
    TrackedConnections, TrackingTimeouts,
};
use sim_net::frame::{Frame, FrameMeta, Mac};
use sim_net::headers::{self, FiveTuple, Protocol};
use sim_net::ids::FlowTag;
use sim_net::plan::Mode;
use sim_net::vpc::{
    Direction, EniRules, GroupMembers, Lifetime, PeerPlan, RulePlan, SecurityGroupPlan,
};
use sim_net::world::{Outcome, World};

/// How often the smallest of them are done.
const TIMES: usize = 1000;

/// Events that wait in the queue.
const PENDING: usize = 1000;

type Queue = EventQueue<[u64; 3]>;

/// A queue that has forgotten in which order it was filled.
fn queue() -> Queue {
    let mut queue = Queue::new();
    for index in 0..PENDING {
        let key = EventKey {
            at: SimTime::ZERO + delay(index),
            source: SourceId::new(index),
            seq: 0,
        };
        queue.push(key, [0; 3]);
    }
    turn_over(queue, 2 * PENDING)
}

/// Pops an event and pushes one, so often.
fn turn_over(mut queue: Queue, times: usize) -> Queue {
    for index in 0..times {
        let (key, event) = queue.pop().expect("as many are pushed as popped");
        let key = EventKey {
            at: key.at + delay(index),
            seq: key.seq + 1,
            ..key
        };
        queue.push(key, black_box(event));
    }
    queue
}

/// From 1 ns to 1 us, without a pattern.
fn delay(index: usize) -> SimDuration {
    let mixed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
    SimDuration::from_ps(1000 + mixed)
}

#[library_benchmark]
#[bench::pending_1000(queue())]
fn hold(queue: Queue) -> Queue {
    turn_over(queue, TIMES)
}

library_benchmark_group!(name = event_queue, benchmarks = hold);

/// Segments of one flight.
const FLIGHT: usize = 64;

/// A connection whose windows are open, with `FLIGHT` segments on the way to end 1.
fn data() -> Adapter {
    let mut pair = Adapter::new();
    settle(&mut pair, |pair| bulk(pair, 1 << 20));
    assert_eq!(pair.send(0, FLIGHT * 1460), FLIGHT * 1460);
    pair.poll(0);
    pair.advance();
    pair
}

/// The receiver's part.
fn take_data(mut pair: Adapter) -> Adapter {
    while pair.deliver(1) {
        pair.recv(1);
        pair.poll(1);
    }
    pair
}

/// The same, with acknowledgements on the way to end 0, which has as much to send again.
fn acks() -> Adapter {
    let mut pair = take_data(data());
    assert_eq!(pair.send(0, FLIGHT * 1460), FLIGHT * 1460);
    pair
}

#[library_benchmark]
#[bench::flight(data())]
fn receive_data(pair: Adapter) -> Adapter {
    take_data(pair)
}

#[library_benchmark]
#[bench::flight(acks())]
fn receive_acks(mut pair: Adapter) -> Adapter {
    while pair.deliver(0) {
        pair.poll(0);
    }
    pair
}

fn asked() -> Adapter {
    let mut pair = Adapter::new();
    settle(&mut pair, |pair| requests(pair, 100));
    pair
}

#[library_benchmark]
#[bench::request_response(asked())]
fn ask(mut pair: Adapter) -> Adapter {
    requests(&mut pair, 100);
    pair
}

library_benchmark_group!(name = stack, benchmarks = [receive_data, receive_acks, ask]);

fn begun() -> PublishedPort {
    let mut port = PublishedPort::new();
    port.walk();
    assert!(port.translated());
    port
}

#[library_benchmark]
#[bench::published_port(begun())]
fn hooks(mut port: PublishedPort) -> PublishedPort {
    for _ in 0..TIMES {
        black_box(&mut port).walk();
    }
    port
}

library_benchmark_group!(name = netfilter, benchmarks = hooks);

const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);

/// A full segment of an established connection, from this interface.
fn segment() -> Frame {
    let mut data = vec![0; 1500];
    data[0] = 0x45;
    data[2..4].copy_from_slice(&1500_u16.to_be_bytes());
    data[8] = 64;
    data[9] = Protocol::Tcp.into();
    data[12..16].copy_from_slice(&US.octets());
    data[16..20].copy_from_slice(&PEER.octets());
    data[20..22].copy_from_slice(&40_000_u16.to_be_bytes());
    data[22..24].copy_from_slice(&8080_u16.to_be_bytes());
    data[32] = 0x50;
    data[33] = 0x10;
    Frame::new(data, FrameMeta::new(FlowTag::new(0), SimTime::ZERO))
}

/// One group that lets the interface talk to port 8080 of its VPC, so that flows are tracked.
fn rules() -> Arc<EniRules> {
    let rule = RulePlan {
        id: "sgr-0".to_owned(),
        protocol: Some(Protocol::Tcp),
        ports: 8080..=8080,
        peer: PeerPlan::Cidr("10.0.0.0/16".parse().expect("a network")),
        lifetime: Lifetime::ALWAYS,
    };
    let group = SecurityGroupPlan {
        vpc: 0,
        id: "sg-0".to_owned(),
        name: "web".to_owned(),
        ingress: Vec::new(),
        egress: vec![rule],
    };
    let members = GroupMembers::new(1, []);
    Arc::new(EniRules::compile(&[group], &[0], &members, &[]))
}

struct Group {
    policy: Policy,
    tracked: TrackedConnections,
    packet: Vec<u8>,
    tuple: FiveTuple,
}

fn group() -> Group {
    let packet = segment().data.clone();
    let (timeouts, auto) = (TrackingTimeouts::default(), AutoTracking::default());
    Group {
        policy: Policy::new(rules(), timeouts, auto),
        tracked: TrackedConnections::new(None),
        tuple: headers::five_tuple(&packet).expect("a packet"),
        packet,
    }
}

#[library_benchmark]
#[bench::tracked(group())]
fn security_group(mut group: Group) -> Group {
    for n in 0..TIMES {
        let now = SimTime::ZERO + SimDuration::from_us(n as u64);
        let (packet, tuple) = (black_box(&group.packet), black_box(&group.tuple));
        let tracked = &mut group.tracked;
        let decision = group
            .policy
            .admit(Direction::Egress, packet, tuple, now, tracked);
        assert!(decision.allows(), "{decision:?}");
    }
    group
}

struct Interface {
    eni: Eni,
    allowance: Allowance,
    frame: Frame,
}

/// 10 Gbit/s, of which 5 Gbit/s are the baseline.
fn interface() -> Interface {
    let gbps = DataRate::from_gbps;
    let shaper = ShaperPlan::burst(gbps(10), gbps(5), SimDuration::from_ms(1));
    let eni = EniPlan {
        rules: Some(rules()),
        ..EniPlan::vpc(US, Mac::default())
    };
    Interface {
        eni: Eni::new(&eni),
        allowance: Allowance::new(&AllowancePlan::instance(shaper)),
        frame: segment(),
    }
}

// Security group, shaper and queue, at a rate above the baseline.
#[library_benchmark]
#[bench::egress(interface())]
fn eni(mut interface: Interface) -> Interface {
    let Interface {
        eni,
        allowance,
        frame,
    } = &mut interface;
    for n in 0..TIMES {
        let now = SimTime::ZERO + SimDuration::from_us(2 * n as u64);
        let outcome = eni.egress(allowance, now, black_box(frame));
        assert!(matches!(outcome, EgressOutcome::Depart(_)), "{outcome:?}");
    }
    interface
}

library_benchmark_group!(name = interface_of_vpc, benchmarks = [security_group, eni]);

/// Bridge mode for 20 ms of simulated time, about a hundred requests.
fn bridge_world() -> World {
    benches::world(&benches::requests(Mode::Bridge, SimDuration::from_ms(20)))
}

/// A transfer's first millisecond at 10 Gbit/s, most of it at full rate.
fn bulk_world() -> World {
    benches::world(&benches::bulk(SimDuration::from_ms(1)))
}

#[library_benchmark]
#[bench::bridge_20_ms(bridge_world())]
#[bench::bulk_1_ms(bulk_world())]
fn run(world: World) -> Outcome {
    benches::run(world)
}

library_benchmark_group!(name = world, benchmarks = run);

main!(
    // Copies of the C library that every processor of this architecture has, so that a count does
    // not depend on the machine.
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"]))
        .env(
            "GLIBC_TUNABLES",
            "glibc.cpu.hwcaps=-AVX2_Usable,-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM"
        ),
    library_benchmark_groups = [event_queue, stack, netfilter, interface_of_vpc, world]
);
