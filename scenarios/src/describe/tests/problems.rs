//! Every kind of problem: what is said, where, and what to do about it.

use sim_net::vpc::PeerPlan;

use super::*;

#[test]
fn truncated_json_is_reported_beside_the_problems_of_other_files() {
    let mut files = changed(
        "subnets.json",
        "\"VpcId\": \"vpc-0data000000000002\"",
        "\"VpcId\": 7",
    );
    let (_, text) = files
        .iter_mut()
        .find(|(name, _)| name == "gateways.json")
        .unwrap();
    text.truncate(text.len() / 2);
    let text = refused(&files);
    assert!(
        text.contains("gateways.json:") && text.contains("subnets.json:"),
        "{text}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_report_shows_the_line_and_the_value() {
    let files = changed("subnets.json", "10.0.11.0/24", "10.0.10.128/25");
    let reports = read_files(&files).unwrap_err();
    let report = reports
        .iter()
        .find(|report| report.file() == "subnets.json")
        .unwrap();
    let shown = crate::diagnostic::render::render(report, false);
    assert!(shown.contains("10.0.10.128/25"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn keys_that_aws_always_writes_are_missed() {
    let mut all = String::new();
    for (file, old) in [
        ("vpcs.json", "\"VpcId\": \"vpc-0data000000000002\","),
        ("vpcs.json", "\"CidrBlock\": \"10.8.0.0/16\","),
        ("subnets.json", "\"CidrBlock\": \"10.8.0.0/24\","),
        (
            "network-interfaces.json",
            "\"PrivateIpAddress\": \"10.0.11.20\",",
        ),
        (
            "peerings.json",
            "\"Status\": { \"Code\": \"active\", \"Message\": \"Active\" },",
        ),
        (
            "security-group-rules.json",
            ", \"CidrIpv4\": \"0.0.0.0/0\"\n    },\n    {\n      \"SecurityGroupRuleId\": \"sgr-0db",
        ),
        (
            "endpoints.json",
            "\"ServiceName\": \"com.amazonaws.eu-west-1.s3\",",
        ),
        (
            "gateways.json",
            "\"InternetGatewayId\": \"igw-0spare0000000002\", ",
        ),
        ("network-acls.json", "\"RuleNumber\": 110, "),
        (
            "route-tables.json",
            "\"TransitGatewayId\": \"tgw-0office0000001\", ",
        ),
        ("instances.json", "\"InstanceId\": \"i-0front00000000001\","),
        ("nat-gateways.json", ", \"PublicIp\": \"198.51.100.5\""),
        ("pl-0shopranges000001.json", "\"Cidr\": \"10.0.11.0/24\", "),
    ] {
        let new = if old.contains("sgr-0db") {
            "},\n    {\n      \"SecurityGroupRuleId\": \"sgr-0db"
        } else {
            ""
        };
        all.push_str(&refused(&changed(file, old, new)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn references_that_lead_nowhere_are_named() {
    let mut all = String::new();
    for (file, old, new) in [
        (
            "subnets.json",
            "\"SubnetId\": \"subnet-0data00000000a\",\n      \"VpcId\": \"vpc-0data000000000002\"",
            "\"SubnetId\": \"subnet-0data00000000a\",\n      \"VpcId\": \"vpc-9\"",
        ),
        (
            "network-interfaces.json",
            "\"Groups\": [{ \"GroupId\": \"sg-0front000000001\"",
            "\"Groups\": [{ \"GroupId\": \"sg-9\"",
        ),
        (
            "network-interfaces.json",
            "\"SubnetId\": \"subnet-0data00000000a\"",
            "\"SubnetId\": \"subnet-9\"",
        ),
        (
            "network-acls.json",
            "\"SubnetId\": \"subnet-0private000000a\"",
            "\"SubnetId\": \"subnet-9\"",
        ),
        (
            "route-tables.json",
            "\"SubnetId\": \"subnet-0public0000000a\"",
            "\"SubnetId\": \"subnet-9\"",
        ),
        (
            "route-tables.json",
            "\"DestinationCidrBlock\": \"0.0.0.0/0\", \"GatewayId\": \"igw-0shop00000000001\"",
            "\"DestinationCidrBlock\": \"0.0.0.0/0\", \"GatewayId\": \"igw-9\"",
        ),
        (
            "route-tables.json",
            "\"NatGatewayId\": \"nat-0shop0000000001\"",
            "\"NatGatewayId\": \"nat-9\"",
        ),
        (
            "route-tables.json",
            "\"GatewayId\": \"vpce-0s3000000000001\"",
            "\"GatewayId\": \"vpce-9\"",
        ),
        (
            "route-tables.json",
            "\"DestinationPrefixListId\": \"pl-0shopranges000001\", \"VpcPeeringConnectionId\": \"pcx-0shopdata0000001\"",
            "\"DestinationPrefixListId\": \"pl-0shopranges000001\", \"VpcPeeringConnectionId\": \"pcx-9\"",
        ),
        (
            "route-tables.json",
            "\"NatGatewayId\": \"nat-0shop0000000001\"",
            "\"NetworkInterfaceId\": \"eni-9\"",
        ),
        (
            "nat-gateways.json",
            "\"SubnetId\": \"subnet-0public0000000a\",\n      \"State\": \"available\"",
            "\"SubnetId\": \"subnet-9\",\n      \"State\": \"available\"",
        ),
        ("endpoints.json", "[\"eni-0logs0000000005\"]", "[\"eni-9\"]"),
    ] {
        let text = refused(&changed(file, old, new));
        assert!(text.contains("no file has the"), "{text}");
        all.push_str(&text);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn groups_may_name_each_other_in_a_circle() {
    // `web` names itself in the example already.
    let files = changed(
        "security-groups.json",
        "{ \"GroupId\": \"sg-0front000000001\", \"UserId\": \"111122223333\" }",
        "{ \"GroupId\": \"sg-0db000000000003\", \"UserId\": \"111122223333\" }",
    );
    let region = accepted(&files).region;
    let names = |group: usize, other: usize| {
        let rules = &region.security_groups[group].ingress;
        rules.iter().any(|rule| rule.peer == PeerPlan::Group(other))
    };
    assert!(names(1, 2) && names(2, 1) && names(1, 1));
}

#[test]
fn a_rule_for_a_group_that_is_gone_allows_nothing() {
    let imported = accepted(&example());
    let db = &imported.region.security_groups[2];
    assert_eq!(db.ingress.len(), 2);
    assert!(
        imported
            .caveats
            .iter()
            .any(|line| line.contains("sg-0gone00000000009"))
    );
}

#[test]
fn ranges_that_overlap_are_refused() {
    let mut all = String::new();
    for (file, old, new) in [
        ("subnets.json", "10.0.11.0/24", "10.0.10.128/25"),
        ("subnets.json", "10.8.0.0/24", "10.9.0.0/24"),
        (
            "vpcs.json",
            "\"State\": \"disassociated\"",
            "\"State\": \"associated\"",
        ),
    ] {
        let mut files = changed(file, old, new);
        if file == "vpcs.json" {
            let (_, text) = files.iter_mut().find(|(name, _)| name == file).unwrap();
            *text = text.replace("10.1.0.0/16", "10.0.128.0/17");
        }
        all.push_str(&refused(&files));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn peered_vpcs_that_overlap_are_refused_if_the_peering_is_active() {
    let mut files = changed("vpcs.json", "10.8.0.0/16", "10.0.0.0/8");
    let text = refused(&files);
    assert!(
        text.contains("ranges of the peered VPCs overlap: 10.0.0.0/16 and 10.0.0.0/8"),
        "{text}"
    );
    let (_, peerings) = files
        .iter_mut()
        .find(|(name, _)| name == "peerings.json")
        .unwrap();
    *peerings = peerings.replace("\"Code\": \"active\"", "\"Code\": \"failed\"");
    let caveats = new_caveats(&files);
    assert!(
        caveats.contains("ranges of the peered VPCs overlap"),
        "{caveats}"
    );
}

#[test]
fn an_interface_has_at_most_five_groups() {
    let group = "{ \"GroupId\": \"sg-0endpoint0000004\", \"GroupName\": \"endpoint\" }";
    let with = |count: usize| {
        let groups = vec![group; count].join(", ");
        changed(
            "network-interfaces.json",
            &format!("\"Groups\": [{group}]"),
            &format!("\"Groups\": [{groups}]"),
        )
    };
    assert_eq!(accepted(&with(5)).interfaces.len(), 6);
    insta::assert_snapshot!(refused(&with(6)));
}

#[test]
fn rules_that_are_none_are_refused() {
    let mut all = String::new();
    for (file, old, new) in [
        (
            "network-acls.json",
            "\"RuleNumber\": 120",
            "\"RuleNumber\": 110",
        ),
        (
            "network-acls.json",
            "\"RuleNumber\": 120",
            "\"RuleNumber\": 0",
        ),
        (
            "network-acls.json",
            "\"RuleNumber\": 120",
            "\"RuleNumber\": 40000",
        ),
        (
            "network-acls.json",
            "\"RuleNumber\": 110, \"Protocol\": \"17\", \"RuleAction\": \"allow\"",
            "\"RuleNumber\": 32767, \"Protocol\": \"17\", \"RuleAction\": \"allow\"",
        ),
        (
            "network-acls.json",
            "\"Protocol\": \"17\", \"RuleAction\": \"allow\"",
            "\"Protocol\": \"17\", \"RuleAction\": \"permit\"",
        ),
        (
            "network-acls.json",
            "\"Protocol\": \"17\"",
            "\"Protocol\": \"sctpp\"",
        ),
        (
            "network-acls.json",
            "{ \"From\": 1024, \"To\": 65535 }",
            "{ \"From\": 65535, \"To\": 1024 }",
        ),
        (
            "security-groups.json",
            "\"FromPort\": 8080, \"ToPort\": 8089",
            "\"FromPort\": 8080, \"ToPort\": 80890",
        ),
        (
            "security-groups.json",
            "{ \"CidrIp\": \"10.0.0.0/16\" }",
            "{ \"CidrIp\": \"10.0.0.1/16\" }",
        ),
    ] {
        all.push_str(&refused(&changed(file, old, new)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn addresses_that_are_none_or_taken_are_refused() {
    let mut all = String::new();
    for (file, old, new) in [
        ("vpcs.json", "\"10.8.0.0/16\"", "\"10.8.0.0/33\""),
        (
            "network-interfaces.json",
            "\"PrivateIpAddress\": \"10.0.11.20\"",
            "\"PrivateIpAddress\": \"10.0.11\"",
        ),
        (
            "network-interfaces.json",
            "\"PrivateIpAddress\": \"10.0.11.20\"",
            "\"PrivateIpAddress\": \"10.0.12.20\"",
        ),
        (
            "network-interfaces.json",
            "\"PrivateIpAddress\": \"10.0.11.20\"",
            "\"PrivateIpAddress\": \"10.0.11.3\"",
        ),
        (
            "network-interfaces.json",
            "\"PrivateIpAddress\": \"10.0.10.30\"",
            "\"PrivateIpAddress\": \"10.0.10.20\"",
        ),
        (
            "network-interfaces.json",
            "\"PublicIp\": \"198.51.100.10\"",
            "\"PublicIp\": \"198.51.100.5\"",
        ),
        (
            "nat-gateways.json",
            "\"PrivateIp\": \"10.0.0.5\"",
            "\"PrivateIp\": \"10.0.0.10\"",
        ),
        (
            "nat-gateways.json",
            "\"PrivateIp\": \"10.0.0.5\"",
            "\"PrivateIp\": \"10.0.9.5\"",
        ),
        (
            "nat-gateways.json",
            "\"PublicIp\": \"198.51.100.5\"",
            "\"PublicIp\": \"198.51.100.10\"",
        ),
        (
            "subnets.json",
            "{\n  \"Subnets\": [",
            "{\n  \"Vpcs\": 3, \"Subnets\": [",
        ),
        (
            "transit-gateways.json",
            "{ \"TransitGateways\"",
            "{ \"Vpcs\": [7], \"TransitGateways\"",
        ),
    ] {
        all.push_str(&refused(&changed(file, old, new)));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn records_that_contradict_each_other_are_refused() {
    let more = |file: &str, text: &str| {
        let mut files = example();
        files.push((file.into(), text.into()));
        files
    };
    let cases = [
        more(
            "subnets-2.json",
            "{\"Subnets\": [{\"SubnetId\": \"subnet-0data00000000a\", \"VpcId\": \"vpc-0data000000000002\", \
             \"CidrBlock\": \"10.8.9.0/24\", \"AvailabilityZone\": \"eu-west-1a\"}]}",
        ),
        more(
            "prefix-lists-2.json",
            "{\"PrefixLists\": [{\"PrefixListId\": \"pl-0s3000001\", \"Cidrs\": [\"192.0.2.0/24\"]}]}",
        ),
        changed(
            "gateways.json",
            "\"Attachments\": [], ",
            "\"Attachments\": [{ \"State\": \"available\", \"VpcId\": \"vpc-0shop000000000001\" }], ",
        ),
        changed(
            "route-tables.json",
            "[{ \"Main\": false, \"SubnetId\": \"subnet-0public0000000a\" }]",
            "[{ \"Main\": true }, { \"Main\": false, \"SubnetId\": \"subnet-0data00000000a\" }]",
        ),
        changed(
            "network-acls.json",
            "\"IsDefault\": true,\n      \"Associations\": [],",
            "\"IsDefault\": true,\n      \"Associations\": [{ \"SubnetId\": \"subnet-0public0000000a\" }],",
        ),
        changed(
            "route-tables.json",
            "\"DestinationPrefixListId\": \"pl-0shopranges000001\", \"VpcPeeringConnectionId\": \"pcx-0shopdata0000001\"",
            "\"DestinationPrefixListId\": \"pl-0shopranges000001\", \"GatewayId\": \"igw-0shop00000000001\"",
        ),
    ];
    let all: Vec<_> = cases.iter().map(|files| refused(files)).collect();
    insta::assert_snapshot!(all.join("---\n"));
}

#[test]
fn files_that_nothing_can_be_said_without_are_missed_once() {
    let mut all = refused(&[]);
    all.push_str("---\n");
    all.push_str(&refused(&without(&["vpcs.json"])));
    all.push_str("---\n");
    all.push_str(&refused(&without(&[
        "subnets.json",
        "security-groups.json",
    ])));
    assert_eq!(all.matches("error:").count(), 4, "{all}");
    insta::assert_snapshot!(all);
}

#[test]
fn all_problems_of_all_files_are_told_at_once() {
    let mut files = changed(
        "network-acls.json",
        "\"RuleNumber\": 120",
        "\"RuleNumber\": 110",
    );
    for (file, old, new) in [
        ("subnets.json", "10.0.11.0/24", "10.0.10.128/25"),
        ("route-tables.json", "nat-0shop0000000001", "nat-9"),
        ("network-interfaces.json", "sg-0front000000001", "sg-9"),
    ] {
        let (_, text) = files.iter_mut().find(|(name, _)| name == file).unwrap();
        *text = text.replace(old, new);
    }
    let reports = read_files(&files).unwrap_err();
    let with_errors = reports.iter().filter(|report| report.has_errors());
    assert_eq!(with_errors.count(), 4, "{}", text(&reports));
}
