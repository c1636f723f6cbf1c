//! Loads from memory: all octets are there, and what is out of the packet is known at once.

use super::flow::run_from;
use super::{A, CONTEXT, Converter, Label, MEMORY_OCTETS};
use crate::instruction::{Instruction, Operator, Register, Size, When};

const CAPTURED: Register = Register::R7;
const PLACE: Register = Register::R1;
const END: Register = Register::R2;

impl Converter<'_> {
    /// Whatever is looked at later without a way out in between is asked for at once: the packet would be refused then anyway.
    pub(super) fn load_memory(&mut self, at: usize, into: Register, size: Size, from: u32) -> bool {
        let end = run_from(self.operations, at).map(|operation| operation.end()).max().unwrap_or(0);
        if end > MEMORY_OCTETS {
            self.assembler.jump(Label::Reject);
            return false;
        }
        if self.flow.at(at).octets < end {
            let short = Instruction::jump_if_imm(When::Less, CAPTURED, end as i32, 0);
            self.assembler.jump_by(short, Label::Reject);
            self.flow.learn(at, end);
        }
        self.emit(Instruction::load(size, into, CONTEXT, from as i16));
        self.in_host_order(into, size);
        true
    }

    pub(super) fn load_memory_relative(&mut self, size: Size, from: u32) -> bool {
        if from >= MEMORY_OCTETS {
            self.assembler.jump(Label::Reject);
            return false;
        }
        let x = self.x();
        self.emit(Instruction::mov(PLACE, x));
        if from > 0 {
            self.emit(Instruction::alu64_imm(Operator::Add, PLACE, from as i32));
        }
        // The verifier of old kernels takes bounds from constants only, and from the very register that is added: this one is for
        // it. A load that begins before the bound ends in the octets behind it.
        let bound = Instruction::jump_if_imm(When::GreaterOrEqual, PLACE, MEMORY_OCTETS as i32, 0);
        self.assembler.jump_by(bound, Label::Reject);
        self.emit(Instruction::mov(END, PLACE));
        self.emit(Instruction::alu64_imm(Operator::Add, END, size.octets() as i32));
        self.assembler.jump_by(Instruction::jump_if(When::Greater, END, CAPTURED, 0), Label::Reject);
        self.emit(Instruction::alu64(Operator::Add, PLACE, CONTEXT));
        self.emit(Instruction::load(size, A, PLACE, 0));
        self.in_host_order(A, size);
        true
    }
}
