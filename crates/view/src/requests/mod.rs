//! Requests: which are wanted, their columns, their sums, and the list of them.

mod choice;
mod columns;
mod list;
mod sums;
mod table;
mod words;

pub use choice::RequestChoice;
pub use list::{ListedRequests, RequestList};
pub use sums::RequestTotals;
pub use table::list_requests;
