//! Trains change nothing but the speed of the simulator: the digest of all events is the same with
//! them and without.

use proptest::prelude::*;
use sim_core::{ByteSize, DataRate, PacketRate, Ratio, SimDuration};
use sim_net::build::build;
use sim_net::headers::Protocol;
use sim_net::plan::{Direction, Mode, Place, Plan, WorkloadKind, WorkloadPlan};
use sim_net::vpc::JitterPlan;
use sim_net::world::Outcome;

use crate::gateways::behind_nat;
use crate::support::{app_of, bandwidth, host, ping_pong, profile, same_worlds, target, task};

/// Who moves data to whom.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// A machine in the VPC and a container.
    Client,
    /// Two machines in the VPC, and a third as a neighbour.
    Machines,
    /// A container and a server outside, by a NAT gateway.
    Outside,
    /// Two containers of one instance.
    Within,
}

#[derive(Clone, Debug)]
struct World {
    mode: Mode,
    way: Way,
    direction: Direction,
    offloads: [bool; 3],
    mtu: usize,
    mbps: [u64; 2],
    single_flow: Option<u64>,
    packet_rate: Option<u64>,
    internet: Option<u64>,
    loss: u32,
    jitter: bool,
    ideal: bool,
    flows: usize,
    competitor: bool,
    bytes: Option<u64>,
    seed: u64,
}

fn worlds() -> impl Strategy<Value = World> {
    let mode = prop::sample::select(vec![Mode::Bridge, Mode::Host, Mode::Awsvpc, Mode::Fargate]);
    let way = prop::sample::select(vec![Way::Client, Way::Machines, Way::Outside, Way::Within]);
    let direction = prop_oneof![Just(Direction::Upload), Just(Direction::Download)];
    let rate = prop_oneof![3 => 100..2000_u64, 1 => Just(10_000_u64)];
    let limit = |most: u64| prop::option::weighted(0.3, 50..most);
    let network = (
        prop_oneof![Just(1500_usize), Just(9001), 576..9001_usize],
        [rate.clone(), rate],
        limit(3000),
        prop::option::weighted(0.3, 2_000..200_000_u64),
        limit(3000),
        prop_oneof![2 => Just(0_u32), 1 => 0..30_000_u32],
    );
    let load = (
        any::<bool>(),
        any::<bool>(),
        1..4_usize,
        any::<bool>(),
        prop::option::of(1..3_000_000_u64),
        any::<u64>(),
    );
    let machines = (
        mode,
        way,
        direction,
        prop::array::uniform3(prop::bool::weighted(0.8)),
    );
    (machines, network, load).prop_map(|(machines, network, load)| {
        let (mode, way, direction, offloads) = machines;
        let (mtu, mbps, single_flow, packet_rate, internet, loss) = network;
        let (jitter, ideal, flows, competitor, bytes, seed) = load;
        World {
            mode,
            way,
            direction,
            offloads,
            mtu,
            mbps,
            single_flow,
            packet_rate,
            internet,
            loss,
            jitter,
            ideal,
            flows,
            competitor,
            bytes,
            seed,
        }
    })
}

fn rate(mbps: u64) -> DataRate {
    DataRate::from_bps(mbps * 1_000_000).expect("above zero")
}

