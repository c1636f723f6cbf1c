//! Captures through the real kernel programs.

pub mod capture;
