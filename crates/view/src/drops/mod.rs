//! Drops: their columns, their sums, and the list of them.

mod columns;
mod list;
mod rows;
mod sums;
mod tally;

pub use list::{Listing, list_drops};
pub(crate) use rows::badness;
pub use rows::{DropRow, Dropped};
pub use sums::DropSums;
