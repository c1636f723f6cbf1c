//! What tables take of the kernel's memory.

use crate::tables::{Act, Tables};
use crate::words::LimitPer;
use std::fmt;

/// Octets, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Sets of rows by family and protocol.
    pub kinds: u64,
    /// Source addresses, with their sets.
    pub src: u64,
    /// Destination addresses, with their sets.
    pub dst: u64,
    /// Ports of both sides, with their sets.
    pub ports: u64,
    /// Rows.
    pub rows: u64,
    /// Rules.
    pub rules: u64,
    /// Buckets of limits that remember sources.
    pub limits: u64,
}

impl Memory {
    /// Of a row.
    pub const ROW_BYTES: u64 = 64;
    /// Of a rule.
    pub const RULE_BYTES: u64 = 64;
    /// Of a source that a limit remembers.
    pub const SOURCE_BYTES: u64 = 16;

    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.kinds + self.src + self.dst + self.ports + self.rows + self.rules + self.limits
    }
}

impl Tables {
    /// What they take of the kernel's memory.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let [src, dst] = [&self.src, &self.dst].map(|classes| {
            let (v4, v6) = (&classes.v4, &classes.v6);
            let v4 = array(&v4.index) + array(&v4.entries);
            let upper = array(&v6.index) + array(&v6.upper) + array(&v6.upper_class);
            v4 + upper + array(&v6.deeper) + array(&v6.lower) + array(&v6.lower_class) + array(&classes.sets)
        });
        let ports = [&self.src_port, &self.dst_port].map(|ports| array(&ports.classes) + array(&ports.sets));
        let sources = self.rules.iter().map(|rule| match rule.act {
            Act::Limit(limit) if limit.per != LimitPer::Rule => u64::from(limit.sources).next_power_of_two(),
            _ => 0,
        });
        Memory {
            kinds: array(&self.kinds),
            src,
            dst,
            ports: ports.iter().sum(),
            rows: self.rows.len() as u64 * Memory::ROW_BYTES,
            rules: self.rules.len() as u64 * Memory::RULE_BYTES,
            limits: sources.sum::<u64>() * Memory::SOURCE_BYTES,
        }
    }
}

/// Each array begins at a multiple of eight octets.
fn array<T>(values: &[T]) -> u64 {
    (size_of_val(values) as u64).next_multiple_of(8)
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("source addresses", self.src),
            ("destination addresses", self.dst),
            ("ports", self.ports),
            ("protocols", self.kinds),
            ("rows", self.rows),
            ("rules", self.rules),
            ("sources of limits", self.limits),
        ];
        write!(f, "{}", bytes(self.total()))?;
        for (i, (name, octets)) in parts.into_iter().filter(|(_, octets)| *octets > 0).enumerate() {
            write!(f, "{} {name} {}", if i == 0 { ":" } else { "," }, bytes(octets))?;
        }
        Ok(())
    }
}

fn bytes(octets: u64) -> String {
    match octets {
        0..1024 => format!("{octets} B"),
        1024..1_048_576 => format!("{:.1} KiB", octets as f64 / 1024.0),
        _ => format!("{:.1} MiB", octets as f64 / 1_048_576.0),
    }
}
