//! Evaluating the rules finds what sending packets finds.
//!
//! Small worlds are drawn at random; in each, every place asks every listening port by every address
//! that it may be told, and some ports on which nobody listens. The two must agree on what becomes of
//! each attempt, and where it is dropped, on the reason and the leg.

mod draw;

use std::collections::BTreeSet;

use proptest::prelude::*;
use sim_net::headers::Protocol;
use sim_net::plan::{MeasurePlan, Place, Plan, ProbeAddress, ProbePlan};
use sim_net::reach::Evaluator;

use self::draw::{Draw, any_world};
use crate::support::{agreement, run};

/// Probes of one world, at most: those at equal distances of all that there are.
const MOST_PROBES: usize = 60;

fn places(plan: &Plan) -> Vec<Place> {
    let containers = plan.tasks.iter().enumerate().flat_map(|(task, t)| {
        (0..t.containers.len()).map(move |container| Place::Container { task, container })
    });
    containers
        .chain((0..plan.instances.len()).map(Place::Instance))
        .chain((0..plan.hosts.len()).map(Place::Host))
        .collect()
}

/// Every attempt that is worth making.
pub(crate) fn attempts(plan: &Plan, evaluator: &Evaluator) -> Vec<ProbePlan> {
    let mut found = BTreeSet::new();
    let places = places(plan);
    for &from in &places {
        for &listener in evaluator.listeners() {
            for way in evaluator.ways(from, listener) {
                found.insert((from, *way.addr.ip(), way.addr.port(), listener.protocol));
            }
        }
        for &to in &places {
            let addrs = evaluator.own_addr(to).into_iter();
            for addr in addrs.chain(evaluator.public_addr(to)) {
                found.insert((from, addr, 7, Protocol::Tcp));
                found.insert((from, addr, 7, Protocol::Udp));
            }
        }
    }
    let probe = |(from, addr, port, protocol)| ProbePlan {
        from,
        to: ProbeAddress::Literal(addr),
        port,
        protocol,
    };
    found.into_iter().map(probe).collect()
}

/// Simulates attempts in a plan's world and compares them with the evaluation.
pub(crate) fn compare(plan: &Plan, most: usize) -> Result<usize, String> {
    let evaluator = Evaluator::new(plan).map_err(|error| format!("no world: {error}"))?;
    let all = attempts(plan, &evaluator);
    let step = all.len().div_ceil(most).max(1);
    let mut plan = plan.clone();
    plan.probes = all.into_iter().step_by(step).collect();
    plan.measure = MeasurePlan::for_probes(plan.probes.len());
    let outcome = run(&plan);
    for (probe, &found) in plan.probes.iter().zip(&outcome.probes) {
        agreement(&evaluator, probe, found)?;
    }
    Ok(plan.probes.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn evaluation_and_simulation_agree_on_random_worlds(world in any_world()) {
        let plan = world.plan();
        if let Err(difference) = compare(&plan, MOST_PROBES) {
            return Err(TestCaseError::fail(difference));
        }
    }
}

/// Most worlds let something through and stop something, or agreement would say little.
#[test]
fn random_worlds_have_reached_and_dropped_attempts() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut codes, mut reached, mut all) = (BTreeSet::new(), 0, 0);
    for _ in 0..200 {
        let world: Draw = any_world()
            .new_tree(&mut runner)
            .expect("every world is one")
            .current();
        let plan = world.plan();
        let evaluator = Evaluator::new(&plan).expect("the plan is sound");
        for probe in attempts(&plan, &evaluator) {
            let ProbeAddress::Literal(addr) = probe.to else {
                continue;
            };
            let to = std::net::SocketAddrV4::new(addr, probe.port);
            let code = evaluator
                .decide(probe.from, to, probe.protocol)
                .outcome
                .code();
            reached += usize::from(code == "reached");
            all += 1;
            codes.insert(code);
        }
    }
    assert!(reached * 10 > all, "{reached} of {all}");
    assert!(reached * 10 < all * 9, "{reached} of {all}");
    for code in [
        "refused",
        "network_unreachable",
        "undetermined",
        "security_group_egress",
        "security_group_ingress",
        "network_acl_egress",
        "network_acl_ingress",
        "vpc_no_route",
        "vpc_blackhole",
        "no_public_address",
        "peering_inactive",
        "peering_not_transitive",
        "fabric_no_route",
        "nat_no_mapping",
        "metadata_off",
        "blackhole",
        "ttl_exceeded",
        "filter_input",
        "filter_forward",
    ] {
        assert!(codes.contains(code), "{code} is not among {codes:?}");
    }
}
