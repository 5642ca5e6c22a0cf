//! The same content in other forms, and other content in the same form.

use super::*;

fn same(files: &[(String, String)]) {
    let (ours, theirs) = (accepted(&example()), accepted(files));
    assert_eq!(show(&ours), show(&theirs));
    assert_eq!(ours.region, theirs.region);
    assert_eq!(ours.interfaces, theirs.interfaces);
}

#[test]
fn wrapped_and_bare_files_say_the_same() {
    let mut files = example();
    for (_, text) in &mut files {
        *text = if text.contains("status_code") {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            value["data"].to_string()
        } else {
            format!("{{\"status_code\": 200, \"data\": {text}}}")
        };
    }
    same(&files);
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let mut files = example();
    files.reverse();
    let imported = accepted(&files);
    assert_eq!(imported, accepted(&example()));
    assert!(imported.inputs.is_sorted());
}

#[test]
fn names_of_files_do_not_matter() {
    let mut files = example();
    for (number, (name, _)) in files.iter_mut().enumerate() {
        // The entries of the only prefix list without ranges are its entries.
        *name = format!("{number:03}.json");
    }
    same(&files);
}

#[test]
fn pages_are_put_together_and_copies_count_once() {
    let mut files = example();
    let (_, text) = files
        .iter()
        .find(|(name, _)| name == "subnets.json")
        .unwrap();
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let subnets = value["Subnets"].as_array().unwrap().clone();
    files.retain(|(name, _)| name != "subnets.json");
    for (number, page) in [&subnets[..3], &subnets[2..]].iter().enumerate() {
        let page = serde_json::json!({ "Subnets": page });
        files.push((format!("subnets-{number}.json"), format!("{page:#}")));
    }
    same(&files);
}

#[test]
fn interfaces_come_from_the_instances_where_no_file_lists_them() {
    let mut files = without(&["network-interfaces.json", "endpoints.json"]);
    let (_, text) = files
        .iter_mut()
        .find(|(name, _)| name == "instances.json")
        .unwrap();
    *text = text.replace(
        "\"NetworkInterfaces\": []",
        "\"NetworkInterfaces\": [{\"NetworkInterfaceId\": \"eni-1\", \"SubnetId\": \
         \"subnet-0public0000000a\", \"PrivateIpAddress\": \"10.0.0.10\", \"Groups\": []}]",
    );
    let imported = accepted(&files);
    let [only] = &imported.interfaces[..] else {
        panic!()
    };
    assert_eq!(
        (only.name.as_str(), only.kind),
        ("front", InterfaceKind::Instance)
    );
    assert_eq!(only.instance_type.as_deref(), Some("c5.large"));
}

#[test]
fn elastic_addresses_come_from_either_file() {
    let mut files = changed(
        "network-interfaces.json",
        "\"Association\": { \"PublicIp\": \"198.51.100.10\" },",
        "",
    );
    files.push((
        "addresses.json".into(),
        "{\"Addresses\": [{\"PublicIp\": \"198.51.100.10\", \"PrivateIpAddress\": \"10.0.0.10\", \
         \"NetworkInterfaceId\": \"eni-0front0000000002\"}]}"
            .into(),
    ));
    same(&files);
}

#[test]
fn a_vpc_attribute_turns_the_resolver_off() {
    let mut files = example();
    files.push((
        "dns.json".into(),
        "{\"VpcId\": \"vpc-0data000000000002\", \"EnableDnsSupport\": {\"Value\": false}}".into(),
    ));
    let vpcs = accepted(&files).region.vpcs;
    assert!(vpcs[0].dns_support && !vpcs[1].dns_support);
}

