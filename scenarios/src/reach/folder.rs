//! An imported VPC without tasks: who reaches whom as it is.

use sim_net::plan::{ListenerPlan, MeasurePlan, Place, Plan, Target};

use crate::describe::Imported;

/// The plan of imported VPCs: every interface is a machine that listens on its ports of interest.
#[must_use]
pub fn plan(imported: &Imported) -> Plan {
    // Machines come in the order of the interfaces that are one.
    let ports = imported.ports_of_interest().into_iter().enumerate();
    let listener = |(host, (_, ports)): (usize, (usize, Vec<_>))| {
        ports.into_iter().map(move |(protocol, port)| ListenerPlan {
            target: Target {
                place: Place::Host(host),
                port,
            },
            protocol,
        })
    };
    Plan {
        trains: true,
        region: imported.region.clone(),
        instances: Vec::new(),
        tasks: Vec::new(),
        hosts: imported.hosts(),
        workloads: Vec::new(),
        listeners: ports.flat_map(listener).collect(),
        probes: Vec::new(),
        measure: MeasurePlan::for_probes(0),
    }
}
