//! The load: who talks to whom, and what is measured.

use schemars::JsonSchema;
use sim_core::{ByteSize, PacketRate, SimDuration};

use crate::document::reader::At;
use crate::toml::words::{ArrivalsWord, DirectionWord, DistributionWord, KindWord, ProtocolWord};

/// A load.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WorkloadSpec {
    /// Name in reports.
    pub name: At<String>,
    /// `request`, `bulk` or `ping_pong`. Default: `request`.
    pub kind: Option<At<KindWord>>,
    /// Where it comes from: names of clients, or `service/container` for every task of a service.
    /// Default: all clients.
    pub from: Option<Vec<At<String>>>,
    /// Where it goes: `service/container:port`, `service:port` if the service has one container, or
    /// `client:port`; with `/udp` behind the port for UDP.
    pub to: At<String>,
    /// `tcp` or `udp`. Default: as `to` says; TCP if it says nothing.
    pub protocol: Option<At<ProtocolWord>>,
    /// Open load (`request`): requests per second over all sources, such as `200/s`; latency counts
    /// from the intended time of sending. Default: `100/s`, unless `concurrency` is given.
    pub rate: Option<At<PacketRate>>,
    /// Open load (`request`): `poisson`, `constant` or `bursty`. Default: `poisson`.
    pub arrivals: Option<At<ArrivalsWord>>,
    /// Bursty arrivals (`request`): requests of a burst, 2 to 10000. Default: `10`.
    pub burst_size: Option<At<u64>>,
    /// Closed load (`request`): users per source, each with one request at a time, 1 to 100000.
    pub concurrency: Option<At<u64>>,
    /// Closed load (`request`): pause of a user between an answer and the next request. Default:
    /// `0 s`.
    pub think_time: Option<At<SimDuration>>,
    /// `request` and `ping_pong`: size of a request, up to `64 MiB` (UDP: `1472 B`). Default:
    /// `1 KiB`; for `ping_pong` `64 B`.
    pub request_size: Option<At<ByteSize>>,
    /// `request`: size of a response, up to `64 MiB` (UDP: `1472 B`). Default: `4 KiB` (UDP:
    /// `1 KiB`). The answer of a `ping_pong` is as long as its request.
    pub response_size: Option<At<ByteSize>>,
    /// `request`: CPU time that the server takes for a request, up to `10 s`. Default: `0 s`.
    pub service_time: Option<At<SimDuration>>,
    /// `request`: `constant` or `exponential`. Default: `exponential`.
    pub service_time_distribution: Option<At<DistributionWord>>,
    /// `request` over TCP: how many connections stay open at each source, 1 to 10000, or
    /// `"per request"`. Default: `8`.
    pub connections: Option<At<ConnectionsSpec>>,
    /// `request` and `ping_pong`: after which time an answer is given up. Default: `1 s`.
    pub timeout: Option<At<SimDuration>>,
    /// `request`: what the server asks of others before it answers, one after another. Default:
    /// nothing.
    #[schemars(default)]
    pub call: Vec<CallSpec>,
    /// `bulk`: parallel connections from each source, 1 to 1000. Default: `1`.
    pub flows: Option<At<u64>>,
    /// `bulk`: `upload` (the source sends) or `download`. Default: `upload`.
    pub direction: Option<At<DirectionWord>>,
    /// `bulk`: size of each flow. Default: as much as goes through until the run ends.
    pub size: Option<At<ByteSize>>,
    /// `ping_pong`: pause between an answer and the next request. Default: `1 ms`.
    pub interval: Option<At<SimDuration>>,
}

/// A request that a server makes in order to answer one.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CallSpec {
    /// Where it goes, as `to` of a workload.
    pub to: At<String>,
    /// Size of the request. Default: `512 B`.
    pub request_size: Option<At<ByteSize>>,
    /// Size of the response. Default: `1 KiB`.
    pub response_size: Option<At<ByteSize>>,
    /// CPU time that the called server takes. Default: `0 s`.
    pub service_time: Option<At<SimDuration>>,
    /// `constant` or `exponential`. Default: `exponential`.
    pub service_time_distribution: Option<At<DistributionWord>>,
}

/// What is measured, and for how long.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MeasureSpec {
    /// Simulated time before the measured interval, up to `10 min`. Default: `200 ms`.
    pub warmup: Option<At<SimDuration>>,
    /// The measured interval, up to `1 h`. Default: `2 s`.
    pub duration: Option<At<SimDuration>>,
    /// Time after it for requests that are under way, up to `10 min`. Default: `500 ms`.
    pub cooldown: Option<At<SimDuration>>,
    /// Independent repetitions, 1 to 10000. Default: `10`.
    pub replications: Option<At<u64>>,
    /// The master seed of all random numbers. Default: `1`.
    pub seed: Option<At<u64>>,
}

/// How requests share connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionsSpec {
    /// This many stay open.
    KeepAlive(u64),
    /// A new one for each request.
    PerRequest,
}