#[test]
fn what_is_gone_leads_nowhere_and_what_is_unknown_is_undetermined() {
    let table = "rtb-0private00000002";
    let imported = accepted(&example());
    let unmodelled = |id: &str| RouteTarget::Unmodelled(id.into());
    assert_eq!(
        *target(&imported, table, "172.20.0.0/16"),
        unmodelled("tgw-0office0000001")
    );
    assert_eq!(
        *target(&imported, table, "172.21.0.0/16"),
        RouteTarget::Blackhole
    );
    assert_eq!(
        *target(&imported, table, "0.0.0.0/0"),
        RouteTarget::NatGateway(0)
    );
    // A deleted NAT gateway is a blackhole also where the route does not say so.
    let files = changed(
        "route-tables.json",
        "\"NatGatewayId\": \"nat-0gone0000000002\", \"Origin\": \"CreateRoute\", \"State\": \"blackhole\"",
        "\"NatGatewayId\": \"nat-0gone0000000002\", \"Origin\": \"CreateRoute\", \"State\": \"active\"",
    );
    assert_eq!(
        *target(&accepted(&files), table, "172.21.0.0/16"),
        RouteTarget::Blackhole
    );
    // The interface of a NAT gateway is the NAT gateway.
    let files = changed(
        "route-tables.json",
        "\"NatGatewayId\": \"nat-0shop0000000001\"",
        "\"NetworkInterfaceId\": \"eni-0nat00000000001\"",
    );
    assert_eq!(
        *target(&accepted(&files), table, "0.0.0.0/0"),
        RouteTarget::NatGateway(0)
    );
    // Another interface is not simulated as a router.
    let files = changed(
        "route-tables.json",
        "\"NatGatewayId\": \"nat-0shop0000000001\"",
        "\"InstanceId\": \"i-0front00000000001\", \"NetworkInterfaceId\": \"eni-0front0000000002\"",
    );
    let imported = accepted(&files);
    assert_eq!(
        *target(&imported, table, "0.0.0.0/0"),
        unmodelled("eni-0front0000000002")
    );
}

#[test]
fn a_kind_that_no_file_lists_leaves_its_routes_undetermined() {
    for (file, table, to, id) in [
        (
            "gateways.json",
            "rtb-0public000000001",
            "0.0.0.0/0",
            "igw-0shop00000000001",
        ),
        (
            "nat-gateways.json",
            "rtb-0private00000002",
            "0.0.0.0/0",
            "nat-0shop0000000001",
        ),
        (
            "peerings.json",
            "rtb-0private00000002",
            "10.8.0.0/16",
            "pcx-0shopdata0000001",
        ),
    ] {
        let files = without(&[file]);
        let imported = accepted(&files);
        assert_eq!(
            *target(&imported, table, to),
            RouteTarget::Unmodelled(id.into()),
            "{file}"
        );
        let caveat = format!("{id} is in no file: what takes this route is undetermined");
        assert!(
            imported.caveats.iter().any(|line| line.contains(&caveat)),
            "{file}"
        );
    }
}

#[test]
fn without_route_tables_what_leaves_the_vpc_is_undetermined() {
    let imported = accepted(&without(&["route-tables.json"]));
    assert_eq!(imported.region.route_tables.len(), 2);
    for subnet in &imported.region.subnets {
        let table = &imported.region.route_tables[subnet.route_table.unwrap()];
        assert_eq!(table.vpc, subnet.vpc);
        assert_eq!(table.routes[0].target, RouteTarget::Local);
        assert!(matches!(table.routes[1].target, RouteTarget::Unmodelled(_)));
    }
}

#[test]
fn a_peering_that_is_not_active_is_kept_and_one_to_a_stranger_is_undetermined() {
    let files = changed(
        "peerings.json",
        "\"Code\": \"active\"",
        "\"Code\": \"pending-acceptance\"",
    );
    assert!(!accepted(&files).region.peerings[0].active);
    let files = changed(
        "peerings.json",
        "vpc-0data000000000002",
        "vpc-0stranger0000009",
    );
    let imported = accepted(&files);
    assert!(imported.region.peerings.is_empty());
    let id = RouteTarget::Unmodelled("pcx-0shopdata0000001".into());
    assert_eq!(
        *target(&imported, "rtb-0private00000002", "10.8.0.0/16"),
        id
    );
    insta::assert_snapshot!(new_caveats(&files));
}

#[test]
fn gateways_that_are_not_simulated_are_a_caveat() {
    let cases = [
        changed(
            "nat-gateways.json",
            "\"State\": \"deleted\"",
            "\"State\": \"deleting\"",
        ),
        changed(
            "nat-gateways.json",
            "\"ConnectivityType\": \"public\",\n      \"NatGatewayAddresses\": [\n",
            "\"AvailabilityMode\": \"regional\", \"NatGatewayAddresses\": [\n",
        ),
        changed(
            "endpoints.json",
            "\\\"Action\\\":\\\"*\\\"",
            "\\\"Action\\\":\\\"s3:GetObject\\\"",
        ),
        changed(
            "endpoints.json",
            "\"VpcEndpointType\": \"Gateway\"",
            "\"VpcEndpointType\": \"GatewayLoadBalancer\"",
        ),
    ];
    insta::assert_snapshot!(caveats(&cases));
}

