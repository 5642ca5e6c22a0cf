//! Trains: packets of one super-frame that are on their way together.
//!
//! A super-frame is offered to an interface at one instant, so its packets are policed, delayed and
//! lost in one loop, and travel as one message with the arrival time of each. The machine that they
//! reach handles one after another for as long as nothing else happens in between
//! ([`sim_core::Context::goes_on`]); so each packet is what it would be as a message of its own, and
//! only its octets are not copied before a receiver needs them.

use sim_core::SimTime;

use super::tso;
use crate::frame::{Frame, FramePool};

/// A super-frame and when each of its packets arrives.
#[derive(Debug)]
pub struct Train {
    /// The super-frame. Its packets differ in their headers as [`super::cut`] makes them.
    pub frame: Frame,
    /// When each arrives, in order.
    pub arrivals: Vec<SimTime>,
}

/// A train that is arriving, in a machine's store.
#[derive(Debug)]
pub struct Arriving {
    /// The train.
    pub train: Train,
    /// The next packet to arrive.
    pub next: usize,
    /// Octets of the headers, and of payload of every packet but the last.
    pub(crate) headers: usize,
    pub(crate) segment: usize,
    /// The flow's hash, for the choice of a receive ring.
    pub(crate) hash: u32,
    /// Packets that wait in a ring.
    in_ring: usize,
}

impl Arriving {
    fn new(train: Train) -> Self {
        let headers = crate::headers::tcp_headers_len(&train.frame.data);
        let headers = headers.expect("a train is of TCP segments");
        let segment = usize::from(train.frame.meta.segment);
        let hash = crate::cpu::rss::hash_packet(&train.frame.data);
        Self {
            train,
            next: 0,
            headers,
            segment,
            hash,
            in_ring: 0,
        }
    }

    /// Length of a packet at layer 3, in octets.
    #[must_use]
    pub fn packet_len(&self, index: usize) -> usize {
        self.headers + self.payload(index).len()
    }

    /// Payload of a packet.
    #[must_use]
    pub fn payload(&self, index: usize) -> &[u8] {
        let data = &self.train.frame.data;
        let start = self.headers + index * self.segment;
        &data[start..(start + self.segment).min(data.len())]
    }

    /// A packet as a frame of its own.
    pub fn packet(&self, index: usize, pool: &mut FramePool) -> Frame {
        tso::packet(&self.train.frame, index, pool)
    }
}

/// Where a train is while its packets arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainSlot(u32);

/// The trains of one machine, each until its last packet has left the ring.
#[derive(Debug, Default)]
pub struct TrainStore {
    slots: Vec<Option<Arriving>>,
    free: Vec<u32>,
    arriving: usize,
}

impl TrainStore {
    /// Puts a train aside that is to arrive.
    ///
    /// # Panics
    /// If it is no train of TCP segments, or there are 2^32 of them.
    pub fn put(&mut self, train: Train) -> TrainSlot {
        self.arriving += train.arrivals.len();
        let arriving = Some(Arriving::new(train));
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = arriving;
            return TrainSlot(slot);
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 trains");
        self.slots.push(arriving);
        TrainSlot(slot)
    }

    /// A train.
    ///
    /// # Panics
    /// If it has gone.
    #[must_use]
    pub fn get(&self, slot: TrainSlot) -> &Arriving {
        self.slots[slot.0 as usize]
            .as_ref()
            .expect("a train is there until its last packet has left the ring")
    }

    /// The same, to be changed.
    ///
    /// # Panics
    /// If it has gone.
    pub fn get_mut(&mut self, slot: TrainSlot) -> &mut Arriving {
        self.slots[slot.0 as usize]
            .as_mut()
            .expect("a train is there until its last packet has left the ring")
    }

    /// The next packet of a train has arrived; `in_ring` says whether it waits in a ring now.
    pub fn arrived(&mut self, slot: TrainSlot, in_ring: bool) {
        self.arriving -= 1;
        let train = self.get_mut(slot);
        train.next += 1;
        train.in_ring += usize::from(in_ring);
    }

    /// Keeps a train although nothing of it may be in a ring, until [`Self::taken`].
    pub fn hold(&mut self, slot: TrainSlot) {
        self.get_mut(slot).in_ring += 1;
    }

    /// A packet of a train has left a ring.
    pub fn taken(&mut self, slot: TrainSlot) {
        self.get_mut(slot).in_ring -= 1;
    }

    /// Forgets a train if all of its packets have arrived and left the ring; gives it back then.
    pub fn forget(&mut self, slot: TrainSlot) -> Option<Train> {
        let train = self.get(slot);
        if train.next < train.train.arrivals.len() || train.in_ring > 0 {
            return None;
        }
        self.free.push(slot.0);
        self.slots[slot.0 as usize].take().map(|gone| gone.train)
    }

    /// Packets that have not arrived yet.
    #[must_use]
    pub fn arriving(&self) -> usize {
        self.arriving
    }
}
