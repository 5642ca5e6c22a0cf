//! A small world, drawn.

mod plan;

use proptest::prelude::*;

pub(crate) use self::plan::CHANGE;

/// A rule of a group or an ACL, by the numbers of what it names.
#[derive(Clone, Copy, Debug)]
struct Rule {
    allow: bool,
    protocol: usize,
    ports: usize,
    peer: usize,
    /// Whether it is there before the moment of evaluation, and from then on.
    there: (bool, bool),
}

#[derive(Clone, Debug)]
struct Subnet {
    vpc: usize,
    /// `None` for the table that knows only the VPC.
    routes: Option<Vec<(usize, usize)>>,
    /// Ingress and egress.
    acl: Option<[Vec<Rule>; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Host {
    /// A subnet, or beyond them the internet and the service.
    at: usize,
    public: bool,
    group: usize,
    always_tracked: bool,
    check: bool,
    /// Whether it reaches 172.17.0.0/16 through the first address of its subnet.
    route: bool,
    default_route: bool,
}

#[derive(Clone, Copy, Debug)]
struct Instance {
    subnet: usize,
    public: bool,
    group: usize,
    check: bool,
    docker: [bool; 4],
    /// Whether Docker runs; it does where a bridge task is.
    has_docker: bool,
    trunking: bool,
    metadata: [bool; 3],
    hop_limit: u8,
}

#[derive(Clone, Copy, Debug)]
struct Task {
    mode: usize,
    instance: usize,
    subnet: usize,
    group: usize,
    public: bool,
}

/// The world, by numbers that are taken modulo what there is.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    /// Whether each has a resolver and an internet gateway.
    vpcs: Vec<(bool, bool)>,
    subnets: Vec<Subnet>,
    groups: Vec<[Vec<Rule>; 2]>,
    /// Subnet, and whether it has a public address.
    nat_gateways: Vec<(usize, bool)>,
    /// Both ends, and whether it is active.
    peerings: Vec<(usize, usize, bool)>,
    /// VPC and prefix list.
    endpoints: Vec<(usize, usize)>,
    /// Whether the last VPC has the range of the first, if no peering connection says otherwise.
    same_range: bool,
    /// Whether the last VPC has the range of `docker0`.
    shadowed: bool,
    /// Whether VPCs have a second range, in which every other subnet is.
    second_range: bool,
    /// Whether port ranges begin and end among the ports that clients and NAT gateways take: what
    /// passes with some of them only is said not to pass, and may.
    pub(crate) cut: bool,
    hosts: Vec<Host>,
    instances: Vec<Instance>,
    tasks: Vec<Task>,
}

fn rule() -> impl Strategy<Value = Rule> {
    let allow = prop::bool::weighted(0.8);
    let there = prop_oneof![
        4 => Just((true, true)),
        1 => Just((true, false)),
        1 => Just((false, true)),
    ];
    (allow, 0..4_usize, 0..8_usize, 0..8_usize, there).prop_map(
        |(allow, protocol, ports, peer, there)| Rule {
            allow,
            protocol,
            ports,
            peer,
            there,
        },
    )
}

const OPEN: Rule = Rule {
    allow: true,
    protocol: 0,
    ports: 0,
    peer: 0,
    there: (true, true),
};

fn rules() -> impl Strategy<Value = [Vec<Rule>; 2]> {
    let one = || {
        prop_oneof![
            4 => Just(vec![OPEN]),
            1 => Just(vec![Rule { there: (true, false), ..OPEN }, Rule { protocol: 1, ..OPEN }]),
            6 => prop::collection::vec(rule(), 0..4),
        ]
    };
    [one(), one()]
}

fn subnet() -> impl Strategy<Value = Subnet> {
    let routes = prop::collection::vec((0..9_usize, 0..9_usize), 0..5);
    (
        0..3_usize,
        prop::option::weighted(0.8, routes),
        prop::option::weighted(0.4, rules()),
    )
        .prop_map(|(vpc, routes, acl)| Subnet { vpc, routes, acl })
}

fn any_host() -> impl Strategy<Value = Host> {
    (
        0..7_usize,
        any::<bool>(),
        0..5_usize,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.9),
    )
        .prop_map(
            |(at, public, group, always_tracked, check, route, default_route)| Host {
                at,
                public,
                group,
                always_tracked,
                check,
                route,
                default_route,
            },
        )
}

fn any_instance() -> impl Strategy<Value = Instance> {
    let often = || prop::bool::weighted(0.7);
    (
        0..4_usize,
        any::<bool>(),
        0..5_usize,
        [often(), often(), often(), prop::bool::weighted(0.5)],
        (often(), any::<bool>()),
        [often(), often(), prop::bool::weighted(0.5)],
        1..3_u8,
        prop::bool::weighted(0.5),
    )
        .prop_map(
            |(subnet, public, group, docker, has, metadata, hop_limit, check)| Instance {
                check,
                has_docker: has.0,
                trunking: has.1,
                subnet,
                public,
                group,
                docker,
                metadata,
                hop_limit,
            },
        )
}

fn any_task() -> impl Strategy<Value = Task> {
    (
        0..5_usize,
        0..2_usize,
        0..4_usize,
        0..5_usize,
        any::<bool>(),
    )
        .prop_map(|(mode, instance, subnet, group, public)| Task {
            mode,
            instance,
            subnet,
            group,
            public,
        })
}

pub(crate) fn any_world() -> impl Strategy<Value = Draw> {
    let most = || prop::bool::weighted(0.7);
    (
        prop::collection::vec((most(), most()), 1..4),
        prop::collection::vec(subnet(), 1..5),
        prop::collection::vec(rules(), 3),
        prop::collection::vec((0..4_usize, most()), 0..3),
        prop::collection::vec((0..3_usize, 0..3_usize, most()), 0..3),
        (
            prop::collection::vec((0..3_usize, 0..2_usize), 0..3),
            prop::bool::weighted(0.4),
            prop::bool::weighted(0.2),
            prop::bool::weighted(0.2),
            prop::bool::weighted(0.2),
        ),
        prop::collection::vec(any_host(), 1..4),
        prop::collection::vec(any_instance(), 1..3),
        prop::collection::vec(any_task(), 1..5),
    )
        .prop_map(
            |(vpcs, subnets, groups, nat_gateways, peerings, others, hosts, instances, tasks)| {
                let (endpoints, same_range, shadowed, second_range, cut) = others;
                Draw {
                    vpcs,
                    subnets,
                    groups,
                    nat_gateways,
                    peerings,
                    endpoints,
                    same_range,
                    shadowed,
                    second_range,
                    cut,
                    hosts,
                    instances,
                    tasks,
                }
            },
        )
}
