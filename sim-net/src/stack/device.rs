//! What smoltcp sees of the world: at most one packet to read, and a list to write to.

use smoltcp::phy::{self, ChecksumCapabilities, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use crate::frame::{Frame, FrameMeta, FramePool};

/// The device of one call into smoltcp.
pub(super) struct Device<'a> {
    mtu: usize,
    arriving: Option<&'a [u8]>,
    sink: Sink<'a>,
}

/// Where transmitted packets go.
struct Sink<'a> {
    out: &'a mut Vec<Frame>,
    pool: &'a mut FramePool,
    meta: FrameMeta,
}

impl<'a> Device<'a> {
    /// A device that hands over `arriving` once, and stamps what it transmits with `meta`.
    pub(super) fn new(
        mtu: usize,
        arriving: Option<&'a [u8]>,
        out: &'a mut Vec<Frame>,
        pool: &'a mut FramePool,
        meta: FrameMeta,
    ) -> Self {
        Self {
            mtu,
            arriving,
            sink: Sink { out, pool, meta },
        }
    }
}

/// What every interface of this MTU can do. Checksums are offloaded, see [`Frame::data`].
pub(super) fn capabilities(mtu: usize) -> DeviceCapabilities {
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ip;
    capabilities.max_transmission_unit = mtu;
    capabilities.checksum = ChecksumCapabilities::ignored();
    capabilities
}

impl phy::Device for Device<'_> {
    type RxToken<'t>
        = Received<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Transmitter<'t>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Transmitter<'_>)> {
        let packet = self.arriving.take()?;
        Some((Received(packet), Transmitter::new(&mut self.sink)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Transmitter<'_>> {
        Some(Transmitter::new(&mut self.sink))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities(self.mtu)
    }
}

/// The right to read the packet that arrives.
pub(super) struct Received<'a>(&'a [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// The right to transmit one packet.
pub(super) struct Transmitter<'a> {
    out: &'a mut Vec<Frame>,
    pool: &'a mut FramePool,
    meta: FrameMeta,
}

impl<'a> Transmitter<'a> {
    fn new(sink: &'a mut Sink<'_>) -> Self {
        Self {
            out: sink.out,
            pool: sink.pool,
            meta: sink.meta,
        }
    }
}

impl phy::TxToken for Transmitter<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = self.pool.take(len, self.meta);
        frame.data.resize(len, 0);
        let result = write(&mut frame.data);
        self.out.push(frame);
        result
    }
}
