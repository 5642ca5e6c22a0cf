//! Machines: their bandwidth and what their kernels cost.

use std::borrow::Cow;
use std::sync::Arc;

use reports::ConstantRecord;
use sim_core::DataRate;
use sim_net::cost::{self, CostProfile};
use sim_net::plan::{BandwidthPlan, FargatePlan, Plan};
use sim_net::vpc::defaults::{self, Constant};
use sim_net::vpc::fargate;

use crate::ecs::FargateSize;
use crate::instance_types::InstanceType;
use crate::toml::Capacity;

/// The cost profile of container instances and Fargate guests that name none.
pub(super) const DEFAULT_PROFILE: &str = "linux-6.18-2vcpu";
/// The cost profile of machines that cost nothing.
pub(super) const IDEAL_PROFILE: &str = "ideal";

/// A profile that ecsnet ships.
pub(super) fn profile(name: &str) -> Option<Arc<CostProfile>> {
    CostProfile::shared(name)
}

/// Bandwidth of an instance. The bucket of credits is full, as it is at launch; AWS publishes
/// neither its size nor the packet rate allowance.
pub(super) fn bandwidth(instance: &InstanceType) -> BandwidthPlan {
    let InstanceType { baseline, peak, .. } = *instance;
    let bucket_bits = (peak.bps() - baseline.bps()).saturating_mul(defaults::BURST_TIME.value);
    BandwidthPlan {
        peak,
        baseline,
        bucket_bits,
        credit_bits: bucket_bits,
        single_flow: DataRate::from_bps(defaults::SINGLE_FLOW.value),
        single_flow_in_group: DataRate::from_bps(defaults::SINGLE_FLOW_PLACEMENT_GROUP.value),
        packet_rate: None,
        internet: BandwidthPlan::internet_limit(peak, u64::from(instance.vcpus)),
        tracked_connections: None,
    }
}

/// Bandwidth and allowances of the instances of a group.
pub(super) fn allowances(capacity: &Capacity) -> BandwidthPlan {
    let plan = bandwidth(&capacity.instance_type);
    BandwidthPlan {
        credit_bits: capacity
            .credits
            .scale(plan.bucket_bits)
            .min(plan.bucket_bits),
        packet_rate: capacity.packet_rate,
        tracked_connections: capacity.tracked_connections,
        ..plan
    }
}

/// What a Fargate task has through an internet gateway.
fn fargate_internet() -> Constant {
    Constant {
        name: Cow::Borrowed("fargate.internet"),
        value: defaults::INTERNET.value,
        unit: "bit/s",
        source: "not published; taken as for instances of fewer than 32 vCPUs",
        class: defaults::Class::Assumed,
    }
}

/// The micro-VM of a task of this size, and the constants behind its bandwidth.
pub(super) fn fargate(
    size: FargateSize,
    profile: Arc<CostProfile>,
) -> (FargatePlan, Vec<Constant>) {
    let measured = fargate::bandwidth(size.cpu, size.memory);
    let bandwidth = BandwidthPlan {
        peak: measured.burst,
        baseline: measured.baseline,
        bucket_bits: measured.bucket_bits,
        credit_bits: measured.bucket_bits,
        single_flow: DataRate::from_bps(defaults::SINGLE_FLOW.value),
        single_flow_in_group: None,
        packet_rate: None,
        internet: BandwidthPlan::internet_limit(measured.burst, u64::from(size.cpu / 1024)),
        tracked_connections: None,
    };
    let mut constants: Vec<Constant> = measured.constants().into();
    constants.push(fargate_internet());
    // A guest has whole virtual processors; less than one is a share of one.
    let cores = usize::try_from(size.cpu.div_ceil(1024)).unwrap_or(usize::MAX);
    (
        FargatePlan {
            cores,
            profile,
            offloads: true,
            bandwidth,
        },
        constants,
    )
}

