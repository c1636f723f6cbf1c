//! The crate from outside: files as other programs read them.

mod blocks;
mod round_trip;
