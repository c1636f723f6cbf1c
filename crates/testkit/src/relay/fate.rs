//! What becomes of packets on a relay.

use super::Packet;
use std::fmt;
use std::time::Duration;

/// What becomes of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is handed on after the relay's delay.
    Pass,
    /// It is lost.
    Drop,
    /// It arrives twice.
    Twice,
    /// It takes that much longer, so that later ones overtake it.
    Late(Duration),
    /// It arrives with the mark of congestion (CE), if its sender speaks ECN.
    Marked,
}

/// What becomes of each packet: a function of the packet and of what it remembers of others, not of chance.
pub struct Fates(Box<dyn FnMut(&Packet<'_>) -> Fate + Send>);

impl Fates {
    /// As `decide` says, packet by packet.
    pub fn new(decide: impl FnMut(&Packet<'_>) -> Fate + Send + 'static) -> Self {
        Self(Box::new(decide))
    }

    /// The same for all.
    #[must_use]
    pub fn all(fate: Fate) -> Self {
        Self::new(move |_| fate)
    }

    /// `fate` for every packet that `of` picks; the others pass.
    pub fn each(fate: Fate, of: impl Fn(&Packet<'_>) -> bool + Send + 'static) -> Self {
        Self::new(move |packet| if of(packet) { fate } else { Fate::Pass })
    }

    /// `fate` for the packets with these numbers, from 1, among those that `of` picks; a repetition has a number of its own.
    pub fn nth(numbers: &[u64], fate: Fate, of: impl Fn(&Packet<'_>) -> bool + Send + 'static) -> Self {
        let (numbers, mut count) = (numbers.to_vec(), 0);
        Self::new(move |packet| {
            count += u64::from(of(packet));
            if of(packet) && numbers.contains(&count) { fate } else { Fate::Pass }
        })
    }

    /// `fate` for every `n`th packet that `of` picks: the `n`th, the `2n`th, …
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn every(n: u64, fate: Fate, of: impl Fn(&Packet<'_>) -> bool + Send + 'static) -> Self {
        assert!(n > 0, "every 0th packet is none");
        let mut count = 0;
        Self::new(move |packet| {
            count += u64::from(of(packet));
            if of(packet) && count % n == 0 { fate } else { Fate::Pass }
        })
    }

    /// `fate` for about `per_mille` of a thousand that `of` picks, always the same ones for the same seed.
    pub fn seeded(seed: u64, per_mille: u64, fate: Fate, of: impl Fn(&Packet<'_>) -> bool + Send + 'static) -> Self {
        let mut state = seed;
        Self::new(
            move |packet| if of(packet) && next_random(&mut state) % 1000 < per_mille { fate } else { Fate::Pass },
        )
    }

    pub(super) fn of(&mut self, packet: &Packet<'_>) -> Fate {
        (self.0)(packet)
    }
}

impl fmt::Debug for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fates")
    }
}

/// SplitMix64: a step, and its numbers are as good as random.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::End;
    use super::*;

    fn dropped(mut fates: Fates, packets: usize) -> Vec<usize> {
        let packet = Packet { from: End::Left, bytes: &[] };
        (1..=packets).filter(|_| fates.of(&packet) == Fate::Drop).collect()
    }

    #[test]
    fn packets_are_picked_by_number() {
        assert_eq!(dropped(Fates::nth(&[1, 4], Fate::Drop, |_| true), 6), [1, 4]);
        assert_eq!(dropped(Fates::every(3, Fate::Drop, |_| true), 7), [3, 6]);
        assert_eq!(dropped(Fates::every(1, Fate::Drop, |packet| packet.from == End::Right), 7), [0; 0]);
        assert_eq!(dropped(Fates::all(Fate::Drop), 2), [1, 2]);
    }

    #[test]
    fn the_same_seed_picks_the_same_packets_about_as_many_as_asked_for() {
        let seeded = |seed| dropped(Fates::seeded(seed, 100, Fate::Drop, |_| true), 10_000);
        assert_eq!(seeded(7), seeded(7));
        assert_ne!(seeded(7), seeded(8));
        assert!((900..1100).contains(&seeded(7).len()), "{}", seeded(7).len());
    }
}
