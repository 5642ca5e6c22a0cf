//! Which ports an interface is asked at.

use super::*;

#[test]
fn of_many_ports_the_lowest_and_the_well_known_are_asked() {
    let ranges: Vec<_> = (0..30)
        .map(|number| {
            let port = 7000 + 10 * number;
            format!(
                "{{\"IpProtocol\": \"udp\", \"FromPort\": {port}, \"ToPort\": {}, \
                 \"IpRanges\": [{{\"CidrIp\": \"10.0.0.0/8\"}}]}}",
                port + 5
            )
        })
        .collect();
    let old = "\"IpProtocol\": \"icmp\", \"FromPort\": 8, \"ToPort\": -1,\n          \"IpRanges\": [{ \"CidrIp\": \"10.0.0.0/8\" }], \"Ipv6Ranges\": [], \"PrefixListIds\": [], \"UserIdGroupPairs\": []\n        }";
    let new = format!("{old}, {}", ranges.join(", "));
    let imported = accepted(&changed("security-groups.json", old, &new));
    let front = imported.interfaces.iter().position(|i| i.name == "front");
    let ports = imported.ports_of_interest();
    let (_, ports) = ports
        .iter()
        .find(|(index, _)| Some(*index) == front)
        .unwrap();
    assert_eq!(ports.len(), MOST_PORTS);
    for port in WELL_KNOWN {
        assert!(ports.contains(&(Protocol::Tcp, port)));
    }
    assert_eq!(ports.last(), Some(&(Protocol::Udp, 7120)));
    assert!(ports.is_sorted());
}

#[test]
fn port_zero_is_never_asked() {
    let files = changed(
        "security-groups.json",
        "\"FromPort\": 8080, \"ToPort\": 8089",
        "\"FromPort\": 0, \"ToPort\": 65535",
    );
    let ports = accepted(&files).ports_of_interest();
    assert!(
        ports
            .iter()
            .all(|(_, ports)| ports.iter().all(|(_, port)| *port > 0))
    );
    assert!(
        ports
            .iter()
            .any(|(_, ports)| ports.contains(&(Protocol::Tcp, 1)))
    );
}
