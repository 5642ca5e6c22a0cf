//! Names of places, for people and for the command line.
//!
//! `web/0/app` is a container of a task, `web/0` the task by its first container, `web/app` this
//! container of every task of the service, and `web` all of the service. Instances and machines go by
//! their own names. `imds`, `tmds` and `dns` are Amazon's own services, which all ask at one address.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use sim_net::headers::Protocol;
use sim_net::plan::{HostLocation, Place, Plan, Target};
use sim_net::reach::{self, Evaluator, Owner};

use crate::diagnostic::nearest;

/// The machine beyond the internet gateways that stands for all of them.
pub const INTERNET: &str = "internet";

/// Amazon's own services, each at one address for all who ask.
const SERVICES: [(&str, Owner); 3] = [
    ("imds", Owner::InstanceMetadata),
    ("tmds", Owner::TaskMetadata),
    ("dns", Owner::Resolver),
];

/// One who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// What it belongs to: a service, a group of instances, or itself.
    pub group: String,
    /// The words by which it can be called.
    pub words: Vec<String>,
}

impl Source {
    fn is_called(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }
}

/// Whom an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aim {
    /// A program, at whatever address it has for the one who asks.
    Program(Target),
    /// An address: one that was given as such, or that of one of Amazon's own services.
    Literal(SocketAddrV4),
}

/// One who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Whom the attempt is for.
    pub aim: Aim,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Its name.
    pub name: String,
    /// What it belongs to, with the port.
    pub group: String,
}

impl Listener {
    /// The port that is listened on.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self.aim {
            Aim::Program(target) => target.port,
            Aim::Literal(addr) => addr.port(),
        }
    }

    /// Its name without the port.
    #[must_use]
    pub fn party(&self) -> &str {
        without_port(&self.name)
    }

    /// What it belongs to, without the port.
    #[must_use]
    pub fn party_group(&self) -> &str {
        without_port(&self.group)
    }
}

fn without_port(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(name, _)| name)
}

/// A name that is not to be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing has the name.
    #[error("there is no `{word}` in this scenario")]
    Unknown {
        /// The name.
        word: String,
        /// The name that is most like it.
        nearest: Option<String>,
    },
    /// What follows the colon is no port.
    #[error("`{word}` names no port: a number from 1 to 65535, with /udp for UDP")]
    Port {
        /// What was typed.
        word: String,
    },
    /// An address without a port.
    #[error("`{word}` is an address: say at which port, such as {word}:80")]
    AddressWithoutPort {
        /// What was typed.
        word: String,
    },
    /// It can be asked and does not ask.
    #[error("`{word}` asks nobody: it can only be given with --to")]
    NotASource {
        /// The name.
        word: String,
    },
    /// Nothing listens there.
    #[error("nothing listens on `{word}`: say which port to try, such as {word}:80")]
    NothingListens {
        /// The name.
        word: String,
    },
}

impl NameError {
    /// What to do about it, where that is not in the message.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean `{nearest}`?")),
            _ => None,
        }
    }
}

/// The names of a plan.
#[derive(Clone, Debug)]
pub struct Names {
    sources: Vec<Source>,
    listeners: Vec<Listener>,
}

impl Names {
    /// The names of a plan: everybody who can ask, and every port that something listens on.
    #[must_use]
    pub fn new(plan: &Plan, evaluator: &Evaluator) -> Self {
        let source = |(place, words)| Source {
            place,
            name: place_name(plan, place),
            group: group(plan, place),
            words,
        };
        let sources = places(plan).into_iter().map(source).collect();
        let listens = |listener: &reach::Listener| {
            let reach::Listener {
                owner,
                port,
                protocol,
            } = *listener;
            if let Owner::Place(place) = owner {
                return Some(program(plan, Target { place, port }, protocol));
            }
            let (name, _) = SERVICES.iter().find(|(_, known)| *known == owner)?;
            let addr = evaluator.amazon_endpoint(owner)?.addr;
            Some(literal(name, SocketAddrV4::new(*addr.ip(), port), protocol))
        };
        let listeners = evaluator.listeners().iter().filter_map(listens).collect();
        Self { sources, listeners }
    }

    /// Everybody who can ask: containers, instances, machines.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Every port that something listens on, Amazon's own services among them.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Those whom a name means, as ones who ask.
    ///
    /// # Errors
    /// If nothing has the name, or what has it asks nobody.
    pub fn find_sources(&self, word: &str) -> Result<Vec<Source>, NameError> {
        if is_service(word) {
            return Err(NameError::NotASource { word: word.into() });
        }
        let found = self.find(word)?;
        Ok(found.into_iter().map(|i| self.sources[i].clone()).collect())
    }

