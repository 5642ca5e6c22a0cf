//! A frame as it travels: an IPv4 packet with its link-layer facts beside it.

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sim_core::SimTime;

use crate::headers;
use crate::ids::FlowTag;
use crate::reach::Leg;

/// Octets that Ethernet adds to a packet: destination, source, type. No frame check sequence.
pub const ETHERNET_HEADER: usize = 14;

/// Octets that an 802.1Q tag adds.
pub const VLAN_TAG: usize = 4;

/// Octets on the wire that no capture shows: frame check sequence 4, preamble and start delimiter
/// 8, interframe gap 12. Source: IEEE 802.3, clauses 3.1 and 4.4 (specified).
pub const WIRE_OVERHEAD: usize = 24;

/// A 48-bit link-layer address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Mac(u64);

impl Mac {
    /// The address of every station on a segment.
    pub const BROADCAST: Self = Self(0xffff_ffff_ffff);

    /// A locally administered unicast address made of `machine` and `interface`.
    #[must_use]
    pub fn local(machine: u32, interface: u32) -> Self {
        Self(
            0x0200_0000_0000
                | (u64::from(machine & 0x00ff_ffff) << 16)
                | u64::from(interface & 0xffff),
        )
    }

    /// The address as six octets in transmission order.
    #[must_use]
    pub fn octets(self) -> [u8; 6] {
        let b = self.0.to_be_bytes();
        [b[2], b[3], b[4], b[5], b[6], b[7]]
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.octets();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the simulator knows of a frame beside its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameMeta {
    /// Link-layer source.
    pub src_mac: Mac,
    /// Link-layer destination.
    pub dst_mac: Mac,
    /// 802.1Q identifier; 0 where the frame carries no tag.
    pub vlan: u16,
    /// The workload or probe that the frame belongs to.
    pub tag: FlowTag,
    /// Whether it goes to the one who was asked, or back.
    pub leg: Leg,
    /// When a stack made the packet.
    pub origin: SimTime,
    /// Whether its last way through the fabric, or its next, passes an internet gateway.
    pub internet: bool,
    /// The router or host that the sending namespace chose to hand the packet to.
    pub next_hop: Ipv4Addr,
    /// Payload octets of each TCP segment that the frame stands for, but for the last, which may
    /// have fewer; 0 where the frame is one packet. Linux calls it `gso_size`.
    pub segment: u16,
}

impl FrameMeta {
    /// The facts of a packet that a stack has just made for the one who is asked; the link layer
    /// fills in the rest.
    #[must_use]
    pub fn new(tag: FlowTag, origin: SimTime) -> Self {
        Self {
            src_mac: Mac::default(),
            dst_mac: Mac::default(),
            vlan: 0,
            tag,
            leg: Leg::Forward,
            origin,
            internet: false,
            next_hop: Ipv4Addr::UNSPECIFIED,
            segment: 0,
        }
    }

    /// The facts of a packet that has just been made to answer the one with these facts.
    #[must_use]
    pub fn answering(&self, origin: SimTime) -> Self {
        Self::new(self.tag, origin).on(self.leg.reversed())
    }

    /// The same on this leg.
    #[must_use]
    pub fn on(self, leg: Leg) -> Self {
        Self { leg, ..self }
    }
}

/// One frame: a pointer, so that handing it from hop to hop copies nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(Box<FrameBody>);

/// What a frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameBody {
    /// The IPv4 packet, header first. Checksums are offloaded: nothing in the simulated world
    /// computes or checks them, and the capture writer fills them in.
    pub data: Vec<u8>,
    /// Everything else.
    pub meta: FrameMeta,
}

/// Largest super-frame at layer 3, in octets: what the length field of an IPv4 header can say.
/// Source: Linux 6.18, `include/linux/netdevice.h`, `GSO_LEGACY_MAX_SIZE` and `GRO_LEGACY_MAX_SIZE`
/// of 65,536 less one (specified).
pub const MAX_SUPER_FRAME: usize = 65_535;

impl Deref for Frame {
    type Target = FrameBody;

    #[inline]
    fn deref(&self) -> &FrameBody {
        &self.0
    }
}

impl DerefMut for Frame {
    #[inline]
    fn deref_mut(&mut self) -> &mut FrameBody {
        &mut self.0
    }
}

impl Frame {
    /// A frame outside of any pool.
    #[must_use]
    pub fn new(data: Vec<u8>, meta: FrameMeta) -> Self {
        Self(Box::new(FrameBody { data, meta }))
    }

    /// Packets that the frame is on a wire: more than one for a *super-frame*, which a stack has
    /// left to its interface to cut (TSO), or a receiver has put together (GRO). All counts of
    /// frames are counts of these packets.
    #[must_use]
    pub fn packets(&self) -> usize {
        match usize::from(self.meta.segment) {
            0 => 1,
            segment => headers::payload_len(&self.data).div_ceil(segment).max(1),
        }
    }

