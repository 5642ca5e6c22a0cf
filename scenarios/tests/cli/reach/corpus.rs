//! Real VPCs, if `ECSNET_CORPUS` says where they are.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{document, pair, verdict};
use crate::support::Home;

const CASE: &str = "as_imported";

fn corpus() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("ECSNET_CORPUS")?).join("vpc/batfish__batfish");
    Some(std::path::absolute(folder).unwrap())
}

fn reach(folder: &Path) -> Value {
    document(&Home::new(), &format!("--vpc \"{}\"", folder.display()))
}

#[test]
fn every_folder_is_understood_every_interface_placed_and_rules_and_packets_agree() {
    let Some(corpus) = corpus() else { return };
    let mut folders = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let folder = entry.unwrap().path();
        let document = reach(&folder);
        let found = &document["modes"][CASE];
        let text = std::fs::read_to_string(folder.join("NetworkInterfaces.json")).unwrap();
        let described: Value = serde_json::from_str(&text).unwrap();
        let described = described["NetworkInterfaces"].as_array().unwrap();
        let nat = |interface: &&Value| interface["InterfaceType"] == "nat_gateway";
        let hosts = described.len() - described.iter().filter(nat).count();
        let sources = found["sources"].as_array().unwrap();
        let inside = sources.iter().filter(|source| source["name"] != "internet");
        assert_eq!(inside.count(), hosts, "{}", folder.display());
        // `document` has looked at the agreement; here, that nothing was left out.
        let simulated = &found["simulated"];
        assert_eq!(simulated["probes"], simulated["possible"]);
        assert!(simulated["agreed"].as_u64().unwrap() > 0);
        folders += 1;
    }
    assert!(folders >= 5, "{folders} folders");
}

/// The verdicts of a table: who, whom, what is found, and in brackets the reason why it has to be so.
/// `names` says which interfaces the table speaks of.
fn check(document: &Value, names: &[(&str, &str)], table: &str) {
    for line in table.lines() {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap();
        let (from, _, to, wanted) = (word(), word(), word(), word());
        let in_full = |short: &str| {
            let known = names.iter().find(|(name, _)| *name == short);
            known.map_or(short.to_owned(), |(_, id)| (*id).to_owned())
        };
        let (host, port) = to.split_once(':').unwrap();
        let to = format!("{}:{port}", in_full(host));
        let found = verdict(document, CASE, &in_full(from), &to);
        assert_eq!(found, wanted, "{line}");
    }
}

/// The verdict at one address.
fn at<'a>(document: &'a Value, from: &str, to: &str, address: &str) -> &'a str {
    let at = pair(document, CASE, from, to)["at"].as_array().unwrap();
    let found = at.iter().find(|at| at["address"] == address);
    let found = found.unwrap_or_else(|| panic!("{from} to {to}: not at {address}"));
    found["verdict"]["code"].as_str().unwrap()
}

#[test]
fn a_public_and_a_private_subnet_by_hand() {
    let Some(corpus) = corpus() else { return };
    let document = reach(&corpus.join("test-public-private-subnet"));
    // 10.0.0.47 with public address 13.58.55.60, in the public subnet 10.0.0.0/24, whose own table
    // leads 0.0.0.0/0 to the internet gateway. Group launch-wizard-2: in tcp 22 from anywhere.
    let public = "i-094a9e5b545a4fde4";
    // 10.0.1.204, in the private subnet 10.0.1.0/24, which has the main table: 0.0.0.0/0 to a virtual
    // private gateway, which is not simulated. Group launch-wizard-3: in tcp 22 from anywhere.
    let private = "i-099cf38911942421c";
    // Both groups let everything out; the one network ACL allows everything.
    check(
        &document,
        &[("public", public), ("private", private)],
        "public -> private:22 reached (local route, and the group has 22)
         public -> private:80 security_group_ingress (launch-wizard-3 has no rule for 80)
         public -> private:443 security_group_ingress (launch-wizard-3 has no rule for 443)
         private -> public:22 reached (local route, and the group has 22)
         private -> public:80 undetermined (its public address lies behind the vgw)
         private -> public:443 undetermined (its public address lies behind the vgw)
         public -> internet:443 reached (through the internet gateway, as 13.58.55.60)
         private -> internet:443 undetermined (0.0.0.0/0 leads to the vgw)
         internet -> public:22 reached (13.58.55.60, and the group has 22 for all)
         internet -> public:80 security_group_ingress (the group has no rule for 80)
         internet -> public:443 security_group_ingress (the group has no rule for 443)
         internet -> private:22 fabric_no_route (no public address, nobody has 10.0.1.204)
         internet -> private:80 fabric_no_route (no public address, nobody has 10.0.1.204)
         public -> imds:80 reached (the metadata service is the instance's own)
         private -> dns:53/udp reached (no route is needed to the resolver)",
    );
    let denied = "security_group_ingress";
    let to = |port: u16| format!("{public}:{port}");
    assert_eq!(at(&document, private, &to(80), "10.0.0.47:80"), denied);
    let by_public_address = at(&document, private, &to(80), "13.58.55.60:80");
    assert_eq!(by_public_address, "undetermined");
    let from_outside = at(&document, "internet", &to(22), "13.58.55.60:22");
    assert_eq!(from_outside, "reached");
}

#[test]
fn peered_vpcs_by_hand() {
    let Some(corpus) = corpus() else { return };
    let document = reach(&corpus.join("test-vpc-peering"));
    // A is 10.10.0.0/16 and peered with B and C, both of which are 192.168.0.0/16. Its table leads
    // 192.168.1.0/24 to B and 192.168.2.0/24 to C; theirs lead 10.10.0.0/16 to A. The groups of all
    // three have in tcp 22 from anywhere, out everything; network ACLs allow everything. Of B and C
    // each takes the other's address for one of its own: 192.168.0.0/16 is local.
    check(
        &document,
        &[
            ("A", "i-06ba034d88c84ef07"), // 10.10.10.157
            ("B", "i-0b14080af811fda3d"), // 192.168.1.106
            ("C", "i-04a292ff83b3aa833"), // 192.168.2.229
        ],
        "A -> B:22 reached (192.168.1.0/24 leads to B, and 10.10.0.0/16 back)
         A -> C:22 reached (192.168.2.0/24 leads to C, and 10.10.0.0/16 back)
         B -> A:22 reached (10.10.0.0/16 leads to A, and 192.168.1.0/24 back)
         C -> A:22 reached (10.10.0.0/16 leads to A, and 192.168.2.0/24 back)
         A -> B:443 security_group_ingress (the group has no rule for 443)
         A -> C:443 security_group_ingress (the group has no rule for 443)
         B -> A:443 security_group_ingress (the group has no rule for 443)
         C -> A:443 security_group_ingress (the group has no rule for 443)
         B -> C:22 fabric_no_route (192.168.2.229 is local to B, where nobody has it)
         C -> B:22 fabric_no_route (192.168.1.106 is local to C, where nobody has it)
         B -> C:443 fabric_no_route (192.168.2.229 is local to B, where nobody has it)
         C -> B:443 fabric_no_route (192.168.1.106 is local to C, where nobody has it)
         B -> B:22 reached (its own address)",
    );
    // The internet gateway that a route of B names is gone, and is in no file.
    let sources = document["modes"][CASE]["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 3, "nobody is on the internet");
}
