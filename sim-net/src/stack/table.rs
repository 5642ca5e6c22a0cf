//! Connections by their number.

use std::collections::VecDeque;

use sim_core::{SimDuration, SimTime};

use super::connection::Connection;
use crate::ids::ConnId;

/// How long a number stays unused after its connection is gone, so that a program that has not yet
/// read of the end cannot reach somebody else's connection.
const QUARANTINE: SimDuration = SimDuration::from_secs(1);

/// The connections of one namespace.
#[derive(Debug, Default)]
pub(super) struct ConnectionTable {
    slots: Vec<Option<Box<Connection>>>,
    freed: VecDeque<(SimTime, ConnId)>,
    live: usize,
}

impl ConnectionTable {
    /// A number for a new connection. It counts as used only once [`Self::put`] has filled it.
    pub(super) fn reserve(&mut self, now: SimTime) -> ConnId {
        match self.freed.front() {
            Some(&(at, id)) if now.saturating_since(at) >= QUARANTINE => {
                self.freed.pop_front();
                id
            }
            _ => {
                self.slots.push(None);
                ConnId::new(self.slots.len() - 1)
            }
        }
    }

    pub(super) fn put(&mut self, connection: Box<Connection>) {
        let slot = &mut self.slots[connection.id.index()];
        debug_assert!(slot.is_none(), "a number is given once");
        *slot = Some(connection);
        self.live += 1;
    }

    pub(super) fn get(&self, id: ConnId) -> Option<&Connection> {
        self.slots.get(id.index())?.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        self.slots.get_mut(id.index())?.as_deref_mut()
    }

    pub(super) fn remove(&mut self, id: ConnId, now: SimTime) -> Option<Box<Connection>> {
        let gone = self.slots.get_mut(id.index())?.take()?;
        self.freed.push_back((now, id));
        self.live -= 1;
        Some(gone)
    }

    /// The most sockets that one segment makes smoltcp look at.
    #[cfg(test)]
    pub(super) fn largest_socket_set(&self) -> usize {
        let sets = self.slots.iter().flatten().map(|c| c.socket_count());
        sets.max().unwrap_or(0)
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }
}
