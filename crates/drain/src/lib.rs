//! Kernel tables, read through shared memory, become deltas.
//!
//! No system call per flow, no lock, no delete: the kernel only ever adds, and this crate remembers what it has told of
//! each slot. The protocol with the kernel side (`table.h`):
//! - Counters are cumulative, so a reading torn between two of them mends itself at the next one.
//! - `generation` is odd while a slot changes hands and two more afterwards: a reader that sees it move reads again.
//! - The former flow's record is in the outbox before the generation moves. So who sees a new generation and then
//!   drains the outbox finds that record, or knows for certain that it was folded into its interface's overflow.

pub mod bursts;
mod clock;
mod counts;
mod decode;
pub mod drops;
pub mod latency;
pub mod payload;
pub mod policy;
pub mod polls;
pub mod recorder;
mod remembered;
mod scan;
mod shared;
pub mod tcp;

pub use clock::Clock;
pub use counts::TableCounts;
pub use payload::PayloadDrain;
pub use scan::{Drain, Pass, ScanStats};
