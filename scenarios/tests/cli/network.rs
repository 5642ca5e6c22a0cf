//! What a scenario file says about the network decides who reaches whom, end to end.

use crate::support::{Home, err, out};

const TWO_TIER: &str = include_str!("../../examples/two-tier.toml");
const WEB: &str = include_str!("../../examples/web.json");

/// What a run of the example in awsvpc says, with one text of it replaced.
fn run(from: &str, to: &str) -> String {
    assert!(TWO_TIER.contains(from), "{from}");
    let home = Home::new();
    home.file("web.json", WEB);
    home.file("s.toml", &TWO_TIER.replacen(from, to, 1));
    let output = home.succeed(r#"run s.toml --mode awsvpc --duration "120 ms" --warmup "40 ms""#);
    format!("{}{}", out(&output), err(&output))
}

/// Which of the example's workloads have answers.
fn answered(said: &str) -> Vec<&str> {
    let lines = said.lines().filter(|line| line.contains(" answered, "));
    lines
        .filter(|line| !line.contains(": 0 answered,"))
        .filter_map(|line| line.split(':').next())
        .collect()
}

#[test]
fn two_tiers_reach_each_other_the_internet_and_a_service() {
    let said = run("", "");
    assert_eq!(answered(&said), ["visit", "browse", "charge", "store"]);
    assert!(said.contains("drops\n  none"), "{said}");
    let seen_as = |workload: &str, address: &str| {
        let line = said.lines().find(|line| line.starts_with(workload));
        let line = line.unwrap();
        assert!(
            line.contains(&format!("client seen as {address}")),
            "{line}"
        );
    };
    seen_as("visit", "198.19.0.1");
    // The NAT gateway's own address; through the gateway endpoint a task keeps its private one.
    seen_as("charge", "198.18.0.");
    seen_as("store", "10.0.");
}

#[test]
fn each_key_of_the_example_is_needed() {
    // What is replaced, what no longer gets an answer, and the reason that is counted.
    let cases = [
        (
            "target = \"nat-a\"",
            "target = \"blackhole\"",
            "charge",
            "vpc_blackhole",
        ),
        (
            "target = \"s3\"",
            "target = \"blackhole\"",
            "store",
            "vpc_blackhole",
        ),
        (
            "{ name = \"web-to-database\", protocol = \"tcp\", ports = 5432, peer = \"web\" },",
            "",
            "browse",
            "security_group_ingress",
        ),
        ("map_public_ip = true", "map_public_ip = false", "visit", ""),
        (
            "routes = [{ destination = \"0.0.0.0/0\", target = \"internet-gateway\" }]",
            "",
            "visit",
            "vpc_no_route",
        ),
        (
            "map_public_ip = true",
            "network_acl = \"shut\"\nmap_public_ip = true\n[[vpc.network_acl]]\nname = \"shut\"\n\
             ingress = [{ rule = 1, action = \"allow\", cidr = \"10.0.0.0/16\" }]\n\
             egress = [{ rule = 1, action = \"allow\" }]",
            "visit",
            "network_acl_ingress",
        ),
    ];
    for (from, to, lost, reason) in cases {
        let said = run(from, to);
        assert!(!answered(&said).contains(&lost), "{to}: {said}");
        assert!(said.contains(reason), "{to}: no {reason} in {said}");
    }
}
