//! What is summed of bursts.

use crate::group::{Sum, dashed};
use crate::table::Column;
use crate::units::{bits_per_second, bytes, count, nanoseconds};
use netrig_model::BurstRecord;

/// What is summed for a group of bursts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BurstSums {
    /// Bursts.
    pub bursts: u64,
    /// Their octets.
    pub bytes: u64,
    /// Their packets.
    pub packets: u64,
    /// Of these, marked by a congested router.
    pub ce_packets: u64,
    /// Segments sent again meanwhile; none where only ingress is summed.
    pub retransmits: Option<u64>,
    /// The most flows in one.
    pub flows_max: u64,
    /// The busiest bucket's rate.
    pub peak_bits_per_second: u64,
    /// All their lengths together, nanoseconds.
    pub duration_ns: u64,
    /// The longest, nanoseconds.
    pub duration_ns_max: u64,
}

impl BurstSums {
    pub(super) fn of(r: &BurstRecord) -> Self {
        Self {
            bursts: 1,
            bytes: r.bytes,
            packets: r.packets,
            ce_packets: r.ce_packets,
            retransmits: r.retransmits,
            flows_max: r.flows,
            peak_bits_per_second: r.peak_bits_per_second,
            duration_ns: r.duration_ns,
            duration_ns_max: r.duration_ns,
        }
    }
}

impl Sum for BurstSums {
    const NAMES: &'static [&'static str] = &[
        "bursts",
        "bytes",
        "packets",
        "ce_packets",
        "retransmits",
        "flows_max",
        "peak_bits_per_second_max",
        "duration_ns_sum",
        "duration_ns_max",
    ];

    fn add(&mut self, other: &Self) {
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        sum(&mut self.bursts, other.bursts);
        sum(&mut self.bytes, other.bytes);
        sum(&mut self.packets, other.packets);
        sum(&mut self.ce_packets, other.ce_packets);
        sum(&mut self.duration_ns, other.duration_ns);
        if let Some(more) = other.retransmits {
            sum(self.retransmits.get_or_insert(0), more);
        }
        self.flows_max = self.flows_max.max(other.flows_max);
        self.peak_bits_per_second = self.peak_bits_per_second.max(other.peak_bits_per_second);
        self.duration_ns_max = self.duration_ns_max.max(other.duration_ns_max);
    }

    fn size(&self) -> u64 {
        self.bytes
    }

    fn set_members(&mut self, _members: u64) {}

    fn values(&self) -> Vec<Option<u64>> {
        vec![
            Some(self.bursts),
            Some(self.bytes),
            Some(self.packets),
            Some(self.ce_packets),
            self.retransmits,
            Some(self.flows_max),
            Some(self.peak_bits_per_second),
            Some(self.duration_ns),
            Some(self.duration_ns_max),
        ]
    }

    fn table_columns() -> Vec<Column> {
        vec![
            Column::number("BURSTS"),
            Column::number("BYTES"),
            Column::number("PEAK"),
            Column::number("TIME"),
            Column::number("LONGEST").optional_before(1),
            Column::number("FLOWS").optional_before(2),
            Column::number("CE").optional_before(3),
            Column::number("RESENT").optional_before(3),
        ]
    }

    fn table_cells(&self) -> Vec<String> {
        vec![
            count(self.bursts),
            bytes(self.bytes),
            bits_per_second(self.peak_bits_per_second as f64),
            nanoseconds(self.duration_ns),
            nanoseconds(self.duration_ns_max),
            count(self.flows_max),
            count(self.ce_packets),
            dashed(self.retransmits.map(count).unwrap_or_default()),
        ]
    }

    fn in_words(&self) -> String {
        let word = if self.bursts == 1 { "burst" } else { "bursts" };
        format!("{} {word}, {}", count(self.bursts), bytes(self.bytes))
    }
}
