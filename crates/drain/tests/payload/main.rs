//! Payload through the real kernel programs, read back by the drain. Needs root.
#![allow(clippy::expect_used, reason = "tests")]

mod against_model;
mod detection;
mod live;
mod model;
mod packets;
mod rings;
mod runs;
mod shapes;
mod streams;
