//! The names that expressions may use.

use crate::reach::names::{self, INTERNET};

/// What a scenario has names for.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    /// Its workloads, neighbours excepted.
    pub workloads: Vec<&'a str>,
    /// Those that a neighbour is meant to disturb.
    pub victims: Vec<&'a str>,
    /// Its services.
    pub services: Vec<KnownService<'a>>,
    /// Its machines that ECS does not manage.
    pub clients: Vec<&'a str>,
    /// Its groups of instances, and how many instances each has.
    pub capacity: Vec<(&'a str, u32)>,
    /// Whether there is somebody on the internet.
    pub internet: bool,
}

/// A service and its parts.
#[derive(Clone, Debug)]
pub struct KnownService<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many tasks it has.
    pub count: u32,
    /// The names of its containers.
    pub containers: Vec<&'a str>,
}

impl Known<'_> {
    pub(super) fn is_task(&self, name: &str) -> bool {
        let number = |service: &KnownService<'_>| {
            let number = name.strip_prefix(service.name)?.strip_prefix('/')?;
            number.parse::<u32>().ok().filter(|n| *n < service.count)
        };
        self.services
            .iter()
            .any(|service| number(service).is_some())
    }

    pub(super) fn is_service(&self, name: &str) -> bool {
        self.services.iter().any(|service| {
            let container = name
                .strip_prefix(service.name)
                .and_then(|n| n.strip_prefix('/'));
            name == service.name || container.is_some_and(|c| service.containers.contains(&c))
        })
    }

    fn is_instance(&self, name: &str) -> bool {
        self.capacity.iter().any(|(group, count)| {
            let number = name.strip_prefix(group).and_then(|n| n.strip_prefix('/'));
            let number = number.and_then(|n| n.parse::<u32>().ok());
            name == *group || number.is_some_and(|n| n < *count)
        })
    }

    pub(super) fn is_party(&self, name: &str) -> bool {
        // A container of a task: `web/0/app`.
        let task = name.rsplit_once('/').is_some_and(|(task, container)| {
            let has = |s: &KnownService<'_>| s.containers.contains(&container);
            self.is_task(task) && self.services.iter().any(has)
        });
        task || self.is_task(name)
            || self.is_service(name)
            || self.is_instance(name)
            || self.clients.contains(&name)
            || (self.internet && name == INTERNET)
            || names::is_service(name)
    }

    pub(super) fn parties(&self) -> Vec<&str> {
        let services = self.services.iter().map(|service| service.name);
        let capacity = self.capacity.iter().map(|(name, _)| *name);
        let clients = self.clients.iter().copied();
        services
            .chain(clients)
            .chain(capacity)
            .chain(self.internet.then_some(INTERNET))
            .chain(names::services())
            .collect()
    }
}
