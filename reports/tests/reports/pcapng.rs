//! What is written is read back by an independent reader.

use pcap_parser::pcapng::{Block, parse_block_le};
use pcap_parser::{InterfaceDescriptionBlock, OptionCode, PcapNGOption};
use reports::pcapng::{Link, Writer};
use sim_core::SimTime;

const LINK: Link = Link {
    source: [2, 0, 0, 0, 0, 1],
    destination: [2, 0, 0, 0, 0, 2],
    vlan: 0,
};

/// An IPv4 packet with `protocol` and `payload` and zero checksums.
fn packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![
        0x45, 0, total[0], total[1], 0, 1, 0x40, 0, 64, protocol, 0, 0,
    ];
    packet.extend([10, 0, 1, 25, 10, 0, 2, 7]);
    packet.extend(payload);
    packet
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    let mut message = vec![0x30, 0x39, 0, 53, length[0], length[1], 0, 0];
    message.extend(payload);
    packet(17, &message)
}

fn tcp(payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0; 20];
    segment[..4].copy_from_slice(&[0x9c, 0x40, 0x1f, 0x90]);
    segment[12] = 0x50;
    segment.extend(payload);
    packet(6, &segment)
}

fn read(bytes: &[u8], check: impl Fn(usize, &Block<'_>)) -> usize {
    let mut rest = bytes;
    let mut number = 0;
    while !rest.is_empty() {
        let (after, block) = parse_block_le(rest).expect("a well-formed block");
        check(number, &block);
        rest = after;
        number += 1;
    }
    number
}

/// Sums to ffff if the checksum in it is right (RFC 1071).
fn sum(bytes: &[u8], start: u64) -> u64 {
    let mut sum = start;
    for pair in bytes.chunks(2) {
        sum += u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

fn assert_checksums(packet: &[u8]) {
    assert_eq!(sum(&packet[..20], 0), 0xffff, "IPv4 header");
    let payload = &packet[20..];
    let pseudo = sum(&packet[12..20], u64::from(packet[9]) + payload.len() as u64);
    let start = if packet[9] == 1 { 0 } else { pseudo };
    assert_eq!(sum(payload, start), 0xffff, "protocol {}", packet[9]);
}

fn options<'a>(options: &'a [PcapNGOption<'a>], code: OptionCode) -> Option<&'a [u8]> {
    let option = options.iter().find(|o| o.code == code)?;
    Some(&option.value[..usize::from(option.len)])
}

#[test]
fn a_capture_reads_back_with_times_names_and_comments() {
    let mut writer = Writer::new(Vec::new(), "ecsnet 0.1.0").unwrap();
    let eni = writer.interface("eni-0", "instance ENI").unwrap();
    let at = SimTime::from_ps(5_000_000_123_456_999);
    writer
        .packet(eni, at, LINK, &tcp(b"odd"), Some("dropped at sg-7"))
        .unwrap();
    // A second point may be declared between packets.
    let veth = writer.interface("veth-0", "").unwrap();
    let tagged = Link { vlan: 42, ..LINK };
    writer
        .packet(veth, SimTime::ZERO, tagged, &udp(b"ping"), None)
        .unwrap();
    writer
        .packet(
            veth,
            SimTime::ZERO,
            LINK,
            &packet(1, &[8, 0, 0, 0, 0, 1, 0, 1]),
            None,
        )
        .unwrap();
    let bytes = writer.finish().unwrap();
    let blocks = read(&bytes, |number, block| match (number, block) {
        (0, Block::SectionHeader(section)) => assert_eq!(section.major_version, 1),
        (1, Block::InterfaceDescription(interface)) => assert_interface(interface, b"eni-0"),
        (3, Block::InterfaceDescription(interface)) => assert_interface(interface, b"veth-0"),
        (2, Block::EnhancedPacket(p)) => {
            let ns = u64::from(p.ts_high) << 32 | u64::from(p.ts_low);
            assert_eq!(ns, 5_000_000_123_456, "rounded down to a nanosecond");
            assert_eq!((p.if_id, p.caplen, p.origlen), (0, 57, 57));
            assert_eq!(p.data[..14], [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
            assert_checksums(&p.data[14..57]);
            assert_eq!(
                options(&p.options, OptionCode::Comment),
                Some(&b"dropped at sg-7"[..])
            );
        }
        (4, Block::EnhancedPacket(p)) => {
            assert_eq!(p.if_id, 1);
            assert_eq!(p.data[12..18], [0x81, 0, 0, 42, 8, 0]);
            assert_checksums(&p.data[18..50]);
        }
        (5, Block::EnhancedPacket(p)) => assert_checksums(&p.data[14..42]),
        other => panic!("unexpected {other:?}"),
    });
    assert_eq!(blocks, 6);
    assert_eq!(bytes.len() % 4, 0, "blocks are aligned");
}

fn assert_interface(interface: &InterfaceDescriptionBlock<'_>, name: &[u8]) {
    assert_eq!(interface.linktype.0, 1, "Ethernet");
    assert_eq!(interface.if_tsresol, 9, "nanoseconds");
    assert_eq!(options(&interface.options, OptionCode::IfName), Some(name));
}

#[test]
fn a_buffer_of_64_kib_is_captured_whole() {
    let mut writer = Writer::new(Vec::new(), "ecsnet").unwrap();
    let eni = writer.interface("eni-0", "").unwrap();
    writer
        .packet(eni, SimTime::ZERO, LINK, &tcp(&[7; 65_495]), None)
        .unwrap();
    let bytes = writer.finish().unwrap();
    read(&bytes, |_, block| {
        if let Block::EnhancedPacket(p) = block {
            assert_eq!(p.caplen, 65_549);
            assert_checksums(&p.data[14..65_549]);
        }
    });
}

#[test]
fn the_payload_of_a_fragment_has_no_checksum_to_fill_in() {
    let mut fragment = udp(b"part");
    fragment[6] = 0x20;
    let mut writer = Writer::new(Vec::new(), "ecsnet").unwrap();
    let eni = writer.interface("eni-0", "").unwrap();
    writer
        .packet(eni, SimTime::ZERO, LINK, &fragment, None)
        .unwrap();
    let bytes = writer.finish().unwrap();
    read(&bytes, |_, block| {
        if let Block::EnhancedPacket(p) = block {
            assert_eq!(p.data[14 + 20..46], fragment[20..]);
            assert_eq!(sum(&p.data[14..34], 0), 0xffff);
        }
    });
}

#[test]
fn the_same_packets_give_the_same_bytes() {
    let write = || {
        let mut writer = Writer::new(Vec::new(), "ecsnet").unwrap();
        let eni = writer.interface("eni-0", "").unwrap();
        writer
            .packet(eni, SimTime::ZERO, LINK, &udp(b"x"), Some("c"))
            .unwrap();
        writer.finish().unwrap()
    };
    assert_eq!(write(), write());
}
