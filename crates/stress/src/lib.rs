//! `netrig stress`: the rig under traffic made on purpose, in namespaces of its own.
//!
//! Data goes one way: a [`plan`] says what is to be done, a world is made for it, generators send, a watcher looks at the rig
//! meanwhile, and [`report`] says what came of it: what the rig saw, what it cost, and which part would break first.

mod error;
mod generate;
pub mod plan;
pub mod report;
mod run;
mod victims;
mod watch;
mod world;

pub use error::StressError;
pub use run::{Asked, Asker, find_limit, run};
