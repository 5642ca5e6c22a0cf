//! Builds a scenario around task definitions: instances that fit, a VPC, and a load on every port
//! that is published. What it assumes is part of what it gives.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::describe::Imported;
use crate::ecs::task_definition::Architecture;
use crate::ecs::{ContainerDefinition, Protocol, TaskDefinition};
use crate::instance_types::{InstanceType, InstanceTypes};
use crate::place::{registered_cpu, registered_memory};

/// Tasks of each definition, and instances: one of each in each of two zones.
const COUNT: u32 = 2;

/// Published ports that get a load. Beyond that a report is no longer read.
const MOST_WORKLOADS: usize = 16;

/// Sizes of general-purpose instances, from the smallest.
const X86_TYPES: [&str; 8] = [
    "m5.large",
    "m5.xlarge",
    "m5.2xlarge",
    "m5.4xlarge",
    "m5.8xlarge",
    "m5.12xlarge",
    "m5.16xlarge",
    "m5.24xlarge",
];
const ARM_TYPES: [&str; 6] = [
    "m6g.large",
    "m6g.xlarge",
    "m6g.2xlarge",
    "m6g.4xlarge",
    "m6g.8xlarge",
    "m6g.16xlarge",
];

/// A task definition and the name of its file.
#[derive(Clone, Debug)]
pub struct Given {
    /// The name by which the scenario refers to it.
    pub file: String,
    /// What it says.
    pub definition: TaskDefinition,
}

/// A scenario that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Around {
    /// The scenario file.
    pub toml: String,
    /// What was assumed, in words.
    pub assumptions: Vec<String>,
}

/// Where the tasks are put.
struct Site {
    /// Identifiers of the subnets of instances and tasks.
    subnets: Vec<String>,
    /// Identifier of the client's subnet.
    client: String,
    /// Identifier of the security group of all; `None` for the one that allows everything.
    group: Option<String>,
    /// `[vpc]` and what is in it.
    toml: String,
    /// What is assumed about it.
    assumption: String,
}

/// Builds a scenario around task definitions. Services come in the order in which the definitions
/// are given.
#[must_use]
pub fn around(given: &[Given]) -> Around {
    let mut toml = "[vpc]\ncidr = \"10.0.0.0/16\"\nzones = [\"a\", \"b\", \"c\"]\n".to_owned();
    for (zone, network) in [("a", 0), ("b", 16), ("c", 32)] {
        // Writing to a string cannot fail.
        let _ = writeln!(
            toml,
            "[[vpc.subnet]]\nname = \"{zone}\"\nzone = \"{zone}\"\ncidr = \"10.0.{network}.0/20\""
        );
    }
    let site = Site {
        subnets: vec!["a".to_owned(), "b".to_owned()],
        client: "c".to_owned(),
        group: None,
        toml,
        assumption:
            "a VPC 10.0.0.0/16 with three zones and a /20 subnet in each; its one security \
                     group allows everything"
                .to_owned(),
    };
    build(given, site)
}

/// The same, placed into the first VPC of a folder of `aws ec2 describe-*` output that has a subnet:
/// tasks and instances in its first two subnets, the client in its last, all with its `default`
/// security group, which is what AWS gives an interface that names none.
///
/// `None` if no VPC has a subnet.
#[must_use]
pub fn around_in(given: &[Given], folder: &str, imported: &Imported) -> Option<Around> {
    let region = &imported.region;
    let vpc = region.subnets.first()?.vpc;
    let subnets: Vec<_> = region.subnets.iter().filter(|s| s.vpc == vpc).collect();
    let groups = || region.security_groups.iter().filter(|g| g.vpc == vpc);
    let group = groups().find(|group| group.name == "default");
    let group = group.or(groups().next());
    let homes: Vec<String> = subnets.iter().take(2).map(|s| s.id.clone()).collect();
    let client = subnets.last()?.id.clone();
    let assumption = format!(
        "in VPC {}: instances and tasks in {}, the client in {client}, all with security group {}",
        region.vpcs[vpc].id,
        homes.join(" and "),
        group.map_or("none", |group| group.id.as_str()),
    );
    let site = Site {
        subnets: homes,
        client,
        group: group.map(|group| group.id.clone()),
        toml: format!("[vpc]\nfrom = {}\n", quoted(folder)),
        assumption,
    };
    Some(build(given, site))
}