/// A constant of the VPC as reports list it.
pub(super) fn constant(constant: &Constant) -> ConstantRecord {
    ConstantRecord {
        name: constant.name.clone().into_owned(),
        value: constant.value.to_string(),
        unit: constant.unit.to_owned(),
        source: constant.source.to_owned(),
        class: class_word(constant.class).to_owned(),
    }
}

fn class_word(class: defaults::Class) -> &'static str {
    match class {
        defaults::Class::Specified => "specified",
        defaults::Class::Vendor => "vendor",
        defaults::Class::ThirdParty => "measured",
        defaults::Class::Assumed => "assumed",
    }
}

/// What the vendor does not specify and a plan can use.
pub(super) fn common_constants(plan: &Plan) -> Vec<ConstantRecord> {
    let unpublished = |c: &Constant| {
        matches!(
            c.class,
            defaults::Class::Assumed | defaults::Class::ThirdParty
        )
    };
    // Only probes ask the resolver and the metadata service.
    let used = |c: &Constant| match &c.name {
        name if name.starts_with("nat.") => !plan.region.nat_gateways.is_empty(),
        name if name.starts_with("eni.link_local_") => !plan.probes.is_empty(),
        _ => true,
    };
    defaults::all()
        .iter()
        .filter(|c| unpublished(c) && used(c))
        .map(constant)
        .collect()
}

/// The prices of a profile that are neither specified nor vendor's.
pub(super) fn profile_constants(profile: &CostProfile) -> Vec<ConstantRecord> {
    let sources = profile.sources();
    let unpublished = sources
        .filter(|(_, price)| matches!(price.class, cost::Class::Assumed | cost::Class::Measured));
    unpublished
        .map(|(primitive, price)| ConstantRecord {
            name: format!("{}.{}", profile.name(), primitive.name()),
            value: price_text(price.cost),
            unit: "ns".to_owned(),
            source: price.source.clone(),
            class: price.class.to_string(),
        })
        .collect()
}

/// A cost in nanoseconds, exactly: `456`, or `456 + 0.025 per octet`.
fn price_text(cost: cost::Cost) -> String {
    let per_packet = thousandths(cost.per_packet_ps);
    match cost.per_byte_ps {
        0 => per_packet,
        per_byte => format!("{per_packet} + {} per octet", thousandths(per_byte)),
    }
}

fn thousandths(ps: u64) -> String {
    let (whole, rest) = (ps / 1000, ps % 1000);
    let text = format!("{whole}.{rest:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_nanoseconds() {
        let cost = |per_packet_ps, per_byte_ps| cost::Cost {
            per_packet_ps,
            per_byte_ps,
        };
        assert_eq!(price_text(cost(456_000, 0)), "456");
        assert_eq!(price_text(cost(456_500, 25)), "456.5 + 0.025 per octet");
        assert_eq!(price_text(cost(0, 0)), "0");
    }

    #[test]
    fn a_full_bucket_lasts_for_the_assumed_time() {
        let types = crate::instance_types::InstanceTypes::builtin();
        let plan = bandwidth(types.get("m5.large").unwrap());
        assert_eq!(plan.credit_bits, (10_000 - 750) * 1_000_000 * 300);
        assert_eq!(plan.single_flow, DataRate::from_bps(5_000_000_000));
    }

    #[test]
    fn large_instances_have_half_of_their_bandwidth_through_an_internet_gateway() {
        let types = crate::instance_types::InstanceTypes::builtin();
        let internet = |name| bandwidth(types.get(name).unwrap()).internet.unwrap().bps();
        assert_eq!(internet("m5.large"), 5_000_000_000, "of 10 Gbit/s, 2 vCPUs");
        assert_eq!(
            internet("c5n.9xlarge"),
            25_000_000_000,
            "of 50 Gbit/s, 36 vCPUs"
        );
        assert_eq!(
            internet("m5.8xlarge"),
            5_000_000_000,
            "half of 10 Gbit/s, 32 vCPUs"
        );
    }
}
