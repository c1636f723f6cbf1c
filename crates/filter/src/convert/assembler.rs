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
    /// Skips, and where they land.
    landings: Vec<(usize, usize)>,
    /// By [`Self::number`]: where it is.
    places: Vec<Option<usize>>,
    /// By the same: whether someone jumps there.
    wanted: Vec<bool>,
}

impl Assembler {
    pub(super) fn new(operations: usize) -> Self {
        let labels = OTHERS + operations * Copy::COUNT;
        Self {
            code: Vec::new(),
            jumps: Vec::new(),
            landings: Vec::new(),
            places: vec![None; labels],
            wanted: vec![false; labels],
        }
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

    /// Someone will jump there, from further on.
    pub(super) fn want(&mut self, label: Label) {
        self.wanted[Self::number(label)] = true;
    }

    pub(super) fn jump(&mut self, label: Label) {
        self.jump_by(Instruction::jump(0), label);
    }

    /// By an instruction whose distance is not known yet.
    pub(super) fn jump_by(&mut self, instruction: Instruction, label: Label) {
        self.want(label);
        self.jumps.push((self.code.len(), label));
        self.code.push(instruction);
    }

    /// A jump over what is written until [`Self::land`].
    pub(super) fn skip_by(&mut self, instruction: Instruction) -> usize {
        self.code.push(instruction);
        self.code.len() - 1
    }

    /// Skips from `jump` lead here.
    pub(super) fn land(&mut self, jump: usize) {
        self.landings.push((jump, self.code.len()));
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
        let places = &self.places;
        let jumps = self.jumps.iter().map(|(at, label)| (*at, places[Self::number(*label)]));
        let landings = self.landings.into_iter().map(|(at, target)| (at, Some(target)));
        for (at, target) in jumps.chain(landings) {
            let distance = target.and_then(|target| i16::try_from(target as i64 - at as i64 - 1).ok());
            self.code[at].offset = distance.ok_or(FilterError::TooFar { instructions })?;
        }
        Ok(self.code)
    }
}
