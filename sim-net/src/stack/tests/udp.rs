//! UDP, and ICMP as far as a stack answers it.

use std::net::{Ipv4Addr, SocketAddrV4};

use sim_core::SimTime;

use super::harness::{addr, app, options};
use crate::frame::{Frame, FrameMeta};
use crate::headers;
use crate::ids::{FlowTag, UdpId};
use crate::stack::{SocketError, SocketEvent, SocketOptions, Stack, StackConfig, StackWorker};
use crate::verdict::DropReason;

const NOW: SimTime = SimTime::ZERO;

struct Pair {
    worker: StackWorker,
    a: Stack,
    b: Stack,
    events: Vec<SocketEvent>,
}

impl Pair {
    fn new() -> Self {
        let stack = |seed| {
            Stack::new(StackConfig {
                seed,
                ..StackConfig::default()
            })
        };
        Self {
            worker: StackWorker::default(),
            a: stack(1),
            b: stack(2),
            events: Vec::new(),
        }
    }

    fn send(&mut self, udp: UdpId, port: u16, payload: usize, header: u64) -> Frame {
        let (worker, mut out) = (&mut self.worker, Vec::new());
        let to = SocketAddrV4::new(addr(1), port);
        let sent = self
            .a
            .udp_send(NOW, worker, udp, addr(0), to, payload, header, &mut out);
        sent.expect("it fits");
        assert_eq!(out.len(), 1);
        out.remove(0)
    }

    fn reach_b(&mut self, frame: &Frame) -> Result<Vec<Frame>, DropReason> {
        let mut out = Vec::new();
        self.events.clear();
        let taken = self.b.deliver(
            NOW,
            &mut self.worker,
            frame,
            1500,
            &mut out,
            &mut self.events,
        );
        taken.map(|_| out)
    }

    fn reach_a(&mut self, frame: &Frame) -> Vec<Frame> {
        let mut out = Vec::new();
        self.events.clear();
        let taken = self.a.deliver(
            NOW,
            &mut self.worker,
            frame,
            1500,
            &mut out,
            &mut self.events,
        );
        taken.expect("a stack takes what is answered");
        out
    }
}

#[test]
fn a_datagram_arrives_with_its_number_length_sender_and_workload() {
    let mut pair = Pair::new();
    let from = pair
        .a
        .bind_udp(app(0), None, 0, options())
        .expect("a port is free");
    let to = pair
        .b
        .bind_udp(app(1), Some(addr(1)), 53, options())
        .expect("free");
    for (payload, header, read) in [
        (100, 0x0102_0304_0506_0708, 0x0102_0304_0506_0708),
        (8, 7 << 56, 7 << 56),
        (3, 0x0102_0304_0506_0708, 0x0102_0300_0000_0000),
        (0, 9, 0),
        (1472, 5, 5),
    ] {
        let frame = pair.send(from, 53, payload, header);
        assert_eq!(frame.packet_len(), payload + 28);
        assert_eq!(frame.meta.tag, options().tag);
        assert_eq!(pair.reach_b(&frame), Ok(Vec::new()));
        let owner = app(1);
        assert_eq!(pair.events, [SocketEvent::UdpReadable { udp: to, owner }]);
        let datagram = pair.b.udp_recv(to).expect("it waits");
        assert_eq!((datagram.len, datagram.header), (payload, read));
        assert_eq!(
            datagram.from,
            SocketAddrV4::new(addr(0), pair.a.udp_port(from))
        );
        assert_eq!((datagram.to, datagram.tag), (addr(1), options().tag));
        assert_eq!(pair.b.udp_recv(to), None);
    }
}

#[test]
fn a_port_nobody_has_is_unreachable_and_the_sender_hears_of_it() {
    let mut pair = Pair::new();
    let from = pair
        .a
        .bind_udp(app(0), None, 4000, options())
        .expect("free");
    let mut frame = pair.send(from, 53, 1400, 1);
    frame.meta.tag = FlowTag::new(9);
    let replies = pair.reach_b(&frame).expect("it is answered");
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].meta.tag, FlowTag::new(9));
    assert_eq!(replies[0].data[20..22], [3, 3]);
    assert!(
        pair.reach_a(&replies[0]).is_empty(),
        "an error is not answered"
    );
    let to = SocketAddrV4::new(addr(1), 53);
    let owner = app(0);
    assert_eq!(
        pair.events,
        [SocketEvent::UdpUnreachable {
            udp: from,
            owner,
            to
        }]
    );
}

