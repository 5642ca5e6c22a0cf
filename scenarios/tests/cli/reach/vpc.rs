//! Tasks in a VPC that `aws ec2 describe-*` has described.

use super::{document, home, verdict};
use crate::support::{Home, SHORT, err};

/// The folder that comes with the examples.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/vpc");

fn scenario(vpc: &str) -> String {
    format!(
        r#"
name = "in a given VPC"

[vpc]
from = "{FOLDER}"
{vpc}

[[capacity]]
name = "instance"
instance_type = "m5.large"
count = 1
subnets = ["private-a"]
security_groups = ["web"]

[[service]]
name = "front"
task_definition = "front.json"
count = 1
awsvpc = {{ subnets = ["subnet-0private000000a"], security_groups = ["sg-0web00000000002"] }}

[[client]]
name = "sibling"
subnet = "private-b"
security_groups = ["front"]

[[client]]
name = "stranger"
subnet = "private-b"
"#
    )
}

#[test]
fn a_scenario_takes_its_network_from_a_folder() {
    let home = home();
    home.file("given.toml", &scenario(""));
    let document = document(&home, "given.toml --mode awsvpc");
    // Group `web` admits 8080 to 8089 from group `front`, and nobody else.
    let of = |from: &str| verdict(&document, "awsvpc", from, "front/0:8080");
    assert_eq!(of("sibling"), "reached");
    assert_eq!(of("stranger"), "security_group_ingress");
    let inputs = document["provenance"]["inputs"].as_array().unwrap();
    assert!(inputs.iter().any(|input| input["name"] == "subnets.json"));
    let assumed = document["provenance"]["assumptions"].to_string();
    assert!(
        assumed.contains("the network is that of the folder"),
        "{assumed}"
    );
}

fn refused(home: &Home, arguments: &str, words: &[&str]) {
    let output = home.run(arguments);
    let said = err(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments}: no `{word}` in: {said}");
    }
}

#[test]
fn what_does_not_fit_a_given_vpc_is_refused() {
    let home = home();
    home.file("both.toml", &scenario("cidr = \"10.0.0.0/16\""));
    refused(
        &home,
        "reach both.toml",
        &["vpc.cidr", "read from a folder"],
    );
    home.file("gone.toml", &scenario("").replace(FOLDER, "gone"));
    refused(&home, "reach gone.toml", &["gone"]);
    home.file(
        "name.toml",
        &scenario("").replace("\"private-a\"", "\"privat-a\""),
    );
    refused(&home, "reach name.toml", &["privat-a", "private-a"]);
    refused(
        &home,
        "compare --vpc vpc",
        &["there are none", "--task-definition"],
    );
    let vpc = format!("--vpc \"{FOLDER}\"");
    refused(
        &home,
        &format!("reach {vpc} --mode host"),
        &["no network modes"],
    );
    refused(
        &home,
        &format!("reach {vpc} both.toml"),
        &["cannot be used with"],
    );
}

#[test]
fn task_definitions_are_placed_into_a_given_vpc() {
    let home = home();
    let arguments = "--task-definition front.json --mode awsvpc";
    let anywhere = document(&home, arguments);
    let given = document(&home, &format!("{arguments} --vpc \"{FOLDER}\""));
    let address = |document: &serde_json::Value| {
        let pair = super::pair(document, "awsvpc", "client", "front/0:8080");
        pair["at"][0]["address"].as_str().unwrap().to_owned()
    };
    // The first two subnets of VPC shop are 10.0.0.0/24 and 10.0.10.0/24.
    let placed = address(&given);
    assert!(
        placed.starts_with("10.0.0.") || placed.starts_with("10.0.10."),
        "{placed}"
    );
    assert_ne!(address(&anywhere), placed);
    let assumed = given["provenance"]["assumptions"].to_string();
    assert!(assumed.contains("vpc-0shop000000000001"), "{assumed}");
}

#[test]
fn compare_takes_a_given_vpc() {
    let home = home();
    let arguments = format!("--task-definition front.json {SHORT} --modes awsvpc");
    home.succeed(&format!("compare {arguments} --out anywhere --quiet"));
    home.succeed(&format!(
        "compare {arguments} --vpc \"{FOLDER}\" --out given --quiet"
    ));
    let digests = |out: &str| home.results(out)["modes"]["awsvpc"]["replication_digests"].clone();
    assert_ne!(digests("anywhere"), digests("given"));
    let command = home.results("given")["provenance"]["command"].to_string();
    assert!(command.contains("--vpc"), "{command}");
}
