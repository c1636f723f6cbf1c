//! What is summed of drops.

use crate::group::{Sum, dashed};
use crate::table::Column;
use crate::units;

/// What is summed for a group of drops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DropSums {
    /// Packets dropped, as the stack counts them.
    pub packets: u64,
    /// Their octets; none where only packets are counted.
    pub bytes: Option<u64>,
}

/// So many, as a word.
pub(super) fn packets(n: u64) -> String {
    if n == 1 { "1 packet".to_owned() } else { format!("{} packets", units::count(n)) }
}

impl Sum for DropSums {
    const NAMES: &'static [&'static str] = &["packets", "bytes"];

    fn add(&mut self, other: &Self) {
        self.packets = self.packets.saturating_add(other.packets);
        if let Some(more) = other.bytes {
            self.bytes = Some(self.bytes.unwrap_or(0).saturating_add(more));
        }
    }

    fn size(&self) -> u64 {
        self.packets
    }

    fn set_members(&mut self, _members: u64) {}

    fn values(&self) -> Vec<Option<u64>> {
        vec![Some(self.packets), self.bytes]
    }

    fn table_columns() -> Vec<Column> {
        vec![Column::number("PACKETS"), Column::number("BYTES")]
    }

    fn table_cells(&self) -> Vec<String> {
        vec![units::count(self.packets), dashed(self.bytes.map(units::bytes).unwrap_or_default())]
    }

    fn in_words(&self) -> String {
        packets(self.packets)
    }
}
