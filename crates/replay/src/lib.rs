//! Captures through the real kernel programs: the engine behind `netrig replay`.
//!
//! A capture is read as a stream ([`capture`]), each packet goes through the programs that count a live interface's
//! packets (by the kernel's test run), and the same drain and aggregator as in a running rig make records of it. Nothing
//! here knows the time of day: the capture's own timestamps are all there is, so the same capture gives the same records.
//!
//! [`policy`] takes a capture through the rules of a policy instead: the engine behind `netrig policy test`.

pub mod capture;
mod driver;
mod here;
pub mod policy;
mod requests;
mod summary;
mod times;
mod windows;

pub use driver::{ReplayOptions, Told, replay, replay_capture};
pub use requests::PayloadReplay;
pub use summary::{ReplayError, ReplaySummary};
