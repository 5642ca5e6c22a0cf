//! A network that is read from a folder.

use sim_net::plan::{MeasurePlan, Mode};
use sim_net::vpc::PublicAddress;

use super::*;
use crate::describe::read_files;
use crate::lower::{NonePolicy, lower};

/// A scenario among the example folder, with these texts replaced in its file of subnets.
fn read_among(replace: &[(&str, &str)]) -> Result<(Scenario, Vec<Report>), Vec<Report>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/vpc");
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (old, new) in replace.iter().filter(|_| name == "subnets.json") {
            assert!(text.contains(old), "{old}");
            text = text.replace(old, new);
        }
        texts.push((name, text));
    }
    let text = "[vpc]\nfrom = \"vpc\"\n\
                [[capacity]]\ninstance_type = \"c5.large\"\nsubnets = [\"public-a\", \"private-a\"]\ncount = 2\n\
                [[client]]\nname = \"user\"\nsubnet = \"public-a\"\n\
                [[service]]\nname = \"web\"\ntask_definition = \"web.json\"\nawsvpc = { subnets = [\"private-a\"] }\n\
                [[workload]]\nname = \"page\"\nto = \"web/app:8080\"\n";
    let surroundings = Surroundings {
        file: &files,
        folder: &|_| read_files(&texts),
    };
    read_scenario_among("s.toml", text, surroundings)
}

fn show(reports: &[Report]) -> String {
    reports.iter().map(Report::to_string).collect()
}

/// The same, with what the public subnet says of public addresses.
fn among(map_public_ip: &str) -> Scenario {
    let subnet = "\"SubnetId\": \"subnet-0public0000000a\",";
    let read = read_among(&[(subnet, &format!("{subnet} {map_public_ip}"))]);
    read.unwrap_or_else(|reports| panic!("{}", show(&reports)))
        .0
}

#[test]
fn a_name_that_two_subnets_have_is_not_guessed_at() {
    let told = show(&read_among(&[("\"private-b\"", "\"private-a\"")]).unwrap_err());
    assert!(told.contains("2 subnets are named \"private-a\""), "{told}");
    assert!(
        told.contains("subnet-0private000000a, subnet-0private000000b"),
        "{told}"
    );
}

#[test]
fn instances_get_public_addresses_where_the_subnets_of_the_folder_say_so() {
    let assigned = |map_public_ip: &str| {
        let scenario = among(map_public_ip);
        let measure = MeasurePlan {
            warmup: scenario.measure.warmup,
            duration: scenario.measure.duration,
            cooldown: scenario.measure.cooldown,
        };
        let plan = lower(&scenario, Mode::Bridge, &measure, NonePolicy::AsWritten);
        let plan = plan.unwrap().plan;
        let instances = plan.instances.iter().map(|one| one.public_address);
        let hosts = plan.hosts.iter().map(|one| one.public_address);
        instances
            .chain(hosts)
            .map(|address| address == PublicAddress::Assigned)
            .collect::<Vec<_>>()
    };
    assert_eq!(assigned(""), [false, false, false]);
    assert_eq!(
        assigned("\"MapPublicIpOnLaunch\": false,"),
        [false, false, false]
    );
    assert_eq!(
        assigned("\"MapPublicIpOnLaunch\": true,"),
        [true, false, true]
    );
}
