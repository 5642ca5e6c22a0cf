//! Real files: complete folders are read, single files are answered.
//!
//! The collection is no part of the project; `ECSNET_CORPUS` names its folder.

use std::path::PathBuf;

use super::*;
use crate::check::corpus::corpus;

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The complete folders, read.
pub(super) fn folders() -> Vec<(String, Imported)> {
    let Some(corpus) = corpus("vpc") else {
        return Vec::new();
    };
    let folders = entries(&corpus.join("batfish__batfish"));
    assert!(folders.len() >= 5);
    let read = |folder: PathBuf| match load_folder(&folder) {
        Ok((imported, _)) => (name(&folder), imported),
        Err(reports) => panic!("{}: {}", folder.display(), text(&reports)),
    };
    folders.into_iter().map(read).collect()
}

#[test]
fn every_interface_of_every_folder_has_its_place() {
    let mut counts = String::new();
    for (name, imported) in folders() {
        let region = &imported.region;
        for interface in &imported.interfaces {
            let subnet = &region.subnets[interface.subnet];
            assert!(
                subnet.cidr.contains(&interface.address),
                "{name}: {}",
                interface.id
            );
            assert!(
                !interface.security_groups.is_empty(),
                "{name}: {}",
                interface.id
            );
        }
        for subnet in &region.subnets {
            assert!(
                subnet.route_table.is_some() && subnet.network_acl.is_some(),
                "{name}"
            );
        }
        assert_eq!(imported.hosts().len(), imported.interfaces.len());
        let _ = writeln!(
            counts,
            "{name}: {} VPCs, {} subnets, {} interfaces, {} groups, {} caveats",
            region.vpcs.len(),
            region.subnets.len(),
            imported.interfaces.len(),
            region.security_groups.len(),
            imported.caveats.len()
        );
    }
    if !counts.is_empty() {
        insta::assert_snapshot!(counts);
    }
}

#[test]
fn what_the_folders_have_and_the_simulator_has_not_is_on_record() {
    let mut all = String::new();
    for (name, imported) in folders() {
        let _ = writeln!(all, "{name}");
        for caveat in &imported.caveats {
            // The folder is the tester's.
            let at = caveat.find(&name).map_or(0, |at| at + name.len() + 1);
            let _ = writeln!(all, "  {}", &caveat[at..]);
        }
    }
    if !all.is_empty() {
        insta::assert_snapshot!(all);
    }
}

#[test]
fn routes_of_the_folders_lead_where_they_say() {
    for (name, imported) in folders() {
        let (table, to, expected) = match name.as_str() {
            "test-public-subnet" => (
                "rtb-0489000c9e6c299e8",
                "0.0.0.0/0",
                RouteTarget::InternetGateway(0),
            ),
            "test-public-private-subnet" => (
                "rtb-002f0eabf583bf991",
                "0.0.0.0/0",
                RouteTarget::Unmodelled("vgw-070087240d6fa2989".into()),
            ),
            "test-vpc-peering" => (
                "rtb-0891861fffaea6d52",
                "192.168.2.0/24",
                RouteTarget::Peering(0),
            ),
            "networks__hybrid-cloud-aws__us-west-2" => {
                ("rtb-f28e418b", "0.0.0.0/0", RouteTarget::Blackhole)
            }
            _ => continue,
        };
        assert_eq!(*target(&imported, table, to), expected, "{name}");
    }
}

#[test]
fn single_files_are_answered() {
    let Some(corpus) = corpus("vpc") else { return };
    let paths = entries(&corpus.join("aws__aws-cli-examples"));
    assert!(paths.len() >= 30);
    let mut files = Vec::new();
    let mut all = String::new();
    for path in paths {
        let file = (name(&path), read_text(&path).unwrap());
        let reports = match read_files(std::slice::from_ref(&file)) {
            Ok((_, reports)) | Err(reports) => reports,
        };
        let _ = writeln!(all, "{}\n{}", file.0, text(&reports));
        files.push(file);
    }
    // The files are of different accounts: together they are no VPC, and that is said.
    let reports = read_files(&files).unwrap_err();
    assert!(
        reports
            .iter()
            .all(|report| !report.diagnostics().is_empty())
    );
    insta::assert_snapshot!(all);
}
