//! A classic BPF program: its instructions as libpcap and the kernel write them, and what they mean.

use crate::check::check;
use crate::error::CheckError;
use crate::instruction::{Operator, Size};
use std::fmt;

/// Words of memory a program has.
pub(crate) const SLOTS: usize = 16;

/// One instruction, as `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ClassicInstruction {
    /// The operation.
    pub code: u16,
    /// How many instructions are skipped where a comparison holds.
    pub jt: u8,
    /// And where it does not.
    pub jf: u8,
    /// The constant.
    pub k: u32,
}

/// A classic program that has been checked: it ends, and does nothing but look at a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classic {
    instructions: Vec<ClassicInstruction>,
    operations: Vec<Operation>,
}

impl Classic {
    /// Checks instructions.
    ///
    /// # Errors
    /// For what is no program, by the first instruction that is wrong.
    pub fn new(instructions: Vec<ClassicInstruction>) -> Result<Self, CheckError> {
        Self::with_room(instructions, crate::INSTRUCTIONS_MAX)
    }

    /// The same for programs that are run here only, and may be longer than what the kernel is given.
    pub(crate) fn with_room(instructions: Vec<ClassicInstruction>, max: usize) -> Result<Self, CheckError> {
        let operations = check(&instructions, max)?;
        Ok(Self { instructions, operations })
    }

    /// Its instructions.
    #[must_use]
    pub fn instructions(&self) -> &[ClassicInstruction] {
        &self.instructions
    }

    /// What they mean; as many.
    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

impl fmt::Display for Classic {
    /// In the decimal form that `iptables -m bpf` and `tcpdump -ddd` have, an instruction a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.instructions.len())?;
        self.instructions.iter().try_for_each(|i| writeln!(f, "{} {} {} {}", i.code, i.jt, i.jf, i.k))
    }
}

/// One of the machine's two registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    A,
    X,
}

/// What stands on the other side of an operator or a comparison with A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    Constant(u32),
    X,
}

/// How A is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

/// What an instruction does. Jumps lead to instructions by their index, always further on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A = the octets from here on.
    Absolute(Size, u32),
    /// A = the octets from X and this on.
    Relative(Size, u32),
    /// X = four times the lower four bits of this octet: an IPv4 header's length.
    HeaderLength(u32),
    Constant(Target, u32),
    Length(Target),
    Recall(Target, usize),
    Keep(Target, usize),
    Arithmetic(Operator, Operand),
    Negate,
    CopyAToX,
    CopyXToA,
    Jump(usize),
    Branch {
        test: Test,
        operand: Operand,
        then: usize,
        otherwise: usize,
    },
    Return(u32),
    ReturnA,
}

impl Operation {
    /// Whether the next instruction is reached from this one without a jump.
    pub(crate) fn falls_through(self) -> bool {
        !matches!(self, Self::Jump(_) | Self::Branch { .. } | Self::Return(_) | Self::ReturnA)
    }
}
