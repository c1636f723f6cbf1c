//! The highest bursts, and what all of them are like on each interface.

use super::BurstSums;
use crate::columns::Groupable;
use crate::group::Sum;
use netrig_model::{BurstRecord, Direction, Histogram};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Bursts held at once: some 50 MB at most.
const HELD_MAX: usize = 10_000;
const NS_PER_S: f64 = 1e9;

/// An interface and direction.
pub(super) type Ring = (Option<String>, Option<Direction>);

/// Keeps the highest bursts, and sums all.
#[derive(Debug)]
pub struct BurstList {
    top: usize,
    held: Vec<BurstRecord>,
    interfaces: BTreeMap<Ring, InterfaceBursts>,
}

/// What all bursts of one direction of an interface are like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct InterfaceBursts {
    pub(super) sums: BurstSums,
    pub(super) link_bits_per_second: Option<u64>,
    pub(super) lengths: Histogram,
    pub(super) gaps: Histogram,
}

/// The bursts that are listed.
#[derive(Debug)]
pub struct ListedBursts {
    /// The highest, those first.
    pub bursts: Vec<BurstRecord>,
    /// Sums of those that are not listed.
    pub rest: BurstSums,
    pub(super) interfaces: BTreeMap<Ring, InterfaceBursts>,
}

impl BurstList {
    /// Lists the `top` highest.
    #[must_use]
    pub fn new(top: usize) -> Self {
        Self { top: top.min(HELD_MAX), held: Vec::new(), interfaces: BTreeMap::new() }
    }

    /// Adds one burst.
    pub fn add(&mut self, record: BurstRecord) {
        let interface = self.interfaces.entry((record.iface.clone(), record.direction)).or_default();
        interface.sums.add(&record.sums(0));
        interface.link_bits_per_second = record.link_bits_per_second.or(interface.link_bits_per_second);
        interface.lengths.add(&one(record.duration_ns));
        if let Some(gap_ns) = record.gap_ns {
            interface.gaps.add(&one(gap_ns));
        }
        self.held.push(record);
        if self.held.len() > self.top.saturating_mul(2).max(1_000) {
            self.keep_the_highest();
        }
    }

    /// The highest of them.
    #[must_use]
    pub fn finish(mut self) -> ListedBursts {
        self.keep_the_highest();
        let mut rest = BurstSums::default();
        self.interfaces.values().for_each(|interface| rest.add(&interface.sums));
        for listed in &self.held {
            rest.bursts -= 1;
            rest.bytes = rest.bytes.saturating_sub(listed.bytes);
        }
        ListedBursts { bursts: self.held, rest, interfaces: self.interfaces }
    }

    fn keep_the_highest(&mut self) {
        self.held.sort_by_key(|r| (Reverse(r.peak_bits_per_second), r.burst_start, r.iface.clone(), r.direction));
        self.held.truncate(self.top);
    }
}

/// The distribution of one time.
fn one(ns: u64) -> Histogram {
    let octaves = (ns.max(1) as f64 / NS_PER_S).log2();
    let bucket = (octaves * f64::from(Histogram::BUCKETS_PER_OCTAVE)).ceil() as i32;
    Histogram { buckets: vec![(bucket, 1)], sum_ns: ns }
}
