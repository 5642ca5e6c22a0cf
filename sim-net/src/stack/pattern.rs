//! The octets that programs exchange: a fixed pattern by position in the stream, so that the
//! receiver can tell whether every octet arrived once, whole and in order.

/// Length of the pattern: a prime, so that no loss of a round number of octets goes unnoticed.
const PERIOD: usize = 2039;

/// Octets that one copy or comparison covers at most.
const CHUNK: usize = 4096;

const TABLE: [u8; PERIOD + CHUNK] = table();

const fn table() -> [u8; PERIOD + CHUNK] {
    let mut octets = [0; PERIOD + CHUNK];
    let mut state = 0x2545_f491_u32;
    let mut at = 0;
    while at < PERIOD {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        octets[at] = (state >> 24) as u8;
        at += 1;
    }
    while at < PERIOD + CHUNK {
        octets[at] = octets[at - PERIOD];
        at += 1;
    }
    octets
}

fn run(position: u64, len: usize) -> &'static [u8] {
    let start = usize::try_from(position % PERIOD as u64).expect("below the period");
    &TABLE[start..start + len.min(CHUNK)]
}

/// Fills `octets` with what belongs at `position` of a stream.
pub(super) fn fill(octets: &mut [u8], mut position: u64) {
    for chunk in octets.chunks_mut(CHUNK) {
        chunk.copy_from_slice(run(position, chunk.len()));
        position += chunk.len() as u64;
    }
}

/// Whether `octets` are what belongs at `position` of a stream.
pub(super) fn matches(octets: &[u8], mut position: u64) -> bool {
    octets.chunks(CHUNK).all(|chunk| {
        let same = chunk == run(position, chunk.len());
        position += chunk.len() as u64;
        same
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_written_in_pieces_reads_as_one() {
        let mut octets = vec![0; 20_000];
        let mut at = 0;
        for len in [1, 1460, 4096, 4097, 10_000, 346] {
            fill(&mut octets[at..at + len], 77 + at as u64);
            at += len;
        }
        assert_eq!(at, octets.len());
        assert!(matches(&octets, 77));
    }

    #[test]
    fn any_shift_and_any_changed_octet_shows() {
        let mut octets = vec![0; 1460];
        fill(&mut octets, 1_000_000);
        for shift in (1..PERIOD as u64).chain([4096, 65_536, 1_460_000]) {
            assert!(!matches(&octets, 1_000_000 + shift), "shifted by {shift}");
        }
        octets[1459] ^= 1;
        assert!(!matches(&octets, 1_000_000));
    }
}
