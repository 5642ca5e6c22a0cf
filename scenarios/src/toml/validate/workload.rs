//! The load: who talks to whom, how much, and how often.

use sim_core::{ByteSize, PacketRate, SimDuration};

use super::{Context, protocol, small, unknown};
use crate::diagnostic::Problem;
use crate::document::reader::At;
use crate::ecs::{ContainerDefinition, Protocol};
use crate::toml::scenario::{
    Arrivals, Call, Client, Connections, Direction, InterfaceEndpoint, Listen, Load, Party,
    Service, ServiceTime, Target, Workload, WorkloadKind,
};
use crate::toml::spec::{CallSpec, ConnectionsSpec, WorkloadSpec};
use crate::toml::words::{ArrivalsWord, DirectionWord, DistributionWord, KindWord};

/// The largest payload of a datagram that is not fragmented on `docker0` (MTU 1500): fragments are
/// not simulated.
const MAX_DATAGRAM: u64 = 1472;

/// Requests a second that a workload may have: more would fill the memory with requests that wait.
const MAX_RATE: u64 = 10_000_000;

/// Who can take part in a workload. `None` stands for what has errors of its own.
pub(super) struct Parties<'a> {
    pub(super) services: &'a [Option<Service>],
    pub(super) clients: &'a [Option<Client>],
    pub(super) endpoints: &'a [InterfaceEndpoint],
}

/// The workloads that could be understood.
pub(super) fn workloads(
    specs: &[WorkloadSpec],
    parties: &Parties<'_>,
    context: &mut Context<'_>,
) -> Vec<Workload> {
    specs
        .iter()
        .filter_map(|spec| workload(spec, parties, context))
        .collect()
}

pub(super) fn workload(
    spec: &WorkloadSpec,
    parties: &Parties<'_>,
    context: &mut Context<'_>,
) -> Option<Workload> {
    let kind = spec
        .kind
        .as_ref()
        .map_or(KindWord::Request, |kind| kind.value);
    misplaced(spec, kind, context);
    let protocol = match (spec.protocol.as_ref(), kind) {
        (Some(word), _) => Some(word.with(protocol(word.value))),
        (None, KindWord::PingPong) => Some(spec.to.with(Protocol::Udp)),
        (None, _) => None,
    };
    let to = target(&spec.to, protocol.as_ref(), parties, context);
    let from = sources(spec, parties, context);
    // Without a target the protocol is unknown, and with it what fits.
    let to = to?;
    let kind = match kind {
        KindWord::Request => request(spec, to.protocol, parties, context),
        KindWord::Bulk => bulk(spec, to.protocol, context),
        KindWord::PingPong => ping_pong(spec, to.protocol, context),
    };
    if from.is_empty() {
        return None;
    }
    Some(Workload {
        name: spec.name.value.clone(),
        from,
        to,
        kind,
    })
}

