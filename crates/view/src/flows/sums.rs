//! What is summed of flows.

use crate::group::{Sum, dashed};
use crate::table::Column;
use crate::units;
use netrig_model::Timestamp;

/// What is summed for a group of flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowSums {
    /// Packets from initiator to responder.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets from responder to initiator.
    pub reverse_packets: u64,
    /// Their bytes.
    pub reverse_bytes: u64,
    /// Flows, told apart by addresses, ports, protocol, interface and tags; one with records in many windows counts once.
    pub flows: u64,
    /// Packets of theirs that this host dropped; none where nobody looked.
    pub dropped_packets: Option<u64>,
    /// Start of the first window with a record of the group.
    pub start: Timestamp,
    /// End of the last one.
    pub end: Timestamp,
}

impl FlowSums {
    /// Packets both ways.
    #[must_use]
    pub fn total_packets(&self) -> u64 {
        self.packets.saturating_add(self.reverse_packets)
    }

    /// Bytes both ways.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.bytes.saturating_add(self.reverse_bytes)
    }

    /// Nanoseconds from the first window to the last.
    #[must_use]
    pub fn span_ns(&self) -> i64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Bits a second over its windows, as text.
    pub(super) fn rate(&self) -> String {
        let bits = units::rate(self.total_bytes(), self.span_ns()).map(|bytes| bytes * 8.0);
        dashed(bits.map(units::bits_per_second).unwrap_or_default())
    }
}

impl Sum for FlowSums {
    const NAMES: &'static [&'static str] =
        &["packets", "bytes", "reverse_packets", "reverse_bytes", "flows", "dropped_packets"];

    fn add(&mut self, other: &Self) {
        if self.end == Timestamp::default() {
            self.start = other.start;
        }
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.reverse_packets = self.reverse_packets.saturating_add(other.reverse_packets);
        self.reverse_bytes = self.reverse_bytes.saturating_add(other.reverse_bytes);
        self.flows += other.flows;
        if let Some(more) = other.dropped_packets {
            self.dropped_packets = Some(self.dropped_packets.unwrap_or(0).saturating_add(more));
        }
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
    }

    fn size(&self) -> u64 {
        self.total_bytes()
    }

    fn set_members(&mut self, members: u64) {
        self.flows = members;
    }

    fn values(&self) -> Vec<Option<u64>> {
        let counts = [self.packets, self.bytes, self.reverse_packets, self.reverse_bytes, self.flows];
        counts.map(Some).into_iter().chain([self.dropped_packets]).collect()
    }

    fn table_columns() -> Vec<Column> {
        vec![
            Column::number("PACKETS"),
            Column::number("BYTES"),
            Column::number("SENT").optional(),
            Column::number("RECEIVED").optional(),
            Column::number("RATE"),
            Column::number("FLOWS"),
        ]
    }

    fn table_cells(&self) -> Vec<String> {
        vec![
            units::count(self.total_packets()),
            units::bytes(self.total_bytes()),
            units::bytes(self.bytes),
            units::bytes(self.reverse_bytes),
            self.rate(),
            units::count(self.flows),
        ]
    }

    fn in_words(&self) -> String {
        format!("{} packets, {}", units::count(self.total_packets()), units::bytes(self.total_bytes()))
    }
}
