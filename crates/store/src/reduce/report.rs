//! What each level still tells, beside the exact truth.

use super::{Level, reduce_rows};
use crate::{StoreError, to_parquet};
use netrig_model::{FlowRecord, ReducedFlowRecord, Told};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// So many of the largest are looked for.
const TOP: usize = 100;

/// By what flows are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Single flows, with both ports.
    Flow,
    /// Who uses which service: both addresses and the responder's port.
    Use,
    /// Initiators.
    SrcAddr,
    /// Responders.
    DstAddr,
    /// Services' ports.
    DstPort,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Flow, Self::Use, Self::SrcAddr, Self::DstAddr, Self::DstPort];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Use => "use",
            Self::SrcAddr => "src_addr",
            Self::DstAddr => "dst_addr",
            Self::DstPort => "dst_port",
        }
    }
}

/// What a level tells by one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Recall {
    /// By what.
    pub subject: Subject,
    /// Of the 100 with most bytes in truth (or all, if there are fewer), how many are among the 100 that it tells.
    pub found: usize,
    /// How many were looked for.
    pub sought: usize,
    /// Different ones in truth.
    pub distinct: usize,
    /// Different ones that it tells.
    pub distinct_told: usize,
}

/// One level beside the truth.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelReport {
    /// Which; none: the detail itself.
    pub level: Option<Level>,
    /// Its rows.
    pub rows: u64,
    /// Their bytes as a file of the store.
    pub bytes: u64,
    /// By how much its sums of packets and bytes, either way, differ from the truth. Anything but 0 is a bug.
    pub sum_error: u64,
    /// By each subject.
    pub recalls: Vec<Recall>,
}

/// Reduces these records to each level and compares it with them.
///
/// # Errors
/// Only a record that the format cannot hold, which would be a bug.
pub fn report(flows: &[FlowRecord]) -> Result<Vec<LevelReport>, StoreError> {
    let truth: Vec<_> = flows.iter().cloned().map(ReducedFlowRecord::from).collect();
    let detail = LevelReport { bytes: to_parquet(flows)?.len() as u64, ..beside(None, &truth, &truth) };
    let mut all = vec![detail];
    let mut finer = truth.clone();
    for level in Level::ALL {
        finer = reduce_rows(level, &finer);
        all.push(LevelReport { bytes: to_parquet(&finer)?.len() as u64, ..beside(Some(level), &truth, &finer) });
    }
    Ok(all)
}

fn beside(level: Option<Level>, truth: &[ReducedFlowRecord], told: &[ReducedFlowRecord]) -> LevelReport {
    let error = sums(truth).into_iter().zip(sums(told)).map(|(a, b)| u64::try_from(a.abs_diff(b)).unwrap_or(u64::MAX));
    LevelReport {
        level,
        rows: told.len() as u64,
        bytes: 0,
        sum_error: error.fold(0, u64::saturating_add),
        recalls: Subject::ALL.into_iter().map(|subject| recall(subject, truth, told)).collect(),
    }
}

fn sums(rows: &[ReducedFlowRecord]) -> [u128; 4] {
    let sum = |get: fn(&ReducedFlowRecord) -> u64| rows.iter().map(|row| u128::from(get(row))).sum();
    [sum(|r| r.packets), sum(|r| r.bytes), sum(|r| r.reverse_packets), sum(|r| r.reverse_bytes)]
}

type Key = (u8, Option<IpAddr>, Option<u16>, Option<IpAddr>, Option<u16>);

/// What a row is of, by a subject; none where it does not tell.
fn key(subject: Subject, row: &ReducedFlowRecord) -> Option<Key> {
    let whole = row.told == Told::Addresses;
    let (src, dst) = (row.src_addr, row.dst_addr);
    match subject {
        Subject::Flow => whole.then_some((row.protocol, src, row.src_port, dst, row.dst_port)),
        Subject::Use => whole.then_some((row.protocol, src, None, dst, row.dst_port)),
        Subject::SrcAddr => whole.then_some((0, src, None, None, None)),
        Subject::DstAddr => whole.then_some((0, None, None, dst, None)),
        Subject::DstPort => row.dst_port.map(|port| (row.protocol, None, None, None, Some(port))),
    }
}

fn recall(subject: Subject, truth: &[ReducedFlowRecord], told: &[ReducedFlowRecord]) -> Recall {
    let (truth, told) = (bytes_by(subject, truth), bytes_by(subject, told));
    let (top, top_told) = (top(&truth), top(&told));
    Recall {
        subject,
        found: top.intersection(&top_told).count(),
        sought: top.len(),
        distinct: truth.len(),
        distinct_told: told.len(),
    }
}

fn bytes_by(subject: Subject, rows: &[ReducedFlowRecord]) -> BTreeMap<Key, u128> {
    let mut bytes = BTreeMap::new();
    for row in rows {
        if let Some(key) = key(subject, row) {
            *bytes.entry(key).or_default() += u128::from(row.bytes) + u128::from(row.reverse_bytes);
        }
    }
    bytes
}

fn top(bytes: &BTreeMap<Key, u128>) -> BTreeSet<Key> {
    let mut all: Vec<_> = bytes.iter().collect();
    all.sort_by_key(|(key, bytes)| (Reverse(**bytes), **key));
    all.into_iter().take(TOP).map(|(key, _)| *key).collect()
}
