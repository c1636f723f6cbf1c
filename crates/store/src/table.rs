//! The tables of the store.

use netrig_model::{CONNECTION_COLUMNS, Column, FLOW_COLUMNS, LATENCY_COLUMNS, LEDGER_COLUMNS};
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
    /// The ledger.
    Ledger,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 4] = [Self::Flows, Self::Connections, Self::Latency, Self::Ledger];

    /// Its name: in SQL, as a folder, and as the first part of a segment's file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Connections => "connections",
            Self::Latency => "latency",
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
            Self::Ledger => LEDGER_COLUMNS,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
