//! What smoltcp sees of the world: at most one packet to read, and a list to write to.

use smoltcp::phy::{self, ChecksumCapabilities, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use super::join::Join;
use super::segment::Segment;
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
    /// What continues the last frame of the list becomes part of it.
    joins: bool,
    /// The last packet that was transmitted, as it stood alone.
    sent: Option<Segment>,
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
            sink: Sink {
                out,
                pool,
                meta,
                joins: false,
                sent: None,
            },
        }
    }

    /// The same, and segments that continue the last frame of the list become part of it, up to a
    /// super-frame of 64 KiB (see [`crate::offload`]).
    pub(super) fn joining(mut self) -> Self {
        self.sink.joins = true;
        self
    }

    /// The last segment that was transmitted, as it stood alone.
    pub(super) fn sent(&self) -> Option<Segment> {
        self.sink.sent
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

impl<'d> phy::Device for Device<'d> {
    type RxToken<'t>
        = Received<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Transmitter<'t, 'd>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Transmitter<'_, 'd>)> {
        let packet = self.arriving.take()?;
        Some((Received(packet), Transmitter(&mut self.sink)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Transmitter<'_, 'd>> {
        Some(Transmitter(&mut self.sink))
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
pub(super) struct Transmitter<'t, 'a>(&'t mut Sink<'a>);

impl phy::TxToken for Transmitter<'_, '_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let Sink {
            out,
            pool,
            meta,
            joins,
            sent,
        } = self.0;
        if *joins
            && let Some(first) = out.last_mut()
            && let Some(mut join) = Join::new(first, len, pool)
        {
            let result = write(join.room());
            let (segment, rest) = join.end(pool);
            *sent = segment;
            out.extend(rest);
            return result;
        }
        let mut frame = pool.take(len, *meta);
        frame.data.resize(len, 0);
        let result = write(&mut frame.data);
        *sent = Segment::read(&frame.data);
        out.push(frame);
        result
    }
}
