//! What is said of networks that cannot be, and what those that can be mean.

use sim_core::{SimDuration, SimTime};
use sim_net::vpc::{Lifetime, PeerPlan, PublicAddress, RouteTarget};

use super::{accepted, caveats, refused, with};
use crate::toml::{Listen, Location, Scenario};

/// Two VPCs, `vpc` with a public and a private subnet and `other`, with what `lines` adds.
fn two_vpcs(lines: &str) -> String {
    with(&format!(
        "[vpc]\ncidr = \"10.0.0.0/16\"\nzones = [\"a\", \"b\"]\n\
         [[vpc.other]]\nname = \"other\"\ncidrs = [\"10.1.0.0/16\"]\n\
         [[vpc.subnet]]\nname = \"public\"\ncidr = \"10.0.0.0/24\"\nzone = \"a\"\n\
         [[vpc.subnet]]\nname = \"private\"\ncidr = \"10.0.1.0/24\"\nzone = \"b\"\n\
         [[vpc.subnet]]\nname = \"far\"\nvpc = \"other\"\ncidr = \"10.1.0.0/24\"\nzone = \"a\"\n\
         [[vpc.security_group]]\nname = \"web\"\n\
         [[vpc.security_group]]\nname = \"far-group\"\nvpc = \"other\"\n{lines}"
    ))
}

#[test]
fn names_of_the_network_that_nothing_has() {
    insta::assert_snapshot!(refused(&with(
        "[vpc]\ncidr = \"10.0.0.0/16\"\n\
         [[vpc.other]]\nname = \"shared\"\ncidrs = []\n\
         [[vpc.subnet]]\nname = \"a\"\ncidr = \"10.0.0.0/24\"\nzone = \"a\"\nvpc = \"sharde\"\n\
         route_table = \"mian\"\nnetwork_acl = \"edge\"\n\
         [[vpc.security_group]]\nname = \"web\"\nvpc = \"nowhere\"\n\
         ingress = [{ peer = \"offce\" }]\n\
         [[vpc.prefix_list]]\nname = \"office\"\ncidrs = [\"192.0.2.0/24\"]\n\
         [[vpc.route_table]]\nname = \"main\"\nroutes = [\n\
         { destination = \"0.0.0.0/0\", target = \"internet-gatway\" },\n\
         { destination = \"offices\", target = \"local\" },\n\
         { destination = \"10.0.0.1\", target = \"blackhole\" },\n\
         { target = \"blackhole\" }]\n\
         [[vpc.nat_gateway]]\nname = \"nat\"\nsubnet = \"b\"\n\
         [[vpc.gateway_endpoint]]\nname = \"s3\"\nservice = \"s3\"\n\
         [[vpc.peering]]\nname = \"p\"\nrequester = \"vpc\"\naccepter = \"share\"\n\
         [[vpc.interface_endpoint]]\nname = \"e\"\nsubnets = [\"aa\"]\nsecurity_groups = [\"wbe\"]\n\
         [[client]]\nname = \"s\"\nservice = \"offise\"\n"
    )));
}

#[test]
fn routes_lead_to_what_is_of_their_vpc() {
    insta::assert_snapshot!(refused(&two_vpcs(
        "[[vpc.prefix_list]]\nname = \"s3\"\ncidrs = [\"198.51.100.0/24\"]\n\
         [[vpc.internet_gateway]]\nname = \"igw\"\nvpc = \"other\"\n\
         [[vpc.nat_gateway]]\nname = \"nat\"\nsubnet = \"far\"\n\
         [[vpc.gateway_endpoint]]\nname = \"s3-far\"\nvpc = \"other\"\nservice = \"s3\"\n\
         [[vpc.gateway_endpoint]]\nname = \"s3-near\"\nservice = \"s3\"\n\
         [[vpc.route_table]]\nname = \"near\"\nroutes = [\n\
         { destination = \"0.0.0.0/0\", target = \"internet-gateway\" },\n\
         { destination = \"192.0.2.0/24\", target = \"igw\" },\n\
         { destination = \"192.0.3.0/24\", target = \"nat\" },\n\
         { destination = \"s3\", target = \"s3-far\" },\n\
         { destination = \"192.0.4.0/24\", target = \"s3-near\" },\n\
         { destination = \"192.0.5.0/24\", target = \"blackhole\" },\n\
         { destination = \"192.0.5.0/24\", target = \"blackhole\" },\n\
         { destination = \"10.0.7.0/24\", target = \"blackhole\" },\n\
         { destination = \"10.7.0.0/24\", target = \"local\" },\n\
         { destination = \"169.254.169.254/32\", target = \"blackhole\" }]\n"
    )));
}

