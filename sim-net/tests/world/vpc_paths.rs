//! Where packets go between interfaces, and each reason for which they do not.

use sim_core::{ByteSize, DataRate, SimDuration};
use sim_net::build::{BuildError, build};
use sim_net::headers::Protocol;
use sim_net::plan::{Direction, Mode, Plan, WorkloadKind, WorkloadPlan};
use sim_net::reach::Leg;
use sim_net::verdict::DropReason;
use sim_net::vpc::{PeerPlan, PublicAddress, RouteDestination, RoutePlan, RouteTarget};

use crate::support::{bandwidth, gbps, ping_pong, run, target, task};
use crate::vpc_support::*;

#[test]
fn without_a_route_a_packet_is_dropped() {
    dropped(&site(), A, OUTSIDE_ADDR, DropReason::VpcNoRoute);
    reaches(&public(), A, OUTSIDE_ADDR, FIRST_PUBLIC);
}

#[test]
fn a_route_whose_target_is_gone_drops() {
    let mut plan = site();
    add_route(&mut plan, 0, "10.1.0.0/16", RouteTarget::Blackhole);
    dropped(&plan, A, C_ADDR, DropReason::VpcBlackhole);
}

#[test]
fn a_route_to_what_is_not_simulated_drops() {
    let mut plan = site();
    let transit = RouteTarget::Unmodelled("tgw-1".into());
    add_route(&mut plan, 0, "10.1.0.0/16", transit);
    dropped(&plan, A, C_ADDR, DropReason::NotModelled);
}

#[test]
fn the_longest_prefix_decides() {
    let mut plan = site();
    add_route(&mut plan, 0, "10.0.1.128/25", RouteTarget::Blackhole);
    reaches(&plan, A, B_ADDR, A_ADDR);
    add_route(&mut plan, 0, "10.0.1.0/25", RouteTarget::Blackhole);
    dropped(&plan, A, B_ADDR, DropReason::VpcBlackhole);
}

#[test]
fn an_address_that_nobody_has_is_unknown_to_the_fabric() {
    dropped(&site(), A, [10, 0, 1, 77], DropReason::FabricNoRoute);
    dropped(&site(), A, [169, 254, 7, 7], DropReason::FabricNoRoute);
    dropped(&public(), A, [198, 19, 0, 77], DropReason::FabricNoRoute);
}

#[test]
fn an_internet_gateway_needs_a_public_address() {
    let mut plan = public();
    plan.hosts[0].public_address = PublicAddress::None;
    dropped(&plan, A, OUTSIDE_ADDR, DropReason::NoPublicAddress);
}

#[test]
fn a_client_outside_reaches_a_public_address_and_is_seen_by_its_own() {
    reaches(&public(), OUTSIDE, FIRST_PUBLIC, OUTSIDE_ADDR);
    reaches(&public(), SERVICE, SECOND_PUBLIC, SERVICE_ADDR);
    reaches(&public(), OUTSIDE, SERVICE_ADDR, OUTSIDE_ADDR);
    dropped(&public(), OUTSIDE, A_ADDR, DropReason::FabricNoRoute);
    let mut detached = site();
    detached.hosts[0].public_address = PublicAddress::Assigned;
    detached.region.internet_gateways.clear();
    dropped(&detached, OUTSIDE, FIRST_PUBLIC, DropReason::FabricNoRoute);
}

#[test]
fn without_a_route_back_a_client_outside_gets_no_answer() {
    let mut plan = public();
    plan.region.route_tables[0].routes.pop();
    dropped(&plan, OUTSIDE, FIRST_PUBLIC, DropReason::VpcNoRoute);
}

#[test]
fn a_public_address_leads_back_into_the_vpc() {
    reaches(&public(), A, SECOND_PUBLIC, FIRST_PUBLIC);
    reaches(&public(), A, FIRST_PUBLIC, FIRST_PUBLIC);
}