    /// Those whom `NAME[:PORT[/udp]]` means, as ones who are asked. A name alone means every port
    /// that is listened on there. Of a task, the container that listens on the port, else the first.
    ///
    /// # Errors
    /// If nothing has the name, the port is none, or there is no port and nothing listens there.
    pub fn find_listeners(&self, plan: &Plan, words: &str) -> Result<Vec<Listener>, NameError> {
        let (word, port) = split_port(words)?;
        if is_service(word) {
            return self.find_service(word, port);
        }
        if let Ok(addr) = word.parse::<Ipv4Addr>() {
            let (port, protocol) =
                port.ok_or_else(|| NameError::AddressWithoutPort { word: word.into() })?;
            let addr = SocketAddrV4::new(addr, port);
            return Ok(vec![literal(word, addr, protocol)]);
        }
        let listens = |place: Place| {
            let at = move |listener: &&Listener| match listener.aim {
                Aim::Program(target) => target.place == place,
                Aim::Literal(_) => false,
            };
            self.listeners.iter().filter(at).cloned()
        };
        let found = self.find(word)?;
        let Some((port, protocol)) = port else {
            let places = self.with_siblings(word, &found);
            let all: Vec<_> = places.into_iter().flat_map(listens).collect();
            return match all.is_empty() {
                true => Err(NameError::NothingListens { word: word.into() }),
                false => Ok(all),
            };
        };
        let is = |listener: &Listener| {
            let port_is = matches!(listener.aim, Aim::Program(target) if target.port == port);
            port_is && listener.protocol == protocol
        };
        let of_task = |index: usize| {
            let place = self.sources[index].place;
            let siblings = self.with_siblings(word, &[index]).into_iter();
            let listening = siblings.flat_map(listens).find(is);
            listening.unwrap_or_else(|| program(plan, Target { place, port }, protocol))
        };
        Ok(found.into_iter().map(of_task).collect())
    }

    /// One of Amazon's services, at the port given or else at those that it listens on.
    fn find_service(&self, word: &str, port: Port) -> Result<Vec<Listener>, NameError> {
        let prefix = format!("{word}:");
        let is = |listener: &&Listener| {
            matches!(listener.aim, Aim::Literal(_)) && listener.name.starts_with(&prefix)
        };
        let mut listening = self.listeners.iter().filter(is).cloned();
        let (Some((port, protocol)), Some(any)) = (port, listening.clone().next()) else {
            let all: Vec<_> = listening.collect();
            return match all.is_empty() {
                true => Err(NameError::NothingListens { word: word.into() }),
                false => Ok(all),
            };
        };
        let there = |aim: Aim| match aim {
            Aim::Literal(addr) => *addr.ip(),
            Aim::Program(_) => Ipv4Addr::UNSPECIFIED,
        };
        let addr = SocketAddrV4::new(there(any.aim), port);
        let known = listening.find(|l| l.aim == Aim::Literal(addr) && l.protocol == protocol);
        Ok(vec![known.unwrap_or_else(|| literal(word, addr, protocol))])
    }

    /// The sources that are called `word`; of each task that it means without naming a container,
    /// the first.
    fn find(&self, word: &str) -> Result<Vec<usize>, NameError> {
        let mut tasks = BTreeSet::new();
        let is = |&index: &usize| {
            self.sources[index].is_called(word)
                && match self.sources[index].place {
                    Place::Container { task, .. } => tasks.insert(task),
                    Place::Instance(_) | Place::Host(_) => true,
                }
        };
        let found: Vec<usize> = (0..self.sources.len()).filter(is).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let known: BTreeSet<&str> = self
            .sources
            .iter()
            .flat_map(|s| &s.words)
            .map(String::as_str)
            .collect();
        Err(NameError::Unknown {
            word: word.into(),
            nearest: nearest(word, known.into_iter().chain(services())).map(str::to_owned),
        })
    }

    /// The places of `found`, and the other containers of the same tasks if `word` means tasks.
    fn with_siblings(&self, word: &str, found: &[usize]) -> Vec<Place> {
        let mut places = Vec::new();
        for &index in found {
            let place = self.sources[index].place;
            let Place::Container { task, .. } = place else {
                places.push(place);
                continue;
            };
            let sibling = |other: &usize| {
                let same_task = matches!(self.sources[*other].place,
                    Place::Container { task: t, .. } if t == task);
                same_task && self.sources[*other].is_called(word)
            };
            let siblings = (0..self.sources.len()).filter(sibling);
            places.extend(siblings.map(|other| self.sources[other].place));
        }
        places
    }
}