#[test]
fn ranges_are_apart() {
    insta::assert_snapshot!(refused(&with(
        "[vpc]\ncidr = \"10.0.0.0/16\"\nsecondary_cidrs = [\"10.0.128.0/20\", \"10.2.0.0/15\"]\n\
         [[vpc.other]]\nname = \"other\"\ncidrs = [\"10.0.64.0/20\"]\n\
         [[vpc.other]]\nname = \"vpc\"\ncidrs = [\"198.18.0.0/16\"]\n\
         [[vpc.subnet]]\nname = \"a\"\ncidr = \"10.0.0.0/24\"\nzone = \"a\"\n\
         [[vpc.subnet]]\nname = \"b\"\ncidr = \"10.0.64.0/24\"\nzone = \"a\"\n\
         [[vpc.subnet]]\nname = \"c\"\nvpc = \"other\"\ncidr = \"10.0.64.0/24\"\nzone = \"a\"\n\
         [[vpc.subnet]]\nname = \"d\"\nvpc = \"other\"\ncidr = \"10.0.64.0/25\"\nzone = \"a\"\n\
         [[vpc.subnet]]\nname = \"e\"\nvpc = \"other\"\ncidr = \"10.0.0.0/24\"\nzone = \"a\"\n\
         [[vpc.peering]]\nname = \"overlapping\"\nrequester = \"vpc\"\naccepter = \"other\"\n\
         [[vpc.peering]]\nname = \"again\"\nrequester = \"other\"\naccepter = \"vpc\"\n\
         [[vpc.peering]]\nname = \"itself\"\nrequester = \"other\"\naccepter = \"other\"\n"
    )));
}

#[test]
fn what_belongs_to_one_vpc_stays_there() {
    insta::assert_snapshot!(refused(&two_vpcs(
        "[[vpc.security_group]]\nname = \"db\"\ningress = [{ peer = \"far-group\" }]\n\
         [[vpc.route_table]]\nname = \"far-table\"\nvpc = \"other\"\n\
         [[vpc.network_acl]]\nname = \"far-acl\"\nvpc = \"other\"\n\
         [[vpc.subnet]]\nname = \"third\"\ncidr = \"10.0.3.0/24\"\nzone = \"a\"\n\
         route_table = \"far-table\"\nnetwork_acl = \"far-acl\"\n\
         [[vpc.interface_endpoint]]\nname = \"e\"\nsubnets = [\"public\", \"far\", \"third\"]\n\
         [[capacity]]\ninstance_type = \"m5.large\"\nsubnets = [\"public\"]\nsecurity_groups = [\"far-group\"]\n\
         [[service]]\nname = \"two\"\ntask_definition = \"web.json\"\n\
         awsvpc = { subnets = [\"private\", \"far\"] }\n\
         [[client]]\nname = \"c\"\nsubnet = \"far\"\nsecurity_groups = [\"web\"]\n"
    ).replace("service = [{ task_definition = \"web.json\" }, { task_definition = \"cache.json\" }]\n", "")));
}

#[test]
fn an_interface_has_five_security_groups_at_most() {
    let groups: String = (0..6)
        .map(|n| format!("[[vpc.security_group]]\nname = \"g{n}\"\n"))
        .collect();
    let six = "security_groups = [\"g0\", \"g1\", \"g2\", \"g3\", \"g4\", \"g5\"]\n";
    let text = |six: &str| {
        with(&format!(
            "[vpc]\n{groups}[[capacity]]\ninstance_type = \"m5.large\"\n{six}[[client]]\nname = \"c\"\n{six}"
        ))
    };
    insta::assert_snapshot!(refused(&text(six)));
    accepted(&text(&six.replace(", \"g5\"", "")));
}

