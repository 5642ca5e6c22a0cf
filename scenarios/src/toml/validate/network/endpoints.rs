//! Interface endpoints.

use sim_net::vpc::RegionPlan;

use crate::diagnostic::Problem;
use crate::ecs::Protocol;
use crate::toml::scenario::{InterfaceEndpoint, Listen};
use crate::toml::spec::InterfaceEndpointSpec;
use crate::toml::validate::{Context, listeners, refer};

/// The port of an endpoint that names none: HTTPS, as AWS's services speak it.
const HTTPS: Listen = Listen {
    port: 443,
    protocol: Protocol::Tcp,
};

pub(super) fn interface_endpoints(
    specs: &[InterfaceEndpointSpec],
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> Vec<InterfaceEndpoint> {
    specs
        .iter()
        .map(|spec| interface_endpoint(spec, region, context))
        .collect()
}

fn interface_endpoint(
    spec: &InterfaceEndpointSpec,
    region: &RegionPlan,
    context: &mut Context<'_>,
) -> InterfaceEndpoint {
    let (name, given) = (&spec.name, Some(spec.subnets.as_slice()));
    let subnets = refer::subnets(given, name, usize::MAX, region, context);
    let mut zones: Vec<usize> = Vec::with_capacity(subnets.len());
    for &subnet in &subnets {
        let subnet = &region.subnets[subnet];
        if zones.contains(&subnet.zone) {
            let zone = &region.zones[subnet.zone];
            let message = format!("{:?} has two subnets of zone {zone:?}", name.value);
            let at = spec.subnets.iter().find(|it| it.value == subnet.name);
            let problem = Problem::new("two-subnets-of-zone", message);
            let help = "list one subnet of each zone";
            context.error(at.unwrap_or(name), problem.with_help(help));
        }
        zones.push(subnet.zone);
    }
    let vpc = subnets
        .first()
        .map_or(refer::UNKNOWN, |&subnet| refer::vpc_of(subnet, region));
    let groups = spec.security_groups.as_deref();
    let security_groups = refer::groups(groups, name, vpc, region, context);
    let ports = match spec.ports.as_deref() {
        Some(ports) if !ports.is_empty() => listeners(ports, context),
        _ => vec![HTTPS],
    };
    InterfaceEndpoint {
        name: name.value.clone(),
        subnets,
        security_groups,
        ports,
    }
}
