//! Segmentation and receive offload: what a network interface does so that a kernel handles one
//! large frame and not dozens of packets.
//!
//! A stack with the offload hands over segments of up to 64 KiB as one *super-frame*, which travels
//! inside its machine as one socket buffer and pays the costs of one. The interface cuts it into the
//! packets that the wire carries ([`cut`], TSO); a kernel without such an interface would cut it
//! just before (GSO), which looks the same from outside. A receiver puts packets that are in its
//! ring together again ([`Gro`]).
//!
//! A super-frame counts as its packets wherever frames are counted.

mod gro;
mod train;
mod tso;

pub use gro::Gro;
pub use train::{Arriving, Train, TrainSlot, TrainStore};
pub use tso::{cut, cut_several, packet};