#[test]
fn a_fixed_public_address_is_the_one_that_is_seen() {
    let mut plan = public();
    let fixed = [203, 0, 113, 9];
    plan.hosts[0].public_address = PublicAddress::Fixed(fixed.into());
    reaches(&plan, A, OUTSIDE_ADDR, fixed);
    reaches(&plan, OUTSIDE, fixed, OUTSIDE_ADDR);
}

#[test]
fn peering_leads_both_ways_while_it_is_active() {
    let mut plan = site();
    add_route(&mut plan, 0, "10.1.0.0/16", RouteTarget::Peering(0));
    // Without a route back there is no answer.
    dropped(&plan, A, C_ADDR, DropReason::VpcNoRoute);
    add_route(&mut plan, 2, "10.0.0.0/16", RouteTarget::Peering(0));
    reaches(&plan, A, C_ADDR, A_ADDR);
    reaches(&plan, C, A_ADDR, C_ADDR);
    plan.region.peerings[0].active = false;
    dropped(&plan, A, C_ADDR, DropReason::PeeringInactive);
}

#[test]
fn peering_leads_no_further_than_the_other_vpc() {
    let mut plan = public();
    // The other VPC would like to use the first one's internet gateway.
    add_route(&mut plan, 2, "0.0.0.0/0", RouteTarget::Peering(0));
    dropped(&plan, C, OUTSIDE_ADDR, DropReason::PeeringNotTransitive);
    dropped(&plan, C, [10, 0, 9, 9], DropReason::FabricNoRoute);
}

fn with_endpoint() -> Plan {
    let mut plan = site();
    plan.region.route_tables[0].routes.push(RoutePlan {
        destination: RouteDestination::PrefixList(0),
        target: RouteTarget::GatewayEndpoint(0),
        propagated: false,
    });
    plan
}

#[test]
fn a_gateway_endpoint_needs_no_public_address() {
    dropped(&site(), A, SERVICE_ADDR, DropReason::VpcNoRoute);
    reaches(&with_endpoint(), A, SERVICE_ADDR, A_ADDR);
    // The endpoint is for the service and nobody else with such an address.
    let mut other = with_endpoint();
    other
        .region
        .prefix_lists
        .push(other.region.prefix_lists[0].clone());
    other.region.gateway_endpoints[0].prefix_list = 1;
    dropped(&other, A, SERVICE_ADDR, DropReason::FabricNoRoute);
}

#[test]
fn a_gateway_endpoint_is_as_near_as_the_zone() {
    let mut plan = with_endpoint();
    let took = |plan: &Plan| {
        let mut plan = plan.clone();
        let ping = ping_pong(A, target(SERVICE, 80), Protocol::Udp, 100);
        plan.listeners.clear();
        plan.workloads = vec![ping];
        let workload = run(&plan).workloads.remove(0);
        assert!(workload.ok > 5);
        workload.latency_total.as_ps() / workload.ok
    };
    // Once there and once back.
    assert_eq!(took(&plan), SimDuration::from_us(200).as_ps());
    plan.region.route_tables[0].routes.pop();
    add_route(&mut plan, 0, "0.0.0.0/0", RouteTarget::InternetGateway(0));
    plan.hosts[0].public_address = PublicAddress::Assigned;
    assert_eq!(took(&plan), SimDuration::from_ms(10).as_ps());
}

#[test]
fn a_network_acl_is_asked_at_each_edge_of_a_subnet() {
    let allow = || vec![everything(100, true)];
    let deny = || vec![everything(100, false)];
    for (subnet, reason) in [
        (0, DropReason::NetworkAclEgress),
        (1, DropReason::NetworkAclIngress),
    ] {
        let mut plan = site();
        let (ingress, egress) = if subnet == 0 {
            (allow(), deny())
        } else {
            (deny(), allow())
        };
        set_acl(&mut plan, subnet, ingress, egress);
        dropped(&plan, A, B_ADDR, reason);
        let mut open = site();
        set_acl(&mut open, subnet, allow(), allow());
        reaches(&open, A, B_ADDR, A_ADDR);
    }
}