/// Reports keys that say nothing about this kind of workload.
fn misplaced(spec: &WorkloadSpec, kind: KindWord, context: &mut Context<'_>) {
    const REQUEST: &[KindWord] = &[KindWord::Request];
    const BULK: &[KindWord] = &[KindWord::Bulk];
    const PING_PONG: &[KindWord] = &[KindWord::PingPong];
    const ASKING: &[KindWord] = &[KindWord::Request, KindWord::PingPong];
    fn at<T>(value: &Option<At<T>>) -> Option<At<()>> {
        value.as_ref().map(|value| value.with(()))
    }
    let keys = [
        (at(&spec.rate), REQUEST),
        (at(&spec.arrivals), REQUEST),
        (at(&spec.burst_size), REQUEST),
        (at(&spec.concurrency), REQUEST),
        (at(&spec.think_time), REQUEST),
        (at(&spec.request_size), ASKING),
        (at(&spec.response_size), REQUEST),
        (at(&spec.service_time), REQUEST),
        (at(&spec.service_time_distribution), REQUEST),
        (at(&spec.connections), REQUEST),
        (at(&spec.timeout), ASKING),
        (spec.call.first().map(|call| call.to.with(())), REQUEST),
        (at(&spec.flows), BULK),
        (at(&spec.direction), BULK),
        (at(&spec.size), BULK),
        (at(&spec.interval), PING_PONG),
    ];
    let word = |kind| match kind {
        KindWord::Request => "request",
        KindWord::Bulk => "bulk",
        KindWord::PingPong => "ping_pong",
    };
    for (value, kinds) in keys {
        let Some(value) = value.filter(|_| !kinds.contains(&kind)) else {
            continue;
        };
        let key = value.place.split("].").nth(1).unwrap_or(&value.place);
        let key = key.split('[').next().unwrap_or(key);
        let message = format!(
            "`{key}` says nothing about a workload of kind {:?}",
            word(kind)
        );
        let kinds: Vec<_> = kinds
            .iter()
            .map(|kind| format!("{:?}", word(*kind)))
            .collect();
        let help = format!("drop it, or set `kind` to {}", kinds.join(" or "));
        context.error(
            &value,
            Problem::new("misplaced-key", message).with_help(help),
        );
    }
}

fn sources(spec: &WorkloadSpec, parties: &Parties<'_>, context: &mut Context<'_>) -> Vec<Party> {
    let Some(names) = spec.from.as_ref().filter(|names| !names.is_empty()) else {
        if parties.clients.is_empty() {
            let message = format!("workload {:?} comes from nowhere", spec.name.value);
            let help = "add [[client]], or give `from`";
            context.error(
                &spec.name,
                Problem::new("no-source", message).with_help(help),
            );
        }
        return (0..parties.clients.len()).map(Party::Client).collect();
    };
    let mut sources = Vec::with_capacity(names.len());
    for name in names {
        let Some(party) = party(name, &name.value, parties, context) else {
            continue;
        };
        if let Party::Endpoint(_) = party {
            let message = format!("interface endpoint {:?} asks nobody", name.value);
            let problem = Problem::new("endpoint-as-source", message);
            context.error(name, problem.with_help("name a client or a service"));
        } else if sources.contains(&party) {
            let message = format!("{:?} is listed twice", name.value);
            context.error(
                name,
                Problem::new("duplicate", message).with_help("list it once"),
            );
        } else {
            sources.push(party);
        }
    }
    sources
}

/// A client, or a container of a service; problems are reported at `at`.
fn party(
    at: &At<String>,
    text: &str,
    parties: &Parties<'_>,
    context: &mut Context<'_>,
) -> Option<Party> {
    let (name, container) = match text.split_once('/') {
        Some((name, container)) => (name, Some(container)),
        None => (text, None),
    };
    let client = |client: &Option<Client>| client.as_ref().is_some_and(|one| one.name == name);
    let endpoint = |endpoint: &InterfaceEndpoint| endpoint.name == name;
    let clients = parties.clients.iter().position(client).map(Party::Client);
    let endpoints = parties
        .endpoints
        .iter()
        .position(endpoint)
        .map(Party::Endpoint);
    if let Some(machine) = clients.or(endpoints) {
        if container.is_some() {
            let problem = Problem::new("no-container", format!("{name:?} is no service"));
            context.error(
                at,
                problem.with_help("a machine has no containers: write its name alone"),
            );
        }
        return container.is_none().then_some(machine);
    }
    let is_it = |service: &Option<Service>| service.as_ref().is_some_and(|one| one.name == name);
    let Some(service) = parties.services.iter().position(is_it) else {
        // What has errors of its own may well be what is meant.
        if parties.services.iter().all(Option::is_some)
            && parties.clients.iter().all(Option::is_some)
        {
            let services = parties
                .services
                .iter()
                .flatten()
                .map(|one| one.name.as_str());
            let clients = parties
                .clients
                .iter()
                .flatten()
                .map(|one| one.name.as_str());
            let endpoints = parties.endpoints.iter().map(|one| one.name.as_str());
            let known: Vec<_> = services.chain(clients).chain(endpoints).collect();
            context.error(at, unknown("service or client", name, &known));
        }
        return None;
    };
    let containers = &parties.services[service]
        .as_ref()?
        .task_definition
        .containers;
    let names: Vec<&str> = containers.iter().map(|one| one.name.as_str()).collect();
    let container = match container {
        Some(container) => {
            let found = names.iter().position(|known| *known == container);
            if found.is_none() {
                let what = format!("container of service {name:?} named");
                context.error(at, unknown(&what, container, &names));
            }
            found?
        }
        None if containers.len() == 1 => 0,
        None => {
            let message = format!("service {name:?} has {} containers", containers.len());
            let help = format!("say which: {}", names.join(", "));
            context.error(at, Problem::new("which-container", message).with_help(help));
            return None;
        }
    };
    Some(Party::Container { service, container })
}

