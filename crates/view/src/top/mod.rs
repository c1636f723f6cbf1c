//! The live view: what is drawn, and what keys do. Whoever owns the terminal feeds it samples and keys and asks for frames.

mod app;
mod connections;
mod counts;
mod draw;
mod drop_rates;
mod interfaces;
mod ledger;
mod peaks;
mod rates;
mod request_rates;
mod requests;
mod rig;
mod talkers;
mod tcp_rates;
mod theme;

pub use app::{Action, App, Key, Screen, Sort};
pub use counts::{PAIRS_MAX, Pair, Sample, TalkerCounts};
