//! What drops can be grouped by.

use super::DropSums;
use crate::columns::{GroupBy, GroupColumn, Groupable, columns, number, word};
use crate::field::Field;
use netrig_model::{Column, DROP_COLUMNS, Direction, DropClass, DropRecord, PacketFamily};
use std::hash::{Hash, Hasher};

impl Groupable for DropRecord {
    type Sums = DropSums;
    const WORD: &'static str = "drops";
    const ALL_COLUMNS: &'static [Column] = DROP_COLUMNS;
    const COLUMNS: &'static [GroupColumn<Self>] = COLUMNS;
    const IDENTITY: &'static [&'static str] = &[];
    const EXAMPLES: [&'static str; 2] = ["reason", "process"];

    /// What is counted are the packets in it.
    fn sums(&self, _members: u64) -> DropSums {
        DropSums { packets: self.packets, bytes: self.bytes }
    }

    fn identify<H: Hasher>(&self, hasher: &mut H) {
        (self.source, &self.reason, &self.place).hash(hasher);
    }
}

impl GroupBy<DropRecord> {
    /// A line for each reason at each place and interface.
    #[must_use]
    pub fn reasons() -> Self {
        Self::named(&["source", "class", "reason", "place", "iface", "direction"])
    }

    /// Whether those who count are told apart: else only one of them may be summed, for they count the same packets.
    #[must_use]
    pub fn keeps_sources_apart(&self) -> bool {
        self.position("source").is_some()
    }
}

/// In the order of the records' own columns, but when and on which host come last.
const COLUMNS: &[GroupColumn<DropRecord>] = columns! {
    source = |r, w| word(Some(r.source.as_str()), w),
    class = |r, w| word(r.class.map(DropClass::as_str), w),
    reason = |r, w| word(Some(&r.reason), w),
    place = |r, w| word(r.place.as_deref(), w),
    iface = |r, w| word(r.iface.as_deref(), w),
    netns = |r, _| number(r.netns),
    direction = |r, w| word(r.direction.map(Direction::as_str), w),
    family = |r, w| word(r.family.map(PacketFamily::as_str), w),
    protocol = |r, _| number(r.protocol),
    transport = |r, w| word(r.transport.as_deref(), w),
    src_addr = |r, _| r.src_addr.map_or(Field::Null, Field::Address),
    src_port = |r, _| number(r.src_port),
    dst_addr = |r, _| r.dst_addr.map_or(Field::Null, Field::Address),
    dst_port = |r, _| number(r.dst_port),
    process = |r, w| word(r.process.as_deref(), w),
    pid = |r, _| number(r.pid),
    cgroup = |r, w| word(r.cgroup.as_deref(), w),
    container = |r, w| word(r.container.as_deref(), w),
    host = |r, w| word(r.host.as_deref(), w),
    window_start = |r, _| Field::Time(r.window_start),
    window_end = |r, _| Field::Time(r.window_end),
};
