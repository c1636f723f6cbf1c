//! What is counted at each source.

use super::Source;
use crate::SharedWords;
use crate::wire::capture_count;
use std::mem::offset_of;
use std::ops::AddAssign;

/// Packets at one source so far. `seen ≥ matched = foreign + sampled_out + limited + lost + stored`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They came by.
    pub seen: u64,
    /// Of them, those that the filter takes.
    pub matched: u64,
    /// Of these, those of another process or container, or of nobody's, where one was asked for.
    pub foreign: u64,
    /// Left out by sampling.
    pub sampled_out: u64,
    /// Beyond the rate.
    pub limited: u64,
    /// The ring was full.
    pub lost: u64,
    /// Put into the ring.
    pub stored: u64,
    /// Of these, those that are not whole.
    pub truncated: u64,
}

impl Counts {
    /// Those that the filter takes, of the process or container that is asked for.
    #[must_use]
    pub fn wanted(&self) -> u64 {
        self.matched - self.foreign.min(self.matched)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.seen += other.seen;
        self.matched += other.matched;
        self.foreign += other.foreign;
        self.sampled_out += other.sampled_out;
        self.limited += other.limited;
        self.lost += other.lost;
        self.stored += other.stored;
        self.truncated += other.truncated;
    }
}

/// How the memory of counts is divided: [cpu][source].
#[derive(Clone, Copy, Debug)]
pub(super) struct Partitions {
    /// A power of two.
    pub(super) cpus: u32,
    /// A power of two.
    pub(super) sources: u32,
}

impl Partitions {
    pub(super) fn octets(self) -> usize {
        self.cpus as usize * self.sources as usize * size_of::<capture_count>()
    }

    pub(super) fn counts(self, words: &SharedWords, source: Source) -> Counts {
        let mut all = Counts::default();
        for cpu in 0..self.cpus as usize {
            let first = (cpu * self.sources as usize + usize::from(source)) * size_of::<capture_count>() / 8;
            let word = |offset: usize| words.load(first + offset / 8);
            all += Counts {
                seen: word(offset_of!(capture_count, seen)),
                matched: word(offset_of!(capture_count, matched)),
                foreign: word(offset_of!(capture_count, foreign)),
                sampled_out: word(offset_of!(capture_count, sampled_out)),
                limited: word(offset_of!(capture_count, limited)),
                lost: word(offset_of!(capture_count, lost)),
                stored: word(offset_of!(capture_count, stored)),
                truncated: word(offset_of!(capture_count, truncated)),
            };
        }
        all
    }
}
