//! The pcap filter language: libpcap compiles an expression to classic BPF, this crate converts that to eBPF.

mod instruction;

pub use instruction::{Instruction, Operator, Register, Size, When};
