//! Reads a folder of `aws ec2 describe-…` output: the VPCs of a Region and who is in them.
//!
//! A file is what its keys say it is, whatever its name; a response that a recorder has wrapped in
//! `{"status_code": …, "data": …}` is taken out. The same kind of record may come in several files.
//! What the files have and the simulator has not is a caveat, and a route to it is
//! [`RouteTarget::Unmodelled`](sim_net::vpc::RouteTarget::Unmodelled): traffic that takes it is
//! undetermined, not guessed. Records that contradict each other are errors, all told at once.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use sim_net::cost::CostProfile;
use sim_net::headers::Protocol;
use sim_net::plan::{HostLocation, HostPlan};
use sim_net::vpc::{PublicAddress, RegionPlan, defaults};

use crate::diagnostic::{Problem, Report};
use crate::toml::{read_text, unreadable};

mod context;
mod documents;
mod endpoints;
mod gateways;
mod interfaces;
mod kind;
mod network_acls;
mod peerings;
mod prefix_lists;
mod route_tables;
mod security_groups;
#[cfg(test)]
mod tests;
mod values;
mod vpcs;

use context::{Context, not_given};
use documents::{Documents, Reports};
use kind::Kind;

/// Ports that every interface is asked at: SSH, HTTP, HTTPS.
const WELL_KNOWN: [u16; 3] = [22, 80, 443];

/// Most ports that an interface is asked at.
const MOST_PORTS: usize = 16;

/// What the files describe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The VPCs and what connects them. Latency and loss are the defaults.
    pub region: RegionPlan,
    /// Whether instances get a public address at their launch (`MapPublicIpOnLaunch`), by the index
    /// of their subnet.
    pub map_public_ip: Vec<bool>,
    /// The network interfaces, those of NAT gateways included. No two have the same name.
    pub interfaces: Vec<ImportedInterface>,
    /// What a result must say: what the files have and the simulator has not, or has otherwise. One
    /// line each, with the place in the file.
    pub caveats: Vec<String>,
    /// Name and text of every file, by name.
    pub inputs: Vec<(String, Arc<str>)>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedInterface {
    /// AWS's identifier.
    pub id: String,
    /// Name for people: that of the interface or of its instance, else what identifies it.
    pub name: String,
    /// Index of its subnet.
    pub subnet: usize,
    /// Its primary private address.
    pub address: Ipv4Addr,
    /// The public address that stands for it.
    pub public_address: Option<Ipv4Addr>,
    /// Indices of its security groups.
    pub security_groups: Vec<usize>,
    /// Whether it drops what is not addressed to it.
    pub source_dest_check: bool,
    /// What is behind it.
    pub kind: InterfaceKind,
    /// The identifier of its instance.
    pub instance: Option<String>,
    /// The type of that instance, if a file says it.
    pub instance_type: Option<String>,
}

/// What is behind a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterfaceKind {
    /// An instance.
    Instance,
    /// A NAT gateway.
    NatGateway,
    /// An AWS service, by an interface endpoint.
    InterfaceEndpoint,
    /// A load balancer other than a network load balancer.
    LoadBalancer,
    /// A network load balancer.
    NetworkLoadBalancer,
    /// A database of RDS.
    Rds,
    /// A Lambda function.
    Lambda,
    /// An ECS task.
    EcsTask,
    /// Anything else, or nothing.
    Other,
}

impl InterfaceKind {
    /// The words for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::NatGateway => "NAT gateway",
            Self::InterfaceEndpoint => "interface endpoint",
            Self::LoadBalancer => "load balancer",
            Self::NetworkLoadBalancer => "network load balancer",
            Self::Rds => "RDS database",
            Self::Lambda => "Lambda function",
            Self::EcsTask => "ECS task",
            Self::Other => "other",
        }
    }

    /// Whether security groups track all flows of such an interface, whatever their rules.
    /// Source: Amazon EC2 User Guide, security-group-connection-tracking, 2026-11 (vendor).
    #[must_use]
    pub fn always_tracked(self) -> bool {
        matches!(self, Self::InterfaceEndpoint | Self::NetworkLoadBalancer)
    }
}

impl Imported {
    /// The interfaces that are hosts, with their indices: all but those of NAT gateways, which are
    /// machines of their own in the [`RegionPlan`]. In the order of [`hosts`](Self::hosts).
    pub fn host_interfaces(&self) -> impl Iterator<Item = (usize, &ImportedInterface)> {
        self.interfaces
            .iter()
            .enumerate()
            .filter(|(_, interface)| interface.kind != InterfaceKind::NatGateway)
    }

    /// A machine that costs nothing for every interface of
    /// [`host_interfaces`](Self::host_interfaces).
    ///
    /// # Panics
    /// Never: the MTU of a VPC is a small number.
    #[must_use]
    pub fn hosts(&self) -> Vec<HostPlan> {
        let profile = Arc::new(CostProfile::ideal());
        let host = |(_, interface): (usize, &ImportedInterface)| HostPlan {
            name: interface.name.clone(),
            cores: 1,
            profile: Arc::clone(&profile),
            offloads: false,
            location: HostLocation::Subnet(interface.subnet),
            address: Some(interface.address),
            public_address: interface
                .public_address
                .map_or(PublicAddress::None, PublicAddress::Fixed),
            security_groups: interface.security_groups.clone(),
            always_tracked: interface.kind.always_tracked(),
            source_dest_check: interface.source_dest_check,
            bandwidth: None,
            mtu: defaults::MTU_VPC.as_usize(),
            default_route: true,
            routes: Vec::new(),
        };
        self.host_interfaces().map(host).collect()
    }

