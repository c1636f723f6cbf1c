//! Answers in the terminal: tables, units and the live view.
//!
//! Everything here is pure: records and snapshots come in, text and frames go out. Fetching, clocks, the terminal itself
//! and exit codes are the binary's.

mod columns;
mod field;
mod flow_table;
mod group;
mod lines;
mod table;
pub mod top;
pub mod units;

pub use columns::{By, ColumnError, GroupColumn};
pub use field::Field;
pub use flow_table::flow_table;
pub use group::{Group, Grouped, Grouper, Limits, Pruned, Sums};
pub use lines::{group_line, record_line};
pub use table::{Align, Column, Style, Table};
