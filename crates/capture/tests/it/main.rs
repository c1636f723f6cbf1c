//! The crate from outside: files as other programs read them, lines of real packets.

mod blocks;
mod captures;
mod golden;
mod hostile;
mod rotation;
mod round_trip;
mod small_disk;
mod tools;