    /// Length at layer 3 of the largest packet that the frame is on a wire, in octets: what an MTU
    /// bounds. Source: Linux 6.18, `net/core/gso.c`, `skb_gso_validate_network_len` (specified).
    #[must_use]
    pub fn largest_packet(&self) -> usize {
        match usize::from(self.meta.segment) {
            0 => self.data.len(),
            segment => {
                let payload = headers::payload_len(&self.data);
                self.data.len() - payload + payload.min(segment)
            }
        }
    }

    /// Length at layer 3, in octets.
    #[must_use]
    pub fn packet_len(&self) -> usize {
        self.data.len()
    }

    /// Length with its Ethernet header and tag, in octets: what a capture shows.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        PacketView::of(self).frame_len()
    }

    /// Octet times that the frame takes on a wire, preamble and gap included.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        PacketView::of(self).wire_len()
    }
}

/// What is looked at of a packet on its way through interfaces and the fabric: of a packet of a
/// super-frame, the header of the super-frame, which says the same of it.
#[derive(Clone, Copy, Debug)]
pub struct PacketView<'a> {
    /// The packet from its IPv4 header on; payload beyond the packet's own is not looked at.
    pub header: &'a [u8],
    /// Its length at layer 3, in octets.
    pub len: usize,
    /// The facts beside it.
    pub meta: &'a FrameMeta,
}

impl<'a> PacketView<'a> {
    /// The packet that a frame is.
    #[must_use]
    pub fn of(frame: &'a Frame) -> Self {
        Self {
            header: &frame.data,
            len: frame.data.len(),
            meta: &frame.meta,
        }
    }

    /// Length with its Ethernet header and tag, in octets.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.len + ETHERNET_HEADER + if self.meta.vlan == 0 { 0 } else { VLAN_TAG }
    }

    /// Octet times that it takes on a wire, preamble and gap included.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.frame_len() + WIRE_OVERHEAD
    }
}

/// Frames to use again, so that a running world allocates nothing.
///
/// Which of them is used again has no effect on the simulated world.
///
/// Where threads share a world, a frame is taken on one and given back on another. Traffic is seldom
/// even, so one thread would allocate for ever and another would keep it all. Each therefore leaves
/// what it has too much of in a [`Depot`], a magazine at a time, where others find it. A limit alone
/// would bound the pool too, but at the cost of an allocation on one thread and a release on another
/// for every second frame of a transfer.
#[derive(Debug, Default)]
pub struct FramePool {
    /// By [`Size`].
    lists: [Vec<Frame>; SIZES.len()],
    depot: Option<Arc<Depot>>,
}

/// Frames that no thread has, in magazines.
#[derive(Debug, Default)]
pub struct Depot {
    /// By [`Size`].
    magazines: [Mutex<Vec<Vec<Frame>>>; SIZES.len()],
}

/// Frames of a magazine: enough that its lock is no cost.
const MAGAZINE: usize = 128;

/// How large a packet a frame has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// One that opens a connection, acknowledges or asks: where many connections have a packet in
    /// flight at a time, most are of this size.
    Tiny,
    Small,
    Large,
    /// A super-frame.
    Huge,
}

/// Octets that a frame of each [`Size`] has room for, the last at least.
const SIZES: [usize; 4] = [192, 2048, 9216, MAX_SUPER_FRAME];

impl Size {
    fn of_packet(len: usize) -> Self {
        match len {
            0..=192 => Self::Tiny,
            193..=2048 => Self::Small,
            2049..=9216 => Self::Large,
            _ => Self::Huge,
        }
    }

    /// That of a frame with room for `capacity` octets, if it is worth to be kept.
    fn of_room(capacity: usize) -> Option<Self> {
        match capacity {
            0..192 => None,
            192..2048 => Some(Self::Tiny),
            2048..9216 => Some(Self::Small),
            9216..MAX_SUPER_FRAME => Some(Self::Large),
            _ => Some(Self::Huge),
        }
    }
}

impl FramePool {
    /// Shares what is too much for this pool with all that have the same depot.
    pub fn share(&mut self, depot: Arc<Depot>) {
        self.depot = Some(depot);
    }

    /// An empty frame with room for `len` octets.
    pub fn take(&mut self, len: usize, meta: FrameMeta) -> Frame {
        let size = Size::of_packet(len);
        match self.lists[size as usize].pop() {
            Some(mut frame) => {
                frame.meta = meta;
                frame
            }
            None => match self.restock(size) {
                Some(mut frame) => {
                    frame.meta = meta;
                    frame
                }
                None => Frame::new(Vec::with_capacity(len.max(SIZES[size as usize])), meta),
            },
        }
    }

    /// A frame of a magazine that another thread has left; the others are kept.
    #[cold]
    fn restock(&mut self, size: Size) -> Option<Frame> {
        let magazine = self.depot.as_ref()?.magazines(size).pop()?;
        let list = &mut self.lists[size as usize];
        list.extend(magazine);
        list.pop()
    }

    /// Leaves a magazine to others.
    #[cold]
    fn leave(&mut self, size: Size) {
        let list = &mut self.lists[size as usize];
        if let Some(depot) = &self.depot {
            let magazine = list.split_off(list.len() - MAGAZINE);
            depot.magazines(size).push(magazine);
        }
    }

