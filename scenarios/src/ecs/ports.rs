//! Host ports of a container instance: which are taken, and which one a dynamic mapping gets.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use super::task_definition::Protocol;

/// TCP ports that the ECS agent keeps for itself and for the instance: SSH, Docker, the agent.
///
/// Source: ECS agent 1.105, `agent/config/config.go` (specified).
pub const RESERVED_TCP_PORTS: [u16; 5] = [22, 2375, 2376, 51_678, 51_679];

/// A port that the API reference lists as reserved and the agent's code does not.
///
/// Source: Amazon ECS API, `PortMapping.hostPort`, against the agent's code (specified).
pub const DOUBTFUL_RESERVED_TCP_PORT: u16 = 51_680;

/// Ports with a fixed number that one instance can have taken at a time, the reserved ones included.
///
/// Source: Amazon ECS API, `PortMapping.hostPort` (specified). That TCP and UDP count together is
/// assumed.
pub const MAX_FIXED_PORTS: usize = 100;

/// The ports from which dynamic mappings are served: `net.ipv4.ip_local_port_range` of Linux.
///
/// Source: ECS agent 1.105, `agent/utils/ephemeral_ports_linux.go` (specified).
pub const EPHEMERAL_PORTS: RangeInclusive<u16> = 32_768..=60_999;

/// Who holds a port of an instance, such as `task web/0`.
pub type Holder = String;

/// A port of an instance is not to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// Another holder has the port; ECS calls it `RESOURCE:PORTS`.
    #[error("host port {port}/{protocol} is already in use by {holder} (RESOURCE:PORTS)")]
    InUse {
        /// The port.
        port: u16,
        /// Its protocol.
        protocol: Protocol,
        /// Who has it.
        holder: Holder,
    },
    /// The instance has as many fixed ports taken as ECS allows.
    #[error(
        "host port {port}/{protocol} would be more than the {MAX_FIXED_PORTS} ports that an \
             instance can reserve (RESOURCE:PORTS)"
    )]
    TooMany {
        /// The port.
        port: u16,
        /// Its protocol.
        protocol: Protocol,
    },
    /// No port of the dynamic range is free. The words are the agent's.
    #[error("a host port is unavailable")]
    NoneFree,
    /// The dynamic range has no so many free ports in a row. The words are the agent's.
    #[error("{count} contiguous host ports are unavailable")]
    NoneFreeInARow {
        /// How many were asked for.
        count: usize,
    },
}

/// The ports of one instance that are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPorts {
    taken: BTreeMap<(Protocol, u16), Taken>,
    fixed: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Taken {
    holder: Holder,
    /// Named in a task definition or reserved, and so counted; dynamic ports are not.
    fixed: bool,
}

impl Default for HostPorts {
    fn default() -> Self {
        Self::new()
    }
}

impl HostPorts {
    /// An instance on which only the reserved ports are taken.
    #[must_use]
    pub fn new() -> Self {
        let mut ports = Self {
            taken: BTreeMap::new(),
            fixed: 0,
        };
        for port in RESERVED_TCP_PORTS {
            let holder = "the instance (reserved port)".to_owned();
            ports.taken.insert(
                (Protocol::Tcp, port),
                Taken {
                    holder,
                    fixed: true,
                },
            );
            ports.fixed += 1;
        }
        ports
    }

    /// Takes a port with a fixed number.
    ///
    /// # Errors
    /// It is taken, or the instance has too many fixed ports taken.
    pub fn take(
        &mut self,
        protocol: Protocol,
        port: u16,
        holder: impl Into<Holder>,
    ) -> Result<(), PortError> {
        let full = self.fixed >= MAX_FIXED_PORTS;
        match self.taken.entry((protocol, port)) {
            Entry::Occupied(taken) => Err(PortError::InUse {
                port,
                protocol,
                holder: taken.get().holder.clone(),
            }),
            Entry::Vacant(_) if full => Err(PortError::TooMany { port, protocol }),
            Entry::Vacant(free) => {
                free.insert(Taken {
                    holder: holder.into(),
                    fixed: true,
                });
                self.fixed += 1;
                Ok(())
            }
        }
    }

