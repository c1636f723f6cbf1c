//! The kernel programs, and the Rust that loads, attaches and maps them.
//!
//! One probe, one folder: kernel C and Rust side by side. What crosses the boundary is declared in `bpf/wire.h` and
//! reaches Rust through BTF ([`wire`]). Shared memory is read through [`SharedWords`], links through [`link`]; those two,
//! [`flow`]'s test runs and what loads a [`program`] are the only homes of `unsafe` here.

pub mod burst;
pub mod capture;
pub mod check;
mod clock;
pub mod drop;
mod error;
pub mod flow;
mod high_water;
#[cfg(test)]
mod histogram_tests;
pub mod holder;
mod iterate;
pub mod latency;
pub mod link;
mod memory;
pub mod meter;
mod missing;
mod object;
pub mod payload;
pub mod policy;
mod print;
pub mod program;
pub mod queue;
pub mod recorder;
mod ring;
mod sizes;
mod slices;
pub mod tcp;
pub mod wire;
mod xdp;

pub use clock::TickClock;
pub use error::ProbeError;
pub use high_water::HighWater;
pub use memory::SharedWords;
pub use missing::Missing;
