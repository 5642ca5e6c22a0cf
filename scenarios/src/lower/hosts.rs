//! Machines that ECS does not manage.

use ipnet::Ipv4Net;
use sim_net::plan::{HostLocation, HostPlan};
use sim_net::vpc::defaults;
use sim_net::vpc::{Lifetime, PeerPlan, PublicAddress, RegionPlan, RulePlan, SecurityGroupPlan};

use crate::toml::{Client, Location, Scenario};

use super::{ModeRefusal, machine};

/// The clients of a scenario. Those whose traffic nothing filters share a security group that allows
/// everything, which is added to the VPC.
pub(super) fn lower(
    scenario: &Scenario,
    region: &mut RegionPlan,
) -> Result<Vec<HostPlan>, ModeRefusal> {
    let mut open = None;
    scenario
        .clients
        .iter()
        .map(|client| host(client, region, &mut open))
        .collect()
}

fn host(
    client: &Client,
    region: &mut RegionPlan,
    open: &mut Option<usize>,
) -> Result<HostPlan, ModeRefusal> {
    let Location::Subnet(subnet) = client.location else {
        return Err(ModeRefusal {
            code: "not-simulated".to_owned(),
            message: format!(
                "client {}: machines on the internet are not simulated",
                client.name
            ),
            place: None,
        });
    };
    let security_groups = client.security_groups.clone().unwrap_or_else(|| {
        let index = *open.get_or_insert_with(|| {
            region.security_groups.push(everything());
            region.security_groups.len() - 1
        });
        vec![index]
    });
    let instance = client.instance_type.as_ref();
    let profile = machine::profile(&client.kernel_profile);
    Ok(HostPlan {
        name: client.name.clone(),
        cores: instance.map_or(1, |instance| instance.vcpus as usize),
        profile: profile.expect("validation accepts only profiles that exist"),
        location: HostLocation::Subnet(subnet),
        address: None,
        public_address: PublicAddress::None,
        security_groups,
        always_tracked: false,
        source_dest_check: true,
        bandwidth: instance.map(machine::bandwidth),
        mtu: usize::try_from(defaults::MTU_VPC.value).expect("an MTU is small"),
        default_route: true,
        routes: Vec::new(),
    })
}

/// A security group that allows everything.
fn everything() -> SecurityGroupPlan {
    let rule = |id: &str| RulePlan {
        id: id.to_owned(),
        protocol: None,
        ports: 0..=u16::MAX,
        peer: PeerPlan::Cidr(Ipv4Net::default()),
        lifetime: Lifetime::ALWAYS,
    };
    SecurityGroupPlan {
        vpc: 0,
        id: "sg-ecsnet-unfiltered".to_owned(),
        name: "unfiltered machines".to_owned(),
        ingress: vec![rule("sgr-unfiltered-in")],
        egress: vec![rule("sgr-unfiltered-out")],
    }
}