    /// Whether every one of these ports could be taken together; nothing is taken.
    ///
    /// # Errors
    /// As [`take`](Self::take), for the first port that could not.
    pub fn check(&self, ports: impl IntoIterator<Item = (Protocol, u16)>) -> Result<(), PortError> {
        let mut wanted = BTreeSet::new();
        for (protocol, port) in ports {
            let taken = self.taken.get(&(protocol, port));
            let twice = wanted.contains(&(protocol, port)).then_some("this task");
            if let Some(holder) = taken.map(|taken| taken.holder.as_str()).or(twice) {
                let holder = holder.to_owned();
                return Err(PortError::InUse {
                    port,
                    protocol,
                    holder,
                });
            }
            if self.fixed + wanted.len() >= MAX_FIXED_PORTS {
                return Err(PortError::TooMany { port, protocol });
            }
            wanted.insert((protocol, port));
        }
        Ok(())
    }

    /// Whether a port is taken.
    #[must_use]
    pub fn is_taken(&self, protocol: Protocol, port: u16) -> bool {
        self.taken.contains_key(&(protocol, port))
    }

    /// How many ports with a fixed number are taken, the reserved ones included.
    #[must_use]
    pub fn fixed(&self) -> usize {
        self.fixed
    }

    /// Frees every port of a holder.
    pub fn release(&mut self, holder: &str) {
        self.taken.retain(|_, taken| taken.holder != holder);
        self.fixed = self.taken.values().filter(|taken| taken.fixed).count();
    }
}

/// The ECS agent's choice of host ports for mappings that name none.
///
/// The agent remembers the last port that it gave out, searches upward from the next one, and goes
/// back to the start of the range once. It tries a candidate by listening on it; here that is a look
/// at the ports that are taken. Ports therefore come out ascending, not at random. A quirk of the
/// agent is kept: if every port above the remembered one is taken, the request fails even though
/// lower ones are free, and the next request starts at the bottom.
///
/// Source: ECS agent 1.105, `agent/utils/ephemeral_ports.go` (specified).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamicPorts {
    range: RangeInclusive<u16>,
    /// Behind which port the search goes on, for either protocol: the agent has one memory for
    /// both. `None` before the first search.
    last_assigned: Option<u16>,
}

impl Default for DynamicPorts {
    fn default() -> Self {
        Self::new(EPHEMERAL_PORTS)
    }
}

impl DynamicPorts {
    /// An allocator over another range (`ECS_DYNAMIC_HOST_PORT_RANGE`).
    #[must_use]
    pub fn new(range: RangeInclusive<u16>) -> Self {
        Self {
            range,
            last_assigned: None,
        }
    }

    /// How many ports of the range are free for a protocol.
    #[must_use]
    pub fn free(&self, ports: &HostPorts, protocol: Protocol) -> u64 {
        let size = (u64::from(*self.range.end()) + 1).saturating_sub((*self.range.start()).into());
        let (first, last) = (*self.range.start(), *self.range.end());
        let taken = ports
            .taken
            .keys()
            .filter(|(p, port)| *p == protocol && (first..=last).contains(port));
        size.saturating_sub(taken.count() as u64)
    }

    /// Takes `count` ports in a row and gives the first.
    ///
    /// # Errors
    /// The range has not so many free ports in a row.
    pub fn take(
        &mut self,
        ports: &mut HostPorts,
        protocol: Protocol,
        count: usize,
        holder: &str,
    ) -> Result<u16, PortError> {
        let (start, end) = (*self.range.start(), *self.range.end());
        let resume = self
            .last_assigned
            .map_or(Some(start), |last| last.checked_add(1));
        let mut pass = resume.map_or(Pass::default(), |from| {
            search(ports, protocol, from, end, count)
        });
        if pass.found.is_none() && self.last_assigned.is_some() {
            // Up to the last free port of the first pass; nowhere if that saw none.
            let until = pass.last_free.and_then(|port| port.checked_sub(1));
            pass = until.map_or(Pass::default(), |to| {
                search(ports, protocol, start, to, count)
            });
        }
        self.last_assigned = match pass.last_free {
            Some(last) if last == end => start.checked_sub(1),
            other => other,
        };
        let Some(first) = pass.found else {
            return Err(match count {
                1 => PortError::NoneFree,
                _ => PortError::NoneFreeInARow { count },
            });
        };
        for port in (first..=end).take(count) {
            ports.taken.insert(
                (protocol, port),
                Taken {
                    holder: holder.to_owned(),
                    fixed: false,
                },
            );
        }
        Ok(first)
    }
}