/// The caveats of each case; there must be some.
fn caveats(cases: &[Vec<(String, String)>]) -> String {
    let text: Vec<_> = cases.iter().map(|files| new_caveats(files)).collect();
    assert!(text.iter().all(|text| !text.is_empty()), "{text:#?}");
    text.join("\n---\n")
}

#[test]
fn what_the_simulator_has_otherwise_is_a_caveat() {
    let cases = [
        changed(
            "instances.json",
            "\"Name\": \"running\"",
            "\"Name\": \"stopped\"",
        ),
        changed(
            "network-interfaces.json",
            "\"Attachment\": { \"Status\": \"attached\", \"InstanceOwnerId\": \"amazon-rds\" },",
            "",
        ),
        changed(
            "subnets.json",
            "\"Subnets\": [",
            "\"NextToken\": \"abc\", \"Subnets\": [",
        ),
        changed(
            "security-group-rules.json",
            "\"ToPort\": 443",
            "\"ToPort\": 444",
        ),
        changed(
            "security-group-rules.json",
            "sg-0db000000000003",
            "sg-0elsewhere000007",
        ),
        changed(
            "route-tables.json",
            "[{ \"Main\": false, \"SubnetId\": \"subnet-0public0000000a\" }]",
            "[{ \"Main\": false, \"SubnetId\": \"subnet-0public0000000a\" }, \
             { \"Main\": false, \"GatewayId\": \"igw-0shop00000000001\" }]",
        ),
        changed(
            "route-tables.json",
            "{ \"DestinationCidrBlock\": \"10.8.0.0/16\", \"GatewayId\": \"local\", \
             \"Origin\": \"CreateRouteTable\", \"State\": \"active\" },",
            "",
        ),
        changed(
            "peerings.json",
            "\"CidrBlock\": \"10.8.0.0/16\", \"Region\": \"eu-west-1\"",
            "\"CidrBlock\": \"10.8.0.0/16\", \"Region\": \"us-east-1\"",
        ),
        without(&["prefix-lists.json"]),
        without(&[
            "prefix-lists.json",
            "managed-prefix-lists.json",
            "pl-0shopranges000001.json",
        ]),
        without(&["network-acls.json"]),
        without(&["network-interfaces.json", "endpoints.json"]),
        changed(
            "network-acls.json",
            "\"IsDefault\": true,\n      \"Associations\": [],",
            "\"Associations\": [],",
        ),
        changed("availability-zones.json", "AvailabilityZones", "Colours"),
    ];
    let group_elsewhere = changed(
        "network-interfaces.json",
        "{ \"GroupId\": \"sg-0front000000001\", \"GroupName\": \"front\" }",
        "{ \"GroupId\": \"sg-0db000000000003\", \"GroupName\": \"db\" }",
    );
    assert!(new_caveats(&group_elsewhere).contains("sg-0db000000000003 is of another VPC"));
    insta::assert_snapshot!(caveats(&cases));
}

#[test]
fn names_are_unique_whatever_the_tags() {
    let mut files = changed(
        "network-interfaces.json",
        "\"DeviceIndex\": 0 },\n      \"TagSet\": []",
        "\"DeviceIndex\": 0 },\n      \"TagSet\": [{ \"Key\": \"Name\", \"Value\": \"web (eni-0web00000000003)\" }]",
    );
    let (_, text) = files
        .iter_mut()
        .find(|(name, _)| name == "instances.json")
        .unwrap();
    *text = text.replace("front\"", "x\"");
    let imported = accepted(&files);
    let names: BTreeSet<_> = imported
        .interfaces
        .iter()
        .map(|i| i.name.as_str())
        .collect();
    assert_eq!(names.len(), imported.interfaces.len());
    assert!(
        names.contains("web (eni-0web00000000003) (eni-0web00000000003)"),
        "{names:?}"
    );
}
