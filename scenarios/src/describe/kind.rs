//! What the documents of the AWS command line are, by the keys at their top.

/// A kind of record that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Vpc,
    Subnet,
    PrefixList,
    PrefixListEntry,
    SecurityGroup,
    SecurityGroupRule,
    InternetGateway,
    NatGateway,
    Peering,
    Endpoint,
    RouteTable,
    NetworkAcl,
    Reservation,
    Address,
    Interface,
}

impl Kind {
    /// Every kind.
    pub(super) const ALL: [Self; 15] = [
        Self::Vpc,
        Self::Subnet,
        Self::PrefixList,
        Self::PrefixListEntry,
        Self::SecurityGroup,
        Self::SecurityGroupRule,
        Self::InternetGateway,
        Self::NatGateway,
        Self::Peering,
        Self::Endpoint,
        Self::RouteTable,
        Self::NetworkAcl,
        Self::Reservation,
        Self::Address,
        Self::Interface,
    ];

    /// The kind of the records under a key at the top of a document.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        Some(match key {
            "Vpcs" => Self::Vpc,
            "Subnets" => Self::Subnet,
            "PrefixLists" | "ManagedPrefixLists" => Self::PrefixList,
            "Entries" => Self::PrefixListEntry,
            "SecurityGroups" => Self::SecurityGroup,
            "SecurityGroupRules" => Self::SecurityGroupRule,
            "InternetGateways" => Self::InternetGateway,
            "NatGateways" => Self::NatGateway,
            "VpcPeeringConnections" => Self::Peering,
            "VpcEndpoints" => Self::Endpoint,
            "RouteTables" => Self::RouteTable,
            "NetworkAcls" => Self::NetworkAcl,
            "Reservations" => Self::Reservation,
            "Addresses" => Self::Address,
            "NetworkInterfaces" => Self::Interface,
            _ => return None,
        })
    }

    /// The key with the identifier, for records of which two with one identifier must be equal.
    pub(super) fn id_key(self) -> Option<&'static str> {
        match self {
            Self::Vpc => Some("VpcId"),
            Self::Subnet => Some("SubnetId"),
            Self::SecurityGroup => Some("GroupId"),
            Self::SecurityGroupRule => Some("SecurityGroupRuleId"),
            Self::InternetGateway => Some("InternetGatewayId"),
            Self::NatGateway => Some("NatGatewayId"),
            Self::Peering => Some("VpcPeeringConnectionId"),
            Self::Endpoint => Some("VpcEndpointId"),
            Self::RouteTable => Some("RouteTableId"),
            Self::NetworkAcl => Some("NetworkAclId"),
            Self::Reservation => Some("ReservationId"),
            Self::Interface => Some("NetworkInterfaceId"),
            // Two commands list the same prefix list with different keys.
            Self::PrefixList | Self::PrefixListEntry | Self::Address => None,
        }
    }

    /// What one is called.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Vpc => "VPC",
            Self::Subnet => "subnet",
            Self::PrefixList => "prefix list",
            Self::PrefixListEntry => "prefix list entry",
            Self::SecurityGroup => "security group",
            Self::SecurityGroupRule => "security group rule",
            Self::InternetGateway => "internet gateway",
            Self::NatGateway => "NAT gateway",
            Self::Peering => "peering connection",
            Self::Endpoint => "VPC endpoint",
            Self::RouteTable => "route table",
            Self::NetworkAcl => "network ACL",
            Self::Reservation => "instance",
            Self::Address => "address",
            Self::Interface => "network interface",
        }
    }

    /// The command that writes them.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Vpc => "aws ec2 describe-vpcs",
            Self::Subnet => "aws ec2 describe-subnets",
            Self::PrefixList => "aws ec2 describe-prefix-lists",
            Self::PrefixListEntry => "aws ec2 get-managed-prefix-list-entries",
            Self::SecurityGroup => "aws ec2 describe-security-groups",
            Self::SecurityGroupRule => "aws ec2 describe-security-group-rules",
            Self::InternetGateway => "aws ec2 describe-internet-gateways",
            Self::NatGateway => "aws ec2 describe-nat-gateways",
            Self::Peering => "aws ec2 describe-vpc-peering-connections",
            Self::Endpoint => "aws ec2 describe-vpc-endpoints",
            Self::RouteTable => "aws ec2 describe-route-tables",
            Self::NetworkAcl => "aws ec2 describe-network-acls",
            Self::Reservation => "aws ec2 describe-instances",
            Self::Address => "aws ec2 describe-addresses",
            Self::Interface => "aws ec2 describe-network-interfaces",
        }
    }
}

