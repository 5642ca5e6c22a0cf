//! Large clusters, to find out who reaches whom in.

use std::fmt::Write as _;

use scenarios::lower::{NonePolicy, lower};
use scenarios::toml::read_scenario;
use sim_core::SimDuration;
use sim_net::plan::{MeasurePlan, Mode, Plan};

/// Ports of each task.
pub const PORTS: u16 = 10;

const SURROUNDINGS: &str = r#"
name = "a large cluster"

[vpc]
cidr = "10.0.0.0/16"
zones = ["a", "b"]

[[vpc.subnet]]
name = "a"
cidr = "10.0.0.0/18"
zone = "a"

[[vpc.subnet]]
name = "b"
cidr = "10.0.64.0/18"
zone = "b"

[[vpc.security_group]]
name = "instances"
ingress = [{ protocol = "tcp", ports = "32768-60999", peer = "10.0.0.0/16" }]

[[vpc.security_group]]
name = "tasks"
ingress = [
    { protocol = "tcp", ports = "8000-8004", peer = "tasks" },
    { protocol = "tcp", ports = "8005-8007", peer = "10.0.64.0/18" },
]

[[capacity]]
name = "instance"
instance_type = "m5.24xlarge"
count = 12
subnets = ["a", "b"]
security_groups = ["instances"]
trunking = true
"#;

/// A thousand tasks of ten ports, all in this mode.
#[must_use]
pub fn of_one_mode(mode: Mode) -> Plan {
    plan(&[(mode, 1000)])
}

/// A thousand tasks of ten ports in all modes that have a network. In host mode an instance has room
/// for one.
#[must_use]
pub fn of_mixed_modes() -> Plan {
    plan(&[
        (Mode::Bridge, 400),
        (Mode::Host, 12),
        (Mode::Awsvpc, 400),
        (Mode::Fargate, 188),
    ])
}

/// # Panics
/// If the scenario above is not one that the modes can carry.
fn plan(services: &[(Mode, u32)]) -> Plan {
    let mut scenario = SURROUNDINGS.to_owned();
    for (mode, count) in services {
        // Writing to a string cannot fail.
        let _ = write!(
            scenario,
            "\n[[service]]\nname = \"{mode}\"\ntask_definition = \"task.json\"\ncount = {count}\n\
             mode = \"{mode}\"\nawsvpc = {{ subnets = [\"a\", \"b\"], security_groups = [\"tasks\"] }}\n"
        );
    }
    let ports: Vec<String> = (0..PORTS)
        .map(|n| format!("{{ \"containerPort\": {} }}", 8000 + n))
        .collect();
    let task = format!(
        r#"{{ "family": "task", "cpu": "256", "memory": "512", "containerDefinitions": [{{
            "name": "app", "image": "app", "cpu": 256, "memory": 512,
            "portMappings": [{}] }}] }}"#,
        ports.join(", ")
    );
    let (scenario, _) = read_scenario("cluster.toml", &scenario, &|_| Ok(task.clone()))
        .unwrap_or_else(|reports| panic!("the scenario is valid: {reports:?}"));
    let measure = MeasurePlan {
        warmup: SimDuration::ZERO,
        duration: SimDuration::from_ms(1),
        cooldown: SimDuration::ZERO,
    };
    let mode = services.first().map_or(Mode::Awsvpc, |(mode, _)| *mode);
    lower(&scenario, mode, &measure, NonePolicy::WithoutPorts)
        .unwrap_or_else(|refusal| panic!("the modes carry the scenario: {refusal}"))
        .plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_tasks_have_ten_ports_each() {
        for plan in [of_one_mode(Mode::Awsvpc), of_mixed_modes()] {
            assert_eq!(plan.tasks.len(), 1000);
            let ports: usize = plan.tasks.iter().map(|t| t.containers[0].ports.len()).sum();
            assert_eq!(ports, 10_000);
        }
    }
}
