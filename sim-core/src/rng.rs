//! Random streams with names.

use rand::SeedableRng;

/// The generator of every stream: ChaCha with 8 rounds, whose output is specified and which has
/// 2^64 independent streams per key.
pub type SimRng = rand_chacha::ChaCha8Rng;

/// All random streams of one replication.
///
/// A stream belongs to an entity and a purpose, and depends on their names and on the seed, on
/// nothing else. So an entity that is added shifts nobody's draws, and two network modes see the
/// same arrivals and sizes (common random numbers).
///
/// ```
/// use rand::Rng;
/// use sim_core::Streams;
///
/// let streams = Streams::for_replication(1, 0);
/// let mut arrivals = streams.stream("client-0", "arrivals");
/// let mut again = streams.stream("client-0", "arrivals");
/// assert_eq!(arrivals.next_u64(), again.next_u64());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    key: [u8; 32],
}

impl Streams {
    /// The streams of a master seed.
    #[must_use]
    pub fn new(master: u64) -> Self {
        Self::keyed(master, 0)
    }

    /// The streams of one of several independent replications of a master seed. Replication 0 has
    /// the streams of [`Streams::new`].
    #[must_use]
    pub fn for_replication(master: u64, replication: u32) -> Self {
        Self::keyed(master, u64::from(replication))
    }

    /// The key is two words of the master seed and two of the replication, so that two pairs never
    /// share one.
    fn keyed(master: u64, replication: u64) -> Self {
        let words = [
            mix(master),
            mix(master ^ GOLDEN),
            mix(replication),
            mix(replication ^ GOLDEN),
        ];
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self { key }
    }

    /// The stream of an entity for one purpose, from its start.
    #[must_use]
    pub fn stream(&self, entity: &str, purpose: &str) -> SimRng {
        self.numbered(name_hash(entity, purpose))
    }

    /// The same stream, to be drawn from perhaps.
    #[must_use]
    pub fn lazy(&self, entity: &str, purpose: &str) -> LazyStream {
        LazyStream {
            streams: *self,
            number: name_hash(entity, purpose),
            rng: None,
        }
    }

    fn numbered(&self, stream: u64) -> SimRng {
        let mut rng = SimRng::from_seed(self.key);
        rng.set_stream(stream);
        rng
    }
}

/// A stream that is made when it is first drawn from: most of a large world's never are, and each
/// keeps a block of output.
#[derive(Clone, Debug)]
pub struct LazyStream {
    streams: Streams,
    number: u64,
    rng: Option<Box<SimRng>>,
}

impl LazyStream {
    /// The stream, from where it was left.
    pub fn get(&mut self) -> &mut SimRng {
        let (streams, number) = (self.streams, self.number);
        self.rng
            .get_or_insert_with(|| Box::new(streams.numbered(number)))
    }
}

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// One step of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection of 64-bit words.
const fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a, 64 bits, over both names with a zero byte between them. Among 10^5 streams two share a
/// number with probability 3 in 10^10.
fn name_hash(entity: &str, purpose: &str) -> u64 {
    entity
        .bytes()
        .chain([0])
        .chain(purpose.bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::{Streams, name_hash};
    use rand::Rng;

    fn first(streams: Streams, entity: &str, purpose: &str) -> [u64; 3] {
        let mut rng = streams.stream(entity, purpose);
        [rng.next_u64(), rng.next_u64(), rng.next_u64()]
    }

    /// If this fails, every result of every scenario has changed.
    #[test]
    fn golden_vectors() {
        let lines = [
            first(Streams::new(1), "client-0", "arrivals"),
            first(Streams::new(1), "client-0", "sizes"),
            first(Streams::new(2), "client-0", "arrivals"),
            first(Streams::for_replication(1, 1), "client-0", "arrivals"),
        ]
        .map(|words| words.map(|word| format!("{word:016x}")).join(" "))
        .join("\n");
        insta::assert_snapshot!(lines, @r#"
            a0360fb4b8735254 f643bc221034f3e8 07aa1f95a35d1313
            e6efab78077176e9 598b65ff57f8fe2c 248a6cc159d07163
            2ed0772f0e4592dc b9174acda89a0978 361cc3d5b6ab5d51
            8edf8502567f807d 0cff0296a25866b6 65165ca9200e4a01
            "#);
    }

    #[test]
    fn a_lazy_stream_is_the_same_stream() {
        let mut lazy = Streams::new(1).lazy("client-0", "arrivals");
        let drawn = [lazy.get().next_u64(), lazy.get().next_u64()];
        assert_eq!(drawn, first(Streams::new(1), "client-0", "arrivals")[..2]);
    }

    #[test]
    fn the_name_hash_is_fnv_1a() {
        // Published vector: FNV-1a 64 of "foobar" is 85944171f73967e8; ours of ("", "") is of "\0".
        assert_eq!(name_hash("", ""), 0xaf63_bd4c_8601_b7df);
        assert_ne!(name_hash("ab", "c"), name_hash("a", "bc"));
    }

    #[test]
    fn every_part_of_the_name_matters() {
        let all = [
            first(Streams::new(1), "a", "x"),
            first(Streams::new(1), "a", "y"),
            first(Streams::new(1), "b", "x"),
            first(Streams::new(2), "a", "x"),
            first(Streams::for_replication(1, 1), "a", "x"),
            first(Streams::for_replication(2, 1), "a", "x"),
        ];
        for (index, words) in all.iter().enumerate() {
            assert!(!all[..index].contains(words));
        }
        assert_eq!(Streams::new(7), Streams::for_replication(7, 0));
    }

    #[test]
    fn streams_are_balanced_and_uncorrelated() {
        let streams = Streams::new(42);
        let (mut a, mut b) = (streams.stream("a", "x"), streams.stream("b", "x"));
        let agree: u32 = (0..1_000)
            .map(|_| (!(a.next_u64() ^ b.next_u64())).count_ones())
            .sum();
        // 64,000 fair coins: five standard deviations are 632.
        assert!(agree.abs_diff(32_000) < 632, "{agree}");
    }
}
