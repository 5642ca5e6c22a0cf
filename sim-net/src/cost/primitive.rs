//! The operations that a path is made of.

macro_rules! primitives {
    ($($(#[doc = $doc:literal])+ $variant:ident => $name:literal,)+) => {
        /// One operation of a kernel, a network interface or a program, with a price in every
        /// [`CostProfile`](super::CostProfile).
        ///
        /// The names are the keys of a profile's file. Unless its description says otherwise, a
        /// primitive occupies a core for its duration; [`Primitive::is_latency`] names the few that
        /// only delay.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Primitive {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Primitive {
            /// Every primitive, in the order in which profiles and reports list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The key in a profile's file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The sentences that a report prints.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc,)+).trim_ascii_start(),)+
                }
            }
        }
    };
}

primitives! {
    /// A send system call: entry, socket look-up, exit. The stack below is a primitive of its own.
    SyscallSend => "syscall_send",
    /// A receive system call that finds data waiting.
    SyscallRecv => "syscall_recv",
    /// An accept system call that finds a connection waiting.
    SyscallAccept => "syscall_accept",
    /// A connect system call, without the packets it makes the stack send.
    SyscallConnect => "syscall_connect",
    /// A close system call, without the packets it makes the stack send.
    SyscallClose => "syscall_close",
    /// Copying a program's data into a socket buffer, per byte.
    CopyFromUser => "copy_from_user",
    /// Copying a socket buffer into a program's memory, per byte.
    CopyToUser => "copy_to_user",
    /// Waking a sleeping thread: run queue, inter-processor interrupt, leaving idle.
    Wakeup => "wakeup",
    /// Switching a core from one thread to another.
    ContextSwitch => "context_switch",
    /// UDP and IP transmission, down to the device, per socket buffer.
    UdpTransmit => "udp_transmit",
    /// IP and UDP reception, from the backlog to the socket's queue, per socket buffer.
    UdpReceive => "udp_receive",
    /// TCP and IP transmission, down to the device, per socket buffer.
    TcpTransmit => "tcp_transmit",
    /// IP and TCP reception, from the backlog to the socket's queue, per socket buffer.
    TcpReceive => "tcp_receive",
    /// What a stack does once per connection at either end: socket, port, request and hash tables.
    ConnectionSetup => "connection_setup",
    /// The loopback device, over what transmission and reception already cost.
    LoopbackHop => "loopback_hop",
    /// A veth pair with its change of namespace.
    VethHop => "veth_hop",
    /// A bridge between two ports, the first on a packet's way; the veth pair is charged apart.
    BridgeFirstHop => "bridge_first_hop",
    /// A bridge between two ports, each further one; the veth pair is charged apart.
    BridgeNextHop => "bridge_next_hop",
    /// A bridge between a port and the host's own stack.
    BridgeLocal => "bridge_local",
    /// Forwarding between two interfaces: route look-up, time to live, output.
    IpForward => "ip_forward",
    /// An 802.1Q sub-interface.
    VlanHop => "vlan_hop",
    /// br_netfilter on a frame that is bridged between two ports, without tables or tracking.
    BrNetfilter => "br_netfilter",
    /// br_netfilter on a frame that a bridge hands to the host's own stack.
    BrNetfilterLocal => "br_netfilter_local",
    /// Walking a filter table without rules, per hook.
    NetfilterTable => "netfilter_table",
    /// Connection tracking of a packet whose connection is known.
    ConntrackEstablished => "conntrack_established",
    /// Connection tracking of a connection's first packet.
    ConntrackNew => "conntrack_new",
    /// Translating one end of a packet whose connection is known, over its tracking.
    NatEstablished => "nat_established",
    /// Setting one translation up on a connection's first packet, over its tracking.
    NatNew => "nat_new",
    /// A rule of a nat table before the one that matches, iptables-legacy.
    NatRuleTestLegacy => "nat_rule_test_legacy",
    /// A rule of a nat table before the one that matches, iptables-nft.
    NatRuleTestNft => "nat_rule_test_nft",
    /// A filter rule that fails on an address, an interface or the protocol, iptables-legacy.
    FilterRuleTestLegacy => "filter_rule_test_legacy",
    /// A filter rule that fails on an address, an interface or the protocol, iptables-nft.
    FilterRuleTestNft => "filter_rule_test_nft",
    /// A filter rule that fails on a port, a connection state or an address type,
    /// iptables-legacy.
    FilterMatchTestLegacy => "filter_match_test_legacy",
    /// A filter rule that fails on a port, a connection state or an address type, iptables-nft.
    FilterMatchTestNft => "filter_match_test_nft",
    /// A filter rule that matches: counters, verdict, jump and return, iptables-legacy.
    FilterRuleMatchLegacy => "filter_rule_match_legacy",
    /// A filter rule that matches: counters, verdict, jump and return, iptables-nft.
    FilterRuleMatchNft => "filter_rule_match_nft",
    /// The network interface's driver, sending, per socket buffer.
    NicTransmit => "nic_transmit",
    /// The network interface's driver and NAPI, receiving, per socket buffer.
    NicReceive => "nic_receive",
    /// From a frame's arrival to the start of the softirq that takes it. Latency only.
    InterruptDelay => "interrupt_delay",
    /// A micro-VM's paravirtual interface, sending. Latency only.
    VirtioTransmit => "virtio_transmit",
    /// A micro-VM's paravirtual interface, receiving. Latency only.
    VirtioReceive => "virtio_receive",
    /// The userland proxy's own work per connection, without its system calls.
    ProxyConnection => "proxy_connection",
    /// The userland proxy's own work per buffer that it relays, without its system calls.
    ProxyRelay => "proxy_relay",
}

impl Primitive {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The primitive with this key in a profile's file.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.name() == name)
    }

    /// Whether it delays a packet without occupying a core.
    #[must_use]
    pub fn is_latency(self) -> bool {
        matches!(
            self,
            Self::InterruptDelay | Self::VirtioTransmit | Self::VirtioReceive
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_primitive_has_a_name_of_its_own_and_a_description() {
        let names: BTreeSet<_> = Primitive::ALL.iter().map(|p| p.name()).collect();
        assert_eq!(names.len(), Primitive::COUNT);
        for &p in Primitive::ALL {
            assert_eq!(Primitive::from_name(p.name()), Some(p));
            assert!(p.description().ends_with('.'), "{p:?}");
        }
    }

    #[test]
    fn the_discriminant_is_the_place_in_the_list() {
        for (i, &p) in Primitive::ALL.iter().enumerate() {
            assert_eq!(p as usize, i);
        }
    }

    #[test]
    fn only_waiting_is_latency() {
        assert!(Primitive::InterruptDelay.is_latency());
        assert!(!Primitive::NicReceive.is_latency());
    }
}
