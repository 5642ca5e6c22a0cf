//! VPCs: their plan, their addresses, their rules, and the fabric that carries frames from one
//! elastic network interface to another.
//!
//! [`RegionPlan`] is what a front end hands over. [`AddressAllocator`] numbers interfaces,
//! [`EniRules`] is what the security groups of one interface come to, [`RouteTable`] and
//! [`NetworkAcl`] are ready for lookups, [`Fabric`] knows which way each address is and how far, and [`defaults`] is the one list of numbers that this module and
//! [`crate::eni`] fall back on.

mod address;
pub mod defaults;
mod fabric;
pub mod fargate;
mod nat_gateway;
mod network_acl;
mod plan;
mod port_map;
mod route_table;
mod security_group;
mod timeline;

pub use address::{AddressAllocator, AddressError, AddressPool};
pub use fabric::{
    AmazonService, Endpoint, EndpointId, Fabric, FabricError, FabricPort, IMDS, Location, Path,
    RESOLVER, Transit, Translation, Way,
};
pub use nat_gateway::{NatRefusal, NatTable};
pub use network_acl::{AclMatch, NetworkAcl};
pub use plan::{
    AclEntryPlan, GatewayEndpointPlan, InternetGatewayPlan, JitterPlan, LatencyPlan, Lifetime,
    NatGatewayPlan, NetworkAclPlan, PeerPlan, PeeringPlan, PrefixListPlan, PublicAddress,
    RegionPlan, RouteDestination, RoutePlan, RouteTablePlan, RouteTarget, RulePlan,
    SecurityGroupPlan, SubnetPlan, VpcPlan,
};
pub use route_table::{RouteMatch, RouteTable};
pub use security_group::{Direction, EniRules, GroupMembers, RuleMatch, RuleRef, RuleSet};
