//! Packets written header by header, and all kinds of them at random.

mod build;
mod random;

pub(crate) use build::*;
pub(crate) use random::{frame, network, raw_ip};
