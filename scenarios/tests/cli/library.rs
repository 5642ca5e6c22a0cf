//! The claims of the library hold, and stop to hold when the rule that they rest on is turned around.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Home, err, out};

fn claims() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library/claims")
}

/// A claim's scenario with one thing turned around, and the check that has to fail.
struct Inverted {
    scenario: &'static str,
    from: &'static str,
    to: &'static str,
    fails: &'static str,
}

const INVERTED: [Inverted; 12] = [
    Inverted {
        scenario: "none-is-isolated.toml",
        from: "mode = \"none\"",
        to: "mode = \"host\"",
        fails: "it reaches nobody",
    },
    Inverted {
        scenario: "bridge-over-the-bridge.toml",
        from: "instance_type = \"m5.large\"",
        to: "instance_type = \"m5.large\"\nicc = false\nuserland_proxy = false",
        fails: "neighbours reach each other",
    },
    Inverted {
        scenario: "bridge-over-the-bridge.toml",
        from: "ports = \"32768-60999\"",
        to: "ports = \"1-1023\"",
        fails: "the outside comes in through the published port",
    },
    Inverted {
        scenario: "bridge-is-the-default.toml",
        from: "mode = \"as_written\"",
        to: "mode = \"host\"",
        fails: "it gets a host port of the dynamic range",
    },
    Inverted {
        scenario: "host-is-fastest.toml",
        from: "name = \"web\"\ntask_definition = \"web.json\"",
        to: "name = \"web\"\ntask_definition = \"web.json\"\nmode = \"host\"",
        fails: "host is faster than bridge",
    },
    Inverted {
        scenario: "host-ports-conflict.toml",
        from: "task_definition = \"many-ports.json\"",
        to: "task_definition = \"many-ports.json\"\nmode = \"awsvpc\"",
        fails: "one such task fits on an instance in host mode, and its ports are why",
    },
    Inverted {
        scenario: "awsvpc-own-interface.toml",
        from: "{ subnets = [\"tasks\"], security_groups = [\"web\"] }",
        to: "{ subnets = [\"instances\"], security_groups = [\"instance\"] }",
        fails: "its own group admits what the instance's does not",
    },
    Inverted {
        scenario: "fargate-shares-no-instance.toml",
        from: "[[service]]",
        to: "[[service]]\nmode = \"awsvpc\"",
        fails: "on Fargate it is not",
    },
    Inverted {
        scenario: "groups-and-acls-bind-a-task.toml",
        from: "action = \"deny\"",
        to: "action = \"allow\"",
        fails: "the network ACL of the task's subnet keeps the client out, and lets the neighbours in",
    },
    Inverted {
        scenario: "same-port-twice.toml",
        from: "instance_type = \"m5.large\"",
        to: "instance_type = \"m5.large\"\ncount = 2",
        fails: "the second finds no place in host mode",
    },
    Inverted {
        scenario: "database-by-own-group.toml",
        from: "ports = 5432, peer = \"web\"",
        to: "ports = 5432, peer = \"api\"",
        fails: "the task whose group is named reaches both",
    },
    Inverted {
        scenario: "task-network-differs.toml",
        from: "subnets = [\"tasks\"], security_groups = [\"web\"]",
        to: "subnets = [\"instances\"], security_groups = [\"instance\"]",
        fails: "each is reached by the rules of its own network",
    },
];

fn scenarios() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(claims())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    names
}

/// A folder with the library's claims in it.
fn home() -> Home {
    let home = Home::new();
    for entry in fs::read_dir(claims()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), home.path().join(entry.file_name())).unwrap();
    }
    home
}

#[test]
fn every_claim_holds() {
    let home = home();
    let names = scenarios();
    assert!(names.len() >= 11, "{names:?}");
    for name in names {
        let output = home.run(&format!("compare {name} --check --out out"));
        assert!(
            output.status.success(),
            "{name}: {}{}",
            out(&output),
            err(&output)
        );
    }
}

#[test]
fn rules_and_packets_agree_about_every_claim() {
    let home = home();
    for name in scenarios() {
        let output = home.succeed(&format!("reach {name} --simulate all --json"));
        let document: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
        let modes = document["modes"].as_object().unwrap();
        for (mode, found) in modes
            .iter()
            .filter(|(_, found)| found["deployable"] == true)
        {
            let tried = &found["simulated"];
            assert!(tried["probes"].as_u64() > Some(0), "{name}, {mode}");
            assert_eq!(tried["probes"], tried["possible"], "{name}, {mode}");
            assert_eq!(tried["probes"], tried["agreed"], "{name}, {mode}");
        }
    }
}

#[test]
fn every_claim_fails_when_its_rule_is_turned_around() {
    let home = home();
    for Inverted {
        scenario,
        from,
        to,
        fails,
    } in INVERTED
    {
        let text = fs::read_to_string(claims().join(scenario)).unwrap();
        assert!(text.contains(from), "{scenario} says {from:?}");
        fs::write(home.path().join(scenario), text.replace(from, to)).unwrap();
        let output = home.run(&format!("compare {scenario} --check --out out"));
        assert_eq!(
            output.status.code(),
            Some(1),
            "{scenario} with {to:?}: {}{}",
            out(&output),
            err(&output)
        );
        let failed = home.results("out")["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["name"] == fails && check["passed"] == false);
        assert!(failed, "{scenario} with {to:?}: {}", out(&output));
    }
    let inverted = |name: &String| INVERTED.iter().any(|i| i.scenario == name);
    let left: Vec<_> = scenarios().into_iter().filter(|n| !inverted(n)).collect();
    assert!(left.is_empty(), "not turned around: {left:?}");
}
