//! The tables of the store.

use netrig_model::{
    BURST_COLUMNS, CONNECTION_COLUMNS, Column, DROP_COLUMNS, FLOW_COLUMNS, LATENCY_COLUMNS, LEDGER_COLUMNS,
    POLICY_EVENT_COLUMNS, REDUCED_FLOW_COLUMNS, REQUEST_COLUMNS,
};
use std::fmt;

/// A table: a folder of segments with the same columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Flow records.
    Flows,
    /// Connection records.
    Connections,
    /// Where messages spent their time.
    Latency,
    /// What the kernel threw away.
    Drops,
    /// Bursts.
    Bursts,
    /// Requests and their answers.
    Requests,
    /// Packets that policies' rules matched.
    PolicyEvents,
    /// The ledger.
    Ledger,
    /// Flows of which minutes are kept, without clients' ports.
    FlowsMinute,
    /// Flows of which hours are kept: the largest whole, the rest by networks.
    FlowsHour,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 10] = [
        Self::Flows,
        Self::Connections,
        Self::Latency,
        Self::Drops,
        Self::Bursts,
        Self::Requests,
        Self::PolicyEvents,
        Self::Ledger,
        Self::FlowsMinute,
        Self::FlowsHour,
    ];

    /// The tables that hold flows, the finest level first. What one of them has of a stretch of time, no finer one has.
    pub const FLOW_LEVELS: [Self; 3] = [Self::Flows, Self::FlowsMinute, Self::FlowsHour];

    /// Its name: in SQL, as a folder, and as the first part of a segment's file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Connections => "connections",
            Self::Latency => "latency",
            Self::Drops => "drops",
            Self::Bursts => "bursts",
            Self::Requests => "requests",
            Self::PolicyEvents => "policy_events",
            Self::Ledger => "ledger",
            Self::FlowsMinute => "flows_1m",
            Self::FlowsHour => "flows_1h",
        }
    }

    /// Its columns, in order.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Flows => FLOW_COLUMNS,
            Self::Connections => CONNECTION_COLUMNS,
            Self::Latency => LATENCY_COLUMNS,
            Self::Drops => DROP_COLUMNS,
            Self::Bursts => BURST_COLUMNS,
            Self::Requests => REQUEST_COLUMNS,
            Self::PolicyEvents => POLICY_EVENT_COLUMNS,
            Self::Ledger => LEDGER_COLUMNS,
            Self::FlowsMinute | Self::FlowsHour => REDUCED_FLOW_COLUMNS,
        }
    }
}

impl Table {
    /// Its place among [`Self::FLOW_LEVELS`].
    pub(crate) fn level(self) -> Option<usize> {
        Self::FLOW_LEVELS.iter().position(|each| *each == self)
    }

    /// Whether a file of this table takes the place of one of `other` whose range lies within its own: they are the same table,
    /// or the coarser and the finer level of flows.
    pub(crate) fn stands_for(self, other: Self) -> bool {
        self == other || self.level().zip(other.level()).is_some_and(|(mine, its)| mine > its)
    }

    /// The tables whose files may take each other's place.
    pub(crate) fn family(self) -> &'static [Self] {
        match Self::ALL.iter().position(|each| *each == self) {
            _ if self.level().is_some() => &Self::FLOW_LEVELS,
            Some(i) => &Self::ALL[i..=i],
            None => &[],
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