/// What one pass over the candidates came to.
#[derive(Default)]
struct Pass {
    found: Option<u16>,
    /// The last free port that was seen.
    last_free: Option<u16>,
}

fn search(ports: &HostPorts, protocol: Protocol, from: u16, to: u16, count: usize) -> Pass {
    let mut pass = Pass::default();
    let (mut row, mut row_start) = (0, from);
    for port in from..=to {
        if ports.is_taken(protocol, port) {
            row = 0;
            continue;
        }
        if row == 0 {
            row_start = port;
        }
        row += 1;
        pass.last_free = Some(port);
        if row == count {
            pass.found = Some(row_start);
            break;
        }
    }
    pass
}

impl fmt::Display for HostPorts {
    /// One line per port, as `ss` would list them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((protocol, port), taken) in &self.taken {
            writeln!(f, "{protocol} {port} {}", taken.holder)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TCP: Protocol = Protocol::Tcp;
    const UDP: Protocol = Protocol::Udp;

    #[test]
    fn a_fixed_port_is_taken_once_per_protocol() {
        let mut ports = HostPorts::new();
        ports.take(TCP, 80, "task web/0").unwrap();
        ports.take(UDP, 80, "task dns/0").unwrap();
        let error = ports.take(TCP, 80, "task web/1").unwrap_err();
        assert_eq!(
            error.to_string(),
            "host port 80/tcp is already in use by task web/0 (RESOURCE:PORTS)"
        );
        ports.release("task web/0");
        ports.take(TCP, 80, "task web/1").unwrap();
    }

    #[test]
    fn the_reserved_ports_are_taken_from_the_start() {
        let mut ports = HostPorts::new();
        let error = ports.take(TCP, 22, "task web/0").unwrap_err();
        assert_eq!(
            error.to_string(),
            "host port 22/tcp is already in use by the instance (reserved port) (RESOURCE:PORTS)"
        );
        // The agent's UDP list is empty, and its TCP list lacks the Prometheus port.
        ports.take(UDP, 22, "task web/0").unwrap();
        ports
            .take(TCP, DOUBTFUL_RESERVED_TCP_PORT, "task web/0")
            .unwrap();
    }

    #[test]
    fn an_instance_has_a_hundred_fixed_ports_the_reserved_ones_included() {
        let mut ports = HostPorts::new();
        for port in 1000..1095 {
            ports.take(TCP, port, "task many/0").unwrap();
        }
        assert_eq!(ports.fixed(), 100);
        assert_eq!(
            ports
                .take(TCP, 1095, "task more/0")
                .unwrap_err()
                .to_string(),
            "host port 1095/tcp would be more than the 100 ports that an instance can reserve \
             (RESOURCE:PORTS)"
        );
        // Dynamic ports do not count.
        DynamicPorts::default()
            .take(&mut ports, TCP, 1, "task more/0")
            .unwrap();
        assert_eq!(ports.fixed(), 100);
    }

    #[test]
    fn dynamic_ports_ascend_from_the_last_one_and_wrap_once() {
        let mut ports = HostPorts::new();
        let mut dynamic = DynamicPorts::new(100..=103);
        let mut next = |ports: &mut HostPorts| dynamic.take(ports, TCP, 1, "t");
        assert_eq!(next(&mut ports), Ok(100));
        assert_eq!(next(&mut ports), Ok(101));
        ports.release("t");
        // What was freed is not given out again before the range has been gone through.
        assert_eq!(next(&mut ports), Ok(102));
        assert_eq!(next(&mut ports), Ok(103));
        assert_eq!(next(&mut ports), Ok(100));
        assert_eq!(next(&mut ports), Ok(101));
        assert_eq!(
            next(&mut ports).unwrap_err().to_string(),
            "a host port is unavailable"
        );
    }