#[test]
fn a_network_acl_says_nothing_inside_its_subnet() {
    let mut plan = site();
    set_acl(&mut plan, 0, vec![], vec![]);
    dropped(&plan, A, B_ADDR, DropReason::NetworkAclEgress);
    plan.hosts[1].location = sim_net::plan::HostLocation::Subnet(0);
    reaches(&plan, A, [10, 0, 0, 5], A_ADDR);
}

#[test]
fn a_network_acl_that_forbids_ephemeral_ports_stops_answers() {
    let mut plan = site();
    set_acl(
        &mut plan,
        0,
        vec![entry(100, true, 0..=1023)],
        vec![everything(100, true)],
    );
    let (found, reasons) = attempt(&plan, A, B_ADDR);
    assert!(
        found
            .iter()
            .all(|f| matches!(f, sim_net::machine::ProbeResult::Failed { .. }))
    );
    assert_eq!(reasons, [DropReason::NetworkAclIngress]);
    let ingress = &mut plan.region.network_acls[0].ingress;
    *ingress = vec![everything(100, true)];
    reaches(&plan, A, B_ADDR, A_ADDR);
}

#[test]
fn a_network_acl_sees_the_address_that_an_internet_gateway_has_made() {
    let mut plan = public();
    let mut only_public = everything(100, true);
    only_public.cidr = net("198.18.0.0/16");
    set_acl(&mut plan, 1, vec![only_public], vec![everything(100, true)]);
    // By the public address it comes from one; straight it comes from a private one.
    reaches(&plan, A, SECOND_PUBLIC, FIRST_PUBLIC);
    dropped(&plan, A, B_ADDR, DropReason::NetworkAclIngress);
}

#[test]
fn a_security_group_may_name_a_prefix_list() {
    let mut plan = public();
    let groups = &mut plan.region.security_groups;
    groups.push(groups[0].clone());
    groups[1].egress = vec![rule(None, None, PeerPlan::PrefixList(0))];
    plan.hosts[0].security_groups = vec![1];
    reaches(&plan, A, SERVICE_ADDR, FIRST_PUBLIC);
    dropped(&plan, A, OUTSIDE_ADDR, DropReason::SecurityGroupEgress);
}

#[test]
fn a_packet_larger_than_1500_octets_does_not_pass_an_internet_gateway() {
    let sized = |octets| {
        let mut plan = public();
        plan.listeners.clear();
        plan.workloads = vec![ping_pong(A, target(B, 80), Protocol::Udp, octets)];
        let straight = run(&plan);
        assert!(straight.workloads[0].ok > 5 && straight.drops.total() == 0);
        plan.workloads = vec![ping_pong(A, target(OUTSIDE, 80), Protocol::Udp, octets)];
        let outcome = run(&plan);
        (
            outcome.workloads[0].ok,
            outcome.drops.get(DropReason::TooBig),
        )
    };
    // 28 octets of headers.
    let (ok, too_big) = sized(1_472);
    assert!(ok > 5 && too_big == 0);
    let (ok, too_big) = sized(1_473);
    assert!(ok == 0 && too_big > 0);
}

/// A transfer between a client outside and a host with this limit, in octets each way.
fn transferred(limit: Option<DataRate>, direction: Direction) -> u64 {
    let mut plan = public();
    plan.listeners.clear();
    plan.region.latency.internet = SimDuration::from_us(500);
    plan.hosts[0].bandwidth = Some(sim_net::plan::BandwidthPlan {
        internet: limit,
        ..bandwidth(gbps(2))
    });
    plan.workloads = vec![WorkloadPlan {
        name: "bulk".into(),
        from: vec![A],
        to: vec![target(OUTSIDE, 80)],
        protocol: Protocol::Tcp,
        kind: WorkloadKind::Bulk {
            flows: 8,
            bytes: None,
            direction,
        },
    }];
    run(&plan).workloads[0].bytes
}

