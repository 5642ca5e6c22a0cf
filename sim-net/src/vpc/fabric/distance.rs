//! How far it is from one place to another.

use std::collections::BTreeMap;

use sim_core::{IndexVec, SimDuration};

use super::{Endpoint, EndpointId, Location};
use crate::vpc::plan::LatencyPlan;

/// The name of a latency that is zero.
pub(super) fn zero(plan: &LatencyPlan) -> Option<&'static str> {
    let classes = [
        ("placement_group", plan.placement_group),
        ("same_zone", plan.same_zone),
        ("cross_zone", plan.cross_zone),
        ("internet", plan.internet),
    ];
    let zero = classes.iter().find(|(_, latency)| latency.is_zero());
    zero.map(|(which, _)| *which)
}

/// One-way latency between two places without jitter, the same both ways. Between the VPCs and what
/// is outside it is that of an internet gateway, which also joins two interfaces that talk by their
/// public addresses.
pub(super) fn between(plan: &LatencyPlan, a: Location, b: Location) -> SimDuration {
    match (a, b) {
        (
            Location::Vpc {
                zone,
                placement_group,
                ..
            },
            Location::Vpc {
                zone: other_zone,
                placement_group: other_group,
                ..
            },
        ) => {
            if zone != other_zone {
                plan.cross_zone
            } else if placement_group.is_some() && placement_group == other_group {
                plan.placement_group
            } else {
                plan.same_zone
            }
        }
        (Location::Amazon { .. }, _) | (_, Location::Amazon { .. }) => plan.same_zone,
        _ => plan.internet,
    }
}

/// The smallest latency of any path between `endpoints`; `by_endpoint` says whether there are
/// gateway endpoints.
pub(super) fn least(
    plan: &LatencyPlan,
    endpoints: &IndexVec<EndpointId, Endpoint>,
    by_endpoint: bool,
) -> SimDuration {
    // Interfaces of one place are alike; the subnet does not matter.
    let mut places: BTreeMap<Location, usize> = BTreeMap::new();
    let mut least = None;
    for endpoint in endpoints.iter() {
        let place = match endpoint.location {
            Location::Vpc {
                zone,
                placement_group,
                ..
            } => Location::Vpc {
                subnet: 0,
                zone,
                placement_group,
            },
            other => other,
        };
        *places.entry(place).or_default() += 1;
        if matches!(place, Location::Service(_)) && by_endpoint {
            least = Some(plan.same_zone);
        }
    }
    // Two public addresses, or an interface and its own.
    if endpoints.iter().any(|endpoint| endpoint.public.is_some()) {
        least = least.into_iter().chain([plan.internet]).min();
    }
    let all: Vec<_> = places.into_iter().collect();
    let pairs = all.iter().enumerate().flat_map(|(index, (a, count))| {
        let from = if *count > 1 { index } else { index + 1 };
        all[from..].iter().map(|(b, _)| between(plan, *a, *b))
    });
    let whole = [
        plan.placement_group,
        plan.same_zone,
        plan.cross_zone,
        plan.internet,
    ];
    pairs
        .chain(least)
        .min()
        .unwrap_or_else(|| whole.into_iter().min().expect("four latencies"))
}
