//! Rules for packets: the file people write, what it says, and the tables the kernel decides by.
//!
//! [`words`] is what a policy says, with every name resolved. Reading makes it of text and of set files; compiling makes
//! [`tables`] of it, which the policy probe packs into the kernel's memory. Pure: time, files and interfaces' numbers are
//! passed in.

pub mod compile;
pub mod explain;
mod ranges;
mod read;
mod sets;
pub mod tables;
pub mod words;

pub use compile::{CompileError, CompileErrors, Compiled, Cost, Key, Memory, Problem, Slots, World, compile};
pub use ranges::{Number, Ranges};
pub use read::{KEYS, KeyTable, NamedSet, PolicyKey, Read, SetError, SetSource, keys_table, read};
pub use sets::{BrokenLine, BrokenSet, EntryProblem, SetCounts, SetEntries, SetFile};
pub use tables::Tables;
pub use words::Policy;
