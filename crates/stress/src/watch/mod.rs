//! The rig under stress, and what can be seen of it from outside: its status, its process, its account.

mod account;
mod child;
mod config;
mod process;
mod sample;
mod status;

pub(crate) use account::Account;
pub(crate) use child::Rig;
pub(crate) use config::rig_config;
pub(crate) use sample::Sampler;
