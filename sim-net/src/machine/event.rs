//! What can happen on a machine.

use sim_core::EventCode;

use crate::frame::{Frame, FrameSlot};
use crate::ids::{AppId, ConnId, CoreId, EniId, NetnsId};
use crate::offload::{Train, TrainSlot};
use crate::stack::SocketEvent;

/// An event of one machine. Small and `Copy`: frames wait in the machine's store.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A frame has crossed the fabric.
    Arrive {
        /// The interface that it is for.
        eni: EniId,
        /// The frame.
        frame: FrameSlot,
    },
    /// The next packet of a train has crossed the fabric.
    ArriveTrain {
        /// The interface that it is for.
        eni: EniId,
        /// The train.
        train: TrainSlot,
    },
    /// A frame has passed the interface's inbound limits.
    Ring {
        /// The interface.
        eni: EniId,
        /// The frame.
        frame: FrameSlot,
    },
    /// A core looks for work.
    Core {
        /// The core.
        core: CoreId,
    },
    /// The kernel has handed a frame to an interface.
    Transmit {
        /// The interface.
        eni: EniId,
        /// The frame.
        frame: FrameSlot,
    },
    /// A frame held by the single-flow limit is offered again.
    Release {
        /// The interface.
        eni: EniId,
        /// The frame.
        frame: FrameSlot,
    },
    /// The transmit queue of an interface has room for connections that wait.
    Drain {
        /// The interface.
        eni: EniId,
    },
    /// A timer of a connection.
    Timer {
        /// Its namespace.
        netns: NetnsId,
        /// The connection.
        conn: ConnId,
    },
    /// A program on another core learns what happened to its socket.
    Notify {
        /// What happened; it names the program.
        event: SocketEvent,
    },
    /// A timer of a program.
    AppTimer {
        /// The program.
        app: AppId,
        /// What it called the timer.
        token: u32,
    },
}

impl EventCode for Event {
    fn code(&self) -> u64 {
        // A frame's slot is left out: which one is free is of no consequence to the world.
        let (kind, a, b) = match *self {
            // A packet of a train is no other event than one that came alone.
            Self::Arrive { eni, .. } | Self::ArriveTrain { eni, .. } => (1, eni.index(), 0),
            Self::Ring { eni, .. } => (2, eni.index(), 0),
            Self::Core { core } => (3, core.index(), 0),
            Self::Transmit { eni, .. } => (4, eni.index(), 0),
            Self::Release { eni, .. } => (5, eni.index(), 0),
            Self::Drain { eni } => (6, eni.index(), 0),
            Self::Timer { netns, conn } => (7, netns.index(), conn.index() as u64),
            Self::Notify { event } => (8, event.owner().index(), event.code()),
            Self::AppTimer { app, token } => (9, app.index(), u64::from(token)),
        };
        (kind << 56) ^ ((a as u64) << 32) ^ b
    }
}

/// What is on its way through the fabric to another machine.
#[derive(Debug)]
pub struct Message {
    /// The interface that it is for.
    pub eni: EniId,
    /// The frame or frames.
    pub load: Load,
}

/// What a message carries.
#[derive(Debug)]
pub enum Load {
    /// One packet.
    Packet(Frame),
    /// Several packets of one super-frame.
    Train(Train),
}
