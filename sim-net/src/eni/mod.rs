//! The elastic network interface: who may send what, at which rate, and what waits.
//!
//! A frame that leaves passes, in this order, the checks of its own header and of the interface
//! ([`Eni`]), the security groups ([`Policy`]), the limit of its flow, and the machine's
//! [`Allowance`], which all interfaces of one machine share. A frame that arrives passes the
//! security groups and the allowance. To and from Amazon's own services ([`AmazonAccess`]) groups are
//! not asked, but packets are counted.
//!
//! Nothing here keeps an event for a frame that waits: a first-in-first-out server's departures are
//! known on arrival, so each queue is a formula and a ring of departure times.

mod allowance;
mod connections;
mod flow_limit;
mod flow_table;
mod interface;
mod internet;
mod packet_rate;
mod policy;
mod queue;
mod shaper;
mod tracking;

pub use allowance::{Allowance, AllowancePlan, Medium};
pub use connections::TrackedConnections;
pub use flow_limit::{FastPeers, FlowLimitPlan};
pub use interface::{AmazonAccess, EgressOutcome, Eni, EniPlan, IngressOutcome};
pub use packet_rate::PacketRatePlan;
pub use policy::{AutoTracking, Decision, Policy};
pub use queue::QueueLimit;
pub use shaper::{Shaper, ShaperPlan};
pub use tracking::TrackingTimeouts;
