//! What a scenario file says, as it was typed: values with their places, absent keys as `None`.
//!
//! The documentation of these fields is the documentation of the file format.

use schemars::JsonSchema;

use crate::document::reader::At;

mod compute;
mod load;
mod vpc;

pub use super::checks::{CheckSpec, NeighbourSpec};
pub use super::placement::{ConstraintSpec, ShareSpec, StrategySpec};
pub use super::words::{
    ActionWord, ArrivalsWord, ConnectivityWord, DirectionWord, DistributionWord, KindWord,
    ProtocolWord, RuleProtocol, TokensWord,
};

pub use compute::{AwsvpcSpec, CapacitySpec, ClientSpec, ImdsSpec, PublicAddressSpec, ServiceSpec};
pub use load::{CallSpec, ConnectionsSpec, MeasureSpec, WorkloadSpec};
pub use vpc::{
    AclEntrySpec, GatewayEndpointSpec, InterfaceEndpointSpec, InternetGatewaySpec, JitterSpec,
    LatencySpec, NatGatewaySpec, NetworkAclSpec, OtherVpcSpec, PeeringSpec, PrefixListSpec,
    RouteSpec, RouteTableSpec, RuleSpec, SecurityGroupSpec, SubnetSpec, VpcSpec,
};

/// A scenario: a VPC, instances, services that run on them, clients, and the load between them.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ScenarioSpec {
    /// Name of the scenario in reports. Default: `scenario`.
    pub name: Option<At<String>>,
    /// The network. Default: a /16 with one subnet in each of two zones and an open security group.
    pub vpc: Option<VpcSpec>,
    /// Container instances: what the modes other than Fargate run on. Default: none.
    #[schemars(default)]
    pub capacity: Vec<CapacitySpec>,
    /// What ECS runs. At least one service is needed.
    #[schemars(default)]
    pub service: Vec<ServiceSpec>,
    /// Machines that ECS does not manage: clients, databases, other services. Default: none.
    #[schemars(default)]
    pub client: Vec<ClientSpec>,
    /// The load. Default: none.
    #[schemars(default)]
    pub workload: Vec<WorkloadSpec>,
    /// Load that disturbs others: every mode runs without it and with it. Default: none.
    #[schemars(default)]
    pub neighbour: Vec<NeighbourSpec>,
    /// What is asserted of the results. Default: nothing.
    #[schemars(default)]
    pub check: Vec<CheckSpec>,
    /// What is measured, and for how long. Default: as the fields say.
    pub measure: Option<MeasureSpec>,
}

/// A port or a range of ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// A port that something listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenSpec {
    /// The port.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: ProtocolWord,
}
