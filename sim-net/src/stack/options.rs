//! What a namespace's stack and its sockets can be told.

use std::ops::RangeInclusive;

use sim_core::SimDuration;

use crate::ids::FlowTag;

/// Which algorithm controls a sender's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// CUBIC, RFC 9438: what Linux uses unless told otherwise.
    Cubic,
    /// Reno, RFC 5681.
    Reno,
}

/// Settings of one namespace's stack: Linux's defaults, unless said.
#[derive(Clone, Debug)]
pub struct StackConfig {
    /// What initial sequence numbers and the first ephemeral ports are derived from. Two stacks
    /// with the same seed, settings and input make the same octets.
    pub seed: u64,
    /// How many times faster an established connection's clock runs than simulated time. The
    /// protocol code has a fixed minimum retransmission timeout of one second on that clock, so 5
    /// makes it 200 ms. Source: Linux 6.18, `include/net/tcp.h`, `TCP_RTO_MIN` (specified).
    pub clock_scale: u32,
    /// The algorithm of every sender.
    pub congestion: Congestion,
    /// Segments that a sender may send before the first acknowledgement. Source: Linux 6.18,
    /// `include/net/tcp.h`, `TCP_INIT_CWND`; RFC 6928 (specified).
    pub initial_window: u32,
    /// Ports that `connect` and `bind` to port 0 choose from. Source: Linux 6.18,
    /// `ip_local_port_range` (specified).
    pub ephemeral: RangeInclusive<u16>,
    /// Half-open connections that one listener may have at most, however large its own backlog.
    /// Source: Linux 6.18, `net.core.somaxconn` (specified).
    pub syn_backlog: usize,
    /// How long a receiver may sit on an acknowledgement. Source: Linux 6.18, `include/net/tcp.h`,
    /// `TCP_DELACK_MIN` (specified).
    pub delayed_ack: SimDuration,
    /// Segments that a receiver acknowledges at once when a connection is new. Source: Linux 6.18,
    /// `include/net/tcp.h`, `TCP_MAX_QUICKACKS` (specified).
    pub quick_acks: u8,
    /// Whether segments of up to 64 KiB are handed over as super-frames, for the interface to cut.
    pub offloads: bool,
    /// Whether some peers acknowledge what they have put together (GRO), so that an acknowledgement
    /// may stand for many.
    pub peers_offload: bool,
    /// Whether a sender that hears nothing for about two round trips probes for a loss at the end
    /// of its flight. Source: Linux 6.18, `ip-sysctl.rst`, `tcp_early_retrans` (specified).
    pub tail_loss_probe: bool,
    /// How long the side that closed first keeps the four-tuple. Source: Linux 6.18,
    /// `include/net/tcp.h`, `TCP_TIMEWAIT_LEN` (specified).
    pub time_wait: SimDuration,
    /// How long `connect` tries: SYNs after 1, 3, 7, 15, 31 and 63 seconds, and the wait that
    /// follows the last. Source: Linux 6.18, `ip-sysctl.rst`, `tcp_syn_retries` (specified: 127 s;
    /// 123 s here, since the protocol code's longest timeout is 60 s).
    pub connect_timeout: SimDuration,
    /// How long a half-open connection is kept. Source: Linux 6.18, `ip-sysctl.rst`,
    /// `tcp_synack_retries` (specified).
    pub accept_timeout: SimDuration,
}

impl Default for StackConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            clock_scale: 5,
            congestion: Congestion::Cubic,
            initial_window: 10,
            ephemeral: 32768..=60999,
            syn_backlog: 4096,
            delayed_ack: SimDuration::from_ms(40),
            quick_acks: 16,
            offloads: false,
            peers_offload: false,
            tail_loss_probe: true,
            time_wait: SimDuration::from_secs(60),
            connect_timeout: SimDuration::from_secs(123),
            accept_timeout: SimDuration::from_secs(63),
        }
    }
}

/// How much of its send buffer a socket has at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendRoom {
    /// All of it.
    Whole,
    /// As much as Linux would let it have grown to: twice the congestion window, or what a
    /// connection starts with. The window is known by what has been in flight at most, for the
    /// buffer never shrinks; it counts payload, where Linux counts packets with what they take up
    /// in memory, about as many octets each way (assumed). Source: Linux 6.18,
    /// `net/ipv4/tcp_input.c`, `tcp_sndbuf_expand` (specified).
    Grows,
    /// The program never has more octets unacknowledged than these: it sends one message at a time.
    /// There is no more memory, and nothing on the wire tells.
    Message(usize),
}

/// Settings of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// The workload that the socket's frames are accounted to.
    pub tag: FlowTag,
    /// Octets that may wait for the program. At least twice the bandwidth-delay product, or the
    /// window is what limits a flow: an acknowledgement that fills a gap advertises the window as
    /// it was before the program read, and no update follows unless the window doubles. Values
    /// below 2,304 count as 2,304. Source: Linux 6.18, `SOCK_MIN_RCVBUF` (specified).
    pub recv_buffer: usize,
    /// Octets that the program may hand over before they are acknowledged. Values below 4,608
    /// count as 4,608. Source: Linux 6.18, `SOCK_MIN_SNDBUF` (specified).
    pub send_buffer: usize,
    /// How much of the send buffer is there.
    pub send_room: SendRoom,
    /// Whether `TCP_NODELAY` is set: a segment that is not full leaves at once. Without it, such a
    /// segment waits while another small one is not acknowledged (RFC 896 as Minshall amended it,
    /// which is what Linux does).
    pub nodelay: bool,
    /// Largest packet of the route in octets.
    pub mtu: usize,
}

const MIN_RECV_BUFFER: usize = 2304;
const MIN_SEND_BUFFER: usize = 4608;

impl SocketOptions {
    /// A socket of the given workload with the buffers that Linux starts with, on a route of
    /// `mtu` octets. Source: Linux 6.18, `ip-sysctl.rst`, the defaults of `tcp_rmem` and
    /// `tcp_wmem` (specified; Linux would let them grow, these do not).
    #[must_use]
    pub fn new(tag: FlowTag, mtu: usize) -> Self {
        Self {
            tag,
            recv_buffer: 131_072,
            send_buffer: 131_072,
            send_room: SendRoom::Whole,
            nodelay: false,
            mtu,
        }
    }

    pub(super) fn recv_capacity(&self) -> usize {
        self.recv_buffer.max(MIN_RECV_BUFFER)
    }

    pub(super) fn send_capacity(&self) -> usize {
        self.send_buffer.max(MIN_SEND_BUFFER)
    }

    /// Octets of the ring that the send buffer is kept in.
    pub(super) fn send_ring(&self) -> usize {
        match self.send_room {
            SendRoom::Whole | SendRoom::Grows => self.send_capacity(),
            SendRoom::Message(octets) => octets.clamp(1, self.send_capacity()),
        }
    }
}
