//! Putting received packets together.
//!
//! Source of the rules: Linux 6.18, `net/ipv4/tcp_offload.c`, `tcp_gro_receive`, and `af_inet.c`,
//! `inet_gro_receive` (specified). Not modelled: that a hash bucket holds eight flows at most.

use std::net::Ipv4Addr;

use super::Arriving;
use crate::frame::{Frame, FramePool, MAX_SUPER_FRAME};
use crate::headers;
use crate::ids::EniId;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const URG: u8 = 0x20;

/// Flags of a packet that nothing may follow in a super-frame.
const ENDS: u8 = FIN | SYN | RST | PSH | URG;

/// Flags in which the packets of a super-frame may differ. Source: as above; the third is CWR,
/// which no stack here sets.
const MAY_DIFFER: u8 = FIN | PSH;

/// What is read of a TCP segment to decide whether it continues another.
#[derive(Clone, Copy, Debug)]
struct View {
    headers: usize,
    seq: u32,
    flags: u8,
    payload: usize,
}

impl View {
    fn of(packet: &[u8]) -> Option<Self> {
        let headers = headers::tcp_headers_len(packet)?;
        // A packet with IP options is left alone.
        if packet[0] != 0x45 {
            return None;
        }
        Some(Self {
            headers,
            seq: u32::from_be_bytes([packet[24], packet[25], packet[26], packet[27]]),
            flags: packet[33],
            payload: packet.len() - headers,
        })
    }
}

/// Source and destination of a TCP segment.
type Flow = (Ipv4Addr, Ipv4Addr, [u8; 4]);

fn flow(packet: &[u8]) -> Flow {
    let ports = [packet[20], packet[21], packet[22], packet[23]];
    (headers::src_addr(packet), headers::dst_addr(packet), ports)
}

/// Octets of payload of each segment but the last.
fn segment(frame: &Frame, view: &View) -> usize {
    match usize::from(frame.meta.segment) {
        0 => view.payload,
        segment => segment,
    }
}

/// Whether `next`, a packet of the same flow, comes right after `first`, with the same
/// acknowledgement, window and options, and is not larger than the segments of `first`, so that the
/// two may be one super-frame.
fn follows((first, one): (&Frame, &View), (next, two): (&[u8], &View)) -> bool {
    let (a, b) = (&first.data, next);
    let segment = segment(first, one);
    // Acknowledgement, header length, window and options.
    let same = a[1] == b[1]
        && a[8] == b[8]
        && a[28..33] == b[28..33]
        && (one.flags ^ two.flags) & !MAY_DIFFER == 0
        && a[34..36] == b[34..36]
        && one.headers == two.headers
        && a[40..one.headers] == b[40..two.headers];
    let whole = segment > 0 && one.payload.is_multiple_of(segment);
    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
    let end = one.seq.wrapping_add(one.payload as u32);
    same && whole
        && one.flags & ENDS == 0
        && two.flags & (SYN | RST | URG) == 0
        && two.payload > 0
        && two.payload <= segment
        && two.seq == end
        && a.len() + two.payload <= MAX_SUPER_FRAME
}

/// Appends a payload that [`follows`] `first`, with the flags of its packet.
fn extend(first: &mut Frame, payload: &[u8], flags: u8, pool: &mut FramePool) {
    if first.meta.segment == 0 {
        let before = headers::payload_len(&first.data);
        first.meta.segment = u16::try_from(before).expect("a packet has at most 65,535 octets");
    }
    if first.data.capacity() < MAX_SUPER_FRAME {
        let mut room = pool.take(MAX_SUPER_FRAME, first.meta);
        room.data.extend_from_slice(&first.data);
        pool.give(std::mem::replace(first, room));
    }
    first.data.extend_from_slice(payload);
    first.data[33] |= flags & MAY_DIFFER;
    headers::set_total_len(&mut first.data);
}

/// The packets that one poll of a receive ring has put together so far.
#[derive(Debug, Default)]
pub struct Gro {
    /// In the order in which their first packets came.
    held: Vec<(EniId, Flow, Frame)>,
}

impl Gro {
    /// Takes a packet from the ring of an interface. What is to go on at once goes to `out`.
    ///
    /// # Panics
    /// Never: what is held was looked at before.
    pub fn receive(
        &mut self,
        eni: EniId,
        frame: Frame,
        pool: &mut FramePool,
        out: &mut Vec<(EniId, Frame)>,
    ) {
        let Some(view) = View::of(&frame.data) else {
            out.push((eni, frame));
            return;
        };
        let payload = &frame.data[view.headers..];
        if self.append(eni, &frame.data, (&view, payload), pool, out) {
            pool.give(frame);
        } else {
            self.begin(eni, frame, &view, out);
        }
    }

    /// The same as [`Self::receive`] for a packet of a train, whose octets are copied only here.
    ///
    /// # Panics
    /// Never: a train is a super-frame, and what is held was looked at before.
    pub fn receive_of_train(
        &mut self,
        eni: EniId,
        (train, index): (&Arriving, usize),
        pool: &mut FramePool,
        out: &mut Vec<(EniId, Frame)>,
    ) {
        let whole = &train.train.frame;
        let payload = train.payload(index);
        let Some(View { seq, flags, .. }) = View::of(&whole.data) else {
            out.push((eni, train.packet(index, pool)));
            return;
        };
        let offset = u32::try_from(index * train.segment).expect("below 65,536");
        let last = index + 1 == train.train.arrivals.len();
        let view = View {
            headers: train.headers,
            seq: seq.wrapping_add(offset),
            flags: if last { flags } else { flags & !MAY_DIFFER },
            payload: payload.len(),
        };
        if !self.append(eni, &whole.data, (&view, payload), pool, out) {
            let packet = train.packet(index, pool);
            self.begin(eni, packet, &view, out);
        }
    }

    /// Appends a packet to what is held of its flow, if it follows; what is held goes to `out` where
    /// nothing may follow any more. `header` starts with the headers of the packet.
    fn append(
        &mut self,
        eni: EniId,
        header: &[u8],
        (view, payload): (&View, &[u8]),
        pool: &mut FramePool,
        out: &mut Vec<(EniId, Frame)>,
    ) -> bool {
        let flow = flow(header);
        let same = |(at, of, _): &(EniId, Flow, Frame)| *at == eni && *of == flow;
        let Some(at) = self.held.iter().position(same) else {
            return false;
        };
        let held = &mut self.held[at].2;
        let one = View::of(&held.data).expect("only segments are held");
        let appends = follows((held, &one), (header, view));
        let mut over = true;
        if appends {
            let short = !view.payload.is_multiple_of(segment(held, &one));
            extend(held, payload, view.flags, pool);
            over = short || view.flags & ENDS != 0;
        }
        if over {
            let (_, _, held) = self.held.remove(at);
            out.push((eni, held));
        }
        appends
    }

    /// Holds a packet that follows none, or lets it go on where nothing may follow it.
    fn begin(&mut self, eni: EniId, packet: Frame, view: &View, out: &mut Vec<(EniId, Frame)>) {
        if view.payload == 0 || view.flags & ENDS != 0 {
            out.push((eni, packet));
        } else {
            self.held.push((eni, flow(&packet.data), packet));
        }
    }

    /// Ends the poll: everything goes on.
    pub fn flush(&mut self, out: &mut Vec<(EniId, Frame)>) {
        out.extend(self.held.drain(..).map(|(eni, _, frame)| (eni, frame)));
    }
}

#[cfg(test)]
mod tests;
