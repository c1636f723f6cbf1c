//! pcapng: packets and what is said of them, as blocks.
//!
//! Blocks are written by hand: they are a type, a length, a body, options and the length again, so the code for the block
//! that counts, a packet's, is the code for all of them.

mod block;
mod describe;
mod enhanced;
mod stream;
mod writer;

#[cfg(test)]
mod tests;

pub use enhanced::Alike;
pub(crate) use stream::{Failure, Stream};
pub use writer::{Counts, Writer};
