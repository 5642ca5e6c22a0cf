//! Packet captures as Wireshark reads them.
//!
//! pcapng as of draft-ietf-opsawg-pcapng: a section header, one interface description per capture
//! point with nanosecond time stamps, and enhanced packets with an optional comment. The simulated
//! world carries IPv4 packets without link layer and without checksums; both are added here, so that
//! a reader sees what a real capture would hold.

use std::io::{self, Write};

use sim_core::SimTime;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// LINKTYPE_ETHERNET.
const ETHERNET: u16 = 1;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_USER_APPLICATION: u16 = 4;
const OPTION_INTERFACE_NAME: u16 = 2;
const OPTION_INTERFACE_DESCRIPTION: u16 = 3;
const OPTION_TIME_RESOLUTION: u16 = 9;

/// A capture point: what [`Writer::interface`] returns and [`Writer::packet`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceId(u32);

/// Addresses of the Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Source address.
    pub source: [u8; 6],
    /// Destination address.
    pub destination: [u8; 6],
    /// VLAN identifier (IEEE 802.1Q), 1 to 4094; 0 for an untagged frame.
    pub vlan: u16,
}

/// Writes one section.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    interfaces: u32,
    /// The frame being put together, kept to avoid an allocation per packet.
    frame: Vec<u8>,
    options: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Starts a capture, made by `application`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, application: &str) -> io::Result<Self> {
        let mut writer = Self {
            out,
            interfaces: 0,
            frame: Vec::new(),
            options: Vec::new(),
        };
        writer.option(OPTION_USER_APPLICATION, application.as_bytes());
        let mut body = Vec::with_capacity(16);
        body.extend(BYTE_ORDER_MAGIC.to_le_bytes());
        body.extend(1u16.to_le_bytes());
        body.extend(0u16.to_le_bytes());
        // The length of the section is not known in advance.
        body.extend(u64::MAX.to_le_bytes());
        writer.block(SECTION_HEADER, &body, 0)?;
        Ok(writer)
    }

    /// Declares a capture point; packets may follow at any time after it.
    ///
    /// # Errors
    /// Those of the output.
    pub fn interface(&mut self, name: &str, description: &str) -> io::Result<InterfaceId> {
        let id = InterfaceId(self.interfaces);
        self.interfaces += 1;
        self.option(OPTION_INTERFACE_NAME, name.as_bytes());
        if !description.is_empty() {
            self.option(OPTION_INTERFACE_DESCRIPTION, description.as_bytes());
        }
        // Time stamps count units of 10^-9 s.
        self.option(OPTION_TIME_RESOLUTION, &[9]);
        let mut body = [0; 8];
        body[..2].copy_from_slice(&ETHERNET.to_le_bytes());
        self.block(INTERFACE_DESCRIPTION, &body, 0)?;
        Ok(id)
    }

    /// Writes `ipv4`, an IPv4 packet, as it passed `interface` at `at` (rounded down to a
    /// nanosecond). A packet larger than the MTU is a buffer before segmentation, as captures on
    /// hosts with segmentation offload show it.
    ///
    /// # Errors
    /// Those of the output.
    ///
    /// # Panics
    /// If `interface` was not declared here.
    pub fn packet(
        &mut self,
        interface: InterfaceId,
        at: SimTime,
        link: Link,
        ipv4: &[u8],
        comment: Option<&str>,
    ) -> io::Result<()> {
        assert!(
            interface.0 < self.interfaces,
            "unknown interface {}",
            interface.0
        );
        if let Some(comment) = comment {
            self.option(OPTION_COMMENT, comment.as_bytes());
        }
        let mut frame = std::mem::take(&mut self.frame);
        frame.clear();
        ethernet_header(&mut frame, link);
        let start = frame.len();
        frame.extend_from_slice(ipv4);
        fill_checksums(&mut frame[start..]);
        let length = u32::try_from(frame.len()).expect("a frame is far below 4 GiB");
        let ns = at.as_ps() / 1000;
        let [low, high] =
            [ns & 0xffff_ffff, ns >> 32].map(|half| u32::try_from(half).expect("half of 64 bits"));
        let mut body = Vec::with_capacity(20 + frame.len() + 3);
        for word in [interface.0, high, low, length, length] {
            body.extend(word.to_le_bytes());
        }
        body.extend_from_slice(&frame);
        self.frame = frame;
        self.block(ENHANCED_PACKET, &body, padding(body.len()))
    }

    /// Flushes and hands the output back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    /// Queues an option for the next block. A value longer than 65,535 bytes is cut.
    fn option(&mut self, code: u16, value: &[u8]) {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        let length = u16::try_from(value.len()).expect("cut above");
        self.options.extend(code.to_le_bytes());
        self.options.extend(length.to_le_bytes());
        self.options.extend_from_slice(value);
        self.options
            .extend(std::iter::repeat_n(0, padding(value.len())));
    }

    /// Writes a block: its length stands in front and behind, the options between.
    fn block(&mut self, kind: u32, body: &[u8], pad: usize) -> io::Result<()> {
        if !self.options.is_empty() {
            self.options.extend(OPTION_END.to_le_bytes());
            self.options.extend(0u16.to_le_bytes());
        }
        let length = u32::try_from(12 + body.len() + pad + self.options.len())
            .expect("a block is far below 4 GiB");
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(body)?;
        self.out.write_all(&[0; 3][..pad])?;
        self.out.write_all(&self.options)?;
        self.options.clear();
        self.out.write_all(&length.to_le_bytes())
    }
}

