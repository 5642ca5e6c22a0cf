//! Cutting a super-frame into packets.

use std::ops::Range;

use crate::frame::{Frame, FrameMeta, FramePool};
use crate::headers;

/// Flags that only the last packet of a super-frame carries. Source: Linux 6.18,
/// `net/ipv4/tcp_offload.c`, `tcp_gso_segment` (specified).
const LAST_ONLY: u8 = 0x01 | 0x08;

/// Appends the super-frame of these packets of a larger one to `out`, which is empty.
///
/// # Panics
/// If that is no TCP segment.
pub fn cut_several(frame: &Frame, packets: Range<usize>, out: &mut Vec<u8>) {
    let data = &frame.data;
    let segment = usize::from(frame.meta.segment);
    let headers = headers::tcp_headers_len(data).expect("a super-frame is a TCP segment");
    let start = (headers + packets.start * segment).min(data.len());
    let end = (headers + packets.end * segment).min(data.len());
    out.extend_from_slice(&data[..headers]);
    out.extend_from_slice(&data[start..end]);
    headers::set_total_len(out);
    let offset = packets.start * segment;
    let offset = u32::try_from(offset).expect("a super-frame has at most 65,535 octets");
    headers::advance_seq(out, offset);
    if end < data.len() {
        headers::clear_tcp_flags(out, LAST_ONLY);
    }
}

/// Appends packet number `index` of a super-frame to `out`, which is empty; of a frame that is one
/// packet, that packet.
///
/// # Panics
/// If the super-frame is no TCP segment.
pub fn cut(frame: &Frame, index: usize, out: &mut Vec<u8>) {
    if frame.meta.segment == 0 {
        out.extend_from_slice(&frame.data);
    } else {
        cut_several(frame, index..index + 1, out);
    }
}

/// Packet number `index` of a super-frame as a frame of its own.
///
/// # Panics
/// If the super-frame is no TCP segment.
pub fn packet(frame: &Frame, index: usize, pool: &mut FramePool) -> Frame {
    let meta = FrameMeta {
        segment: 0,
        ..frame.meta
    };
    let mut packet = pool.take(frame.largest_packet(), meta);
    cut(frame, index, &mut packet.data);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameMeta;
    use crate::headers::Protocol;
    use crate::headers::tests::{packet, tuple};
    use crate::ids::FlowTag;
    use sim_core::SimTime;

    /// A super-frame with sequence number `2^32 - 100`, so that cutting it wraps.
    fn super_frame(payload: usize, segment: u16) -> Frame {
        let mut data = packet(
            tuple(Protocol::Tcp, "1.1.1.1:1", "2.2.2.2:2"),
            0x19,
            payload,
        );
        headers::advance_seq(&mut data, u32::MAX - 99);
        for (at, octet) in data[40..].iter_mut().enumerate() {
            *octet = u8::try_from(at % 251).expect("below 256");
        }
        let mut meta = FrameMeta::new(FlowTag::new(0), SimTime::ZERO);
        meta.segment = segment;
        Frame::new(data, meta)
    }

    #[test]
    fn packets_have_their_own_length_number_and_flags() {
        let frame = super_frame(250, 100);
        assert_eq!((frame.packets(), frame.largest_packet()), (3, 140));
        let mut octets = Vec::new();
        for (index, offset) in [0, 100, 200].into_iter().enumerate() {
            let mut out = Vec::new();
            cut(&frame, index, &mut out);
            let last = index == 2;
            assert_eq!(out.len(), if last { 90 } else { 140 });
            assert_eq!(usize::from(u16::from_be_bytes([out[2], out[3]])), out.len());
            let seq = u32::from_be_bytes([out[24], out[25], out[26], out[27]]);
            assert_eq!(seq, (u32::MAX - 99).wrapping_add(offset));
            assert_eq!(out[33], if last { 0x19 } else { 0x10 });
            octets.extend_from_slice(&out[40..]);
        }
        assert_eq!(octets, frame.data[40..]);
    }

    #[test]
    fn a_single_packet_stays_as_it_is() {
        let frame = super_frame(80, 0);
        assert_eq!((frame.packets(), frame.largest_packet()), (1, 120));
        let mut out = Vec::new();
        cut(&frame, 0, &mut out);
        assert_eq!(out, frame.data);
        let frame = super_frame(80, 100);
        assert_eq!((frame.packets(), frame.largest_packet()), (1, 120));
    }
}
