//! The pcap filter language: libpcap compiles an expression to classic BPF, this crate converts that to eBPF.
//!
//! [`compile`] makes a [`Classic`] of an expression, [`convert`] a [`Body`] of that, to stand between whatever a program does
//! before and after it; [`Instruction`] has what those parts are written with. [`Classic::run`] is what all of it means.

mod check;
mod classic;
mod compare;
mod compile;
mod convert;
mod error;
mod instruction;
mod run;

pub use classic::{Classic, ClassicInstruction};
pub use compile::{EXPRESSION_OCTETS_MAX, Link, compile};
pub use convert::{Body, MEMORY_OCTETS, STACK_OCTETS, Source, convert};
pub use error::{CheckError, FilterError};
pub use instruction::{Instruction, Operator, Register, Size, When};
pub use run::Verdict;

/// The longest classic program: as the kernel has it for its own.
pub const INSTRUCTIONS_MAX: usize = 4096;
