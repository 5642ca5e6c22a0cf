//! The evaluator: a plan made ready to be asked.

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::{LookupMap, SimTime};

use super::endpoints::{self, Listener};
use super::layout::Layout;
use super::region::Region;
use super::trace::{Recorder, Silent};
use super::verdict::{Verdict, Walk};
use super::walk::Walker;
use crate::build::BuildError;
use crate::headers::Protocol;
use crate::plan::{Mode, Place, Plan};

/// Who reaches whom in the world of a plan, found by reading its rules. Nothing is sent, and no
/// question changes the answer to another.
///
/// It answers for one moment: rules that are not there then are ignored. Limits of rate and number
/// are not looked at, nor is loss: all of them take some packets, and none decides who may talk to
/// whom.
///
/// A client's port is not known beforehand. Where a stateless rule looks at it, the packet passes
/// only if all ports pass that the client, or a NAT gateway on its behalf, may take.
#[derive(Debug)]
pub struct Evaluator {
    pub(super) layout: Layout,
    pub(super) region: Region,
    pub(super) listeners: Vec<Listener>,
    pub(super) modes: Vec<Mode>,
    /// The instance of each task.
    instances: Vec<Option<usize>>,
    publics: LookupMap<Place, Ipv4Addr>,
}

impl Evaluator {
    /// Makes a plan ready, as it is at the start of the run.
    ///
    /// # Errors
    /// If no world can be made of the plan.
    pub fn new(plan: &Plan) -> Result<Self, BuildError> {
        Self::at(plan, SimTime::ZERO)
    }

    /// Makes a plan ready, with the rules that are there at a moment of the run.
    ///
    /// # Errors
    /// If no world can be made of the plan.
    pub fn at(plan: &Plan, at: SimTime) -> Result<Self, BuildError> {
        let layout = Layout::of(plan)?;
        let region = Region::compile(plan, &layout, at);
        let mut publics = LookupMap::new();
        for interface in &region.interfaces {
            if let (Some(place), Some(public)) = (interface.place, interface.public) {
                publics.insert(place, public);
            }
        }
        Ok(Self {
            layout,
            region,
            listeners: endpoints::listeners(plan),
            modes: plan.tasks.iter().map(|task| task.mode).collect(),
            instances: plan.tasks.iter().map(|task| task.instance).collect(),
            publics,
        })
    }

    /// What becomes of an attempt of a program at `from` to reach an address: a TCP connection, or
    /// a datagram that is to be answered. Allocates nothing.
    ///
    /// Undetermined for other protocols than TCP and UDP.
    #[must_use]
    pub fn decide(&self, from: Place, to: SocketAddrV4, protocol: Protocol) -> Verdict {
        Walker::new(self, Silent)
            .run(self.layout.space(from), to, protocol)
            .0
    }

    /// The same, with every step there and back.
    #[must_use]
    pub fn explain(&self, from: Place, to: SocketAddrV4, protocol: Protocol) -> Walk {
        let walker = Walker::new(self, Recorder::default());
        let (verdict, Recorder(hops)) = walker.run(self.layout.space(from), to, protocol);
        Walk { verdict, hops }
    }

    /// The public address by which a place is reached; `None` where it has none.
    #[must_use]
    pub fn public_addr(&self, place: Place) -> Option<Ipv4Addr> {
        let place = match place {
            Place::Container { task, .. } => match (self.modes[task], self.instances[task]) {
                (Mode::None, _) => return None,
                (Mode::Bridge | Mode::Host, Some(instance)) => Place::Instance(instance),
                _ => Place::Container { task, container: 0 },
            },
            other => other,
        };
        self.publics.get(&place).copied()
    }

    /// The private address of the namespace of a place, before any translation; of a machine
    /// outside the VPCs its only one. `None` in mode `none`.
    #[must_use]
    pub fn own_addr(&self, place: Place) -> Option<Ipv4Addr> {
        self.layout.own_addr(place)
    }
}
