//! What bursts can be grouped by.

use super::BurstSums;
use crate::columns::{GroupColumn, Groupable, columns, number, word};
use crate::field::Field;
use netrig_model::{BURST_COLUMNS, BurstRecord, Column, Direction};
use std::hash::{Hash, Hasher};

impl Groupable for BurstRecord {
    type Sums = BurstSums;
    const WORD: &'static str = "bursts";
    const ALL_COLUMNS: &'static [Column] = BURST_COLUMNS;
    const COLUMNS: &'static [GroupColumn<Self>] = COLUMNS;
    const IDENTITY: &'static [&'static str] = &[];
    const ALIASES: &'static [(&'static str, &'static [&'static str])] = &[];
    const EXAMPLES: [&'static str; 2] = ["iface", "direction"];

    fn sums(&self, _members: u64) -> BurstSums {
        BurstSums::of(self)
    }

    fn identify<H: Hasher>(&self, hasher: &mut H) {
        (&self.iface, self.direction, self.burst_start).hash(hasher);
    }
}

const COLUMNS: &[GroupColumn<BurstRecord>] = columns! {
    iface = |r, w| word(r.iface.as_deref(), w),
    direction = |r, w| word(r.direction.map(Direction::as_str), w),
    trigger = |r, w| word(Some(r.trigger.as_str()), w),
    link_bits_per_second = |r, _| number(r.link_bits_per_second),
    bucket_ns = |r, _| number(Some(r.bucket_ns)),
    host = |r, w| word(r.host.as_deref(), w),
    window_start = |r, _| Field::Time(r.window_start),
    window_end = |r, _| Field::Time(r.window_end),
};