/// `service/container:port`, with `/udp` behind it or not.
fn target(
    to: &At<String>,
    given: Option<&At<Protocol>>,
    parties: &Parties<'_>,
    context: &mut Context<'_>,
) -> Option<Target> {
    let form = |why: String| {
        Problem::new("not-a-target", why)
            .with_help("write \"service/container:port\", with \"/udp\" behind it for UDP")
    };
    let Some((who, port)) = to.value.rsplit_once(':') else {
        context.error(to, form(format!("{:?} names no port", to.value)));
        return None;
    };
    let (port, suffix) = match port.split_once('/') {
        None => (port, None),
        Some((port, "tcp")) => (port, Some(Protocol::Tcp)),
        Some((port, "udp")) => (port, Some(Protocol::Udp)),
        Some((_, other)) => {
            context.error(to, form(format!("{other:?} is neither tcp nor udp")));
            return None;
        }
    };
    let Some(port) = port.parse::<u16>().ok().filter(|port| *port > 0) else {
        context.error(to, form(format!("{port:?} is no port from 1 to 65535")));
        return None;
    };
    if let (Some(suffix), Some(given)) = (suffix, given)
        && suffix != given.value
    {
        let message = format!("`to` says {suffix}, the workload {}", given.value);
        let problem = Problem::new("two-protocols", message);
        context.error(given, problem.with_help("say it in one place"));
    }
    let protocol = suffix
        .or(given.map(|given| given.value))
        .unwrap_or_default();
    let party = party(to, who, parties, context)?;
    if let Party::Endpoint(index) = party {
        answers(
            to,
            &parties.endpoints[index],
            Listen { port, protocol },
            context,
        );
    }
    if let Party::Container { service, container } = party {
        let service = parties.services[service].as_ref()?;
        publishes(
            to,
            &service.name,
            &service.task_definition.containers[container],
            port,
            protocol,
            context,
        );
    }
    Some(Target {
        party,
        port,
        protocol,
    })
}

/// Reports a port that the interface endpoint does not answer at.
fn answers(to: &At<String>, endpoint: &InterfaceEndpoint, port: Listen, context: &mut Context<'_>) {
    if endpoint.ports.contains(&port) {
        return;
    }
    let text = |port: &Listen| format!("{}/{}", port.port, port.protocol);
    let (name, wanted) = (&endpoint.name, text(&port));
    let message = format!("interface endpoint {name:?} does not answer at {wanted}");
    let ports: Vec<_> = endpoint.ports.iter().map(text).collect();
    let help = format!("it answers at {}: see its `ports`", ports.join(", "));
    context.error(to, Problem::new("unmapped-port", message).with_help(help));
}