/// Keys at the top of a document that tell of something which is not simulated and may carry or
/// answer traffic, and what that means.
const UNMODELLED: &[(&str, &str)] = &[
    (
        "TransitGateways",
        "transit gateways are not simulated: routes to them are undetermined",
    ),
    (
        "TransitGatewayAttachments",
        "transit gateways are not simulated: routes to them are undetermined",
    ),
    (
        "TransitGatewayVpcAttachments",
        "transit gateways are not simulated: routes to them are undetermined",
    ),
    (
        "VpnGateways",
        "virtual private gateways are not simulated: routes to them are undetermined",
    ),
    (
        "VpnConnections",
        "VPN connections are not simulated: routes to their gateways are undetermined",
    ),
    (
        "CustomerGateways",
        "VPN connections are not simulated: routes to their gateways are undetermined",
    ),
    (
        "directConnectGateways",
        "Direct Connect is not simulated: routes to its gateways are undetermined",
    ),
    (
        "virtualInterfaces",
        "Direct Connect is not simulated: routes to its gateways are undetermined",
    ),
    (
        "EgressOnlyInternetGateways",
        "egress-only internet gateways carry IPv6, which is not simulated",
    ),
    (
        "CarrierGateways",
        "carrier gateways are not simulated: routes to them are undetermined",
    ),
    (
        "LocalGateways",
        "local gateways are not simulated: routes to them are undetermined",
    ),
    (
        "Firewalls",
        "AWS Network Firewall is not simulated: routes to its endpoints are undetermined",
    ),
    (
        "LoadBalancers",
        "load balancers do not forward: their interfaces are machines like others",
    ),
    (
        "LoadBalancerDescriptions",
        "load balancers do not forward: their interfaces are machines like others",
    ),
    (
        "Listeners",
        "load balancers do not forward: their interfaces are machines like others",
    ),
    (
        "TargetGroups",
        "load balancers do not forward: their interfaces are machines like others",
    ),
    (
        "TargetHealthDescriptions",
        "load balancers do not forward: their interfaces are machines like others",
    ),
    (
        "DBInstances",
        "databases are there only as the interfaces that the network interfaces list",
    ),
    (
        "DBClusters",
        "databases are there only as the interfaces that the network interfaces list",
    ),
    (
        "CacheClusters",
        "caches are there only as the interfaces that the network interfaces list",
    ),
    (
        "ReplicationGroups",
        "caches are there only as the interfaces that the network interfaces list",
    ),
    (
        "DomainStatusList",
        "search domains are there only as the interfaces that the network interfaces list",
    ),
    (
        "Functions",
        "functions are there only as the interfaces that the network interfaces list",
    ),
    (
        "VpcEndpointConnections",
        "endpoint services are not simulated: who reaches them from other VPCs is undetermined",
    ),
    (
        "SecurityGroupVpcAssociations",
        "groups that are associated with further VPCs are taken as in their own",
    ),
];

/// Keys at the top of a document that change nothing for traffic, or go with other keys.
const IRRELEVANT: &[&str] = &[
    "AccountAttributes",
    "AvailabilityZones",
    "BundleTasks",
    "ConversionTasks",
    "DhcpOptions",
    "Hosts",
    "Images",
    "InstanceStatuses",
    "InstanceTypeOfferings",
    "InstanceTypes",
    "Instances",
    "KeyPairs",
    "LaunchTemplates",
    "MovingAddressStatuses",
    "NextToken",
    "PlacementGroups",
    "PrefixListId",
    "Regions",
    "ResponseMetadata",
    "ServiceDetails",
    "ServiceNames",
    "Snapshots",
    "SpotInstanceRequests",
    "Tags",
    "Volumes",
    "VpcId",
    "FlowLogs",
];

/// What the records under a key mean for traffic, if they are not simulated and matter.
pub(super) fn unmodelled(key: &str) -> Option<&'static str> {
    UNMODELLED
        .iter()
        .find(|(known, _)| *known == key)
        .map(|(_, meaning)| *meaning)
}

/// Whether nothing hangs on the records under a key.
pub(super) fn irrelevant(key: &str) -> bool {
    IRRELEVANT.contains(&key)
}

/// The kind of record that an identifier belongs to, by how it begins.
pub(super) fn kind_of_id(id: &str) -> Option<Kind> {
    let prefix = id.split('-').next().unwrap_or_default();
    match prefix {
        "igw" => Some(Kind::InternetGateway),
        "nat" => Some(Kind::NatGateway),
        "pcx" => Some(Kind::Peering),
        "vpce" => Some(Kind::Endpoint),
        "eni" => Some(Kind::Interface),
        _ => None,
    }
}