fn build(given: &[Given], site: Site) -> Around {
    let (instance, fits) = instance_type(given);
    let mut scenario = Builder {
        site,
        toml: String::new(),
        assumptions: Vec::new(),
        workloads: 0,
    };
    scenario.surroundings(given, instance, fits);
    let mut names = BTreeSet::new();
    let services: Vec<_> = given
        .iter()
        .map(|g| (service_name(g, &mut names), g))
        .collect();
    for (name, given) in &services {
        scenario.service(name, &given.file);
    }
    for (name, given) in &services {
        scenario.loads(name, &given.definition);
    }
    Around {
        toml: scenario.toml,
        assumptions: scenario.assumptions,
    }
}

/// The smallest type on which one task of each definition fits; the largest if none does, so that
/// placement says what is missing.
fn instance_type(given: &[Given]) -> (&'static InstanceType, bool) {
    let arm = |g: &Given| g.definition.architecture == Architecture::Arm;
    let names: &[&str] = if given.iter().all(arm) {
        &ARM_TYPES
    } else {
        &X86_TYPES
    };
    let types = InstanceTypes::builtin();
    let candidates: Vec<_> = names.iter().filter_map(|name| types.get(name)).collect();
    let sum = |part: fn(&TaskDefinition) -> u32| {
        given
            .iter()
            .map(|g| part(&g.definition))
            .fold(0, u32::saturating_add)
    };
    let (cpu, memory) = (
        sum(TaskDefinition::reserved_cpu),
        sum(TaskDefinition::reserved_memory),
    );
    let fits = |t: &&&InstanceType| {
        registered_cpu(t.vcpus) >= cpu
            && registered_memory(t.memory_mib) >= memory
            && t.tasks_without_trunking() as usize >= given.len()
    };
    let largest = candidates
        .last()
        .expect("the table has the general-purpose types");
    match candidates.iter().find(fits) {
        Some(smallest) => (smallest, true),
        None => (largest, false),
    }
}

/// The family, made unique and free of what has a meaning in scenario files.
fn service_name(given: &Given, names: &mut BTreeSet<String>) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let family: String = given.definition.family.chars().map(plain).collect();
    let base = match family.trim_matches('-') {
        "" => "task",
        family => family,
    };
    let numbered = (2..).map(|n| format!("{base}-{n}"));
    let mut candidates = std::iter::once(base.to_owned()).chain(numbered);
    let name = candidates
        .find(|name| !names.contains(name))
        .expect("numbers do not end");
    names.insert(name.clone());
    name
}

impl Site {
    fn subnets_toml(&self) -> String {
        let subnets: Vec<_> = self.subnets.iter().map(|subnet| quoted(subnet)).collect();
        format!("subnets = [{}]", subnets.join(", "))
    }

    /// The security group after a separator; nothing for the default one.
    fn group_toml(&self, separator: &str) -> String {
        let group = self.group.as_deref().map(quoted);
        group.map_or_else(String::new, |group| {
            format!("{separator}security_groups = [{group}]")
        })
    }
}

/// What the scenario is called: the families that it is built around, the first of many.
fn title(given: &[Given]) -> String {
    const MOST: usize = 3;
    let families = given.iter().map(|given| given.definition.family.as_str());
    let named: Vec<&str> = families.take(MOST).collect();
    let more = match given.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("around {}{more}", named.join(", "))
}

/// Writes the scenario file and the list of assumptions side by side.
struct Builder {
    site: Site,
    toml: String,
    assumptions: Vec<String>,
    workloads: usize,
}

impl Builder {
    fn assume(&mut self, what: impl Into<String>) {
        self.assumptions.push(what.into());
    }

