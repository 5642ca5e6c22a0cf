//! The example folder.

use super::*;

#[test]
fn the_example_is_read_as_it_was_meant() {
    let imported = accepted(&example());
    assert_eq!(imported.region.subnets.len(), 4);
    assert_eq!(imported.interfaces.len(), 6);
    insta::assert_snapshot!(show(&imported));
}

#[test]
fn what_the_example_has_and_the_simulator_has_not_is_said() {
    let (imported, reports) = read_files(&example()).unwrap();
    assert!(reports.iter().all(|report| !report.has_errors()));
    assert!(imported.caveats.iter().all(|line| line.contains(".json:")));
    insta::assert_snapshot!(text(&reports));
}

#[test]
fn the_folder_gives_what_its_files_give() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/vpc");
    let (imported, _) = load_folder(&folder).unwrap();
    assert_eq!(show(&imported), show(&accepted(&example())));
    assert_eq!(imported.inputs.len(), example().len());
    assert!(
        imported
            .inputs
            .iter()
            .all(|(name, _)| name.ends_with(".json"))
    );
}

#[test]
fn a_folder_that_is_not_there_is_reported() {
    let reports = load_folder(Path::new("no/such/folder")).unwrap_err();
    assert!(
        text(&reports).contains("there is no such file"),
        "{}",
        text(&reports)
    );
}

#[test]
fn a_folder_with_a_file_that_is_no_text_is_refused_with_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), b"{\"Vpcs\": \xff}").unwrap();
    std::fs::write(folder.path().join("b.json"), "{\"Subnets\": [").unwrap();
    std::fs::write(folder.path().join("c.txt"), "not read").unwrap();
    let reports = load_folder(folder.path()).unwrap_err();
    let text = text(&reports);
    assert!(text.contains("not UTF-8 text"), "{text}");
    assert!(text.contains("not JSON: EOF"), "{text}");
    assert!(!text.contains("c.txt"), "{text}");
}

#[test]
fn hosts_are_the_interfaces_that_are_no_nat_gateways() {
    let imported = accepted(&example());
    let hosts = imported.hosts();
    assert_eq!(hosts.len(), 5);
    assert!(
        hosts
            .iter()
            .all(|host| host.bandwidth.is_none() && host.default_route)
    );
    for (host, (_, interface)) in hosts.iter().zip(imported.host_interfaces()) {
        assert_eq!(host.name, interface.name);
        assert_eq!(host.address, Some(interface.address));
        assert_eq!(host.location, HostLocation::Subnet(interface.subnet));
        assert_ne!(interface.kind, InterfaceKind::NatGateway);
    }
    let named = |name: &str| hosts.iter().find(|host| host.name.contains(name)).unwrap();
    let public: Ipv4Addr = "198.51.100.10".parse().unwrap();
    assert_eq!(named("front").public_address, PublicAddress::Fixed(public));
    assert!(named("vpce-0logs").always_tracked);
    assert!(!named("web").always_tracked);
    // Two interfaces are tagged `web`.
    assert!(named("web (eni-0web00000000004)").source_dest_check);
}

#[test]
fn every_interface_is_asked_at_what_its_groups_let_in() {
    let imported = accepted(&example());
    let ports = imported.ports_of_interest();
    assert_eq!(ports.len(), imported.hosts().len());
    let of = |id: &str| {
        let interface = imported.interfaces.iter().position(|other| other.id == id);
        let mut found = ports.iter().filter(|(index, _)| Some(*index) == interface);
        found.next().map(|(_, ports)| ports.clone())
    };
    let tcp = |ports: &[u16]| {
        Some(
            ports
                .iter()
                .map(|port| (Protocol::Tcp, *port))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(of("eni-0front0000000002"), tcp(&[22, 80, 443]));
    assert_eq!(of("eni-0web00000000003"), tcp(&[22, 80, 443, 8080]));
    assert_eq!(of("eni-0db0000000000006"), tcp(&[22, 80, 443, 5432]));
    assert_eq!(of("eni-0nat00000000001"), None);
}
