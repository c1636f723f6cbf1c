//! Making less of flow records without making anything up: minutes without clients' ports, hours of the largest and of networks.
//!
//! - [`Fold`] adds rows up by their keys; [`Census`] finds the hour's largest flows before that, so that those are kept whole.
//! - [`reduce_rows`] does it for rows in memory; the store does it file by file ([`crate::reduction`]).
//!
//! Sums of packets, bytes and drops over any level are those of the detail, to the last one. A record belongs to the minute
//! and hour in which its window starts, however far it reaches.

mod census;
mod fold;
mod key;
mod report;

pub(crate) use census::Census;
pub(crate) use fold::Fold;
pub use report::{LevelReport, Recall, Subject, report};

use crate::{Range, Table};
use netrig_model::{ReducedFlowRecord, Timestamp};

/// Of each interface and hour, the flows with most bytes that stay whole.
pub const WHOLE_ROWS_MAX: usize = 1000;

/// Of an hour, the rows of networks with most bytes; what is beyond goes into the rows of the rest.
pub const PREFIX_ROWS_MAX: usize = 4096;

/// Bits of IPv4 networks at the level of hours.
pub const PREFIX_BITS_V4: u8 = 24;

/// Bits of IPv6 networks at the level of hours.
pub const PREFIX_BITS_V6: u8 = 48;

/// A level of detail below that of the windows' own records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Minutes, without the ports of clients.
    Minute,
    /// Hours: the largest flows whole, the rest by networks, and the rest of those by interface and protocol.
    Hour,
}

impl Level {
    /// Both, the finer first.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// Where its rows are.
    #[must_use]
    pub fn table(self) -> Table {
        match self {
            Self::Minute => Table::FlowsMinute,
            Self::Hour => Table::FlowsHour,
        }
    }

    /// The table whose rows it is made of.
    #[must_use]
    pub fn finer(self) -> Table {
        match self {
            Self::Minute => Table::Flows,
            Self::Hour => Table::FlowsMinute,
        }
    }

    /// The level whose rows are in this table; none for the detail and for tables that are not of flows.
    #[must_use]
    pub fn of(table: Table) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.table() == table)
    }

    /// What it can no longer tell, in words.
    #[must_use]
    pub fn forgets(self) -> &'static str {
        match self {
            Self::Minute => {
                "ports of clients, single flows between the same addresses and service, times within the minute, pid, cgroup, \
                 DSCP, why flows ended"
            }
            Self::Hour => {
                "all that minutes forget, times within the hour, and addresses of flows that are not among the 1,000 largest \
                 of their interface and hour: of those /24 (IPv6: /48) networks are told, of the smallest nothing but \
                 interface and protocol"
            }
        }
    }

    pub(crate) fn period_ns(self) -> i64 {
        match self {
            Self::Minute => 60_000_000_000,
            Self::Hour => 3_600_000_000_000,
        }
    }
}

/// Rows of any finer level, or of this one, as rows of `level`: sorted, the same whatever their order was. All are in memory.
#[must_use]
pub fn reduce_rows(level: Level, rows: &[ReducedFlowRecord]) -> Vec<ReducedFlowRecord> {
    let none = Range { start: Timestamp(i64::MAX), end: Timestamp(i64::MIN) };
    let window = |row: &ReducedFlowRecord| Range { start: row.window_start, end: row.window_end };
    let range = rows.iter().fold(none, |all, row| all.union(&window(row)));
    let mut fold = Fold::new(level, range);
    if level == Level::Hour {
        let mut census = Census::default();
        rows.iter().for_each(|row| census.count(row));
        fold.keep_whole(&census);
    }
    rows.iter().for_each(|row| fold.add(row));
    fold.take_rows()
}

#[cfg(test)]
mod tests;
