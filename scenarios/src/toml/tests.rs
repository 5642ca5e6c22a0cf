use std::collections::BTreeSet;
use std::io;

use serde_json::Value;

use super::*;
use crate::diagnostic::Report;
use crate::ecs::Protocol;

mod folder;
mod network;

const WEB: &str = include_str!("../../examples/web.json");
const CACHE: &str = include_str!("../../examples/cache.json");
const NODE_AGENT: &str = include_str!("../../examples/node-agent.json");
const MINIMAL: &str = include_str!("../../examples/minimal.toml");
const EVERY_KEY: &str = include_str!("../../examples/every-key.toml");

fn files(name: &str) -> io::Result<String> {
    match name {
        "web.json" => Ok(WEB.to_owned()),
        "cache.json" => Ok(CACHE.to_owned()),
        "node-agent.json" => Ok(NODE_AGENT.to_owned()),
        "broken.json" => Ok("{\"family\": 1}".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn read(text: &str) -> Result<(Scenario, Vec<Report>), Vec<Report>> {
    read_scenario("s.toml", text, &files)
}

fn accepted(text: &str) -> Scenario {
    let show = |reports: &Vec<Report>| reports.iter().map(Report::to_string).collect::<String>();
    read(text)
        .unwrap_or_else(|reports| panic!("{}", show(&reports)))
        .0
}

/// What is said of a text that is refused.
fn refused(text: &str) -> String {
    let reports = read(text)
        .err()
        .unwrap_or_else(|| panic!("accepted: {text}"));
    reports.iter().map(Report::to_string).collect()
}

/// What is said of a text that is accepted with caveats.
fn caveats(text: &str) -> String {
    match read(text) {
        Ok((_, reports)) => reports.iter().map(Report::to_string).collect(),
        Err(reports) => panic!(
            "{}",
            reports.iter().map(Report::to_string).collect::<String>()
        ),
    }
}

/// A scenario of one service, with more lines.
fn with(lines: &str) -> String {
    format!(
        "service = [{{ task_definition = \"web.json\" }}, {{ task_definition = \"cache.json\" }}]\n{lines}"
    )
}

#[test]
fn the_minimal_example_takes_the_documented_defaults() {
    let scenario = accepted(MINIMAL);
    assert_eq!(scenario.name, "scenario");
    assert_eq!(scenario.region.vpcs[0].cidrs[0].to_string(), "10.0.0.0/16");
    let subnets: Vec<_> = scenario
        .region
        .subnets
        .iter()
        .map(|s| (s.name.as_str(), s.zone))
        .collect();
    assert_eq!(subnets, [("a", 0), ("b", 1)]);
    let capacity = &scenario.capacity[0];
    assert_eq!((capacity.name.as_str(), capacity.count), ("capacity", 2));
    assert_eq!(
        (&capacity.subnets[..], &capacity.security_groups[..]),
        (&[0, 1][..], &[0][..])
    );
    assert_eq!(capacity.dynamic_ports, 32_768..=60_999);
    assert!(capacity.userland_proxy && !capacity.trunking && capacity.placement_group.is_none());
    assert_eq!(scenario.services[0].name, "web");
    assert_eq!(scenario.clients[0].location, Location::Subnet(1));
    assert_eq!(scenario.clients[0].kernel_profile, "ideal");
    let workload = &scenario.workloads[0];
    assert_eq!(workload.from, [Party::Client(0)]);
    assert_eq!(
        workload.to,
        Target {
            party: Party::Container {
                service: 0,
                container: 0
            },
            port: 8080,
            protocol: Protocol::Tcp
        }
    );
    assert_eq!(scenario.measure, Measure::default());
    insta::assert_snapshot!(scenario.assumptions.join("\n"));
    insta::assert_debug_snapshot!(workload.kind);
}

#[test]
fn the_example_with_every_key_means_what_it_says() {
    let scenario = accepted(EVERY_KEY);
    insta::assert_debug_snapshot!((&scenario.region, &scenario.workloads, scenario.measure));
    let capacity = &scenario.capacity[0];
    assert_eq!(capacity.dynamic_ports, 40_000..=50_000);
    assert!(capacity.trunking && !capacity.userland_proxy);
    assert_eq!(capacity.placement_group, Some(0));
    assert_eq!(scenario.services[2].mode, Some(crate::ecs::Mode::Host));
    assert_eq!(scenario.services[1].network.security_groups, [2, 0]);
    assert_eq!(scenario.services[1].network.subnets, [0, 1, 2]);
    assert_eq!(scenario.clients[0].location, Location::Subnet(1));
    assert_eq!(scenario.clients[1].security_groups, Some(vec![0]));
    assert_eq!(scenario.map_public_ip, [false, false, true, false]);
    insta::assert_debug_snapshot!((&scenario.capacity, &scenario.clients, &scenario.endpoints));
    let inputs: Vec<_> = scenario.inputs.keys().map(String::as_str).collect();
    assert_eq!(
        inputs,
        ["cache.json", "node-agent.json", "s.toml", "web.json"]
    );
}

#[test]
fn the_example_with_every_key_has_every_key_of_the_schema() {
    let schema = serde_json::to_value(ScenarioSpec::json_schema()).unwrap();
    let mut known = BTreeSet::new();
    keys_of_schema(&schema, &mut known);
    let text: ::toml::Value = ::toml::from_str(EVERY_KEY).unwrap();
    let mut used = BTreeSet::new();
    keys_of_value(&text, &mut used);
    assert_eq!(known, used);
}

fn keys_of_schema(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                if let (true, Value::Object(properties)) = (key == "properties", value) {
                    keys.extend(properties.keys().cloned());
                }
                keys_of_schema(value, keys);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| keys_of_schema(value, keys)),
        _ => {}
    }
}

fn keys_of_value(value: &::toml::Value, keys: &mut BTreeSet<String>) {
    match value {
        ::toml::Value::Table(table) => {
            for (key, value) in table {
                keys.insert(key.clone());
                keys_of_value(value, keys);
            }
        }
        ::toml::Value::Array(list) => list.iter().for_each(|value| keys_of_value(value, keys)),
        _ => {}
    }
}

#[test]
fn the_schema_is_documented_key_by_key() {
    let schema = serde_json::to_value(ScenarioSpec::json_schema()).unwrap();
    fn undocumented(schema: &Value, at: &str, found: &mut Vec<String>) {
        let Value::Object(object) = schema else {
            return;
        };
        for (key, value) in object {
            if key == "properties" {
                for (name, property) in value.as_object().unwrap() {
                    if property.get("description").is_none() {
                        found.push(format!("{at}.{name}"));
                    }
                }
            }
            undocumented(value, &format!("{at}.{key}"), found);
        }
    }
    let mut found = Vec::new();
    undocumented(&schema, "", &mut found);
    assert_eq!(found, [""; 0]);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    insta::assert_snapshot!(refused(
        "nmae = \"x\"\n[[neighbor]]\n[vcp]\n[[service]]\ntask_defintion = \"web.json\"\ncolour = 1\n\
         [[workload]]\nname = \"w\"\nto = \"web:8080\"\nrequests = 1\nrequest_sise = \"1 B\"\n\
         [[workload.call]]\ntoo = \"x\"\n[measure]\nreplication = 3\n[vpc.latency]\nsame-zone = \"1 us\"\n"
    ));
}

#[test]
fn a_quantity_needs_a_unit_and_quotes() {
    insta::assert_snapshot!(refused(&with(
        "[vpc]\nloss = 0.1\n[vpc.latency]\nsame_zone = 75\ncross_zone = \"400\"\ninternet = \"10 parsec\"\n\
         [measure]\nduration = \"-1 s\"\nwarmup = true\ncooldown = \"soon\"\n\
         [[client]]\nname = \"c\"\n[[workload]]\nname = \"w\"\nto = \"web:8080\"\nrate = \"200\"\n\
         request_size = \"64\"\nresponse_size = \"1 furlong\"\nservice_time = \"1.0000001 ps\"\n"
    )));
}

#[test]
fn zero_negative_and_absurd_values_are_refused() {
    insta::assert_snapshot!(refused(&with(
        "[measure]\nreplications = 0\nduration = \"0 s\"\nwarmup = \"2 h\"\nseed = -1\n\
         [vpc]\ncidr = \"10.0.0.0/8\"\nloss = \"120 %\"\n[vpc.jitter]\nsigma = \"99\"\n\
         [[capacity]]\ninstance_type = \"c5.large\"\ncount = -2\ndynamic_ports = \"70000-80000\"\n\
         [[capacity]]\ninstance_type = \"c5.large\"\ncount = 99999\ndynamic_ports = \"900-800\"\n\
         [[client]]\nname = \"c\"\n[[workload]]\nname = \"w\"\nto = \"web:8080\"\nrate = \"0/s\"\n\
         concurrency = 0\nrequest_size = \"0 B\"\nresponse_size = \"1 GiB\"\nconnections = 0\n\
         [[workload]]\nname = \"v\"\nto = \"web:8080\"\nrate = \"20 M/s\"\n"
    )));
}

#[test]
fn names_that_nothing_has_are_named_with_the_nearest() {
    insta::assert_snapshot!(refused(&with(
        "[vpc]\nzones = [\"a\", \"a\"]\n\
         [[vpc.subnet]]\nname = \"one\"\ncidr = \"10.0.0.0/24\"\nzone = \"b\"\n\
         [[vpc.subnet]]\nname = \"one\"\ncidr = \"10.0.0.128/25\"\nzone = \"a\"\n\
         [[vpc.subnet]]\nname = \"far\"\ncidr = \"192.168.0.0/24\"\nzone = \"a\"\n\
         [[vpc.subnet]]\nname = \"odd\"\ncidr = \"10.0.2.1/24\"\nzone = \"a\"\n\
         [[vpc.subnet]]\nname = \"tiny\"\ncidr = \"10.0.3.0/29\"\nzone = \"a\"\n\
         [[vpc.security_group]]\nname = \"web\"\n\
         ingress = [{ peer = \"wbe\" }, { peer = \"10.0.0.1\" }, { ports = 80 }]\n\
         [[capacity]]\ninstance_type = \"c5.lrage\"\n\
         [[capacity]]\ninstance_type = \"t3.large\"\ntrunking = true\nsubnets = [\"onne\", \"far\", \"far\"]\n\
         security_groups = [\"db\"]\nkernel_profile = \"linux-6.18-2vpcu\"\nplacement_group = \"p\"\n\
         [[client]]\nname = \"web\"\nzone = \"zz\"\n\
         [[client]]\nname = \"c\"\nsubnet = \"one\"\nzone = \"internet\"\nkernel_profile = \"ideal\"\n"
    )));
}

#[test]
fn workloads_go_where_something_listens() {
    insta::assert_snapshot!(refused(&with(
        "[[client]]\nname = \"users\"\n\
         [[workload]]\nname = \"a\"\nto = \"wbe:8080\"\n\
         [[workload]]\nname = \"b\"\nto = \"web\"\n\
         [[workload]]\nname = \"c\"\nto = \"web:80\"\n\
         [[workload]]\nname = \"d\"\nto = \"web:8080/udp\"\n\
         [[workload]]\nname = \"e\"\nto = \"cache:6379\"\n\
         [[workload]]\nname = \"f\"\nto = \"cache/metric:9121\"\n\
         [[workload]]\nname = \"g\"\nto = \"web:http\"\n\
         [[workload]]\nname = \"h\"\nto = \"web:8080/sctp\"\n\
         [[workload]]\nname = \"i\"\nto = \"cache/cache:6380/udp\"\nprotocol = \"tcp\"\n\
         [[workload]]\nname = \"a\"\nfrom = [\"user\", \"users\", \"users\", \"cache\"]\nto = \"web:8080\"\n\
         [[workload.call]]\nto = \"cache/cache:1\"\n"
    )));
}

#[test]
fn keys_that_contradict_the_kind_are_refused() {
    insta::assert_snapshot!(refused(&with(
        "[[client]]\nname = \"users\"\n\
         [[workload]]\nname = \"a\"\nto = \"web:8080\"\nflows = 2\nrate = \"1/s\"\nconcurrency = 1\n\
         arrivals = \"poison\"\nburst_size = 3\n\
         [[workload]]\nname = \"b\"\nkind = \"bulk\"\nto = \"cache/cache:6380/udp\"\nrate = \"1/s\"\n\
         [[workload.call]]\nto = \"web:8080\"\n\
         [[workload]]\nname = \"c\"\nkind = \"ping_pong\"\nto = \"web:8080/tcp\"\n\
         [[workload]]\nname = \"d\"\nkind = \"ping_pong\"\nto = \"cache/cache:6380\"\nrequest_size = \"2 kB\"\n\
         [[workload]]\nname = \"e\"\nto = \"cache/cache:6380/udp\"\nconnections = 2\nthink_time = \"1 s\"\n\
         [[workload]]\nname = \"f\"\nto = \"web:8080\"\nburst_size = 3\n"
    )));
}

#[test]
fn files_that_are_missing_or_broken_are_reported_with_their_own_place() {
    insta::assert_snapshot!(refused(
        "[[service]]\ntask_definition = \"nowhere.json\"\n[[service]]\ntask_definition = \"broken.json\"\n\
         [[client]]\nname = \"c\"\n[[workload]]\nname = \"w\"\nto = \"web:8080\"\n"
    ));
}

#[test]
fn a_file_without_a_service_or_a_source_says_so() {
    insta::assert_snapshot!(refused("name = \"empty\"\n"));
    insta::assert_snapshot!(refused(&with(
        "[[workload]]\nname = \"w\"\nto = \"web:8080\"\n"
    )));
}

#[test]
fn broken_toml_has_a_line_and_a_column_for_every_mistake() {
    let texts = [
        "name = ",
        "name = \"x\nother = 1\n",
        "[vpc\nname = 1\n",
        "rate = 10 Gbit/s\nname == 3\n",
        "a = 1\na = 2\n",
        "name = x\n",
        "= 1",
    ];
    let text: Vec<String> = texts
        .iter()
        .map(|t| format!("{t:?}\n{}", refused(t)))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

/// Lines of the example whose value is the default, with another one.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("zones = [\"a\", \"b\"]", "zones = [\"b\", \"a\"]"),
    ("placement_group = \"18 us\"", "placement_group = \"19 us\""),
    ("same_zone = \"75 us\"", "same_zone = \"76 us\""),
    ("cross_zone = \"400 us\"", "cross_zone = \"401 us\""),
    ("internet = \"10 ms\"", "internet = \"11 ms\""),
    ("enabled = true", "enabled = false"),
    ("median = \"8 %\"", "median = \"9 %\""),
    ("sigma = \"1\"", "sigma = \"2\""),
    ("coherence = \"100 us\"", "coherence = \"0 us\""),
    (
        "subnets = [\"cluster-a\", \"cluster-b\"]",
        "subnets = [\"cluster-b\"]",
    ),
    (
        "security_groups = [\"instances\"]",
        "security_groups = [\"web\"]",
    ),
    (
        "kernel_profile = \"linux-6.18-2vcpu\"",
        "kernel_profile = \"linux-4.x-literature\"",
    ),
    ("assign_public_ip = false", "assign_public_ip = true"),
    ("instance_type = \"ideal\"", "instance_type = \"c5.large\""),
    (
        "zone = \"b\"\ninstance_type",
        "zone = \"internet\"\ninstance_type",
    ),
    ("\ndns_support = true", "\ndns_support = false"),
    ("active = true", "active = false"),
    ("connectivity = \"public\"", "connectivity = \"private\""),
    ("icc = true", "icc = false"),
    ("br_netfilter = true", "br_netfilter = false"),
    (
        "[capacity.imds]\nenabled = true",
        "[capacity.imds]\nenabled = false",
    ),
    ("name = \"scraping\", ", ""),
    ("added_at = \"300 ms\", ", ""),
    (", removed_at = \"800 ms\"", ""),
    ("peer = \"office\"", "peer = \"0.0.0.0/0\""),
    ("rule = 90", "rule = 91"),
    ("action = \"deny\"", "action = \"allow\""),
    ("added_at = \"200 ms\", ", ""),
    (", removed_at = \"900 ms\"", ""),
    ("cidr = \"192.0.2.0/24\"", "cidr = \"192.0.2.0/25\""),
    ("target = \"blackhole\"", "target = \"to-shared\""),
    ("kind = \"request\"", "kind = \"ping_pong\""),
    ("protocol = \"tcp\"\nrate", "protocol = \"udp\"\nrate"),
    (
        "_distribution = \"exponential\"",
        "_distribution = \"constant\"",
    ),
    (
        "request_size = \"64 B\"\ninterval",
        "request_size = \"65 B\"\ninterval",
    ),
    ("response_size = \"1 KiB\"", "response_size = \"2 KiB\""),
    ("interval = \"1 ms\"", "interval = \"2 ms\""),
    ("warmup = \"200 ms\"", "warmup = \"201 ms\""),
    ("cooldown = \"500 ms\"", "cooldown = \"501 ms\""),
    (
        "name = \"web\"\ntask_definition",
        "name = \"www\"\ntask_definition",
    ),
    (
        "name = \"cache\"\ntask_definition",
        "name = \"kv\"\ntask_definition",
    ),
    (
        "name = \"node-agent\"\ntask_definition",
        "name = \"na\"\ntask_definition",
    ),
];

/// What a text means, or what is wrong with it, without the text itself.
fn meaning(text: &str) -> String {
    match read(text) {
        Ok((mut scenario, _)) => {
            scenario.inputs.clear();
            format!("{scenario:?}")
        }
        Err(reports) => reports.iter().map(Report::to_string).collect(),
    }
}

#[test]
fn every_key_changes_what_the_scenario_means() {
    let base = meaning(EVERY_KEY);
    for (line, other) in OTHER_VALUES {
        assert!(EVERY_KEY.contains(line), "{line} is not in the example");
        assert_ne!(
            meaning(&EVERY_KEY.replacen(line, other, 1)),
            base,
            "{other}"
        );
    }
    // Without a line its key has the default value, which the example does not have otherwise.
    let key_lines = EVERY_KEY
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains(" = ") && !line.starts_with([' ', '#']));
    for (number, line) in key_lines {
        let others = EVERY_KEY
            .lines()
            .enumerate()
            .filter(|(other, _)| *other != number);
        let without: Vec<&str> = others.map(|(_, line)| line).collect();
        let known = OTHER_VALUES.iter().any(|(known, _)| {
            known
                .lines()
                .next()
                .is_some_and(|known| line.ends_with(known))
        });
        assert!(
            known || meaning(&without.join("\n")) != base,
            "{line} changes nothing"
        );
    }
}

#[test]
fn a_neighbour_disturbs_whom_it_names_or_all() {
    let scenario = |victims: &str| {
        accepted(&with(&format!(
            "client = [{{ name = \"c\" }}]\n\
             workload = [{{ name = \"a\", to = \"web:8080\" }}, {{ name = \"b\", to = \"web:8080\" }}]\n\
             [[neighbour]]\nname = \"n\"\nto = \"web:8080\"\n{victims}"
        )))
    };
    assert_eq!(scenario("").neighbours[0].victims, [0, 1]);
    assert_eq!(scenario("victims = [\"b\"]").neighbours[0].victims, [1]);
}

#[test]
fn a_check_of_a_workload_with_a_mistake_is_not_told_that_there_is_none() {
    let told = refused(
        "[[capacity]]\ninstance_type = \"m5.large\"\n[[client]]\nname = \"c\"\n\
         [[service]]\nname = \"web\"\ntask_definition = \"web.json\"\n\
         [[workload]]\nname = \"page\"\nto = \"web/nobody:8080\"\n\
         [[check]]\nthat = 'p99(\"page\") < \"5 s\"'\n",
    );
    assert!(told.contains("\"nobody\""), "{told}");
    assert!(!told.contains("there is no workload"), "{told}");
}
