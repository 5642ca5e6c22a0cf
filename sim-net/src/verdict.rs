//! What becomes of a frame that does not arrive.

use serde::Serialize;

macro_rules! drop_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident => $code:literal,)+) => {
        /// Why a frame was dropped. A drop is data: each reason has its own counter, and a run
        /// ends with sent = delivered + dropped by reason + in flight.
        ///
        /// Where AWS has a counter for it, the code is AWS's own name for that counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum DropReason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl DropReason {
            /// Every reason, in the order in which reports list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Stable name in results.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// The sentence a report prints.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc,)+).trim_ascii_start(),)+
                }
            }
        }
    };
}

drop_reasons! {
    /// The receive ring of the network interface was full.
    RxRingFull => "rx_ring_full",
    /// The per-core backlog between namespaces was full.
    BacklogFull => "backlog_full",
    /// The transmit queue of the network interface was full.
    TxQueueFull => "tx_queue_full",
    /// The instance sent more than its bandwidth allowance, and the shaper's queue was full.
    BwOutAllowance => "bw_out_allowance_exceeded",
    /// The instance was sent more than its bandwidth allowance, and the shaper's queue was full.
    BwInAllowance => "bw_in_allowance_exceeded",
    /// The instance exceeded its packet rate allowance.
    PpsAllowance => "pps_allowance_exceeded",
    /// One flow exceeded the single-flow limit, and its queue was full.
    FlowLimit => "flow_limit",
    /// No egress rule of the security groups allows it.
    SecurityGroupEgress => "security_group_egress",
    /// No ingress rule of the security groups allows it.
    SecurityGroupIngress => "security_group_ingress",
    /// The source address does not belong to the sending interface.
    SourceCheck => "source_check",
    /// The destination address does not belong to the receiving interface.
    DestinationCheck => "destination_check",
    /// The fabric knows no interface with the destination address.
    FabricNoRoute => "fabric_no_route",
    /// The route table of the subnet has no route to the destination.
    VpcNoRoute => "vpc_no_route",
    /// The route's target is gone.
    VpcBlackhole => "vpc_blackhole",
    /// An internet gateway translates no interface without a public address.
    NoPublicAddress => "no_public_address",
    /// The peering connection is not active.
    PeeringInactive => "peering_inactive",
    /// A peering connection leads into the other VPC and no further.
    PeeringNotTransitive => "peering_not_transitive",
    /// The network ACL of the subnet that it leaves denies it.
    NetworkAclEgress => "network_acl_egress",
    /// The network ACL of the subnet that it enters denies it.
    NetworkAclIngress => "network_acl_ingress",
    /// The NAT gateway has no port left for connections to this destination.
    NatErrorPortAllocation => "nat_error_port_allocation",
    /// The NAT gateway has forgotten the connection, which was idle for too long.
    NatIdleTimeout => "nat_idle_timeout",
    /// Nobody behind the NAT gateway has asked for it.
    NatNoMapping => "nat_no_mapping",
    /// The interface exceeded its packet rate to link-local services.
    LinkLocalAllowance => "linklocal_allowance_exceeded",
    /// The instance tracks as many connections as it may.
    ConntrackAllowance => "conntrack_allowance_exceeded",
    /// The metadata service is turned off, or blocked for this interface.
    MetadataOff => "metadata_off",
    /// The route leads to something that is not simulated.
    NotModelled => "not_modelled",
    /// Lost on the link, as the scenario's loss rate says.
    LinkLoss => "link_loss",
    /// No route to the destination in this namespace.
    NoRoute => "no_route",
    /// A blackhole route.
    Blackhole => "blackhole",
    /// Nobody on the segment has the next hop's address.
    NeighbourUnreachable => "neighbour_unreachable",
    /// The namespace does not forward, and the packet is not for it.
    ForwardingOff => "forwarding_off",
    /// A packet from outside claims a loopback address.
    MartianAddress => "martian_address",
    /// Time to live ran out.
    TtlExceeded => "ttl_exceeded",
    /// Larger than the next link's MTU and not to be fragmented.
    TooBig => "too_big",
    /// A rule of the filter table's FORWARD chain, or its policy.
    FilterForward => "filter_forward",
    /// A rule of the filter table's INPUT chain, or its policy.
    FilterInput => "filter_input",
    /// A rule of the filter table's OUTPUT chain, or its policy.
    FilterOutput => "filter_output",
    /// The connection tracking table is full.
    ConntrackTableFull => "conntrack_table_full",
    /// Another connection had the same tuple when the connection was to be tracked.
    ConntrackInsertFailed => "conntrack_insert_failed",
    /// No port is left to translate the source to.
    NatPortsExhausted => "nat_ports_exhausted",
    /// The bridge has no port for it.
    BridgeNoPort => "bridge_no_port",
    /// The frame came back to the bridge port it left by, and hairpin mode is off.
    BridgeHairpinOff => "bridge_hairpin_off",
    /// A frame for an unknown station was copied to every port of a bridge, and is gone itself.
    Flooded => "flooded",
    /// A flooded copy reached a station it was not meant for.
    NotForUs => "not_for_us",
    /// The listener's queue of connections was full.
    ListenBacklogFull => "listen_backlog_full",
    /// The socket's receive buffer was full.
    SocketBufferFull => "socket_buffer_full",
    /// An answer came from another address than the one that was asked, or to one that did not ask.
    UnexpectedReply => "unexpected_reply",
    /// Not an IPv4 packet that the stack can read.
    Malformed => "malformed",
}

/// How many frames each reason took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropCounters([u64; DropReason::ALL.len()]);

impl Default for DropCounters {
    fn default() -> Self {
        Self([0; DropReason::ALL.len()])
    }
}

impl DropCounters {
    /// Counts one frame.
    pub fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    /// Counts `frames` at once.
    pub fn count_many(&mut self, reason: DropReason, frames: usize) {
        self.0[reason as usize] += frames as u64;
    }

    /// Frames that `reason` took.
    #[must_use]
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Frames that any reason took.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// The reasons that took at least one frame, in the order of [`DropReason::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL
            .iter()
            .map(|&r| (r, self.get(r)))
            .filter(|&(_, n)| n > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_code_of_its_own_and_a_sentence() {
        let codes: BTreeSet<_> = DropReason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), DropReason::ALL.len());
        for reason in DropReason::ALL {
            assert!(reason.description().ends_with('.'), "{reason:?}");
        }
    }

    #[test]
    fn counters_add_up() {
        let mut a = DropCounters::default();
        a.count(DropReason::RxRingFull);
        a.count(DropReason::RxRingFull);
        let mut b = DropCounters::default();
        b.count(DropReason::NoRoute);
        a.merge(&b);
        assert_eq!(a.total(), 3);
        let listed: Vec<_> = a.iter().collect();
        assert_eq!(
            listed,
            [(DropReason::RxRingFull, 2), (DropReason::NoRoute, 1)]
        );
    }
}
