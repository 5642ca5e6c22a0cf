use proptest::prelude::*;
use sim_core::SimTime;

use super::*;
use crate::frame::FrameMeta;
use crate::headers::Protocol;
use crate::headers::tests::{packet, tuple};
use crate::ids::FlowTag;

const ACK: u8 = 0x10;

/// A packet of the flow from this port, `seq` octets into its stream.
fn data(port: u16, seq: u32, payload: usize, flags: u8) -> Frame {
    let from = format!("1.1.1.1:{port}");
    let mut data = packet(
        tuple(Protocol::Tcp, &from, "2.2.2.2:80"),
        ACK | flags,
        payload,
    );
    headers::advance_seq(&mut data, seq);
    let meta = FrameMeta::new(FlowTag::new(0), SimTime::ZERO);
    Frame::new(data, meta)
}

/// What becomes of packets that one poll takes: the payload and number of packets of each frame.
fn polled(packets: impl IntoIterator<Item = Frame>) -> Vec<(usize, usize)> {
    let (mut gro, mut pool, mut out) = (Gro::default(), FramePool::default(), Vec::new());
    for packet in packets {
        gro.receive(EniId::new(0), packet, &mut pool, &mut out);
    }
    gro.flush(&mut out);
    let shape = |(_, frame): &(EniId, Frame)| (headers::payload_len(&frame.data), frame.packets());
    out.iter().map(shape).collect()
}

#[test]
fn a_run_of_segments_is_one_frame() {
    let run = (0..3).map(|n| data(1, n * 100, 100, 0));
    assert_eq!(polled(run), [(300, 3)]);
}

#[test]
fn a_short_segment_or_a_push_ends_the_frame() {
    let short = [(0, 100, 0), (100, 40, 0), (140, 100, 0)];
    let pushed = [(0, 100, 0), (100, 100, PSH), (200, 100, 0)];
    let run = |run: [(u32, usize, u8); 3]| {
        polled(run.map(|(seq, payload, flags)| data(1, seq, payload, flags)))
    };
    assert_eq!(run(short), [(140, 2), (100, 1)]);
    assert_eq!(run(pushed), [(200, 2), (100, 1)]);
    // A larger segment does not fit behind a smaller one, nor does anything behind a first push.
    assert_eq!(
        run([(0, 100, 0), (100, 101, 0), (201, 101, 0)]),
        [(100, 1), (202, 2)]
    );
    assert_eq!(
        run([(0, 100, PSH), (100, 100, 0), (200, 100, 0)]),
        [(100, 1), (200, 2)]
    );
}

#[test]
fn a_hole_or_another_header_ends_the_frame() {
    let first = || data(1, 0, 100, 0);
    assert_eq!(
        polled([first(), data(1, 200, 100, 0)]),
        [(100, 1), (100, 1)]
    );
    assert_eq!(polled([first(), first()]), [(100, 1), (100, 1)]);
    // Octets of the second packet: time to live, acknowledgement, window, URG.
    for (at, octet) in [(8, 63), (31, 1), (35, 1), (33, ACK | URG)] {
        let mut second = data(1, 100, 100, 0);
        second.data[at] = octet;
        let alone = polled([first(), second]);
        assert_eq!(alone, [(100, 1), (100, 1)], "octet {at}");
    }
    let syn = data(1, 100, 0, SYN);
    assert_eq!(polled([first(), syn]), [(100, 1), (0, 1)]);
}

#[test]
fn flows_are_put_together_apart_and_go_on_in_the_order_of_their_first_packets() {
    let packets = [
        data(1, 0, 100, 0),
        data(2, 0, 50, 0),
        data(1, 100, 100, 0),
        data(2, 50, 50, 0),
    ];
    assert_eq!(polled(packets), [(200, 2), (100, 2)]);
}

#[test]
fn an_acknowledgement_goes_on_at_once_after_what_is_held_of_its_flow() {
    let packets = [data(2, 0, 100, 0), data(1, 0, 100, 0), data(1, 100, 0, 0)];
    assert_eq!(polled(packets), [(100, 1), (0, 1), (100, 1)]);
}

#[test]
fn a_frame_has_at_most_64_kib() {
    let run = (0..50).map(|n| data(1, n * 1460, 1460, 0));
    let most = (MAX_SUPER_FRAME - 40) / 1460;
    assert_eq!(
        polled(run),
        [(most * 1460, most), ((50 - most) * 1460, 50 - most)]
    );
}

proptest! {
    /// Cutting and putting together are each other's inverse, whatever the sizes.
    #[test]
    fn what_was_cut_is_put_together_again(
        segment in 1_u16..9000,
        payload in 1_usize..60_000,
        seq: u32,
        push: bool,
    ) {
        let payload = payload.min(usize::from(segment) * 64);
        let mut frame = data(1, seq, payload, if push { PSH } else { 0 });
        for (at, octet) in frame.data[40..].iter_mut().enumerate() {
            *octet = u8::try_from(at % 253).expect("below 256");
        }
        frame.meta.segment = if payload > usize::from(segment) { segment } else { 0 };
        let (mut gro, mut pool, mut out) = (Gro::default(), FramePool::default(), Vec::new());
        for index in 0..frame.packets() {
            let packet = crate::offload::packet(&frame, index, &mut pool);
            prop_assert!(packet.data.len() <= frame.largest_packet());
            gro.receive(EniId::new(0), packet, &mut pool, &mut out);
        }
        gro.flush(&mut out);
        prop_assert_eq!(out.len(), 1);
        prop_assert_eq!(&out[0].1, &frame);
    }
}