#[test]
fn what_goes_through_an_internet_gateway_has_a_limit_each_way() {
    let limit = DataRate::from_bps(500_000_000).expect("above zero");
    for direction in [Direction::Upload, Direction::Download] {
        let free = transferred(None, direction);
        let limited = transferred(Some(limit), direction);
        // 100 ms at 500 Mbit/s.
        assert!(limited < 6_250_000 && limited > 3_000_000, "{limited}");
        assert!(free > 2 * limited, "{free} and {limited}");
    }
}

#[test]
fn inside_the_vpc_the_limit_of_the_internet_does_not_hold() {
    let bytes = |limit| {
        let mut plan = public();
        plan.listeners.clear();
        plan.hosts[0].bandwidth = Some(sim_net::plan::BandwidthPlan {
            internet: limit,
            ..bandwidth(gbps(2))
        });
        plan.workloads = vec![ping_pong(A, target(B, 80), Protocol::Tcp, 10_000)];
        let outcome = run(&plan);
        (outcome.workloads[0].ok, outcome.digest)
    };
    assert_eq!(bytes(None), bytes(DataRate::from_bps(1_000)));
}

#[test]
fn a_program_outside_is_told_the_public_address_of_a_task() {
    let mut plan = public();
    let mut web = task("web/0", Mode::Fargate, 0, 80);
    let network = web.network.as_mut().expect("it has one");
    network.public_address = PublicAddress::Assigned;
    plan.tasks = vec![web];
    let ping = ping_pong(
        OUTSIDE,
        target(crate::support::app_of(0), 80),
        Protocol::Tcp,
        20_000,
    );
    plan.workloads = vec![ping];
    let outcome = run(&plan);
    assert!(
        outcome.workloads[0].ok > 0,
        "{:?}",
        outcome.workloads[0].outcome
    );
    assert_eq!(outcome.workloads[0].source_seen, Some(OUTSIDE_ADDR.into()));
    let network = plan.tasks[0].network.as_mut().expect("it has one");
    network.public_address = PublicAddress::None;
    assert_eq!(run(&plan).workloads[0].ok, 0);
}

#[test]
fn fixed_addresses_are_kept_for_those_who_have_them() {
    let mut plan = site();
    plan.hosts[1].location = sim_net::plan::HostLocation::Subnet(0);
    plan.hosts[1].address = Some(A_ADDR.into());
    plan.hosts[3].address = Some([8, 8, 8, 8].into());
    // The first host gets the next address.
    reaches(&plan, B, [10, 0, 0, 5], A_ADDR);
    add_route(&mut plan, 0, "0.0.0.0/0", RouteTarget::InternetGateway(0));
    plan.hosts[1].public_address = PublicAddress::Assigned;
    reaches(&plan, B, [8, 8, 8, 8], FIRST_PUBLIC);
    let refused = |change: fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        matches!(build(&plan, 1, 0), Err(BuildError::Address { .. }))
    };
    assert!(!refused(|_| ()));
    assert!(refused(|p| p.hosts[0].address = Some(A_ADDR.into())));
    assert!(refused(|p| p.hosts[0].address = Some([10, 0, 0, 1].into())));
    assert!(refused(|p| p.hosts[4].address = Some([8, 8, 8, 9].into())));
    assert!(refused(|p| p.hosts[4].address = Some([8, 8, 8, 8].into())));
    assert!(refused(|p| {
        p.hosts[0].public_address = PublicAddress::Fixed([8, 8, 8, 8].into());
    }));
}

#[test]
fn a_task_interface_on_ec2_gets_no_public_address() {
    let mut plan = crate::support::plan(vec![task("web/0", Mode::Awsvpc, 0, 80)]);
    let network = plan.tasks[0].network.as_mut().expect("it has one");
    network.public_address = PublicAddress::Assigned;
    let error = build(&plan, 1, 0).err().expect("EC2");
    insta::assert_snapshot!(error, @"task `web/0`: InvalidParameterException: Assign public IP is not supported for this launch type");
    assert!(matches!(error, BuildError::PublicAddressOnEc2 { .. }));
}