    #[test]
    fn the_agent_gives_up_once_when_all_above_the_last_port_is_taken() {
        let mut ports = HostPorts::new();
        let mut dynamic = DynamicPorts::new(100..=103);
        ports.take(TCP, 101, "x").unwrap();
        ports.take(TCP, 102, "x").unwrap();
        ports.take(TCP, 103, "x").unwrap();
        assert_eq!(dynamic.take(&mut ports, TCP, 1, "t"), Ok(100));
        ports.release("t");
        assert_eq!(
            dynamic.take(&mut ports, TCP, 1, "t"),
            Err(PortError::NoneFree)
        );
        assert_eq!(dynamic.take(&mut ports, TCP, 1, "t"), Ok(100));
    }

    #[test]
    fn the_default_range_is_that_of_the_kernel() {
        let mut ports = HostPorts::new();
        let mut dynamic = DynamicPorts::default();
        assert_eq!(dynamic.take(&mut ports, TCP, 1, "t"), Ok(32_768));
        // One memory for both protocols.
        assert_eq!(dynamic.take(&mut ports, UDP, 1, "t"), Ok(32_769));
        // A reserved port in the range is passed over.
        let mut dynamic = DynamicPorts::new(51_678..=51_690);
        assert_eq!(dynamic.take(&mut ports, TCP, 1, "t"), Ok(51_680));
    }

    #[test]
    fn a_range_needs_a_row_of_ports() {
        let mut ports = HostPorts::new();
        ports.take(TCP, 102, "x").unwrap();
        let mut dynamic = DynamicPorts::new(100..=106);
        assert_eq!(dynamic.take(&mut ports, TCP, 3, "t"), Ok(103));
        assert_eq!(dynamic.take(&mut ports, TCP, 2, "t"), Ok(100));
        assert_eq!(
            dynamic
                .take(&mut ports, TCP, 2, "t")
                .unwrap_err()
                .to_string(),
            "2 contiguous host ports are unavailable"
        );
    }

    proptest! {
        #[test]
        fn a_port_is_never_given_out_twice(
            counts in proptest::collection::vec((1_usize..5, any::<bool>()), 1..60),
            fixed in proptest::collection::btree_set(200_u16..260, 0..20),
        ) {
            let mut ports = HostPorts::new();
            for port in fixed {
                ports.take(TCP, port, "fixed").unwrap();
            }
            let mut dynamic = DynamicPorts::new(200..=259);
            for (index, (count, udp)) in counts.into_iter().enumerate() {
                let protocol = if udp { UDP } else { TCP };
                let before = ports.clone();
                match dynamic.take(&mut ports, protocol, count, &format!("t{index}")) {
                    Ok(first) => {
                        for port in usize::from(first)..usize::from(first) + count {
                            let port = u16::try_from(port).unwrap();
                            prop_assert!((200..=259).contains(&port));
                            prop_assert!(!before.is_taken(protocol, port));
                            prop_assert!(ports.is_taken(protocol, port));
                        }
                        // Freeing gives back exactly what was taken.
                        let mut freed = ports.clone();
                        freed.release(&format!("t{index}"));
                        prop_assert_eq!(freed, before);
                    }
                    Err(_) => prop_assert_eq!(&ports, &before),
                }
            }
        }

        #[test]
        fn a_free_port_is_found_at_the_second_request_at_the_latest(
            order in proptest::collection::vec((0_usize..7, any::<bool>()), 0..40),
        ) {
            let mut ports = HostPorts::new();
            let mut dynamic = DynamicPorts::new(200..=206);
            for (index, release) in order {
                if release {
                    ports.release(&format!("t{index}"));
                    continue;
                }
                let free = (200..=206).any(|port| !ports.is_taken(TCP, port));
                let mut take = || dynamic.take(&mut ports, TCP, 1, &format!("t{index}")).is_ok();
                prop_assert_eq!(take() || take(), free);
            }
        }
    }
}
