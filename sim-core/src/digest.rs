//! A running checksum over what a run did.

use std::fmt;

/// A 64-bit checksum over a sequence of words: equal sequences have equal digests, and different
/// ones differ but for one chance in 2^64.
///
/// One multiply and two xor-shifts a word, so it can run over every event of every simulation. It
/// guards against accidents, not against forgery.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(u64);

impl Digest {
    /// The digest of the empty sequence.
    #[must_use]
    pub const fn new() -> Self {
        // The first 64 bits of the fraction of pi: any constant but zero will do.
        Self(0x243f_6a88_85a3_08d3)
    }

    /// Appends one word.
    #[inline]
    pub const fn update(&mut self, word: u64) {
        // Injective in the state for a given word and in the word for a given state, so that two
        // sequences of equal length that differ in one word never meet.
        let mixed = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    /// Appends a text: its length, then its bytes.
    pub fn update_str(&mut self, text: &str) {
        self.update(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.update(u64::from_le_bytes(word));
        }
    }

    /// The digest of all words so far, well mixed (the finaliser of SplitMix64).
    #[must_use]
    pub const fn finish(&self) -> u64 {
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:016x})", self.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use proptest::prelude::*;

    fn digest(words: &[u64]) -> u64 {
        let mut digest = Digest::new();
        for &word in words {
            digest.update(word);
        }
        digest.finish()
    }

    #[test]
    fn value_is_stable() {
        assert_eq!(digest(&[]), Digest::default().finish());
        insta::assert_snapshot!(
            format!("{:016x} {:016x} {:016x}", digest(&[]), digest(&[0]), digest(&[1, 2, 3])),
            @"e9e0033e3badaf36 3d2bfcadc8f0f8d6 f7b0136b02dafad7"
        );
    }

    #[test]
    fn length_and_order_matter() {
        assert_ne!(digest(&[]), digest(&[0]));
        assert_ne!(digest(&[0]), digest(&[0, 0]));
        assert_ne!(digest(&[1, 2]), digest(&[2, 1]));
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let of = |parts: &[&str]| {
            let mut digest = Digest::new();
            parts.iter().for_each(|part| digest.update_str(part));
            digest.finish()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a"]), of(&["a\0"]));
        assert_eq!(of(&["bridge0"]), of(&["bridge0"]));
    }

    proptest! {
        #[test]
        fn one_changed_bit_changes_the_digest(
            words in prop::collection::vec(any::<u64>(), 1..20),
            at in any::<prop::sample::Index>(),
            bit in 0..64u32,
        ) {
            let mut other = words.clone();
            other[at.index(words.len())] ^= 1 << bit;
            prop_assert_ne!(digest(&words), digest(&other));
        }
    }
}
