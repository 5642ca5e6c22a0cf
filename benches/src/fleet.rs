//! The fleets of `scenarios/library/scale/`.

use std::fs;
use std::path::Path;

use scenarios::lower::{NonePolicy, lower};
use scenarios::toml::read_scenario;
use sim_net::plan::{MeasurePlan, Mode, Plan};

/// The scenario of so many containers: as it is, or with nothing but its containers.
///
/// # Panics
/// If there is no such scenario, or it is not one that the modes can carry.
#[must_use]
pub fn plan(containers: u32, load: bool) -> Plan {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/library/scale");
    let name = format!("{containers}.toml");
    let text = fs::read_to_string(folder.join(&name)).expect("a size of the library");
    let include = |name: &str| fs::read_to_string(folder.join(name));
    let (mut scenario, _) = read_scenario(&name, &text, &include)
        .unwrap_or_else(|reports| panic!("the scenario is valid: {reports:?}"));
    if !load {
        scenario.workloads.clear();
    }
    let measure = MeasurePlan {
        warmup: scenario.measure.warmup,
        duration: scenario.measure.duration,
        cooldown: scenario.measure.cooldown,
    };
    // Every service names its mode.
    lower(&scenario, Mode::Bridge, &measure, NonePolicy::AsWritten)
        .unwrap_or_else(|refusal| panic!("the modes carry the scenario: {refusal}"))
        .plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_has_the_containers_that_its_name_says() {
        for load in [false, true] {
            let plan = plan(1000, load);
            let containers: usize = plan.tasks.iter().map(|task| task.containers.len()).sum();
            assert_eq!(containers, 1000);
            assert_eq!(plan.workloads.is_empty(), !load);
        }
    }
}