    /// Adds a line. Writing to a string cannot fail.
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.toml, "{line}");
    }

    fn surroundings(&mut self, given: &[Given], instance: &InstanceType, fits: bool) {
        self.line(&format!("name = {}", quoted(&title(given))));
        let vpc = self.site.toml.clone();
        self.toml.push_str(&vpc);
        self.assume(self.site.assumption.clone());
        let subnets = self.site.subnets_toml();
        let group = self.site.group_toml("\n");
        self.line(&format!(
            "[[capacity]]\nname = \"instance\"\n{subnets}{group}"
        ));
        self.line(&format!(
            "instance_type = \"{}\"\ncount = {COUNT}",
            instance.name
        ));
        let InstanceType {
            name,
            vcpus,
            memory_mib,
            ..
        } = instance;
        let tasks = if given.len() == 1 {
            "a task"
        } else {
            "one task of every definition"
        };
        let why = match fits {
            true => {
                format!("the smallest general-purpose type of its family on which {tasks} fits")
            }
            false => format!("the largest of its family, on which {tasks} does not fit"),
        };
        self.assume(format!(
            "{COUNT} instances {name} ({vcpus} vCPU, {memory_mib} MiB), one in each of two zones: {why}"
        ));
        self.assume(format!(
            "{COUNT} tasks of each definition, spread over the zones"
        ));
        let subnet = quoted(&self.site.client);
        let group = self.site.group_toml("\n");
        self.line(&format!(
            "[[client]]\nname = \"client\"\nsubnet = {subnet}{group}"
        ));
        let place = match self.site.group {
            None => "in a third zone",
            Some(_) => "in the VPC",
        };
        self.assume(format!(
            "a client {place} that costs no time and has no bandwidth limit"
        ));
    }

    fn service(&mut self, name: &str, file: &str) {
        self.line(&format!(
            "[[service]]\nname = {}\ntask_definition = {}\ncount = {COUNT}\n\
             awsvpc = {{ {}{} }}",
            quoted(name),
            quoted(file),
            self.site.subnets_toml(),
            self.site.group_toml(", "),
        ));
    }

    fn loads(&mut self, service: &str, definition: &TaskDefinition) {
        let mut published = 0;
        for container in &definition.containers {
            for mapping in &container.port_mappings {
                let port = mapping.container_port.first();
                published += 1;
                if self.workloads >= MOST_WORKLOADS {
                    self.assume(format!(
                        "no load on {service}/{}:{port}: {MOST_WORKLOADS} workloads \
                         are enough for one report",
                        container.name
                    ));
                    continue;
                }
                if mapping.container_port.len() > 1 {
                    self.assume(format!(
                        "of the published range {service}/{}:{} the first port gets the load",
                        container.name, mapping.container_port
                    ));
                }
                self.published(service, container, port, mapping.protocol);
            }
        }
        if published == 0 {
            self.outgoing(service, definition);
        }
    }

    fn published(
        &mut self,
        service: &str,
        container: &ContainerDefinition,
        port: u16,
        protocol: Protocol,
    ) {
        let target = format!("{service}/{}:{port}", container.name);
        let name = workload_name(service, &container.name, port, protocol);
        self.workloads += 1;
        self.line(&format!(
            "[[workload]]\nname = {}\nfrom = [\"client\"]\nto = {}\nprotocol = \"{protocol}\"",
            quoted(&name),
            quoted(&target)
        ));
        match protocol {
            Protocol::Tcp => {
                self.line("rate = \"500/s\"\nrequest_size = \"512 B\"\nresponse_size = \"4 KiB\"");
                self.line("service_time = \"50 us\"\nconnections = 16");
                self.assume(format!(
                    "{name}: 500 requests per second, Poisson, of 512 B over 16 kept connections, \
                     answered with 4 KiB after 50 us of CPU time (mean, exponential)"
                ));
            }
            Protocol::Udp => {
                self.line("rate = \"500/s\"\nrequest_size = \"128 B\"\nresponse_size = \"512 B\"");
                self.line("service_time = \"20 us\"");
                self.assume(format!(
                    "{name}: 500 datagrams per second, Poisson, of 128 B, answered with 512 B \
                     after 20 us of CPU time (mean, exponential)"
                ));
            }
        }
    }

    /// A definition that publishes nothing is not there to be reached; what it sends is measured.
    fn outgoing(&mut self, service: &str, definition: &TaskDefinition) {
        let router = definition.containers.iter().find(|c| c.firelens.is_some());
        let essential = || definition.containers.iter().find(|c| c.essential);
        let sender = router.or_else(essential).or(definition.containers.first());
        let Some(sender) = sender else { return };
        if self.workloads >= MOST_WORKLOADS {
            self.assume(format!(
                "no load from {service}: {MOST_WORKLOADS} workloads are enough"
            ));
            return;
        }
        self.workloads += 1;
        let name = format!("{service}-out");
        let from = format!("{service}/{}", sender.name);
        self.line(&format!(
            "[[workload]]\nname = {}\nfrom = [{}]\nto = \"client:443\"",
            quoted(&name),
            quoted(&from)
        ));
        self.line("rate = \"200/s\"\nrequest_size = \"4 KiB\"\nresponse_size = \"256 B\"");
        self.line("connections = 4");
        self.assume(format!(
            "{service} publishes no port, so there is nothing that a client could be expected to \
             reach; {name} is what it might send: 200 requests per second, Poisson, of 4 KiB, from \
             {from} over 4 kept connections to port 443 of the machine in the third zone"
        ));
    }
}

fn workload_name(service: &str, container: &str, port: u16, protocol: Protocol) -> String {
    let container = if container == service {
        String::new()
    } else {
        format!("-{container}")
    };
    let protocol = if protocol == Protocol::Udp {
        "-udp"
    } else {
        ""
    };
    format!("{service}{container}-{port}{protocol}")
}

/// A TOML string.
fn quoted(text: &str) -> String {
    ::toml::Value::from(text).to_string()
}
