//! What connections can be grouped by.

use super::ConnectionSums;
use crate::columns::{GroupColumn, Groupable, columns, number, word};
use crate::field::Field;
use netrig_model::{CONNECTION_COLUMNS, Column, ConnectionRecord, Role, Side, Timestamp};
use std::hash::{Hash, Hasher};

impl Groupable for ConnectionRecord {
    type Sums = ConnectionSums;
    const WORD: &'static str = "connections";
    const ALL_COLUMNS: &'static [Column] = CONNECTION_COLUMNS;
    const COLUMNS: &'static [GroupColumn<Self>] = COLUMNS;
    /// [`super::Latest`] leaves one record of each.
    const IDENTITY: &'static [&'static str] = &[];

    fn sums(&self, members: u64) -> ConnectionSums {
        ConnectionSums::of(self, members)
    }

    /// What is the same in all records of a connection. Which end is the initiator can become known later, so the ends are
    /// told in the order of their addresses; an id that another run of the rig used again has other ends.
    fn identify<H: Hasher>(&self, hasher: &mut H) {
        let (src, dst) = ((self.src_addr, self.src_port), (self.dst_addr, self.dst_port));
        (self.connection_id, self.netns, &self.host, src.min(dst), src.max(dst)).hash(hasher);
    }
}

fn time(at: Option<Timestamp>) -> Field {
    at.map_or(Field::Null, Field::Time)
}

/// In the order of the records' own columns, but sources and destinations before their circumstances.
const COLUMNS: &[GroupColumn<ConnectionRecord>] = columns! {
    src_addr = |r, _| r.src_addr.map_or(Field::Null, Field::Address),
    src_port = |r, _| number(r.src_port),
    dst_addr = |r, _| r.dst_addr.map_or(Field::Null, Field::Address),
    dst_port = |r, _| number(r.dst_port),
    src_name = |r, w| word(r.src_name.as_deref(), w),
    dst_name = |r, w| word(r.dst_name.as_deref(), w),
    process = |r, w| word(r.process.as_deref(), w),
    pid = |r, _| number(r.pid),
    cgroup = |r, w| word(r.cgroup.as_deref(), w),
    container = |r, w| word(r.container.as_deref(), w),
    role = |r, w| word(r.role.map(Role::as_str), w),
    state = |r, w| word(Some(r.state.as_str()), w),
    end_reason = |r, w| word(Some(r.end_reason.as_str()), w),
    error = |r, w| word(r.error.as_deref(), w),
    closed_by = |r, w| word(r.closed_by.map(Side::as_str), w),
    reset_by = |r, w| word(r.reset_by.map(Side::as_str), w),
    reset_reason = |r, w| word(r.reset_reason.as_deref(), w),
    host = |r, w| word(r.host.as_deref(), w),
    netns = |r, _| number(r.netns),
    connection_id = |r, _| number(Some(r.connection_id)),
    mss_bytes = |r, _| number(r.mss_bytes),
    ecn = |r, _| r.ecn.map_or(Field::Null, Field::Truth),
    older_than_rig = |r, _| Field::Truth(r.older_than_rig),
    sampling_rate = |r, _| number(Some(r.sampling_rate)),
    window_start = |r, _| Field::Time(r.window_start),
    window_end = |r, _| Field::Time(r.window_end),
    opened = |r, _| time(r.opened),
    established = |r, _| time(r.established),
    ended = |r, _| time(r.ended),
    last_seen = |r, _| Field::Time(r.last_seen),
};
