//! The programs that run on machines: clients that make load, servers that answer it, the userland
//! proxy that relays it.
//!
//! A program is a state machine: it is told one [`AppEvent`] at a time and makes system calls
//! through [`Os`]. It runs on one core, as one thread would.

mod bulk;
mod client;
mod load;
mod os;
mod proxy;
mod scanner;
mod server;
mod targets;
mod udp_client;

use sim_core::SimTime;

pub use self::bulk::{BulkClient, BulkConfig};
pub use self::client::{RequestClient, RequestClientConfig};
pub use self::load::Generator;
pub use self::os::{Buffers, Os, udp_options};
pub use self::proxy::{Proxy, UdpProxy};
pub use self::scanner::{Scan, Scanner, start_of};
pub use self::server::{Call, Role, Server};
pub use self::targets::Targets;
pub use self::udp_client::{UdpClient, UdpClientConfig};
use crate::ids::FlowTag;
use crate::stack::SocketEvent;

/// What a program is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppEvent {
    /// A timer that it asked for.
    Timer(u32),
    /// Something happened to one of its sockets.
    Socket(SocketEvent),
    /// Its computation has ended.
    Computed(u32),
}

/// The timer token with which every program is started.
pub const START: u32 = 0;

/// A program.
#[derive(Debug)]
pub enum App {
    /// Requests over TCP.
    Client(Box<RequestClient>),
    /// Requests over UDP.
    UdpClient(Box<UdpClient>),
    /// A transfer.
    Bulk(Box<BulkClient>),
    /// The probes of a namespace.
    Scanner(Box<Scanner>),
    /// A listening server, TCP or UDP.
    Server(Box<Server>),
    /// Docker's userland proxy for a TCP port.
    Proxy(Proxy),
    /// Docker's userland proxy for a UDP port.
    UdpProxy(UdpProxy),
}

impl App {
    /// Tells the program what happened.
    pub fn on_event(&mut self, event: AppEvent, os: &mut Os<'_, '_, '_>) {
        match self {
            Self::Client(app) => app.on_event(event, os),
            Self::UdpClient(app) => app.on_event(event, os),
            Self::Bulk(app) => app.on_event(event, os),
            Self::Scanner(app) => app.on_event(event, os),
            Self::Server(app) => app.on_event(event, os),
            Self::Proxy(app) => app.on_event(event, os),
            Self::UdpProxy(app) => app.on_event(event, os),
        }
    }

    /// The workload and due times of requests that are still open when the run ends.
    #[must_use]
    pub fn unfinished(&self) -> Option<(FlowTag, Vec<SimTime>)> {
        match self {
            Self::Client(app) => Some(app.unfinished()),
            Self::UdpClient(app) => Some(app.unfinished()),
            _ => None,
        }
    }
}
