//! Flows: their columns, their sums, and the list of them.

mod columns;
mod sums;
mod table;

pub use sums::{FlowErrors, FlowSums};
pub use table::flow_table;