    /// A frame with these octets.
    pub fn copy(&mut self, octets: &[u8], meta: FrameMeta) -> Frame {
        let mut frame = self.take(octets.len(), meta);
        frame.data.extend_from_slice(octets);
        frame
    }

    /// Takes a frame back.
    pub fn give(&mut self, mut frame: Frame) {
        frame.data.clear();
        let Some(size) = Size::of_room(frame.data.capacity()) else {
            return;
        };
        let list = &mut self.lists[size as usize];
        list.push(frame);
        if self.depot.is_some() && list.len() >= 2 * MAGAZINE {
            self.leave(size);
        }
    }
}

impl Depot {
    fn magazines(&self, size: Size) -> MutexGuard<'_, Vec<Vec<Frame>>> {
        self.magazines[size as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a frame waits while an event that names it is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSlot(u32);

/// The frames of one machine that pending events name.
#[derive(Debug, Default)]
pub struct FrameStore {
    slots: Vec<Option<Frame>>,
    free: Vec<u32>,
    packets: usize,
}

impl FrameStore {
    /// Puts `frame` aside.
    ///
    /// # Panics
    /// If more than 2^32 frames are waiting.
    pub fn put(&mut self, frame: Frame) -> FrameSlot {
        self.packets += frame.packets();
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(frame);
            return FrameSlot(slot);
        }
        let slot = u32::try_from(self.slots.len()).expect("more than 2^32 frames waiting");
        self.slots.push(Some(frame));
        FrameSlot(slot)
    }

    /// Takes back the frame in `slot`.
    ///
    /// # Panics
    /// If the slot is empty: an event named a frame twice.
    pub fn take(&mut self, slot: FrameSlot) -> Frame {
        self.free.push(slot.0);
        let frame = self.slots[slot.0 as usize]
            .take()
            .expect("the frame of an event is taken once");
        self.packets -= frame.packets();
        frame
    }

    /// Packets waiting now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets
    }

    /// Whether no frame waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn frame(len: usize) -> Frame {
        Frame::new(vec![0; len], FrameMeta::new(FlowTag::new(0), SimTime::ZERO))
    }

    #[test]
    fn lengths_count_what_their_names_say() {
        let mut f = frame(1500);
        assert_eq!(
            (f.packet_len(), f.frame_len(), f.wire_len()),
            (1500, 1514, 1538)
        );
        f.meta.vlan = 7;
        assert_eq!((f.frame_len(), f.wire_len()), (1518, 1542));
    }

    #[test]
    fn the_pool_hands_a_returned_frame_out_again() {
        let meta = |tag| FrameMeta::new(FlowTag::new(tag), SimTime::ZERO);
        let mut pool = FramePool::default();
        let frame = pool.copy(&[1; 1000], meta(1));
        let address = frame.data.as_ptr();
        pool.give(frame);
        let again = pool.take(1500, meta(2));
        assert_eq!(again.data.as_ptr(), address);
        assert!(again.data.is_empty());
        assert_eq!(again.meta, meta(2));
        let rooms = [
            (40, 192),
            (192, 192),
            (193, 2048),
            (2048, 2048),
            (2049, 9216),
            (65_535, 65_535),
        ];
        for (len, room) in rooms {
            let frame = FramePool::default().take(len, meta(3));
            assert_eq!(frame.data.capacity(), room, "{len}");
            pool.give(frame);
        }
        assert!(pool.take(65_535, meta(3)).data.capacity() >= 9216);
    }

    /// What a receiver gives back, its sender finds, though both are on threads of their own.
    #[test]
    fn pools_that_share_a_depot_do_not_grow() {
        let depot = Arc::new(Depot::default());
        let (mut sender, mut receiver) = (FramePool::default(), FramePool::default());
        sender.share(depot.clone());
        receiver.share(depot.clone());
        let meta = FrameMeta::new(FlowTag::new(1), SimTime::ZERO);
        let mut made = BTreeSet::new();
        for _ in 0..100 * MAGAZINE {
            let frame = sender.copy(&[1; 1500], meta);
            made.insert(frame.data.as_ptr() as usize);
            receiver.give(frame);
            assert!(receiver.lists[Size::Small as usize].len() < 2 * MAGAZINE);
        }
        assert!(made.len() <= 3 * MAGAZINE, "{} frames", made.len());
        let kept: usize = depot.magazines(Size::Small).iter().map(Vec::len).sum();
        assert!(kept <= MAGAZINE, "{kept} frames");
    }

    #[test]
    fn the_store_counts_what_waits() {
        let mut store = FrameStore::default();
        let a = store.put(frame(1));
        let b = store.put(frame(2));
        assert_eq!(store.take(a).packet_len(), 1);
        let c = store.put(frame(3));
        assert_eq!(c, a, "a free slot is used again");
        assert_eq!(store.len(), 2);
        assert_eq!(store.take(b).packet_len(), 2);
    }

    #[test]
    fn a_mac_prints_as_hardware_does() {
        assert_eq!(Mac::local(0x01_0203, 4).to_string(), "02:01:02:03:00:04");
    }
}
