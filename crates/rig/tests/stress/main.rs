//! `netrig stress`, as a user would start it: short runs, held against what they promise.

mod clean;
mod limits;
mod scenarios;
mod support;
mod words;
mod wrecks;