#[test]
fn large_answers_cross_an_internet_gateway_in_small_segments() {
    let mut plan = public();
    plan.listeners.clear();
    let mut ping = ping_pong(OUTSIDE, target(A, 80), Protocol::Tcp, 200);
    if let WorkloadKind::Request(request) = &mut ping.kind {
        request.response = ByteSize::from_bytes(50_000);
    }
    plan.workloads = vec![ping];
    let outcome = run(&plan);
    assert!(outcome.workloads[0].ok > 2);
    assert_eq!(outcome.drops.total(), 0);
}

#[test]
fn a_container_goes_out_by_its_instances_public_address() {
    let mut plan = public();
    plan.instances = vec![crate::support::instance("i-0", 0, "ideal")];
    plan.instances[0].public_address = PublicAddress::Assigned;
    plan.tasks = vec![task("web/0", Mode::Bridge, 0, 8080)];
    reaches(&plan, crate::support::app_of(0), OUTSIDE_ADDR, FIRST_PUBLIC);
    plan.instances[0].public_address = PublicAddress::None;
    let from = crate::support::app_of(0);
    dropped(&plan, from, OUTSIDE_ADDR, DropReason::NoPublicAddress);
}

#[test]
fn the_destination_check_of_a_host_is_its_own_choice() {
    let mut plan = site();
    plan.hosts[0].routes = vec![(net("172.16.0.0/12"), B_ADDR.into())];
    dropped(&plan, A, [172, 17, 0, 9], DropReason::DestinationCheck);
    plan.hosts[1].source_dest_check = false;
    dropped(&plan, A, [172, 17, 0, 9], DropReason::ForwardingOff);
}

#[test]
fn a_host_outside_without_a_default_route_reaches_nobody() {
    let mut plan = public();
    plan.hosts[3].default_route = false;
    let (found, reasons) = attempt(&plan, OUTSIDE, FIRST_PUBLIC);
    let unreachable = sim_net::machine::ErrorKind::NetworkUnreachable;
    let no_route = Some((Leg::Forward, DropReason::NoRoute));
    assert_eq!(found, [crate::support::failed(unreachable, no_route); 2]);
    assert_eq!(reasons, []);
}

#[test]
fn a_nat_gateway_takes_the_addresses_that_the_plan_gives_it() {
    let with = |private: [u8; 4], public: PublicAddress| {
        let mut plan = public_site_with_fixed_host();
        plan.region.nat_gateways.push(sim_net::vpc::NatGatewayPlan {
            id: "nat-0".into(),
            name: "nat".into(),
            subnet: 1,
            address: Some(private.into()),
            public_address: public,
        });
        build(&plan, 1, 0).map(|_| ())
    };
    let fixed = |last| PublicAddress::Fixed([203, 0, 113, last].into());
    assert_eq!(with([10, 0, 1, 51], fixed(2)), Ok(()));
    for twice in [
        with([10, 0, 1, 50], fixed(2)),
        with([10, 0, 1, 51], fixed(1)),
    ] {
        assert!(
            matches!(twice, Err(BuildError::Address { .. })),
            "{twice:?}"
        );
    }
}

/// The host in the second subnet has fixed addresses.
fn public_site_with_fixed_host() -> Plan {
    let mut plan = public();
    plan.hosts[1].address = Some([10, 0, 1, 50].into());
    plan.hosts[1].public_address = PublicAddress::Fixed([203, 0, 113, 1].into());
    plan
}

#[test]
fn large_instances_have_half_of_their_bandwidth_through_an_internet_gateway() {
    let limit = |peak, vcpus| sim_net::plan::BandwidthPlan::internet_limit(gbps(peak), vcpus);
    assert_eq!(limit(25, 31), Some(gbps(5)));
    assert_eq!(limit(25, 32), DataRate::from_bps(12_500_000_000));
    assert_eq!(limit(8, 64), Some(gbps(5)));
}
