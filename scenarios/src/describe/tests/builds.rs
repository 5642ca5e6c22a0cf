//! What was read becomes a world, and packets go where the rules of the files let them.

use std::sync::atomic::AtomicBool;

use sim_core::SimDuration;
use sim_net::build::build;
use sim_net::machine::{ErrorKind, ProbeResult};
use sim_net::plan::{ListenerPlan, MeasurePlan, Place, Plan, ProbeAddress, ProbePlan, Target};

use super::*;

fn plan(imported: &Imported) -> Plan {
    Plan {
        trains: true,
        region: imported.region.clone(),
        instances: Vec::new(),
        tasks: Vec::new(),
        hosts: imported.hosts(),
        workloads: Vec::new(),
        listeners: Vec::new(),
        probes: Vec::new(),
        measure: MeasurePlan {
            warmup: SimDuration::ZERO,
            duration: SimDuration::from_ms(10),
            cooldown: SimDuration::from_ms(5_000),
        },
    }
}

/// The host that an interface is.
fn place(imported: &Imported, id: &str) -> Place {
    let mut hosts = imported.host_interfaces();
    Place::Host(hosts.position(|(_, interface)| interface.id == id).unwrap())
}

/// What comes of attempts at ports on which each of the hosts listens.
fn attempts(imported: &Imported, pairs: &[(&str, &str, u16)]) -> Vec<ProbeResult> {
    let mut plan = plan(imported);
    for (from, to, port) in pairs {
        let to = place(imported, to);
        let listener = ListenerPlan {
            target: Target {
                place: to,
                port: *port,
            },
            protocol: Protocol::Tcp,
        };
        if !plan.listeners.contains(&listener) {
            plan.listeners.push(listener);
        }
        plan.probes.push(ProbePlan {
            from: place(imported, from),
            to: ProbeAddress::Of(to),
            port: *port,
            protocol: Protocol::Tcp,
        });
    }
    let world = build(&plan, 1, 0).unwrap();
    world.run(&Arc::new(AtomicBool::new(false))).probes
}

fn reached(source: &str) -> ProbeResult {
    ProbeResult::Reached {
        source_seen: Some(source.parse().unwrap()),
    }
}

/// Whether a packet was dropped and nobody told the one who asked.
fn silent(result: &ProbeResult) -> bool {
    let kind = ErrorKind::TimedOut;
    matches!(result, ProbeResult::Failed { kind: told, dropped: Some(_) } if *told == kind)
}

#[test]
fn the_example_becomes_a_world_that_keeps_its_rules() {
    let imported = accepted(&example());
    let (front, web, other_web) = (
        "eni-0front0000000002",
        "eni-0web00000000003",
        "eni-0web00000000004",
    );
    let (logs, db) = ("eni-0logs0000000005", "eni-0db0000000000006");
    let answered = [
        (front, web, 8080),
        (web, logs, 443),
        (web, db, 5432),
        (other_web, db, 5432),
    ];
    let seen = ["10.0.0.10", "10.0.10.20", "10.0.10.20", "10.0.11.20"];
    assert_eq!(attempts(&imported, &answered), seen.map(reached));
    let unheard = [
        // The range of the group's rule ends at 8089.
        (front, web, 8090),
        // Egress of `web` allows 443 and the database.
        (web, other_web, 8080),
        // The network ACL of the private subnets denies it.
        (front, web, 22),
        // The database's group names `web` and the private subnets.
        (front, db, 5432),
    ];
    let found = attempts(&imported, &unheard);
    assert!(found.iter().all(silent), "{found:?}");
}

#[test]
fn every_folder_becomes_a_world() {
    for (name, imported) in corpus::folders() {
        assert_eq!(plan(&imported).hosts.len(), imported.interfaces.len());
        if let Err(error) = build(&plan(&imported), 1, 0) {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn real_peerings_lead_to_their_own_subnets() {
    let folders = corpus::folders();
    let Some((_, imported)) = folders.iter().find(|(name, _)| name == "test-vpc-peering") else {
        return;
    };
    // A is peered with B and with C, which have the same range and no way to each other.
    let (a, b, c) = (
        "eni-0f0708220e812876c",
        "eni-0024c0af5aa1387e5",
        "eni-06347554b65539ff3",
    );
    let pairs = [
        (a, b, 22),
        (a, c, 22),
        (b, a, 22),
        (c, a, 22),
        (b, c, 22),
        (c, b, 22),
    ];
    let seen = [
        "10.10.10.157",
        "10.10.10.157",
        "192.168.1.106",
        "192.168.2.229",
    ]
    .map(reached);
    let found = attempts(imported, &pairs);
    assert_eq!(found[..4], seen);
    assert!(found[4..].iter().all(silent), "{found:?}");
}
