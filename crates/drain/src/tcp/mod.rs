//! The TCP probe's shared memory: places of sockets become readings, services' buckets become distributions.
//!
//! Places belong to whoever holds them: the kernel's side from the moment it takes a number out of the ring of free ones
//! until it has put it into the ring of ended ones, this side the rest of the time.

mod places;
mod reading;
mod services;
mod totals;

pub use places::Places;
pub use services::{Service, Services};
pub use totals::{Totals, totals};
