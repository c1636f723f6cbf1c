//! Bursts: their columns, their sums, the list of them, and what they are like on each interface.

mod columns;
mod interfaces;
mod list;
mod sums;
mod table;

pub use interfaces::burst_interface_table;
pub use list::{BurstList, ListedBursts};
pub use sums::BurstSums;
pub use table::burst_table;
