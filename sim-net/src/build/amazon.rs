//! The instance metadata service and the resolver of each VPC, as machines that cost nothing.
//!
//! They are made where a probe asks for their addresses: nothing else does, and a world without them
//! has no partition, entity or event for their sake. They come last, so that nobody else's numbers
//! move.

use std::net::Ipv4Addr;

use crate::plan::{Plan, ProbeAddress};
use crate::vpc::{AmazonService, IMDS, RESOLVER};

/// A service and its VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) vpc: usize,
    pub(super) kind: AmazonService,
}

impl Service {
    /// The addresses that it answers at, the first of them its own.
    pub(super) fn addresses(self, plan: &Plan) -> Vec<Ipv4Addr> {
        match self.kind {
            AmazonService::Metadata => vec![IMDS],
            AmazonService::Resolver => {
                let second = plan.region.vpcs[self.vpc].resolver_address();
                std::iter::once(RESOLVER).chain(second).collect()
            }
        }
    }

    /// Its name among machines.
    pub(super) fn name(self, plan: &Plan) -> String {
        let kind = match self.kind {
            AmazonService::Metadata => "metadata",
            AmazonService::Resolver => "resolver",
        };
        format!("amazon/{}/{kind}", plan.region.vpcs[self.vpc].id)
    }
}

/// The services that the plan's probes ask for, by VPC.
pub(super) fn services(plan: &Plan) -> Vec<Service> {
    let asked = |addr| {
        let to = ProbeAddress::Literal(addr);
        plan.probes.iter().any(|probe| probe.to == to)
    };
    let (metadata, resolver) = (asked(IMDS), asked(RESOLVER));
    let mut services = Vec::new();
    for (vpc, plan) in plan.region.vpcs.iter().enumerate() {
        if metadata {
            let kind = AmazonService::Metadata;
            services.push(Service { vpc, kind });
        }
        if plan.dns_support && (resolver || plan.resolver_address().is_some_and(asked)) {
            let kind = AmazonService::Resolver;
            services.push(Service { vpc, kind });
        }
    }
    services
}
