//! Every key of the network changes what is built.

use std::io;

use sim_core::{ByteSize, PacketRate, SimDuration};
use sim_net::kernel::netfilter::default_conntrack_max;
use sim_net::plan::{HostLocation, InstancePlan};
use sim_net::vpc::PublicAddress;

use super::super::{hosts, tasks};
use super::{DYNAMIC, Mode, NonePolicy, Place, Scenario, lowered, scenario};
use crate::toml::read_scenario;

const EVERY_KEY: &str = include_str!("../../../examples/every-key.toml");

/// The example with every key, and one line of it changed.
fn every_key(line: &str, other: &str) -> Scenario {
    assert!(EVERY_KEY.contains(line), "{line} is not in the example");
    let text = EVERY_KEY.replacen(line, other, 1);
    let read = |name: &str| match name {
        "web.json" => Ok(include_str!("../../../examples/web.json").to_owned()),
        "cache.json" => Ok(include_str!("../../../examples/cache.json").to_owned()),
        "node-agent.json" => Ok(include_str!("../../../examples/node-agent.json").to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let show = |reports: Vec<crate::diagnostic::Report>| {
        reports.iter().map(ToString::to_string).collect::<String>()
    };
    let result = read_scenario("s.toml", &text, &read);
    result
        .unwrap_or_else(|reports| panic!("{other}: {}", show(reports)))
        .0
}

/// Everything that the world is built from, except for the load.
fn parts(scenario: &Scenario, mode: Mode) -> String {
    let mut region = scenario.region.clone();
    let hosts = hosts::lower(scenario, &mut region);
    let listeners = hosts::listeners(scenario);
    let laid_out = tasks::lay_out(scenario, mode, NonePolicy::AsWritten).unwrap();
    let (instances, tasks) = (laid_out.instances, laid_out.tasks);
    format!("{region:?} {instances:?} {tasks:?} {hosts:?} {listeners:?}")
}

/// Lines of the example with a new value.
const CHANGES: &[(&str, &str)] = &[
    ("\"10.1.64.0/20\"]", "\"10.1.64.0/19\"]"),
    ("\ndns_support = true", "\ndns_support = false"),
    ("10.3.0.0/20", "10.4.0.0/20"),
    ("dns_support = false", "dns_support = true"),
    ("route_table = \"shared\"", ""),
    ("network_acl = \"edge\"", ""),
    ("name = \"scraping\", ", ""),
    ("added_at = \"300 ms\", ", ""),
    (", removed_at = \"800 ms\"", ""),
    ("peer = \"office\"", "peer = \"0.0.0.0/0\""),
    ("203.0.113.0/25", "203.0.113.0/26"),
    ("rule = 90", "rule = 91"),
    ("action = \"deny\"", "action = \"allow\""),
    ("ports = 22, cidr", "ports = 23, cidr"),
    ("cidr = \"192.0.2.0/24\"", "cidr = \"192.0.2.0/25\""),
    ("added_at = \"200 ms\", ", ""),
    (", removed_at = \"900 ms\"", ""),
    ("name = \"igw\"", "name = \"gateway\""),
    ("connectivity = \"public\"", "connectivity = \"private\""),
    (
        "subnets = [\"cluster-a\", \"cluster-b\"]\nsecurity_groups = [\"web\"]\nports",
        "subnets = [\"cluster-a\"]\nsecurity_groups = [\"web\"]\nports",
    ),
    (
        "security_groups = [\"web\"]\nports",
        "security_groups = [\"cache\"]\nports",
    ),
    ("ports = [8080]", "ports = [8080, 8443]"),
    (
        "requester = \"vpc\"\naccepter = \"shared\"",
        "requester = \"shared\"\naccepter = \"vpc\"",
    ),
    ("active = true", "active = false"),
    ("main = true", ""),
    ("target = \"blackhole\"", "target = \"to-shared\""),
    (
        "destination = \"192.168.0.0/16\"",
        "destination = \"192.168.0.0/17\"",
    ),
    ("offloads = true\nuserland", "offloads = false\nuserland"),
    ("offloads = true\nsecurity", "offloads = false\nsecurity"),
    ("icc = true", "icc = false"),
    ("br_netfilter = true", "br_netfilter = false"),
    ("public_address = false", "public_address = true"),
    (
        "source_dest_check = false\ntracked",
        "source_dest_check = true\ntracked",
    ),
    ("tracked_connections = 75000", "tracked_connections = 75001"),
    ("packet_rate = \"800000/s\"", "packet_rate = \"900000/s\""),
    ("credits = \"50 %\"", "credits = \"0 %\""),
    (
        "tcp_idle_timeout = \"350 s\"",
        "tcp_idle_timeout = \"60 s\"",
    ),
    (
        "[capacity.imds]\nenabled = true",
        "[capacity.imds]\nenabled = false",
    ),
    ("hop_limit = 1", "hop_limit = 3"),
    ("tokens = \"optional\"", "tokens = \"required\""),
    ("block_for_tasks = true", "block_for_tasks = false"),
    ("address = \"10.2.0.10\"", "address = \"10.2.0.11\""),
    ("5432, \"53/udp\"]", "5432, 53]"),
    (
        "source_dest_check = false\n\n[[client]]",
        "source_dest_check = true\n\n[[client]]",
    ),
    (
        "public_address = \"203.0.113.200\"",
        "public_address = true",
    ),
    (
        "zone = \"internet\"\naddress = \"203.0.113.10\"",
        "zone = \"a\"",
    ),
    ("address = \"203.0.113.10\"", "address = \"203.0.113.11\""),
    (
        "name = \"storage\"\nservice = \"com.amazonaws.eu-west-1.s3\"",
        "name = \"storage\"\nservice = \"office\"",
    ),
];

#[test]
fn every_key_of_the_network_changes_what_is_built() {
    let base = parts(&every_key("", ""), Mode::Awsvpc);
    for (line, other) in CHANGES {
        let changed = parts(&every_key(line, other), Mode::Awsvpc);
        assert_ne!(changed, base, "{other} instead of {line}");
    }
}

#[test]
fn fargate_tasks_get_the_public_address_that_ecs_on_ec2_refuses() {
    let scenario = every_key("assign_public_ip = false", "assign_public_ip = true");
    let laid_out = |mode| tasks::lay_out(&scenario, mode, NonePolicy::AsWritten);
    let fargate = laid_out(Mode::Fargate).unwrap();
    let address = |task: usize| {
        let network = fargate.tasks[task].network.as_ref();
        network.map(|network| network.public_address)
    };
    assert_eq!(address(0), Some(PublicAddress::Assigned));
    assert_eq!(address(2), Some(PublicAddress::None), "the other service");
    let refusal = laid_out(Mode::Awsvpc).err().unwrap();
    insta::assert_snapshot!(refusal, @"InvalidParameterException: service web: Assign public IP is not supported for this launch type");
    for mode in [Mode::Bridge, Mode::Host] {
        let caveats = laid_out(mode).unwrap().caveats.join("\n");
        assert!(
            caveats.contains("`assign_public_ip` has no meaning"),
            "{caveats}"
        );
    }
}

#[test]
fn machines_outside_have_no_groups_and_answer_where_they_say() {
    let scenario = every_key("", "");
    let mut region = scenario.region.clone();
    let hosts = hosts::lower(&scenario, &mut region);
    let of = |name: &str| hosts.iter().find(|host| host.name == name).unwrap();
    assert_eq!(of("visitors").location, HostLocation::Internet);
    assert_eq!(of("visitors").mtu, 1500);
    assert_eq!(of("storage").location, HostLocation::Service(1));
    assert!(of("visitors").security_groups.is_empty() && of("storage").security_groups.is_empty());
    let group = |name: &str| &region.security_groups[of(name).security_groups[0]];
    assert_eq!(
        (group("users").id.as_str(), group("users").vpc),
        ("sg-ecsnet-unfiltered", 0)
    );
    assert_eq!(
        (group("database").name.as_str(), group("database").vpc),
        ("database", 1)
    );
    let endpoint: Vec<_> = hosts.iter().filter(|host| host.always_tracked).collect();
    let names: Vec<_> = endpoint.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["registry/0", "registry/1"]);
    let first = hosts.len() - endpoint.len();
    let listening: Vec<_> = hosts::listeners(&scenario)
        .iter()
        .map(|listener| {
            (
                listener.target.place,
                listener.target.port,
                listener.protocol.to_string(),
            )
        })
        .collect();
    let at = |host, port, protocol: &str| (Place::Host(host), port, protocol.to_owned());
    let expected = [
        at(2, 5432, "tcp"),
        at(2, 53, "udp"),
        at(first, 8080, "tcp"),
        at(first + 1, 8080, "tcp"),
    ];
    assert_eq!(listening, expected);
}

#[test]
fn instances_of_a_public_subnet_have_public_addresses() {
    let scenario = every_key(
        "subnets = [\"cluster-a\", \"cluster-b\"]\nsecurity_groups = [\"instances\"]\ntrunking",
        "subnets = [\"public\", \"cluster-b\"]\nsecurity_groups = [\"instances\"]\ntrunking",
    );
    let with = |public: Option<bool>| {
        let mut scenario = scenario.clone();
        scenario.capacity[0].public_address = public;
        let laid_out = tasks::lay_out(&scenario, Mode::Host, NonePolicy::AsWritten).unwrap();
        let of = |instance: &InstancePlan| instance.public_address == PublicAddress::Assigned;
        laid_out.instances.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(with(None), [true, false], "as the subnets say");
    assert_eq!(with(Some(true)), [true, true]);
    assert_eq!(with(Some(false)), [false, false]);
}

#[test]
fn an_instance_has_the_allowances_that_are_given_and_the_table_of_its_memory() {
    let laid_out = |line: &str, other: &str| {
        let scenario = every_key(line, other);
        let laid_out = tasks::lay_out(&scenario, Mode::Host, NonePolicy::AsWritten).unwrap();
        laid_out.instances[0].clone()
    };
    let instance = laid_out("", "");
    let bandwidth = instance.bandwidth;
    assert_eq!(bandwidth.credit_bits, bandwidth.bucket_bits / 2);
    assert_eq!(bandwidth.packet_rate, PacketRate::per_second(800_000));
    assert_eq!(bandwidth.tracked_connections, Some(75_000));
    assert_eq!(
        instance.tracking.tcp_established,
        SimDuration::from_secs(350)
    );
    let table = |gib: u64| default_conntrack_max(ByteSize::from_kib(gib << 20).bytes());
    assert_eq!(instance.docker.conntrack_max, table(16));
    let mut small = scenario(DYNAMIC, "");
    small.capacity[0].instance_type.memory_mib = 1024;
    let small = tasks::lay_out(&small, Mode::Host, NonePolicy::AsWritten).unwrap();
    assert_eq!(small.instances[0].docker.conntrack_max, table(1));
    assert_ne!(table(1), table(16));
}

#[test]
fn a_task_is_in_the_vpc_of_its_instance() {
    let other = "[[vpc.other]]\nname = \"other\"\ncidrs = [\"10.1.0.0/16\"]\n";
    let mut scenario = scenario(DYNAMIC, other);
    assert!(lowered(&scenario, Mode::Awsvpc).is_ok());
    for subnet in &scenario.services[0].network.subnets {
        assert_eq!(scenario.region.subnets[*subnet].vpc, 0);
    }
    let mut far = scenario.region.subnets[0].clone();
    far.vpc = 1;
    far.cidr = "10.1.0.0/24".parse().unwrap();
    scenario.region.subnets.push(far);
    scenario.map_public_ip.push(false);
    scenario.services[0].network.subnets = vec![2];
    let refusal = lowered(&scenario, Mode::Awsvpc).unwrap_err();
    insta::assert_snapshot!(refusal, @"subnet-of-other-vpc: task web/0: its subnet is in VPC other, its instance i/0 in VPC vpc");
    assert!(lowered(&scenario, Mode::Fargate).is_ok());
}
