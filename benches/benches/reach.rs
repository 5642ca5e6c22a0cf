//! Who reaches whom: the whole matrix of a thousand tasks of ten ports, and what one look at a rule
//! costs, compiled and by scanning the rules as they are written.

use std::hint::black_box;
use std::net::Ipv4Addr;

use benches::cluster;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ipnet::Ipv4Net;
use scenarios::reach::{Matrix, Names};
use sim_core::SimTime;
use sim_net::headers::Protocol;
use sim_net::plan::{Mode, Plan};
use sim_net::reach::Evaluator;
use sim_net::vpc::{
    AclEntryPlan, Direction, EniRules, GroupMembers, Lifetime, NetworkAcl, NetworkAclPlan,
    PeerPlan, RouteDestination, RoutePlan, RouteTable, RouteTablePlan, RouteTarget, RulePlan,
    SecurityGroupPlan,
};

fn matrix(c: &mut Criterion, name: &str, plan: &Plan) {
    let evaluator = Evaluator::new(plan).expect("the plan is sound");
    let names = Names::new(plan, &evaluator);
    let evaluate = || Matrix::evaluate(&evaluator, names.sources(), names.listeners());
    let first = evaluate();
    eprintln!(
        "reach/matrix/{name}: {} sources, {} listening ports, {} pairs, {} attempts, {} octets",
        names.sources().len(),
        names.listeners().len(),
        first.cells().len(),
        first.attempts(),
        first.octets(),
    );
    let mut group = c.benchmark_group("reach");
    group.sample_size(10);
    group.bench_function(BenchmarkId::new("compile", name), |b| {
        b.iter(|| Evaluator::new(black_box(plan)));
    });
    group.throughput(Throughput::Elements(first.cells().len() as u64));
    group.bench_function(BenchmarkId::new("matrix", name), |b| b.iter(evaluate));
    group.finish();
}

fn matrices(c: &mut Criterion) {
    matrix(c, "awsvpc", &cluster::of_one_mode(Mode::Awsvpc));
    matrix(c, "mixed", &cluster::of_mixed_modes());
}

/// Rules for the tests below: each for ports of its own and a network of its own.
const RULES: u16 = 60;

fn network(index: u16) -> Ipv4Net {
    let [high, low] = index.to_be_bytes();
    Ipv4Net::new_assert(Ipv4Addr::new(10, high, low, 0), 24)
}

/// A peer in the network of the last rule, which a scan finds last.
fn peer() -> Ipv4Addr {
    Ipv4Addr::from_bits(network(RULES - 1).network().to_bits() + 7)
}

const PORT: u16 = 1000 + RULES - 1;

fn security_group(c: &mut Criterion) {
    let rule = |index: u16| RulePlan {
        id: format!("sgr-{index}"),
        protocol: Some(Protocol::Tcp),
        ports: 1000 + index..=1000 + index,
        peer: PeerPlan::Cidr(network(index)),
        lifetime: Lifetime::ALWAYS,
    };
    let groups = [SecurityGroupPlan {
        vpc: 0,
        id: "sg-0".to_owned(),
        name: "many".to_owned(),
        ingress: (0..RULES).map(rule).collect(),
        egress: Vec::new(),
    }];
    let members = GroupMembers::new(1, []);
    let rules = EniRules::compile(&groups, &[0], &members, &[]);
    let rules = rules.at(SimTime::ZERO);
    let mut group = c.benchmark_group("lookup/security_group");
    group.bench_function("compiled", |b| {
        b.iter(|| {
            rules.lookup(
                Direction::Ingress,
                Protocol::Tcp,
                black_box(peer()),
                black_box(PORT),
            )
        });
    });
    group.bench_function("scan", |b| {
        b.iter(|| {
            let (peer, port) = (black_box(peer()), black_box(PORT));
            groups[0].ingress.iter().position(|rule| {
                let from = matches!(&rule.peer, PeerPlan::Cidr(cidr) if cidr.contains(&peer));
                rule.protocol.is_none_or(|p| p == Protocol::Tcp)
                    && rule.covered_ports().contains(&port)
                    && from
            })
        });
    });
    group.finish();
}

fn network_acl(c: &mut Criterion) {
    let entry = |index: u16| AclEntryPlan {
        number: index + 1,
        allow: index + 1 == RULES,
        protocol: Some(Protocol::Tcp),
        ports: 1000 + index..=1000 + index,
        cidr: network(index),
        lifetime: Lifetime::ALWAYS,
    };
    let plan = NetworkAclPlan {
        vpc: 0,
        id: "acl-0".to_owned(),
        name: "many".to_owned(),
        ingress: (0..RULES).map(entry).collect(),
        egress: Vec::new(),
    };
    let acl = NetworkAcl::compile(&plan);
    let mut group = c.benchmark_group("lookup/network_acl");
    group.bench_function("compiled", |b| {
        b.iter(|| {
            let (peer, port) = (black_box(peer()), black_box(PORT));
            acl.lookup(Direction::Ingress, Protocol::Tcp, peer, port, SimTime::ZERO)
        });
    });
    group.bench_function("scan", |b| {
        b.iter(|| {
            let (peer, port) = (black_box(peer()), black_box(PORT));
            let found = plan.ingress.iter().find(|entry| {
                entry.protocol.is_none_or(|p| p == Protocol::Tcp)
                    && entry.ports.contains(&port)
                    && entry.cidr.contains(&peer)
            });
            found.is_some_and(|entry| entry.allow)
        });
    });
    group.finish();
}

fn route_table(c: &mut Criterion) {
    let route = |index: u16| RoutePlan {
        destination: RouteDestination::Cidr(network(index)),
        target: RouteTarget::Peering(usize::from(index)),
        propagated: false,
    };
    let plan = RouteTablePlan {
        vpc: 0,
        id: "rtb-0".to_owned(),
        name: "many".to_owned(),
        routes: (0..RULES).map(route).collect(),
    };
    let table = RouteTable::compile(&plan, &[]);
    let mut group = c.benchmark_group("lookup/route_table");
    group.bench_function("compiled", |b| {
        b.iter(|| table.lookup(black_box(peer())).is_some());
    });
    group.bench_function("scan", |b| {
        b.iter(|| {
            let peer = black_box(peer());
            let matching = plan
                .routes
                .iter()
                .filter_map(|route| match &route.destination {
                    RouteDestination::Cidr(cidr) if cidr.contains(&peer) => Some(cidr.prefix_len()),
                    _ => None,
                });
            matching.max()
        });
    });
    group.finish();
}

criterion_group!(reach, matrices, security_group, network_acl, route_table);
criterion_main!(reach);
