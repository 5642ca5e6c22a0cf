//! What an explanation says, step by step.

use std::fmt::Write;
use std::net::SocketAddrV4;
use std::ops::RangeInclusive;

use sim_core::{SimDuration, SimTime};
use sim_net::headers::Protocol;
use sim_net::plan::{ListenerPlan, Mode, Place, Plan};
use sim_net::reach::{Evaluator, Leg, Owner, ReachOutcome, Via, Walk, remedy};
use sim_net::vpc::{AclEntryPlan, Lifetime, NetworkAclPlan};

use crate::support::{app_of, plan, target, task};

pub(crate) fn entry(
    number: u16,
    allow: bool,
    protocol: Option<Protocol>,
    ports: RangeInclusive<u16>,
) -> AclEntryPlan {
    AclEntryPlan {
        number,
        allow,
        protocol,
        ports,
        cidr: "0.0.0.0/0".parse().expect("a network"),
        lifetime: Lifetime::ALWAYS,
    }
}

/// The client in the first subnet, a server on an instance in the second.
const CLIENT: Place = Place::Host(0);
const SERVER: Place = Place::Instance(1);

fn with_acl(ingress: Vec<AclEntryPlan>, egress: Vec<AclEntryPlan>) -> Plan {
    let mut plan = plan(Vec::new());
    plan.region.network_acls.push(NetworkAclPlan {
        vpc: 0,
        id: "acl-0".into(),
        name: "acl".into(),
        ingress,
        egress,
    });
    plan.region.subnets[1].network_acl = Some(0);
    plan.listeners.push(ListenerPlan {
        target: target(SERVER, 80),
        protocol: Protocol::Tcp,
    });
    plan
}

fn explain(plan: &Plan, from: Place, to: &str, protocol: Protocol) -> Walk {
    let evaluator = Evaluator::new(plan).expect("the plan is sound");
    let to: SocketAddrV4 = to.parse().expect("an address and a port");
    let walk = evaluator.explain(from, to, protocol);
    assert_eq!(walk.verdict, evaluator.decide(from, to, protocol));
    walk
}

/// Each step on a line, as a person would note it down.
fn steps(walk: &Walk) -> String {
    let mut text = String::new();
    for hop in &walk.hops {
        let leg = match hop.leg {
            Leg::Forward => "->",
            Leg::Return => "<-",
        };
        let (place, component, decision) = (&hop.place, hop.component, hop.decision);
        let _ = write!(text, "{leg} {place} | {component} | {decision}");
        if !hop.rule.is_empty() {
            let _ = write!(text, " | {}", hop.rule);
        }
        if hop.before != hop.after {
            let (before, after) = (hop.before, hop.after);
            let _ = write!(text, " | {} -> {}", before.src, before.dst);
            let _ = write!(text, " becomes {} -> {}", after.src, after.dst);
        }
        text.push('\n');
    }
    let _ = write!(text, "{}", walk.verdict.outcome.code());
    if let Some(remedy) = remedy(walk) {
        let _ = write!(text, ": {remedy}");
    }
    text
}

