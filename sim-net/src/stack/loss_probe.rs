//! The tail-loss probe: a timer of about two round trips, so that a loss at the end of a flight is
//! repaired without the retransmission timeout of 200 ms. Source: RFC 8985, section 7, and Linux
//! 6.18, `net/ipv4/tcp_output.c`, `tcp_schedule_loss_probe` (specified).
//!
//! Linux sends the last segment again and learns from the answer what is missing; smoltcp cannot
//! be told to, so the probe here makes it send the oldest one again (see
//! [`super::connection`]), and the window shrinks at once instead of after the answer. As in Linux
//! a lone segment is not probed for: its acknowledgement may be delayed.

use sim_core::{SimDuration, SimTime};

use super::segment::after;

/// What Linux adds to two round trips: two ticks of a kernel with 250 a second. Source: Linux 6.18,
/// `include/net/tcp.h`, `TCP_TIMEOUT_MIN` (specified); `CONFIG_HZ` of Amazon Linux 2023 (assumed).
const MARGIN: SimDuration = SimDuration::from_ms(8);

/// When a connection's next probe is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct LossProbe {
    enabled: bool,
    smoothed_rtt: Option<SimDuration>,
    /// A segment's end and when it was sent, if its round trip is being measured.
    measured: Option<(u32, SimTime)>,
    due: Option<SimTime>,
    /// Whether a probe was sent since the last progress: there is one at most.
    spent: bool,
}

impl LossProbe {
    pub(super) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            smoothed_rtt: None,
            measured: None,
            due: None,
            spent: false,
        }
    }

    /// New data up to `end` is sent; `several` segments are in flight then.
    pub(super) fn on_sent(&mut self, now: SimTime, end: u32, several: bool) {
        if self.measured.is_none() {
            self.measured = Some((end, now));
        }
        self.arm(now, several);
    }

    /// Something was sent again: what is measured is void (Karn), and a timeout leaves nothing to
    /// probe for.
    pub(super) fn on_resent(&mut self, timeout: bool) {
        self.measured = None;
        if timeout {
            self.spend();
        }
    }

    /// Everything before `una` is acknowledged.
    pub(super) fn on_acked(&mut self, now: SimTime, una: u32, several: bool) {
        if let Some((end, sent)) = self.measured
            && !after(end, una)
        {
            let sample = now.saturating_since(sent);
            self.smoothed_rtt = Some(match self.smoothed_rtt {
                None => sample,
                Some(old) => (old * 7 + sample) / 8,
            });
            self.measured = None;
        }
        self.spent = false;
        self.arm(now, several);
    }

    fn arm(&mut self, now: SimTime, several: bool) {
        self.due = match self.smoothed_rtt {
            Some(rtt) if self.enabled && several && !self.spent => Some(now + rtt * 2 + MARGIN),
            _ => None,
        };
    }

    /// When to probe.
    pub(super) fn due(&self) -> Option<SimTime> {
        self.due
    }

    /// The probe is sent.
    pub(super) fn spend(&mut self) {
        self.due = None;
        self.spent = true;
    }
}