#[test]
fn acl_rules_are_numbered_and_rules_are_there_for_a_while() {
    insta::assert_snapshot!(refused(&with(
        "[vpc]\n[[vpc.security_group]]\nname = \"g\"\ningress = [\n\
         { name = \"one\", removed_at = \"0 s\" },\n\
         { name = \"one\", added_at = \"2 s\", removed_at = \"1 s\" },\n\
         { added_at = \"3 h\" }]\n\
         [[vpc.network_acl]]\nname = \"n\"\ningress = [\n\
         { rule = 100, action = \"allow\" }, { rule = 100, action = \"dney\" },\n\
         { rule = 100, action = \"deny\" }, { rule = 0, action = \"deny\" },\n\
         { rule = 32767, action = \"deny\" }, { action = \"allow\" }, { rule = 3 },\n\
         { rule = 4, action = \"deny\", ports = 80 }]\n\
         egress = [{ rule = 100, action = \"allow\" }]\n"
    )));
}

#[test]
fn gateways_lead_out() {
    insta::assert_snapshot!(refused(&two_vpcs(
        "[[vpc.internet_gateway]]\nname = \"one\"\n[[vpc.internet_gateway]]\nname = \"two\"\n\
         [[vpc.nat_gateway]]\nname = \"itself\"\nsubnet = \"public\"\n\
         [[vpc.nat_gateway]]\nname = \"there\"\nsubnet = \"private\"\n\
         [[vpc.nat_gateway]]\nname = \"local\"\nsubnet = \"far\"\n\
         [[vpc.route_table]]\nname = \"main\"\nmain = true\n\
         routes = [{ destination = \"0.0.0.0/0\", target = \"itself\" }]\n\
         [[vpc.route_table]]\nname = \"other-main\"\nmain = true\n\
         routes = [{ destination = \"0.0.0.0/0\", target = \"there\" }]\n"
    )));
    // One leads to the other and back.
    insta::assert_snapshot!(refused(
        &two_vpcs(
            "[[vpc.internet_gateway]]\nname = \"igw\"\n\
         [[vpc.nat_gateway]]\nname = \"here\"\nsubnet = \"public\"\n\
         [[vpc.nat_gateway]]\nname = \"there\"\nsubnet = \"private\"\n\
         [[vpc.route_table]]\nname = \"to-here\"\n\
         routes = [{ destination = \"0.0.0.0/0\", target = \"here\" }]\n\
         [[vpc.route_table]]\nname = \"to-there\"\n\
         routes = [{ destination = \"0.0.0.0/0\", target = \"there\" }]\n"
        )
        .replace(
            "zone = \"b\"\n",
            "zone = \"b\"\nroute_table = \"to-here\"\n"
        )
        .replacen(
            "zone = \"a\"\n",
            "zone = \"a\"\nroute_table = \"to-there\"\n",
            1
        )
    ));
}

#[test]
fn machines_are_in_one_place_with_an_address_of_it() {
    insta::assert_snapshot!(refused(&two_vpcs(
        "[[vpc.prefix_list]]\nname = \"s3\"\ncidrs = [\"198.51.100.0/24\"]\n\
         [[client]]\nname = \"a\"\nservice = \"s3\"\nzone = \"a\"\nsubnet = \"public\"\n\
         [[client]]\nname = \"b\"\nservice = \"s3\"\naddress = \"192.0.2.1\"\nsecurity_groups = [\"web\"]\n\
         [[client]]\nname = \"c\"\nzone = \"internet\"\naddress = \"10.1.0.9\"\npublic_address = true\n\
         [[client]]\nname = \"d\"\nsubnet = \"public\"\naddress = \"10.0.0.3\"\n\
         [[client]]\nname = \"e\"\nsubnet = \"public\"\naddress = \"10.0.1.9\"\nlisten = [80, \"80/tcp\", \"80/sctp\", 0]\n\
         [[client]]\nname = \"f\"\nsubnet = \"public\"\naddress = \"10.0.0.9\"\npublic_address = \"10.0.0.10\"\n\
         [[client]]\nname = \"g\"\nsubnet = \"public\"\naddress = \"10.0.0.9\"\npublic_address = 7\n\
         [[client]]\nname = \"h\"\nzone = \"internet\"\nsource_dest_check = false\naddress = \"10.0.0\"\n"
    )));
}

