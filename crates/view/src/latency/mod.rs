//! Latency: its columns, its sums, and the list of them.

mod columns;
mod sums;
mod table;

pub use sums::LatencySums;
pub(crate) use sums::{coverage, quantile_ns};
pub use table::latency_table;
