//! The instance metadata service and the resolver of each VPC, as machines that cost nothing.
//!
//! They are made where a probe asks for their addresses: nothing else does, and a world without them
//! has no partition, entity or event for their sake. They come last, so that nobody else's numbers
//! move.

use std::net::Ipv4Addr;

use super::BuildError;
use crate::headers::Protocol;
use crate::mode::MachineBuilder;
use crate::plan::{Plan, ProbeAddress};
use crate::vpc::{AmazonService, IMDS, RESOLVER};

/// Source: Amazon EC2 User Guide, instancedata-data-retrieval, 2023-06 (vendor).
const METADATA_PORT: u16 = 80;

/// Source: RFC 1035, §4.2 (specified).
const RESOLVER_PORT: u16 = 53;

/// A service and its VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) vpc: usize,
    pub(super) kind: AmazonService,
}

impl Service {
    /// The address that every VPC knows it by.
    pub(super) fn address(self) -> Ipv4Addr {
        match self.kind {
            AmazonService::Metadata => IMDS,
            AmazonService::Resolver => RESOLVER,
        }
    }

    /// Has a machine answer in the place of the service.
    ///
    /// # Errors
    /// Never: nothing else listens there.
    pub(super) fn install(
        self,
        plan: &Plan,
        machine: &mut MachineBuilder,
    ) -> Result<(), BuildError> {
        let netns = machine.root();
        if self.kind == AmazonService::Metadata {
            return machine.answer(netns, IMDS, METADATA_PORT, Protocol::Tcp);
        }
        let second = plan.region.vpcs[self.vpc].resolver_address();
        if let Some(second) = second {
            machine.add_address(netns, second);
        }
        for addr in std::iter::once(RESOLVER).chain(second) {
            machine.answer(netns, addr, RESOLVER_PORT, Protocol::Tcp)?;
            machine.answer(netns, addr, RESOLVER_PORT, Protocol::Udp)?;
        }
        Ok(())
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
