//! What tables cost each packet: an estimate, before anything is attached.

use super::kinds;
use crate::tables::{AddressClasses, Checks, Tables};
use std::fmt;

/// Nanoseconds a packet, estimated; `netrig-bench` measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Of packets between the same few hosts: what is looked up lies in the CPU's caches.
    pub hot_ns: f64,
    /// Of packets whose addresses have not been seen lately: what is looked up lies as far away as its size says.
    pub cold_ns: f64,
}

impl Cost {
    /// Reading headers and counting.
    pub const BASE_NS: f64 = 8.0;
    /// A look into one dimension whose table is in the first caches.
    pub const DIMENSION_NS: f64 = 3.0;
    /// Most that a look adds where the table is in no cache: two reads of memory that wait for each other.
    pub const MISSES_NS: f64 = 57.0;
    /// Tables up to this size stay in the first caches.
    pub const NEAR_BYTES: f64 = 256.0 * 1024.0;
    /// Tables from this size on are in no cache.
    pub const FAR_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
    /// For each word of a set of rows beyond the first, in each dimension.
    pub const WORD_NS: f64 = 0.5;
    /// Taking up a candidate.
    pub const ROW_NS: f64 = 2.0;
    /// One check of it.
    pub const CHECK_NS: f64 = 1.0;
}

impl Tables {
    /// What they cost each packet, roughly: of a TCP packet that no set of addresses or ports names, so that all rows are
    /// tried that could be.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let addresses = [&self.src, &self.dst].into_iter().filter(|classes| classes.used);
        let ports = [&self.src_port, &self.dst_port].into_iter().filter(|ports| ports.used).count();
        let dimensions = (1 + ports + addresses.clone().count()) as f64;
        let words = (self.words as f64 - 1.0) * dimensions * Cost::WORD_NS;
        let hot_ns = Cost::BASE_NS + dimensions * Cost::DIMENSION_NS + words + self.tries_ns();
        let misses: f64 = addresses.map(|classes| Cost::MISSES_NS * farness(classes)).sum();
        Cost { hot_ns, cold_ns: hot_ns + misses }
    }

    /// Of the candidates of a packet that nothing names; the dearer family's.
    fn tries_ns(&self) -> f64 {
        const TCP: u8 = 6;
        let sets = [&self.src.sets, &self.dst.sets, &self.src_port.sets, &self.dst_port.sets];
        let tries = |kind: usize| {
            let of_kind = &self.kinds[kind * self.words..][..self.words];
            let is_candidate = |row: usize| {
                let within = |set: &[u64]| set[row / 64] >> (row % 64) & 1 != 0;
                within(of_kind) && sets.iter().all(|sets| sets.is_empty() || within(sets))
            };
            let rows = self.rows.iter().enumerate().filter(|(row, _)| is_candidate(*row));
            rows.map(|(_, row)| Cost::ROW_NS + Cost::CHECK_NS * count(&row.checks) as f64).sum::<f64>()
        };
        tries(kinds::v4(TCP)).max(tries(kinds::v6(TCP)))
    }
}

/// How far away a table lies, from 0 for the first caches to 1 for memory: each doubling is as much farther.
fn farness(classes: &AddressClasses) -> f64 {
    let v4 = size_of_val(&*classes.v4.index) + size_of_val(&*classes.v4.entries);
    let v6 = size_of_val(&*classes.v6.index) + 12 * classes.v6.upper.len() + 12 * classes.v6.lower.len();
    let bytes = v4.max(v6).max(1) as f64;
    ((bytes / Cost::NEAR_BYTES).log2() / (Cost::FAR_BYTES / Cost::NEAR_BYTES).log2()).clamp(0.0, 1.0)
}

fn count(checks: &Checks) -> usize {
    let Checks { length, vlan, icmp_type, tcp_flags, fragment, ifindex, ethertype, src_mac, dst_mac } = checks;
    [
        length.is_some(),
        vlan.is_some(),
        icmp_type.is_some(),
        tcp_flags.is_some(),
        fragment.is_some(),
        ifindex.is_some(),
        ethertype.is_some(),
        src_mac.is_some(),
        dst_mac.is_some(),
    ]
    .into_iter()
    .filter(|asked| *asked)
    .count()
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {:.0} ns a packet, {:.0} ns where addresses are new", self.hot_ns, self.cold_ns)
    }
}