#[test]
fn numbers_of_instances_are_in_range() {
    insta::assert_snapshot!(refused(&with(
        "[[capacity]]\ninstance_type = \"m5.large\"\ntracked_connections = 0\npacket_rate = \"0/s\"\n\
         credits = \"150 %\"\ntcp_idle_timeout = \"59 s\"\n\
         imds = { hop_limit = 65, tokens = \"requird\", enable = false }\n\
         [[capacity]]\ninstance_type = \"m5.large\"\ntcp_idle_timeout = \"6 days\"\nimds = true\n"
    )));
}

#[test]
fn no_container_is_published_at_port_zero() {
    let with_ports = |ports: &str| {
        with(&format!(
            "[[capacity]]\ninstance_type = \"m5.large\"\ndynamic_ports = \"{ports}\"\n"
        ))
    };
    assert!(refused(&with_ports("0-3")).contains("port 0 is no port that a container can have"));
    assert_eq!(
        accepted(&with_ports("1-3")).capacity[0].dynamic_ports,
        1..=3
    );
}

#[test]
fn endpoints_are_targets_and_nothing_else() {
    let endpoint = "[vpc]\n[[vpc.interface_endpoint]]\nname = \"web\"\nsubnets = [\"a\"]\n\
                    [[vpc.interface_endpoint]]\nname = \"registry\"\nsubnets = [\"a\", \"b\"]\n";
    insta::assert_snapshot!(refused(&with(&format!(
        "{endpoint}[[client]]\nname = \"c\"\n\
         [[workload]]\nname = \"w\"\nfrom = [\"registry\"]\nto = \"registry:80\"\n\
         [[workload]]\nname = \"v\"\nfrom = [\"c/x\"]\nto = \"registry/x:443\"\n"
    ))));
}

#[test]
fn what_is_of_no_use_is_a_caveat() {
    insta::assert_snapshot!(caveats(&two_vpcs(
        "[[vpc.internet_gateway]]\nname = \"igw\"\nvpc = \"other\"\n\
         [[vpc.subnet]]\nname = \"third\"\ncidr = \"10.0.3.0/24\"\nzone = \"a\"\nmap_public_ip = true\n\
         [[vpc.nat_gateway]]\nname = \"nat\"\nsubnet = \"far\"\n\
         [[capacity]]\ninstance_type = \"m5.8xlarge\"\npublic_address = true\ncredits = \"10 %\"\n\
         [[service]]\nname = \"third\"\ntask_definition = \"web.json\"\nawsvpc = { assign_public_ip = true }\n\
         [[client]]\nname = \"c\"\nsubnet = \"public\"\npublic_address = true\n\
         [[client]]\nname = \"d\"\nsubnet = \"far\"\npublic_address = true\n"
    ).replace("service = [{ task_definition = \"web.json\" }, { task_definition = \"cache.json\" }]\n", "")));
}

