//! Questions and answers of fixed size, with time lost on purpose at a known place of their way; and the asker's own clock,
//! which knows nothing of any probe.

mod answers;
mod datagrams;
mod questions;

pub use answers::{Answers, ReadBy, WaitBy, WriteBy};
pub use datagrams::DatagramServer;
pub use questions::{Asked, Questions};

use std::time::Duration;

/// What both sides take for granted, unless told otherwise.
const MESSAGE_BYTES: usize = 200;

/// Sleeps; nothing at all for no time.
fn lose(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}
