//! A network that is read from a folder.

use sim_net::plan::{MeasurePlan, Mode};
use sim_net::vpc::PublicAddress;

use super::*;
use crate::describe::read_files;
use crate::lower::{NonePolicy, lower};

/// The example folder, whose public subnet says this of public addresses.
fn among(map_public_ip: &str) -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/vpc");
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let subnet = "\"SubnetId\": \"subnet-0public0000000a\",";
        let text = match name.as_str() {
            "subnets.json" => text.replace(subnet, &format!("{subnet} {map_public_ip}")),
            _ => text,
        };
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
    let read = read_scenario_among("s.toml", text, surroundings);
    let show = |reports: Vec<Report>| reports.iter().map(Report::to_string).collect::<String>();
    read.unwrap_or_else(|reports| panic!("{}", show(reports))).0
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