fn small() -> Scenario {
    accepted(&two_vpcs(
        "[[vpc.prefix_list]]\nname = \"office\"\ncidrs = [\"192.0.2.0/24\"]\n\
         [[vpc.security_group]]\nname = \"db\"\n\
         ingress = [{ name = \"r\", peer = \"office\", added_at = \"1 s\", removed_at = \"2 s\" }, { peer = \"far-group\" }]\n\
         [[vpc.peering]]\nname = \"p\"\nrequester = \"other\"\naccepter = \"vpc\"\n\
         [[vpc.internet_gateway]]\nname = \"igw\"\n\
         [[vpc.nat_gateway]]\nname = \"nat\"\nsubnet = \"public\"\n\
         [[vpc.nat_gateway]]\nname = \"inner\"\nsubnet = \"private\"\nconnectivity = \"private\"\n\
         [[vpc.route_table]]\nname = \"main\"\nmain = true\n\
         routes = [{ destination = \"0.0.0.0/0\", target = \"igw\" }, { destination = \"10.1.0.0/16\", target = \"p\" }]\n\
         [[vpc.network_acl]]\nname = \"n\"\ningress = [{ rule = 200, action = \"deny\" }, { rule = 100, action = \"allow\" }]\n\
         [[vpc.interface_endpoint]]\nname = \"e\"\nsubnets = [\"private\"]\n\
         [[client]]\nname = \"i\"\nzone = \"internet\"\n\
         [[client]]\nname = \"s\"\nservice = \"office\"\nlisten = [443]\n\
         [[client]]\nname = \"p\"\nsubnet = \"public\"\npublic_address = true\n\
         [[client]]\nname = \"o\"\nsubnet = \"far\"\n",
    ))
}

#[test]
fn rules_routes_and_places_mean_what_they_say() {
    let scenario = small();
    let region = &scenario.region;
    let rules = &region.security_groups[2].ingress;
    let second = |n| SimTime::ZERO + SimDuration::from_secs(n);
    let (from, until) = (second(1), second(2));
    assert_eq!(rules[0].lifetime, Lifetime { from, until });
    assert_eq!(
        (rules[0].id.as_str(), &rules[0].peer),
        ("r", &PeerPlan::PrefixList(0))
    );
    assert_eq!(
        rules[1].peer,
        PeerPlan::Group(1),
        "of the VPC that is peered"
    );
    let targets: Vec<_> = region.route_tables[0]
        .routes
        .iter()
        .map(|r| &r.target)
        .collect();
    let expected = [
        &RouteTarget::Local,
        &RouteTarget::InternetGateway(0),
        &RouteTarget::Peering(0),
    ];
    assert_eq!(targets, expected);
    let tables: Vec<_> = region.subnets.iter().map(|s| s.route_table).collect();
    assert_eq!(
        tables,
        [Some(0), Some(0), None],
        "the main table of each VPC"
    );
    let numbers: Vec<_> = region.network_acls[0]
        .ingress
        .iter()
        .map(|e| e.number)
        .collect();
    assert_eq!(numbers, [100, 200]);
    assert!(
        region.network_acls[0].egress.is_empty(),
        "everything is denied"
    );
    let public: Vec<_> = region
        .nat_gateways
        .iter()
        .map(|n| n.public_address)
        .collect();
    assert_eq!(public, [PublicAddress::Assigned, PublicAddress::None]);
    let places: Vec<_> = scenario.clients.iter().map(|c| c.location).collect();
    assert_eq!(
        places,
        [
            Location::Internet,
            Location::Service(0),
            Location::Subnet(0),
            Location::Subnet(2)
        ]
    );
    assert_eq!(scenario.clients[2].public_address, PublicAddress::Assigned);
    let https = Listen {
        port: 443,
        protocol: crate::ecs::Protocol::Tcp,
    };
    assert_eq!(scenario.clients[1].listen, [https]);
    assert_eq!(scenario.endpoints[0].ports, [https]);
    assert_eq!(
        scenario.endpoints[0].security_groups,
        [0],
        "the first of its VPC"
    );
}

#[test]
fn an_instance_forgets_idle_connections_as_its_type_does() {
    let of = |instance_type: &str, rest: &str| {
        let text = format!("[[capacity]]\ninstance_type = \"{instance_type}\"\n{rest}");
        accepted(&with(&text)).capacity[0].tcp_idle_timeout
    };
    assert_eq!(of("m5.large", ""), SimDuration::from_secs(432_000));
    assert_eq!(of("m8i.large", ""), SimDuration::from_secs(350), "Nitro v6");
    let given = "tcp_idle_timeout = \"60 s\"\n";
    assert_eq!(of("m8i.large", given), SimDuration::from_secs(60));
}
