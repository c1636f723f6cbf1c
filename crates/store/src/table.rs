//! The tables of the store.

use netrig_model::{
    BURST_COLUMNS, CONNECTION_COLUMNS, Column, DROP_COLUMNS, FLOW_COLUMNS, LATENCY_COLUMNS, LEDGER_COLUMNS,
    POLICY_EVENT_COLUMNS, REQUEST_COLUMNS,
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
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 8] = [
        Self::Flows,
        Self::Connections,
        Self::Latency,
        Self::Drops,
        Self::Bursts,
        Self::Requests,
        Self::PolicyEvents,
        Self::Ledger,
    ];

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
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
