//! Every number that [`crate::vpc`] and [`crate::eni`] fall back on, with where it comes from.
//!
//! A report prints those of class [`Class::Assumed`] and [`Class::ThirdParty`] that a run used.

use std::borrow::Cow;

use serde::Serialize;

/// How far a number is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A standard, or the source code that runs.
    Specified,
    /// The vendor's documentation.
    Vendor,
    /// Measured by somebody else, once.
    ThirdParty,
    /// A guess with a reason.
    Assumed,
}

/// One number, with its unit and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Stable name.
    pub name: Cow<'static, str>,
    /// Value, in `unit`.
    pub value: u64,
    /// Unit.
    pub unit: &'static str,
    /// Document, section and date, and what was made of it.
    pub source: &'static str,
    /// How far to trust it.
    pub class: Class,
}

impl Constant {
    const fn new(
        name: &'static str,
        value: u64,
        unit: &'static str,
        class: Class,
        source: &'static str,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            value,
            unit,
            source,
            class,
        }
    }

    /// The value as a length or a count.
    ///
    /// # Panics
    /// If it is larger than any of these.
    #[must_use]
    pub fn as_usize(&self) -> usize {
        usize::try_from(self.value).expect("a length or a count fits")
    }
}

macro_rules! constants {
    ($($(#[doc = $doc:literal])+ $id:ident = $name:literal, $value:literal $unit:literal, $class:ident: $source:literal;)+) => {
        $(
            $(#[doc = $doc])+
            pub const $id: Constant =
                Constant::new($name, $value, $unit, Class::$class, $source);
        )+

        /// All of them, in the order of this file, without the measured sizes of Fargate tasks
        /// (see [`crate::vpc::fargate`]).
        #[must_use]
        pub fn all() -> Vec<Constant> {
            vec![$($id,)+]
        }
    };
}

constants! {
    /// One-way latency inside a cluster placement group.
    LATENCY_PLACEMENT_GROUP = "latency.placement_group", 18_000 "ns", ThirdParty:
        "amzn-drivers#148 (2020): ping c5.4xlarge to c5.xlarge, minimum 37 us round trip, halved; the hosts' share is still in it";
    /// One-way latency within an availability zone.
    LATENCY_SAME_ZONE = "latency.same_zone", 75_000 "ns", Assumed:
        "published round trips of 100 to 250 us (Firecracker documentation, Putra, go-metadium#126); 150 us without the hosts' share, halved";
    /// One-way latency between availability zones.
    LATENCY_CROSS_ZONE = "latency.cross_zone", 400_000 "ns", ThirdParty:
        "Liesis (2022): ping between zones of eu-west-1, mean 0.82 ms round trip, halved; pairs of zones differ from 0.2 to 1.5 ms";
    /// One-way latency to a client outside.
    LATENCY_INTERNET = "latency.internet", 10_000_000 "ns", Assumed:
        "a client in the same country; set it";
    /// Median of the jitter, as a share of the latency.
    JITTER_MEDIAN = "jitter.median", 80_000 "ppm of the latency", Assumed:
        "fitted to amzn-drivers#148 (2020): minimum 37, mean 42, maximum 264 us";
    /// Standard deviation of the logarithm of the jitter.
    JITTER_SIGMA = "jitter.sigma", 1_000_000 "ppm", Assumed:
        "fitted to amzn-drivers#148 (2020): minimum 37, mean 42, maximum 264 us";
    /// For how long one draw of jitter holds between two interfaces.
    JITTER_COHERENCE = "jitter.coherence", 100_000 "ns", Assumed:
        "the time in which a queue of about 1 Mbit empties at 10 Gbit/s";
    /// Largest packet inside a VPC.
    MTU_VPC = "mtu.vpc", 9_001 "B", Vendor:
        "Amazon EC2 User Guide, network_mtu (2023-06)";
    /// Largest packet through an internet gateway.
    MTU_INTERNET = "mtu.internet", 1_500 "B", Vendor:
        "Amazon EC2 User Guide, network_mtu (2023-06)";
    /// Limit of one 5-tuple.
    SINGLE_FLOW = "bandwidth.single_flow", 5_000_000_000 "bit/s", Vendor:
        "Amazon EC2 User Guide, ec2-instance-network-bandwidth (2023-06)";
    /// Limit of one 5-tuple inside a cluster placement group.
    SINGLE_FLOW_PLACEMENT_GROUP = "bandwidth.single_flow_placement_group", 10_000_000_000 "bit/s", Vendor:
        "Amazon EC2 User Guide, ec2-instance-network-bandwidth (2023-06)";
    /// Limit of one 5-tuple with ENA Express at both ends.
    SINGLE_FLOW_ENA_EXPRESS = "bandwidth.single_flow_ena_express", 25_000_000_000 "bit/s", Vendor:
        "Amazon EC2 User Guide, ena-express (2023-06)";
    /// Limit of what goes through an internet gateway, in the least.
    INTERNET = "bandwidth.internet", 5_000_000_000 "bit/s", Vendor:
        "Amazon EC2 User Guide, ec2-instance-network-bandwidth (2023-06)";
    /// Share of the bandwidth that a large instance has through an internet gateway.
    INTERNET_SHARE = "bandwidth.internet_share", 500_000 "ppm", Vendor:
        "Amazon EC2 User Guide, ec2-instance-network-bandwidth (2023-06): 50 % from 32 vCPUs on";
    /// The least size of an instance that has that share.
    INTERNET_SHARE_VCPUS = "bandwidth.internet_share_vcpus", 32 "vCPUs", Vendor:
        "Amazon EC2 User Guide, ec2-instance-network-bandwidth (2023-06)";
    /// Longest wait of a packet for its flow's limit.
    SINGLE_FLOW_WAIT = "bandwidth.single_flow_wait", 1_000_000 "ns", Assumed:
        "not published: a queue of one millisecond, then drops";
    /// How long an instance with a full bucket of credits sends at its peak.
    BURST_TIME = "bandwidth.burst_time", 300 "s", Assumed:
        "Amazon EC2 User Guide, ec2-instance-network-bandwidth (2023-06): 5 to 60 minutes by size, bucket not published; the lower end";
    /// Packets that wait to be sent by one interface.
    TX_QUEUE = "eni.tx_queue", 1_024 "packets", Vendor:
        "amzn-drivers, ENA_Linux_Best_Practices: default ring size";
    /// Packets that wait to be let in to one interface.
    RX_QUEUE = "eni.rx_queue", 1_024 "packets", Assumed:
        "not published: as long as the ring";
    /// Burst that a packet rate allowance tolerates, as time at that rate.
    PACKET_RATE_BURST = "eni.packet_rate_burst", 10_000_000 "ns", Assumed:
        "not published";
    /// Idle time of an established TCP connection.
    TCP_ESTABLISHED = "tracking.tcp_established", 432_000 "s", Vendor:
        "Amazon EC2 API, ConnectionTrackingSpecification (botocore 1.44.5); 350 s on Nitro v6";
    /// The same on instance types of the sixth Nitro generation.
    TCP_ESTABLISHED_NITRO_V6 = "tracking.tcp_established_nitro_v6", 350 "s", Vendor:
        "Amazon EC2 API, ConnectionTrackingSpecification (botocore 1.44.5)";
    /// Idle time of a TCP connection of which one side only has been seen.
    TCP_OPENING = "tracking.tcp_opening", 60 "s", Assumed:
        "not published; the least that the API lets an established connection have";
    /// Time that a closed TCP connection stays in the table.
    TCP_CLOSED = "tracking.tcp_closed", 10 "s", Assumed:
        "not published; Linux keeps a reset connection for 10 s (nf_conntrack_proto_tcp.c)";
    /// Idle time of a UDP flow that is no stream.
    UDP = "tracking.udp", 30 "s", Vendor:
        "Amazon EC2 API, ConnectionTrackingSpecification (botocore 1.44.5)";
    /// Idle time of a UDP flow with more than one exchange.
    UDP_STREAM = "tracking.udp_stream", 180 "s", Vendor:
        "Amazon EC2 API, ConnectionTrackingSpecification (botocore 1.44.5)";
    /// Idle time of an ICMP query.
    ICMP = "tracking.icmp", 30 "s", Assumed:
        "not published; as Linux (nf_conntrack_proto_icmp.c)";
    /// Idle time of any other protocol.
    OTHER = "tracking.other", 600 "s", Vendor:
        "Amazon EC2 User Guide, security-group-connection-tracking (2023-06)";
    /// Lowest port that a NAT gateway gives a connection.
    NAT_FIRST_PORT = "nat.first_port", 1_024 "", Vendor:
        "Amazon VPC User Guide, vpc-nat-gateway (2023-06)";
    /// Connections of a NAT gateway to one destination at a time.
    NAT_CONNECTIONS = "nat.connections", 55_000 "connections per destination", Vendor:
        "Amazon VPC User Guide, vpc-nat-gateway (2023-06)";
    /// Idle time after which a NAT gateway gives a connection up.
    NAT_IDLE = "nat.idle", 350 "s", Vendor:
        "Amazon VPC User Guide, nat-gateway-troubleshooting (2023-06)";
    /// Time that the last packets of a closed connection may take to pass a NAT gateway.
    NAT_CLOSED = "nat.closed", 10 "s", Assumed:
        "not published; Linux keeps a reset connection for 10 s (nf_conntrack_proto_tcp.c)";
    /// Time for which a NAT gateway knows that a connection was idle for too long.
    NAT_REMEMBERED = "nat.remembered", 3_600 "s", Assumed:
        "not published; it decides under which reason a late packet counts";
    /// Rate of a NAT gateway, each direction.
    NAT_RATE = "nat.rate", 5_000_000_000 "bit/s", Vendor:
        "Amazon VPC User Guide, vpc-nat-gateway (2023-06); that it grows to 100 Gbit/s is not modelled";
    /// Packets per second from one interface to the resolver and the metadata service.
    LINK_LOCAL_RATE = "eni.link_local_rate", 1_024 "packets/s", Vendor:
        "Amazon VPC User Guide, amazon-vpc-limits (2023-06)";
    /// Packets to them that may come at once after a pause.
    LINK_LOCAL_BURST = "eni.link_local_burst", 1_024 "packets", Assumed:
        "not published; what a count for each second lets through";
}

/// Bandwidth of one Fargate task size as it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FargateRow {
    pub(super) cpu_units: u32,
    pub(super) memory_mib: u32,
    pub(super) baseline_mbps: u64,
    pub(super) burst_mbps: u64,
    pub(super) burst_s: u64,
}

const fn row(cpu_units: u32, memory_mib: u32, rates: (u64, u64), burst_s: u64) -> FargateRow {
    FargateRow {
        cpu_units,
        memory_mib,
        baseline_mbps: rates.0,
        burst_mbps: rates.1,
        burst_s,
    }
}

/// Where [`FARGATE`] comes from.
pub(super) const FARGATE_SOURCE: &str = "sjakthol/aws-network-benchmark (2024-06-15), iperf3 between tasks, eu-west-1; AWS publishes none";

/// Fargate sizes that somebody has measured, by memory and then vCPU.
pub(super) const FARGATE: [FargateRow; 10] = [
    row(256, 512, (63, 4_214), 410),
    row(256, 1_024, (127, 4_525), 560),
    row(512, 2_048, (254, 4_705), 780),
    row(1_024, 2_048, (254, 4_577), 730),
    row(1_024, 4_096, (508, 4_895), 1_120),
    row(2_048, 4_096, (744, 9_720), 340),
    row(1_024, 8_192, (744, 9_719), 300),
    row(4_096, 8_192, (1_241, 9_829), 640),
    row(2_048, 16_384, (1_241, 9_827), 710),
    row(4_096, 30_720, (1_241, 9_735), 550),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_constant_has_a_name_of_its_own_and_a_source() {
        let all = all();
        let names: BTreeSet<_> = all.iter().map(|c| c.name.clone()).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|c| c.value > 0 && c.source.len() > 10));
    }

    #[test]
    fn what_is_not_published_is_marked_as_assumed() {
        for constant in all() {
            if constant.source.starts_with("not published") {
                assert_eq!(constant.class, Class::Assumed, "{}", constant.name);
            }
        }
    }
}