#[test]
fn a_full_buffer_drops_as_many_small_datagrams_as_linux_would() {
    let mut pair = Pair::new();
    let from = pair
        .a
        .bind_udp(app(0), None, 4000, options())
        .expect("free");
    let buffer = SocketOptions {
        recv_buffer: 7680,
        ..options()
    };
    let to = pair.b.bind_udp(app(1), None, 53, buffer).expect("free");
    let frame = pair.send(from, 53, 100, 1);
    let taken = (0..20).filter(|_| pair.reach_b(&frame).is_ok()).count();
    assert_eq!(taken, 10);
    assert_eq!(pair.reach_b(&frame), Err(DropReason::SocketBufferFull));
    assert!(pair.b.udp_recv(to).is_some());
    assert!(pair.reach_b(&frame).is_ok());
    let long = pair.send(from, 53, 1400, 1);
    while pair.b.udp_recv(to).is_some() {}
    let taken = (0..20).filter(|_| pair.reach_b(&long).is_ok()).count();
    assert_eq!(taken, 5, "octets count too");
}

#[test]
fn what_udp_refuses() {
    let mut pair = Pair::new();
    let socket = pair.a.bind_udp(app(0), None, 53, options()).expect("free");
    let taken = pair.a.bind_udp(app(0), Some(addr(0)), 53, options());
    let in_use = SocketError::AddressInUse {
        addr: Some(addr(0)),
        port: 53,
    };
    assert_eq!(taken, Err(in_use));
    let send = |pair: &mut Pair, port, payload| {
        let to = SocketAddrV4::new(addr(1), port);
        let (worker, mut out) = (&mut pair.worker, Vec::new());
        pair.a
            .udp_send(NOW, worker, socket, addr(0), to, payload, 0, &mut out)
    };
    let too_long = SocketError::MessageTooLong {
        payload: 1473,
        mtu: 1500,
    };
    assert_eq!(send(&mut pair, 53, 1473), Err(too_long));
    let to = SocketAddrV4::new(addr(1), 0);
    assert_eq!(
        send(&mut pair, 0, 1),
        Err(SocketError::InvalidDestination { to })
    );
    pair.a.close_udp(socket);
    assert_eq!(send(&mut pair, 53, 1), Err(SocketError::Closed));
    pair.a
        .bind_udp(app(0), Some(addr(0)), 53, options())
        .expect("free again");
}

#[test]
fn ephemeral_ports_run_out() {
    let config = StackConfig {
        ephemeral: 40_000..=40_002,
        ..StackConfig::default()
    };
    let mut stack = Stack::new(config);
    let mut ports: Vec<u16> = (0..3)
        .map(|_| {
            stack
                .bind_udp(app(0), None, 0, options())
                .expect("three are free")
        })
        .map(|udp| 40_000 + u16::try_from(udp.index()).expect("small"))
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, [40_000, 40_001, 40_002]);
    let to = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    let refused = stack.bind_udp(app(0), None, 0, options());
    assert_eq!(refused, Err(SocketError::PortsExhausted { to }));
}

#[test]
fn an_echo_request_is_answered_from_the_address_it_was_sent_to() {
    let mut pair = Pair::new();
    let mut data = vec![0_u8; 64];
    data[0] = 0x45;
    data[3] = 64;
    data[8] = 64;
    data[9] = 1;
    data[12..16].copy_from_slice(&addr(0).octets());
    data[16..20].copy_from_slice(&addr(1).octets());
    data[20] = 8;
    data[24..28].copy_from_slice(&[0, 77, 0, 1]);
    let meta = FrameMeta::new(FlowTag::new(2), NOW);
    let replies = pair
        .reach_b(&Frame::new(data, meta))
        .expect("it is answered");
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].data[20], 0);
    let tuple = headers::five_tuple(&replies[0].data).expect("whole");
    assert_eq!(
        (*tuple.src.ip(), *tuple.dst.ip(), tuple.src.port()),
        (addr(1), addr(0), 77)
    );
    assert_eq!(replies[0].meta.tag, FlowTag::new(2));
}

#[test]
fn what_is_no_packet_is_malformed() {
    let mut pair = Pair::new();
    let meta = FrameMeta::new(FlowTag::new(0), NOW);
    for data in [vec![], vec![0x45; 10], vec![0x60; 60]] {
        assert_eq!(
            pair.reach_b(&Frame::new(data, meta)),
            Err(DropReason::Malformed)
        );
    }
}