/// Reports a port that the container does not map.
fn publishes(
    to: &At<String>,
    service: &str,
    container: &ContainerDefinition,
    port: u16,
    protocol: Protocol,
    context: &mut Context<'_>,
) {
    let mapped = container
        .port_mappings
        .iter()
        .any(|mapping| mapping.protocol == protocol && mapping.container_port.contains(port));
    if mapped {
        return;
    }
    let name = &container.name;
    let message =
        format!("container `{name}` of service {service:?} maps no port {port}/{protocol}");
    let ports: Vec<_> = container
        .port_mappings
        .iter()
        .map(|mapping| format!("{}/{}", mapping.container_port, mapping.protocol))
        .collect();
    let help = match ports.len() {
        0 => "add it to `portMappings` of the task definition: it has none".to_owned(),
        _ => format!("it maps {}", ports.join(", ")),
    };
    context.error(to, Problem::new("unmapped-port", message).with_help(help));
}

fn request(
    spec: &WorkloadSpec,
    protocol: Protocol,
    parties: &Parties<'_>,
    context: &mut Context<'_>,
) -> WorkloadKind {
    if let (Some(connections), Protocol::Udp) = (&spec.connections, protocol) {
        let problem = Problem::new("connections-of-udp", "UDP has no connections");
        context.error(connections, problem.with_help("drop `connections`"));
    }
    let response = match protocol {
        Protocol::Tcp => 4096,
        Protocol::Udp => 1024,
    };
    WorkloadKind::Request {
        load: load(spec, context),
        request: size(spec.request_size.as_ref(), 1024, protocol, context),
        response: size(spec.response_size.as_ref(), response, protocol, context),
        service_time: service_time(
            spec.service_time.as_ref(),
            spec.service_time_distribution.as_ref(),
        ),
        connections: match spec
            .connections
            .as_ref()
            .map(|connections| connections.value)
        {
            None => Connections::KeepAlive(8),
            Some(ConnectionsSpec::KeepAlive(n)) => {
                Connections::KeepAlive(u32::try_from(n).unwrap_or(u32::MAX))
            }
            Some(ConnectionsSpec::PerRequest) => Connections::PerRequest,
        },
        timeout: timeout(spec),
        calls: spec
            .call
            .iter()
            .filter_map(|call| self::call(call, parties, context))
            .collect(),
    }
}

fn load(spec: &WorkloadSpec, context: &mut Context<'_>) -> Load {
    let closed = |context: &mut Context<'_>, value: At<()>, key: &str| {
        let message = format!("`{key}` belongs to an open load, `concurrency` to a closed one");
        let help = "give `rate` or `concurrency`, not both";
        context.error(&value, Problem::new("two-loads", message).with_help(help));
    };
    if let Some(concurrency) = &spec.concurrency {
        if let Some(rate) = &spec.rate {
            closed(context, rate.with(()), "rate");
        }
        if let Some(arrivals) = &spec.arrivals {
            closed(context, arrivals.with(()), "arrivals");
        }
        let think_time = spec
            .think_time
            .as_ref()
            .map_or(SimDuration::ZERO, |time| time.value);
        return Load::Closed {
            concurrency: small(concurrency),
            think_time,
        };
    }
    if let Some(think_time) = &spec.think_time {
        let problem = Problem::new("two-loads", "`think_time` belongs to a closed load");
        context.error(
            think_time,
            problem.with_help("give `concurrency`, or drop `think_time`"),
        );
    }
    let arrivals = match spec.arrivals.as_ref().map(|arrivals| arrivals.value) {
        None | Some(ArrivalsWord::Poisson) => Arrivals::Poisson,
        Some(ArrivalsWord::Constant) => Arrivals::Constant,
        Some(ArrivalsWord::Bursty) => Arrivals::Bursty {
            size: spec.burst_size.as_ref().map_or(10, small),
        },
    };
    if let (Some(burst_size), Arrivals::Poisson | Arrivals::Constant) = (&spec.burst_size, arrivals)
    {
        let problem = Problem::new("burst-without-bursts", "`burst_size` without bursts");
        context.error(burst_size, problem.with_help("set `arrivals = \"bursty\"`"));
    }
    if let Some(rate) = spec
        .rate
        .as_ref()
        .filter(|rate| rate.value.pps() > MAX_RATE)
    {
        let problem = Problem::new("out-of-range", format!("{} is out of range", rate.value));
        context.error(
            rate,
            problem.with_help(format!("give at most {MAX_RATE}/s")),
        );
    }
    let rate = spec
        .rate
        .as_ref()
        .map(|rate| rate.value)
        .or_else(|| PacketRate::per_second(100));
    match rate {
        Some(rate) => Load::Open { rate, arrivals },
        // One hundred is a rate.
        None => Load::Closed {
            concurrency: 1,
            think_time: SimDuration::ZERO,
        },
    }
}