/// Bytes to the next multiple of four.
const fn padding(length: usize) -> usize {
    (4 - length % 4) % 4
}

fn ethernet_header(frame: &mut Vec<u8>, link: Link) {
    frame.extend(link.destination);
    frame.extend(link.source);
    if link.vlan != 0 {
        frame.extend(0x8100u16.to_be_bytes());
        frame.extend((link.vlan & 0x0fff).to_be_bytes());
    }
    frame.extend(0x0800u16.to_be_bytes());
}

/// Fills in the checksums of an IPv4 packet and of the TCP, UDP or ICMP message in it. Whatever is
/// no such packet, and the payload of fragments, stays as it is.
fn fill_checksums(packet: &mut [u8]) {
    let Some(first) = packet.first() else { return };
    let header = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header < 20 || packet.len() < header {
        return;
    }
    packet[10..12].fill(0);
    let sum = fold(sum_words(0, &packet[..header]));
    packet[10..12].copy_from_slice(&(!sum).to_be_bytes());
    let fragment = u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff != 0;
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    if fragment || total < header || total > packet.len() {
        return;
    }
    let protocol = packet[9];
    let (position, with_pseudo_header) = match protocol {
        1 => (2, false),
        6 => (16, true),
        17 => (6, true),
        _ => return,
    };
    let length = total - header;
    if length < position + 2 {
        return;
    }
    let mut sum = 0;
    if with_pseudo_header {
        sum = sum_words(sum, &packet[12..20]);
        let length = u64::try_from(length).expect("below 64 KiB");
        sum += u64::from(protocol) + length;
    }
    let message = &mut packet[header..total];
    message[position..position + 2].fill(0);
    let checksum = match (protocol, !fold(sum_words(sum, message))) {
        // RFC 768: zero would mean that there is no checksum.
        (17, 0) => 0xffff,
        (_, checksum) => checksum,
    };
    message[position..position + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// The ones' complement sum of RFC 1071, before folding.
fn sum_words(mut sum: u64, bytes: &[u8]) -> u64 {
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([pair[0], low]));
    }
    sum
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).expect("folded to 16 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example header of RFC 1071's common illustration: its checksum is known to be b861.
    #[test]
    fn the_header_checksum_is_the_known_one() {
        let mut packet = vec![
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xff, 0xff, 0xc0, 0xa8,
            0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
        ];
        fill_checksums(&mut packet);
        assert_eq!(packet[10..12], [0xb8, 0x61]);
    }

    #[test]
    fn what_is_no_packet_stays_as_it_is() {
        for bytes in [vec![], vec![0x45], vec![0x60; 40], vec![0x4f; 24]] {
            let mut packet = bytes.clone();
            fill_checksums(&mut packet);
            assert_eq!(packet, bytes);
        }
    }
}