#[test]
fn an_acl_without_the_clients_ports_stops_the_answer_and_the_explanation_says_so() {
    let web = || vec![entry(100, true, Some(Protocol::Tcp), 80..=80)];
    let walk = explain(
        &with_acl(web(), web()),
        CLIENT,
        "10.0.1.4:80",
        Protocol::Tcp,
    );
    assert_eq!(walk.verdict.outcome.code(), "network_acl_egress");
    assert_eq!(walk.verdict.leg, Leg::Return);
    insta::assert_snapshot!(steps(&walk), @r#"
    -> client | routing | route | default via 10.0.0.1 dev eth0 src 10.0.0.5
    -> client | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    -> subnet-0 | route table | route | main vpc-0 -> local
    -> subnet-1 | network ACL ingress | allow | acl-0 #100 allow tcp 80 from 0.0.0.0/0
    -> i-1 | security group ingress | allow | sg-open open: all from 0.0.0.0/0 (sgr-in)
    -> i-1 | filter INPUT | allow | filter: -P INPUT ACCEPT
    -> i-1 | socket | accept | tcp 0.0.0.0:80
    <- i-1 | routing | route | default via 10.0.1.1 dev eth0 src 10.0.1.4
    <- i-1 | filter OUTPUT | allow | filter: -P OUTPUT ACCEPT
    <- i-1 | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    <- subnet-1 | route table | route | main vpc-0 -> local
    <- subnet-1 | network ACL egress | deny | acl-0 * deny all to 0.0.0.0/0 (needs ports 32768-60999)
    network_acl_egress: allow tcp 1024-65535 (the client's ports) to 10.0.0.5 in the egress entries of acl-0 below the number that denies it
    "#);
}

#[test]
fn an_acl_that_denies_one_of_the_clients_ports_is_named_with_the_entry() {
    let egress = vec![
        entry(90, false, Some(Protocol::Tcp), 40_000..=40_000),
        entry(100, true, None, 0..=u16::MAX),
    ];
    let ingress = vec![entry(100, true, None, 0..=u16::MAX)];
    let walk = explain(
        &with_acl(ingress, egress),
        CLIENT,
        "10.0.1.4:80",
        Protocol::Tcp,
    );
    let end = walk.hops.last().expect("there are steps");
    assert_eq!((end.leg, end.decision), (Leg::Return, "deny"));
    insta::assert_snapshot!(end.rule, @"acl-0 #90 deny tcp 40000 to 0.0.0.0/0 (needs ports 32768-60999)");
}

#[test]
fn with_the_clients_ports_it_passes() {
    let ingress = vec![entry(100, true, Some(Protocol::Tcp), 80..=80)];
    let egress = vec![entry(100, true, Some(Protocol::Tcp), 1_024..=u16::MAX)];
    let walk = explain(
        &with_acl(ingress, egress),
        CLIENT,
        "10.0.1.4:80",
        Protocol::Tcp,
    );
    assert_eq!(walk.verdict.outcome, ReachOutcome::Reached);
    assert_eq!(remedy(&walk), None);
}

fn one(mode: Mode) -> Plan {
    plan(vec![task("web/0", mode, 0, 8080)])
}

#[test]
fn host_passes_the_instances_hooks() {
    let walk = explain(&one(Mode::Host), CLIENT, "10.0.0.4:80", Protocol::Tcp);
    assert_eq!(walk.verdict.outcome, ReachOutcome::Reached);
    insta::assert_snapshot!(steps(&walk), @r#"
    -> client | routing | route | 10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.5
    -> client | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    -> i-0 | security group ingress | allow | sg-open open: all from 0.0.0.0/0 (sgr-in)
    -> i-0 | filter INPUT | allow | filter: -P INPUT ACCEPT
    -> i-0 | socket | accept | tcp 0.0.0.0:80
    <- i-0 | routing | route | 10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.4
    <- i-0 | filter OUTPUT | allow | filter: -P OUTPUT ACCEPT
    <- i-0 | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    <- client | security group ingress | allow | sg-open open: all from 0.0.0.0/0 (sgr-in)
    <- client | socket | accept
    reached
    "#);
}

#[test]
fn bridge_is_translated_there_and_back() {
    let walk = explain(&one(Mode::Bridge), CLIENT, "10.0.0.4:8080", Protocol::Tcp);
    assert_eq!(walk.verdict.outcome, ReachOutcome::Reached);
    insta::assert_snapshot!(steps(&walk), @r#"
    -> client | routing | route | 10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.5
    -> client | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    -> i-0 | security group ingress | allow | sg-open open: all from 0.0.0.0/0 (sgr-in)
    -> i-0 | nat PREROUTING | translate | nat: -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80 | 10.0.0.5:32768 -> 10.0.0.4:8080 becomes 10.0.0.5:32768 -> 172.17.0.2:80
    -> i-0 | routing | route | 172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1
    -> i-0 | filter FORWARD | allow | filter: -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
    -> i-0 | bridge | forward | docker0: port of 172.17.0.2
    -> i-0 web/0/app | socket | accept | tcp 0.0.0.0:80
    <- i-0 web/0/app | routing | route | default via 172.17.0.1 dev eth0 src 172.17.0.2
    <- i-0 | bridge | local | docker0
    <- i-0 | routing | route | 10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.4
    <- i-0 | filter FORWARD | allow | filter: -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
    <- i-0 | nat POSTROUTING | translate | conntrack: back to what the first packet had | 172.17.0.2:80 -> 10.0.0.5:32768 becomes 10.0.0.4:8080 -> 10.0.0.5:32768
    <- i-0 | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    <- client | security group ingress | allow | sg-open open: all from 0.0.0.0/0 (sgr-in)
    <- client | socket | accept
    reached
    "#);
}

#[test]
fn a_container_reaches_its_own_published_port_through_the_proxy() {
    let walk = explain(
        &one(Mode::Bridge),
        app_of(0),
        "10.0.0.4:8080",
        Protocol::Udp,
    );
    assert_eq!(walk.verdict.outcome, ReachOutcome::Reached);
    insta::assert_snapshot!(steps(&walk), @r#"
    -> i-0 web/0/app | routing | route | default via 172.17.0.1 dev eth0 src 172.17.0.2
    -> i-0 | bridge | local | docker0
    -> i-0 | filter INPUT | allow | filter: -P INPUT ACCEPT
    -> i-0 | userland proxy | relay | udp 0.0.0.0:8080 -> 172.17.0.2:80
    -> i-0 | routing | route | 172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1
    -> i-0 | filter OUTPUT | allow | filter: -P OUTPUT ACCEPT
    -> i-0 | bridge | forward | docker0: port of 172.17.0.2
    -> i-0 web/0/app | socket | accept | udp 0.0.0.0:80
    <- i-0 web/0/app | routing | route | 172.17.0.0/16 dev eth0 proto kernel scope link src 172.17.0.2
    <- i-0 | bridge | local | docker0
    <- i-0 | filter INPUT | allow | filter: -P INPUT ACCEPT
    <- i-0 | userland proxy | relay
    <- i-0 | routing | route | 172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1
    <- i-0 | filter OUTPUT | allow | filter: -P OUTPUT ACCEPT
    <- i-0 | bridge | forward | docker0: port of 172.17.0.2
    <- i-0 web/0/app | socket | accept
    reached
    "#);
}

#[test]
fn awsvpc_passes_its_own_groups_only() {
    let walk = explain(&one(Mode::Awsvpc), CLIENT, "10.0.0.6:80", Protocol::Tcp);
    assert_eq!(walk.verdict.outcome, ReachOutcome::Reached);
    insta::assert_snapshot!(steps(&walk), @r#"
    -> client | routing | route | 10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.5
    -> client | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    -> web/0 | security group ingress | allow | sg-open open: all from 0.0.0.0/0 (sgr-in)
    -> i-0 web/0 | socket | accept | tcp 0.0.0.0:80
    <- i-0 web/0 | routing | route | 10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.6
    <- web/0 | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    <- client | security group ingress | allow | sg-open open: all from 0.0.0.0/0 (sgr-in)
    <- client | socket | accept
    reached
    "#);
}

#[test]
fn fargate_does_too() {
    let walk = explain(&one(Mode::Fargate), CLIENT, "10.0.0.6:80", Protocol::Tcp);
    assert_eq!(walk.verdict.outcome, ReachOutcome::Reached);
    insta::assert_snapshot!(steps(&walk), @r#"
    -> client | routing | route | 10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.5
    -> client | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    -> web/0 | security group ingress | allow | sg-open open: all from 0.0.0.0/0 (sgr-in)
    -> web/0 | socket | accept | tcp 0.0.0.0:80
    <- web/0 | routing | route | 10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.6
    <- web/0 | security group egress | allow | sg-open open: all to 0.0.0.0/0 (sgr-out)
    <- client | security group ingress | allow | sg-open open: all from 0.0.0.0/0 (sgr-in)
    <- client | socket | accept
    reached
    "#);
}

#[test]
fn none_ends_before_it_begins() {
    let walk = explain(&one(Mode::None), app_of(0), "10.0.0.5:80", Protocol::Tcp);
    assert_eq!(walk.verdict.outcome, ReachOutcome::NetworkUnreachable);
    insta::assert_snapshot!(steps(&walk), @r#"
    -> i-0 web/0/app | routing | unreachable | no route: network is unreachable
    network_unreachable: give i-0 web/0/app a route to 10.0.0.5: in mode `none` there is none, so choose another network mode
    "#);
}

#[test]
fn a_task_is_told_of_by_every_address_that_leads_to_it() {
    let plan = plan(vec![
        task("web/0", Mode::Bridge, 0, 8080),
        task("web/1", Mode::Awsvpc, 0, 80),
        task("job/0", Mode::None, 0, 80),
    ]);
    let evaluator = Evaluator::new(&plan).expect("the plan is sound");
    let vias = |from, to, port| {
        let found = evaluator.endpoints(from, target(to, port), Protocol::Tcp);
        found
            .iter()
            .map(|e| (e.addr.to_string(), e.via))
            .collect::<Vec<_>>()
    };
    let published = ("10.0.0.4:8080".to_owned(), Via::Published);
    let own = ("172.17.0.2:80".to_owned(), Via::Own);
    assert_eq!(
        vias(CLIENT, app_of(0), 80),
        std::slice::from_ref(&published)
    );
    assert_eq!(vias(Place::Instance(0), app_of(0), 80), [own, published]);
    assert_eq!(
        vias(CLIENT, app_of(1), 80),
        [("10.0.0.6:80".to_owned(), Via::Own)]
    );
    assert_eq!(vias(CLIENT, app_of(2), 80), []);
    let loopback = ("127.0.0.1:80".to_owned(), Via::Loopback);
    assert!(vias(app_of(1), app_of(1), 80).contains(&loopback));
    let owners: Vec<_> = evaluator.listeners().iter().map(|l| l.owner).collect();
    for owner in [
        Owner::InstanceMetadata,
        Owner::TaskMetadata,
        Owner::Resolver,
    ] {
        assert!(owners.contains(&owner) && evaluator.amazon_endpoint(owner).is_some());
    }
}

#[test]
fn a_rule_that_is_gone_later_decides_until_then() {
    let mut plan = one(Mode::Awsvpc);
    let gone = SimTime::ZERO + SimDuration::from_ms(10);
    plan.region.security_groups[0].ingress[0].lifetime.until = gone;
    let to: SocketAddrV4 = "10.0.0.6:80".parse().expect("an address");
    let code = |at| {
        let evaluator = Evaluator::at(&plan, at).expect("the plan is sound");
        evaluator.decide(CLIENT, to, Protocol::Tcp).outcome.code()
    };
    assert_eq!(code(SimTime::ZERO), "reached");
    assert_eq!(code(gone), "security_group_ingress");
}