impl World {
    fn plan(&self, trains: bool) -> Plan {
        let mut plan = behind_nat(vec![
            task("web/0", self.mode, 0, 8080),
            task("web/1", Mode::Bridge, 0, 8081),
        ]);
        plan.trains = trains;
        plan.hosts.push(host("third", 0));
        let [instances, fargate, hosts] = self.offloads;
        let limits = |mbps| sim_net::plan::BandwidthPlan {
            single_flow: self.single_flow.map(rate),
            packet_rate: self.packet_rate.and_then(PacketRate::per_second),
            internet: self.internet.map(rate),
            ..bandwidth(rate(mbps))
        };
        for instance in &mut plan.instances {
            instance.offloads = instances;
            instance.bandwidth = limits(self.mbps[0]);
            // Nothing would limit an ideal machine with itself.
            if self.ideal && !matches!(self.way, Way::Within) {
                instance.profile = profile("ideal");
            }
        }
        if let Some(guest) = &mut plan.tasks[0].fargate {
            guest.offloads = fargate;
            guest.bandwidth = limits(self.mbps[0]);
        }
        for host in &mut plan.hosts {
            host.offloads = hosts;
            host.mtu = host.mtu.min(self.mtu);
            host.bandwidth = Some(limits(self.mbps[1]));
        }
        plan.region.latency.internet = SimDuration::from_us(200);
        plan.region.loss = Ratio::from_ppm(self.loss.into());
        plan.region.latency.jitter = self.jitter.then(|| JitterPlan {
            median: Ratio::from_ppm(80_000),
            sigma: Ratio::from_ppm(1_000_000),
            coherence: SimDuration::from_us(20),
        });
        let (from, to) = match self.way {
            Way::Client => (Place::Host(0), target(app_of(0), 80)),
            Way::Machines => (Place::Host(0), target(Place::Host(2), 80)),
            Way::Outside => (app_of(0), target(Place::Host(1), 5001)),
            Way::Within => (app_of(1), target(app_of(0), 80)),
        };
        plan.workloads = vec![WorkloadPlan {
            name: "transfer".into(),
            from: vec![from],
            to: vec![to],
            protocol: Protocol::Tcp,
            kind: WorkloadKind::Bulk {
                flows: self.flows,
                bytes: self.bytes.map(ByteSize::from_bytes),
                direction: self.direction,
            },
        }];
        if self.competitor {
            let mut other = plan.workloads[0].clone();
            other.name = "competitor".into();
            other.from = vec![Place::Host(2)];
            other.to = vec![target(Place::Host(0), 81)];
            plan.workloads.push(other);
            let asked = target(app_of(1), 80);
            let ping = ping_pong(Place::Host(2), asked, Protocol::Udp, 700);
            plan.workloads.push(ping);
        }
        plan.measure.duration = SimDuration::from_ms(8);
        plan.measure.cooldown = SimDuration::from_ms(1);
        plan
    }

    fn run(&self, trains: bool) -> Outcome {
        let plan = self.plan(trains);
        let mut world = build(&plan, self.seed, 0).expect("the plan is sound");
        world.capture(|_| true);
        world.run(&std::sync::Arc::default())
    }
}

proptest! {
    #![proptest_config(same_worlds(64))]

    /// Every packet departs and arrives at the same time, and is dropped for the same reason; every
    /// event is the same.
    #[test]
    fn a_packet_of_a_train_is_what_it_would_be_alone(world in worlds()) {
        let [alone, together] = [false, true].map(|trains| world.run(trains));
        prop_assert_eq!(alone.frames, together.frames);
        for (one, other) in alone.captured.iter().zip(&together.captured) {
            prop_assert_eq!(one, other);
        }
        prop_assert_eq!(alone.captured.len(), together.captured.len());
        prop_assert!(alone.drops.iter().eq(together.drops.iter()));
        for (one, other) in alone.workloads.iter().zip(&together.workloads) {
            prop_assert_eq!(one.bytes, other.bytes);
            prop_assert_eq!(&one.hops, &other.hops);
        }
        prop_assert_eq!((alone.events, alone.digest), (together.events, together.digest));
    }
}

/// What the property would not show if no train ever left.
#[test]
fn trains_hold_most_packets_of_a_transfer() {
    let world = World {
        mode: Mode::Host,
        way: Way::Machines,
        direction: Direction::Upload,
        offloads: [true; 3],
        mtu: 1500,
        mbps: [10_000; 2],
        single_flow: None,
        packet_rate: None,
        internet: None,
        loss: 0,
        jitter: false,
        ideal: true,
        flows: 1,
        competitor: false,
        bytes: None,
        seed: 1,
    };
    let outcome = world.run(true);
    let stood_for: u64 = outcome.in_trains;
    assert!(
        stood_for * 10 > outcome.frames.delivered * 4,
        "{stood_for} of {:?}",
        outcome.frames
    );
    assert_eq!(world.run(false).in_trains, 0);
}
