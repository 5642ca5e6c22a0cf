//! What a mode keeps apart, from its plan: who reaches whom at which address, and who is where.

use std::collections::BTreeMap;

use reports::{PortRecord, TaskRecord};
use sim_net::headers::Protocol;
use sim_net::plan::{Plan, PortPlan, TaskPlan};

/// A transport protocol as results name it.
fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "udp",
        _ => "tcp",
    }
}

/// The tasks of a plan, by name.
pub(super) fn tasks(plan: &Plan) -> BTreeMap<String, TaskRecord> {
    let port = |port: &PortPlan| PortRecord {
        container_port: port.container_port,
        host_port: port.host_port,
        protocol: protocol(port.protocol).to_owned(),
    };
    let task = |task: &TaskPlan| {
        let ports = task.containers.iter().flat_map(|c| &c.ports).map(port);
        let record = TaskRecord {
            mode: task.mode.name().to_owned(),
            ports: ports.collect(),
        };
        (task.name.clone(), record)
    };
    plan.tasks.iter().map(task).collect()
}
