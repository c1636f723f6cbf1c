//! What `sampling.h` does, in plain Rust.

/// One CPU's choice.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    state: u64,
    one_in: u32,
    gap: i64,
}

impl Sampler {
    /// As the first CPU begins with this seed: the first number of splitmix64.
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self { state: (bits ^ (bits >> 31)).max(1), one_in: 0, gap: 0 }
    }

    fn random(&mut self) -> u32 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn draw(&mut self, most: u32) -> u32 {
        ((u64::from(self.random()) * u64::from(most)) >> 32) as u32 + 1
    }

    /// Whether the next packet is taken.
    pub(crate) fn takes(&mut self, one_in: u32) -> bool {
        if self.one_in != one_in {
            let one = self.draw(2 * one_in);
            let other = self.draw(2 * one_in - 1);
            let other = if other >= one { other + 1 } else { other };
            (self.one_in, self.gap) = (one_in, one.min(other).into());
        }
        self.gap -= 1;
        if self.gap > 0 {
            return false;
        }
        self.gap = self.draw(2 * one_in - 1).into();
        true
    }
}
