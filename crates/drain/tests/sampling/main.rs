//! Flows that are sampled, by the real kernel programs: which packets are taken, what becomes of sums, and that nothing goes missing in the
//! account. Needs root.
#![allow(clippy::expect_used, reason = "tests")]

mod against_model;
mod model;
mod run;
mod trials;
