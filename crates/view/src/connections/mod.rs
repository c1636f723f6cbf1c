//! Connections: the judgement on each, their sums, and the list of them.

mod columns;
mod failure;
mod latest;
mod lost;
mod ranking;
mod sums;
mod table;
mod verdict;

pub use failure::failure;
pub use latest::Latest;
pub use lost::{Cause, Lost, lost, sentence};
pub use ranking::{Choice, RankedConnections, Ranking};
pub use sums::ConnectionSums;
pub use table::connection_table;
pub use verdict::{SLOW_US, slow, why, why_slow};
