//! From a policy's file to the tables that are put in force, with all that is to be said before: for `netrig policy` and for the
//! running rig alike.

mod files;
mod prepare;
mod surroundings;
mod words;

pub(crate) use files::SetFiles;
pub(crate) use prepare::{Prepared, Refused, Surroundings, memory_max, prepare};
pub(crate) use words::action_of;
