//! The network: VPCs, zones, subnets and what is in them, latencies.

use sim_core::Ratio;
use sim_net::vpc::{JitterPlan, LatencyPlan, RegionPlan};

use super::Context;
use crate::describe::Imported;
use crate::diagnostic::Problem;
use crate::toml::scenario::InterfaceEndpoint;
use crate::toml::spec::{JitterSpec, LatencySpec, VpcSpec};

mod endpoints;
mod policy;
mod ranges;
mod routing;

/// What `[vpc]` says. What it becomes when it says little, and everything that refers to it, asks
/// the region alone: one that is read from elsewhere can take its place.
pub(super) struct Network {
    /// The VPCs and what is in them.
    pub(super) region: RegionPlan,
    /// Whether instances and clients get a public address, by the index of their subnet.
    pub(super) map_public_ip: Vec<bool>,
    /// Interface endpoints.
    pub(super) endpoints: Vec<InterfaceEndpoint>,
}

/// The network. Every step asks what the steps before it have put into the region.
pub(super) fn network(
    spec: Option<&VpcSpec>,
    imported: Option<Imported>,
    context: &mut Context<'_>,
) -> Network {
    let empty = VpcSpec::default();
    let spec = spec.unwrap_or(&empty);
    let mut region = RegionPlan {
        latency: latency(spec.latency.as_ref(), spec.jitter.as_ref()),
        loss: spec.loss.as_ref().map_or(Ratio::ZERO, |loss| loss.value),
        ..RegionPlan::default()
    };
    if let Some(imported) = imported {
        return from_folder(spec, region, imported, context);
    }
    ranges::vpcs(spec, &mut region, context);
    routing::peerings(&spec.peering, &mut region, context);
    ranges::zones(spec, &mut region, context);
    ranges::subnets(spec, &mut region, context);
    ranges::prefix_lists(&spec.prefix_list, &mut region, context);
    routing::internet_gateways(&spec.internet_gateway, &mut region, context);
    routing::nat_gateways(&spec.nat_gateway, &mut region, context);
    routing::gateway_endpoints(&spec.gateway_endpoint, &mut region, context);
    routing::route_tables(spec, &mut region, context);
    policy::network_acls(&spec.network_acl, &mut region, context);
    ranges::subnet_tables(&spec.subnet, &mut region, context);
    routing::nat_loops(&spec.nat_gateway, &region, context);
    policy::security_groups(spec, &mut region, context);
    let map_public_ip = ranges::map_public_ip(&spec.subnet, &region, context);
    let endpoints = endpoints::interface_endpoints(&spec.interface_endpoint, &region, context);
    Network {
        region,
        map_public_ip,
        endpoints,
    }
}

/// The network as a folder describes it; latency and loss are the scenario's.
fn from_folder(
    spec: &VpcSpec,
    base: RegionPlan,
    imported: Imported,
    context: &mut Context<'_>,
) -> Network {
    let given = [
        ("cidr", spec.cidr.is_some()),
        ("secondary_cidrs", spec.secondary_cidrs.is_some()),
        ("dns_support", spec.dns_support.is_some()),
        ("other", !spec.other.is_empty()),
        ("zones", spec.zones.is_some()),
        ("subnet", !spec.subnet.is_empty()),
        ("security_group", !spec.security_group.is_empty()),
        ("prefix_list", !spec.prefix_list.is_empty()),
        ("network_acl", !spec.network_acl.is_empty()),
        ("route_table", !spec.route_table.is_empty()),
        ("internet_gateway", !spec.internet_gateway.is_empty()),
        ("nat_gateway", !spec.nat_gateway.is_empty()),
        ("gateway_endpoint", !spec.gateway_endpoint.is_empty()),
        ("interface_endpoint", !spec.interface_endpoint.is_empty()),
        ("peering", !spec.peering.is_empty()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        let message = format!("`vpc.{key}` is given, and the network is read from a folder");
        let problem = Problem::new("from-and-written", message);
        let help = "leave it out, or write the whole network here and leave `from` out";
        context.error_in_file(&format!("vpc.{key}"), problem.with_help(help));
    }
    let interfaces = imported.host_interfaces().count();
    if interfaces > 0 {
        context.assume(format!(
            "the network is that of the folder, without the {interfaces} interfaces in it"
        ));
    }
    let region = RegionPlan {
        latency: base.latency,
        loss: base.loss,
        ..imported.region
    };
    Network {
        map_public_ip: imported.map_public_ip,
        region,
        endpoints: Vec::new(),
    }
}

fn latency(spec: Option<&LatencySpec>, jitter: Option<&JitterSpec>) -> LatencyPlan {
    let mut plan = LatencyPlan {
        jitter: self::jitter(jitter),
        ..LatencyPlan::default()
    };
    let Some(spec) = spec else { return plan };
    for (value, given) in [
        (&mut plan.placement_group, &spec.placement_group),
        (&mut plan.same_zone, &spec.same_zone),
        (&mut plan.cross_zone, &spec.cross_zone),
        (&mut plan.internet, &spec.internet),
    ] {
        if let Some(given) = given {
            *value = given.value;
        }
    }
    plan
}

fn jitter(spec: Option<&JitterSpec>) -> Option<JitterPlan> {
    let mut plan = JitterPlan::default();
    let Some(spec) = spec else { return Some(plan) };
    if let Some(median) = &spec.median {
        plan.median = median.value;
    }
    if let Some(sigma) = &spec.sigma {
        plan.sigma = sigma.value;
    }
    if let Some(coherence) = &spec.coherence {
        plan.coherence = coherence.value;
    }
    spec.enabled
        .as_ref()
        .is_none_or(|enabled| enabled.value)
        .then_some(plan)
}
