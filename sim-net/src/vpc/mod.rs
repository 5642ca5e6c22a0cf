//! VPCs: their plan, their addresses, their rules, and the fabric that carries frames from one
//! elastic network interface to another.
//!
//! [`RegionPlan`] is what a front end hands over. [`AddressAllocator`] numbers interfaces,
//! [`EniRules`] is what the security groups of one interface come to, [`Fabric`] knows where each
//! address is and how far, and [`defaults`] is the one list of numbers that this module and
//! [`crate::eni`] fall back on.

mod address;
pub mod defaults;
mod fabric;
pub mod fargate;
mod nat_gateway;
mod plan;
mod port_map;
mod security_group;

pub use address::{AddressAllocator, AddressError};
pub use fabric::{Endpoint, EndpointId, Fabric, FabricError, FabricPort, Location, Transit};
pub use nat_gateway::{NatRefusal, NatTable};
pub use plan::{
    AclEntryPlan, GatewayEndpointPlan, InternetGatewayPlan, JitterPlan, LatencyPlan, Lifetime,
    NatGatewayPlan, NetworkAclPlan, PeerPlan, PeeringPlan, PrefixListPlan, PublicAddress,
    RegionPlan, RouteDestination, RoutePlan, RouteTablePlan, RouteTarget, RulePlan,
    SecurityGroupPlan, SubnetPlan, VpcPlan,
};
pub use security_group::{Direction, EniRules, GroupMembers, RuleMatch, RuleRef};
