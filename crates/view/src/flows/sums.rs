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
    /// How far each of these may be from the truth, where flows were sampled.
    pub errors: FlowErrors,
    /// Flows, told apart by addresses, ports, protocol, interface and tags; one with records in many windows counts once.
    pub flows: u64,
    /// Packets of theirs that this host dropped; none where nobody looked.
    pub dropped_packets: Option<u64>,
    /// Start of the first window with a record of the group.
    pub start: Timestamp,
    /// End of the last one.
    pub end: Timestamp,
}

/// Squares of what 95 % of counts lie within: errors that have nothing to do with each other add up as their squares do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowErrors([u128; 4]);

impl FlowErrors {
    /// Of a record's packets, bytes, and the same of the reverse direction. What is not known was counted before flows could be
    /// sampled.
    pub(super) fn of(errors: [Option<u64>; 4]) -> Self {
        Self(errors.map(|error| u128::from(error.unwrap_or(0)).pow(2)))
    }

    fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
    }

    /// Of the sum of the counts at these places; 0: it is exact.
    fn bound(&self, places: &[usize]) -> u64 {
        let squares = places.iter().fold(0_u128, |sum, place| sum.saturating_add(self.0[*place]));
        (squares as f64).sqrt().ceil() as u64
    }
}

impl FlowSums {
    /// How far [`Self::total_packets`] may be from the truth; 0: it is exact.
    #[must_use]
    pub fn packets_error(&self) -> u64 {
        self.errors.bound(&[0, 2])
    }

    /// How far [`Self::total_bytes`] may be from the truth; 0: it is exact.
    #[must_use]
    pub fn bytes_error(&self) -> u64 {
        self.errors.bound(&[1, 3])
    }

    /// Packets both ways, as text.
    pub(super) fn packets_text(&self) -> String {
        with_error(self.total_packets(), self.packets_error(), units::count)
    }

    /// Bytes both ways, as text.
    pub(super) fn bytes_text(&self) -> String {
        with_error(self.total_bytes(), self.bytes_error(), units::bytes)
    }

    /// Bytes from the initiator, as text.
    pub(super) fn sent_text(&self) -> String {
        with_error(self.bytes, self.errors.bound(&[1]), units::bytes)
    }

    /// Bytes from the responder, as text.
    pub(super) fn received_text(&self) -> String {
        with_error(self.reverse_bytes, self.errors.bound(&[3]), units::bytes)
    }

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
    const NAMES: &'static [&'static str] = &[
        "packets",
        "bytes",
        "reverse_packets",
        "reverse_bytes",
        "flows",
        "dropped_packets",
        "packets_error",
        "bytes_error",
        "reverse_packets_error",
        "reverse_bytes_error",
    ];

    fn add(&mut self, other: &Self) {
        if self.end == Timestamp::default() {
            self.start = other.start;
        }
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.reverse_packets = self.reverse_packets.saturating_add(other.reverse_packets);
        self.reverse_bytes = self.reverse_bytes.saturating_add(other.reverse_bytes);
        self.errors.add(&other.errors);
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
        let errors = [0, 1, 2, 3].map(|place| Some(self.errors.bound(&[place])));
        counts.map(Some).into_iter().chain([self.dropped_packets]).chain(errors).collect()
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
            self.packets_text(),
            self.bytes_text(),
            self.sent_text(),
            self.received_text(),
            self.rate(),
            units::count(self.flows),
        ]
    }

    fn in_words(&self) -> String {
        format!("{} packets, {}", self.packets_text(), self.bytes_text())
    }
}

/// Nothing is said of what is exact.
fn with_error(count: u64, error: u64, text: fn(u64) -> String) -> String {
    if error == 0 { text(count) } else { format!("{} ±{}", text(count), text(error)) }
}
