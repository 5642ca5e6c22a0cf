//! Writing a segment straight behind the one before it, so that both are one super-frame.
//!
//! smoltcp 0.14 cannot be built with segmentation offload and without IPv6. So it makes one segment
//! at a time, as for an interface without, and each is written where its payload belongs: its header
//! lies on the last octets of what is there, which are put back afterwards. Segments thus begin and
//! end where they would without the offload.

use super::segment::{self, Segment};
use crate::frame::{Frame, FrameMeta, FramePool, MAX_SUPER_FRAME};
use crate::headers;

/// IPv4 and TCP headers without options.
const HEADERS: usize = 40;

/// Whether a full segment of `mss` octets of payload may still follow the last of `frames`.
pub(super) fn may_grow(frames: &[Frame], mss: usize) -> bool {
    frames.last().is_some_and(|last| {
        let payload = last.data.len().saturating_sub(HEADERS);
        payload > 0 && payload.is_multiple_of(mss) && last.data.len() + mss <= MAX_SUPER_FRAME
    })
}

/// A segment that is being written behind a frame.
pub(super) struct Join<'f> {
    first: &'f mut Frame,
    /// Where the frame ended.
    end: usize,
    covered: [u8; HEADERS],
}

impl<'f> Join<'f> {
    /// Makes room for a packet of `len` octets; `None` where nothing can follow the frame.
    pub(super) fn new(first: &'f mut Frame, len: usize, pool: &mut FramePool) -> Option<Self> {
        let end = first.data.len();
        // The new header must not lie on the first one.
        let payload = end.checked_sub(HEADERS).filter(|&n| n >= HEADERS)?;
        let segment = match usize::from(first.meta.segment) {
            0 => payload,
            segment => segment,
        };
        let room = end + len <= MAX_SUPER_FRAME + HEADERS && len <= segment + HEADERS;
        let head = Segment::read(&first.data)?;
        let ends = segment::FIN | segment::SYN | segment::RST | segment::PSH;
        let whole = payload > 0 && payload.is_multiple_of(segment);
        if !room || !whole || head.options || head.flags & ends != 0 {
            return None;
        }
        if first.data.capacity() < end + len {
            let mut large = pool.take(MAX_SUPER_FRAME, first.meta);
            large.data.extend_from_slice(&first.data);
            pool.give(std::mem::replace(first, large));
        }
        let mut covered = [0; HEADERS];
        covered.copy_from_slice(&first.data[end - HEADERS..]);
        first.data.resize(end - HEADERS + len, 0);
        first.data[end - HEADERS..end].fill(0);
        Some(Self {
            first,
            end,
            covered,
        })
    }

    /// Where the packet is to be written.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.first.data[self.end - HEADERS..]
    }

    /// Looks at what was written. Gives it back as a packet of its own where it does not continue the
    /// frame.
    pub(super) fn end(self, pool: &mut FramePool) -> (Option<Segment>, Option<Frame>) {
        let Self {
            first,
            end,
            covered,
        } = self;
        let written = &first.data[end - HEADERS..];
        let next = Segment::read(written);
        let head = Segment::read(&first.data).expect("it was read before");
        let payload =
            u32::try_from(end - HEADERS).expect("a super-frame has at most 65,535 octets");
        let continues = next.is_some_and(|next| {
            let may_differ = segment::FIN | segment::PSH;
            !next.options
                && next.payload > 0
                && next.seq == head.seq.wrapping_add(payload)
                && (next.ack, next.window) == (head.ack, head.window)
                && next.flags & !may_differ == head.flags
        });
        let mut alone = None;
        if !continues {
            let meta = FrameMeta {
                segment: 0,
                ..first.meta
            };
            alone = Some(pool.copy(written, meta));
            first.data.truncate(end);
        }
        first.data[end - HEADERS..end].copy_from_slice(&covered);
        if let (true, Some(next)) = (continues, next) {
            if first.meta.segment == 0 {
                let payload = end - HEADERS;
                first.meta.segment = u16::try_from(payload).expect("no packet is that large");
            }
            headers::set_tcp_flags(&mut first.data, next.flags);
            headers::set_total_len(&mut first.data);
        }
        (next, alone)
    }
}