/// The names of Amazon's own services.
#[must_use]
pub fn services() -> [&'static str; SERVICES.len()] {
    SERVICES.map(|(name, _)| name)
}

/// Whether it is the name of one of Amazon's own services, which ask nobody.
#[must_use]
pub fn is_service(word: &str) -> bool {
    service(word).is_some()
}

/// The one of Amazon's own services that has the name.
#[must_use]
pub fn service(word: &str) -> Option<Owner> {
    let named = SERVICES.iter().find(|(name, _)| *name == word);
    named.map(|(_, owner)| *owner)
}

/// A port and its protocol, where one was typed.
type Port = Option<(u16, Protocol)>;

/// Splits `NAME:PORT/PROTOCOL`.
fn split_port(words: &str) -> Result<(&str, Port), NameError> {
    let Some((name, port)) = words.rsplit_once(':') else {
        return Ok((words, None));
    };
    let (number, protocol) = match port.split_once('/') {
        None | Some((_, "tcp")) => (port.trim_end_matches("/tcp"), Protocol::Tcp),
        Some((number, "udp")) => (number, Protocol::Udp),
        Some(_) => return Err(NameError::Port { word: words.into() }),
    };
    match number.parse() {
        Ok(port) if port > 0 => Ok((name, Some((port, protocol)))),
        _ => Err(NameError::Port { word: words.into() }),
    }
}

/// Everybody who can ask, with the words by which they are called.
fn places(plan: &Plan) -> Vec<(Place, Vec<String>)> {
    let mut places = Vec::new();
    for (index, host) in plan.hosts.iter().enumerate() {
        let mut words = vec![host.name.clone()];
        // An interface endpoint has a machine in each of its subnets.
        words.extend(family(&host.name).map(str::to_owned));
        if host.location == HostLocation::Internet && host.name != INTERNET {
            words.push(INTERNET.to_owned());
        }
        places.push((Place::Host(index), words));
    }
    for (index, instance) in plan.instances.iter().enumerate() {
        let mut words = vec![instance.name.clone()];
        words.extend(family(&instance.name).map(str::to_owned));
        places.push((Place::Instance(index), words));
    }
    for (task, plan) in plan.tasks.iter().enumerate() {
        let service = family(&plan.name);
        for (container, named) in plan.containers.iter().enumerate() {
            let mut words = vec![plan.name.clone(), format!("{}/{}", plan.name, named.name)];
            if let Some(service) = service {
                words.push(service.to_owned());
                words.push(format!("{service}/{}", named.name));
            }
            places.push((Place::Container { task, container }, words));
        }
    }
    places
}

/// What comes before the number of a name such as `web/0`.
fn family(name: &str) -> Option<&str> {
    let (family, number) = name.rsplit_once('/')?;
    number.bytes().all(|b| b.is_ascii_digit()).then_some(family)
}

/// The name of a place.
#[must_use]
pub fn place_name(plan: &Plan, place: Place) -> String {
    match place {
        Place::Container { task, container } => {
            let task = &plan.tasks[task];
            match task.containers.len() {
                1 => task.name.clone(),
                _ => format!("{}/{}", task.name, task.containers[container].name),
            }
        }
        Place::Instance(index) => plan.instances[index].name.clone(),
        Place::Host(index) => plan.hosts[index].name.clone(),
    }
}

/// What a place belongs to.
fn group(plan: &Plan, place: Place) -> String {
    let of = |name: &str| family(name).unwrap_or(name).to_owned();
    match place {
        Place::Container { task, container } => {
            let task = &plan.tasks[task];
            match task.containers.len() {
                1 => of(&task.name),
                _ => format!("{}/{}", of(&task.name), task.containers[container].name),
            }
        }
        Place::Instance(index) => of(&plan.instances[index].name),
        Place::Host(index) => of(&plan.hosts[index].name),
    }
}

/// Port and protocol after a name.
fn suffix(port: u16, protocol: Protocol) -> String {
    match protocol {
        Protocol::Udp => format!(":{port}/udp"),
        _ => format!(":{port}"),
    }
}

fn program(plan: &Plan, target: Target, protocol: Protocol) -> Listener {
    let suffix = suffix(target.port, protocol);
    Listener {
        aim: Aim::Program(target),
        protocol,
        name: place_name(plan, target.place) + &suffix,
        group: group(plan, target.place) + &suffix,
    }
}

fn literal(name: &str, addr: SocketAddrV4, protocol: Protocol) -> Listener {
    let name = name.to_owned() + &suffix(addr.port(), protocol);
    Listener {
        aim: Aim::Literal(addr),
        protocol,
        group: name.clone(),
        name,
    }
}
