//! Instructions with jumps to places that are not known yet.

use super::Copy;
use crate::error::FilterError;
use crate::instruction::{Instruction, Register};

/// A place to jump to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// A classic instruction of one copy.
    At(Copy, usize),
    /// Where the copies for packets without their tag begin.
    Tagged,
    /// The packet is not wanted.
    Reject,
    /// Behind the last instruction.
    End,
}

const OTHERS: usize = 3;

/// What is being written.
pub(super) struct Assembler {
    code: Vec<Instruction>,
    /// Jumps, and where they lead.
    jumps: Vec<(usize, Label)>,
    /// By [`Self::number`]: where it is.
    places: Vec<Option<usize>>,
    /// By the same: whether someone jumps there.
    wanted: Vec<bool>,
}

impl Assembler {
    pub(super) fn new(operations: usize) -> Self {
        let labels = OTHERS + operations * Copy::COUNT;
        Self { code: Vec::new(), jumps: Vec::new(), places: vec![None; labels], wanted: vec![false; labels] }
    }

    fn number(label: Label) -> usize {
        match label {
            Label::Reject => 0,
            Label::End => 1,
            Label::Tagged => 2,
            Label::At(copy, at) => OTHERS + at * Copy::COUNT + copy.number(),
        }
    }

    pub(super) fn emit(&mut self, instruction: Instruction) {
        self.code.push(instruction);
    }

    pub(super) fn place(&mut self, label: Label) {
        self.places[Self::number(label)] = Some(self.code.len());
    }

    pub(super) fn is_wanted(&self, label: Label) -> bool {
        self.wanted[Self::number(label)]
    }

    pub(super) fn jump(&mut self, label: Label) {
        self.jump_by(Instruction::jump(0), label);
    }

    /// By an instruction whose distance is not known yet.
    pub(super) fn jump_by(&mut self, instruction: Instruction, label: Label) {
        self.wanted[Self::number(label)] = true;
        self.jumps.push((self.code.len(), label));
        self.code.push(instruction);
    }

    /// A jump over what is written until [`Self::land`].
    pub(super) fn skip_by(&mut self, instruction: Instruction) -> usize {
        self.code.push(instruction);
        self.code.len() - 1
    }

    /// Skips from `jump` lead here. They are short: a few instructions.
    pub(super) fn land(&mut self, jump: usize) {
        self.code[jump].offset = (self.code.len() - jump - 1) as i16;
    }

    /// Everything, in order.
    pub(super) fn finish(mut self) -> Result<Vec<Instruction>, FilterError> {
        // Whoever jumps to the end from where the end is falls into it anyway.
        if self.is_wanted(Label::Reject) {
            self.place(Label::Reject);
            self.emit(Instruction::mov_imm(Register::R0, 0));
        }
        self.place(Label::End);
        let instructions = self.code.len();
        for (at, label) in self.jumps {
            let target = self.places[Self::number(label)].ok_or(FilterError::TooFar { instructions })?;
            let distance = i16::try_from(target as i64 - at as i64 - 1);
            self.code[at].offset = distance.map_err(|_| FilterError::TooFar { instructions })?;
        }
        Ok(self.code)
    }
}
