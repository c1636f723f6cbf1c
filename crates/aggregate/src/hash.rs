//! A seeded hash of a flow's key: fast because keys are six words, seeded because strangers choose them.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Secret of one table; who does not know it cannot choose keys that collide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed([u64; 3]);

impl Seed {
    /// A secret from the standard library's per-process randomness.
    pub(crate) fn random() -> Self {
        Self(std::array::from_fn(|_| RandomState::new().build_hasher().finish() | 1))
    }

    /// Hash of six words. Each pair of words is whitened with a secret before it is multiplied, so no choice of words
    /// zeroes a factor without knowing it.
    pub(crate) fn hash(self, w: &[u64; 6]) -> u32 {
        let [a, b, c] = self.0;
        let x = fold(w[0] ^ a, w[1] ^ b);
        let y = fold(w[2] ^ b, w[3] ^ c);
        let z = fold(w[4] ^ c, w[5] ^ a);
        let mixed = fold(x ^ z.rotate_left(23) ^ b, y ^ z ^ c);
        (mixed >> 32) as u32 ^ mixed as u32
    }
}

/// Both halves of the full product, folded.
fn fold(x: u64, y: u64) -> u64 {
    let product = u128::from(x) * u128::from(y);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn neighbours_in_every_word_spread() {
        let seed = Seed::random();
        let mut hashes = HashSet::new();
        for word in 0..6 {
            for n in 1..20_000_u64 {
                let mut key = [0; 6];
                key[word] = n;
                hashes.insert(seed.hash(&key));
            }
        }
        // 119,994 draws from 2^32: about 1.7 collisions expected.
        assert!(hashes.len() > 119_994 - 40, "{} distinct", hashes.len());
    }

    #[test]
    fn swapped_words_differ() {
        let seed = Seed::random();
        assert_ne!(seed.hash(&[1, 2, 3, 4, 5, 6]), seed.hash(&[3, 4, 1, 2, 5, 6]));
        assert_ne!(seed.hash(&[1, 2, 3, 4, 5, 6]), seed.hash(&[2, 1, 3, 4, 5, 6]));
    }

    #[test]
    fn two_tables_disagree() {
        let key = [7; 6];
        let hashes: HashSet<_> = (0..8).map(|_| Seed::random().hash(&key)).collect();
        assert!(hashes.len() > 1);
    }
}