    /// The ports that each host could be asked at, with the index of its interface: the lowest port
    /// of every ingress rule of its groups, and TCP ports 22, 80 and 443. At most 16, in order.
    #[must_use]
    pub fn ports_of_interest(&self) -> Vec<(usize, Vec<(Protocol, u16)>)> {
        self.host_interfaces()
            .map(|(index, interface)| (index, self.ports_of(interface)))
            .collect()
    }

    fn ports_of(&self, interface: &ImportedInterface) -> Vec<(Protocol, u16)> {
        let well_known = WELL_KNOWN.map(|port| (Protocol::Tcp, port));
        let rules: BTreeSet<_> = interface
            .security_groups
            .iter()
            .flat_map(|group| &self.region.security_groups[*group].ingress)
            .filter_map(|rule| match rule.protocol {
                Some(protocol @ (Protocol::Tcp | Protocol::Udp)) => {
                    // Port 0 is none that a program listens on.
                    Some((protocol, (*rule.ports.start()).max(1)))
                }
                _ => None,
            })
            .filter(|port| !well_known.contains(port))
            .collect();
        let mut ports: Vec<_> = rules
            .into_iter()
            .take(MOST_PORTS - well_known.len())
            .chain(well_known)
            .collect();
        ports.sort_unstable();
        ports
    }
}

/// Reads the files `*.json` of a folder; see [`read_files`].
///
/// # Errors
/// As [`read_files`]; the folder, or a file in it, cannot be read.
pub fn load_folder(dir: &Path) -> Result<(Imported, Vec<Report>), Vec<Report>> {
    let folder = dir.display().to_string();
    let cannot_list = |error| vec![unreadable(&folder, &error)];
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
        {
            paths.push(path);
        }
    }
    paths.sort();
    let mut files = Vec::new();
    let mut broken = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        match read_text(&path) {
            Ok(text) => files.push((name, text)),
            Err(error) => broken.push(unreadable(&name, &error)),
        }
    }
    let result = read(&folder, &files);
    if broken.is_empty() {
        return result;
    }
    broken.extend(match result {
        Ok((_, reports)) | Err(reports) => reports,
    });
    Err(broken)
}

/// Reads files, given as (name, text). Their order does not matter.
///
/// The reports are those of the files, by name, after one on the files as a whole; without errors
/// they hold caveats only, and those that would be empty are left out.
///
/// # Errors
/// The reports, if any of them has an error: a file is no JSON, a record lacks a key, names another
/// that is in no file, or contradicts another.
pub fn read_files(files: &[(String, String)]) -> Result<(Imported, Vec<Report>), Vec<Report>> {
    read("the files", files)
}

fn read(folder: &str, files: &[(String, String)]) -> Result<(Imported, Vec<Report>), Vec<Report>> {
    let mut inputs: Vec<(String, Arc<str>)> = files
        .iter()
        .map(|(name, text)| (name.clone(), Arc::from(text.as_str())))
        .collect();
    inputs.sort();
    let names: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
    let mut reports = Reports::new(folder, &inputs);
    let nodes = documents::parse(&inputs, &mut reports);
    let documents = Documents::of(&nodes, &mut reports);
    let mut context = Context::new(reports, &documents);
    require_kinds(&documents, &mut context);

    vpcs::read_vpcs(&documents, &mut context);
    vpcs::read_subnets(&documents, &mut context);
    prefix_lists::read(&documents, &names, &mut context);
    security_groups::read(&documents, &mut context);
    gateways::read_internet_gateways(&documents, &mut context);
    gateways::read_nat_gateways(&documents, &mut context);
    peerings::read(&documents, &mut context);
    endpoints::read(&documents, &mut context);
    route_tables::read(&documents, &mut context);
    network_acls::read(&documents, &mut context);
    let interfaces = interfaces::read(&documents, &mut context);

    let Context {
        mut reports,
        region,
        map_public_ip,
        ipv6,
        ..
    } = context;
    ipv6.report(&mut reports);
    let reports = reports.finish();
    if reports.iter().any(Report::has_errors) {
        return Err(reports);
    }
    let lines = reports
        .iter()
        .flat_map(|report| report.caveats().map(|caveat| report.plain_line(caveat)));
    let imported = Imported {
        region,
        map_public_ip,
        interfaces,
        caveats: lines.collect(),
        inputs,
    };
    Ok((imported, reports))
}

/// Reports the kinds of file that nothing can be said without.
fn require_kinds(documents: &Documents<'_>, context: &mut Context) {
    if !Kind::ALL.into_iter().any(|kind| documents.given(kind)) {
        let problem = Problem::new(
            "nothing-to-read",
            "no file describes a VPC: there is nothing to read",
        )
        .with_help(
            "save the outputs of `aws ec2 describe-vpcs`, `describe-subnets`, `describe-route-tables`, \
             `describe-security-groups`, `describe-network-acls` and `describe-network-interfaces` as \
             .json files in one folder",
        );
        return context.reports.folder_error(problem);
    }
    let carried = documents.items(Kind::Interface).iter().any(|item| {
        let groups = item.node.get("Groups").and_then(|node| node.as_array());
        groups.is_some_and(|groups| !groups.is_empty())
    });
    let required = [
        (Kind::Vpc, true, "nothing has a place"),
        (Kind::Subnet, true, "nothing has a place"),
        (
            Kind::SecurityGroup,
            carried,
            "what the interfaces let pass is unknown",
        ),
    ];
    for (kind, needed, consequence) in required {
        if needed && !documents.given(kind) {
            context.reports.folder_error(not_given(kind, consequence));
        }
    }
}