fn timeout(spec: &WorkloadSpec) -> SimDuration {
    spec.timeout
        .as_ref()
        .map_or(SimDuration::from_secs(1), |timeout| timeout.value)
}

fn service_time(
    mean: Option<&At<SimDuration>>,
    distribution: Option<&At<DistributionWord>>,
) -> ServiceTime {
    let mean = mean.map_or(SimDuration::ZERO, |mean| mean.value);
    match distribution.map(|distribution| distribution.value) {
        Some(DistributionWord::Constant) => ServiceTime::Constant(mean),
        // Nothing is the same for all.
        None | Some(DistributionWord::Exponential) if mean == SimDuration::ZERO => {
            ServiceTime::Constant(mean)
        }
        None | Some(DistributionWord::Exponential) => ServiceTime::Exponential(mean),
    }
}

fn size(
    given: Option<&At<ByteSize>>,
    default: u64,
    protocol: Protocol,
    context: &mut Context<'_>,
) -> ByteSize {
    let Some(size) = given else {
        return ByteSize::from_bytes(default);
    };
    if protocol == Protocol::Udp && size.value.bytes() > MAX_DATAGRAM {
        let message = format!("a datagram of {} would be fragmented", size.value);
        let help = format!("give at most {MAX_DATAGRAM} B: fragments are not simulated");
        context.error(
            size,
            Problem::new("datagram-too-large", message).with_help(help),
        );
    }
    size.value
}

fn call(spec: &CallSpec, parties: &Parties<'_>, context: &mut Context<'_>) -> Option<Call> {
    let to = target(&spec.to, None, parties, context)?;
    Some(Call {
        to,
        request: size(spec.request_size.as_ref(), 512, to.protocol, context),
        response: size(spec.response_size.as_ref(), 1024, to.protocol, context),
        service_time: service_time(
            spec.service_time.as_ref(),
            spec.service_time_distribution.as_ref(),
        ),
    })
}

fn bulk(spec: &WorkloadSpec, protocol: Protocol, context: &mut Context<'_>) -> WorkloadKind {
    if protocol == Protocol::Udp {
        let problem = Problem::new("bulk-over-udp", "a bulk transfer over UDP is not possible");
        context.error(
            &spec.to,
            problem.with_help("use TCP, or kind = \"request\""),
        );
    }
    WorkloadKind::Bulk {
        flows: spec.flows.as_ref().map_or(1, small),
        direction: match spec.direction.as_ref().map(|direction| direction.value) {
            None | Some(DirectionWord::Upload) => Direction::Upload,
            Some(DirectionWord::Download) => Direction::Download,
        },
        size: spec.size.as_ref().map(|size| size.value),
    }
}

fn ping_pong(spec: &WorkloadSpec, protocol: Protocol, context: &mut Context<'_>) -> WorkloadKind {
    if protocol == Protocol::Tcp {
        let problem = Problem::new("ping-pong-over-tcp", "ping_pong is UDP");
        let help = "use UDP, or kind = \"request\" with concurrency = 1";
        context.error(&spec.to, problem.with_help(help));
    }
    let interval = spec
        .interval
        .as_ref()
        .map_or(SimDuration::from_ms(1), |time| time.value);
    let size = size(spec.request_size.as_ref(), 64, Protocol::Udp, context);
    WorkloadKind::PingPong {
        size,
        interval,
        timeout: timeout(spec),
    }
}
