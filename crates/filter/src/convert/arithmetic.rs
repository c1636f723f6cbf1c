//! The classic machine's maths: 32 bits, nothing is divided by zero, and a shift by all bits leaves none.

use super::{A, Converter, Label};
use crate::classic::Operand;
use crate::instruction::{Instruction, Operator, When};

const BITS: i32 = 32;

impl Converter<'_> {
    pub(super) fn arithmetic(&mut self, at: usize, operator: Operator, operand: Operand) {
        let x = self.x();
        match (operator, operand) {
            (_, Operand::Constant(value)) => {
                let value = self.constant(at, value);
                self.emit(Instruction::alu32_imm(operator, A, value));
            }
            (Operator::Divide | Operator::Modulo, Operand::X) => {
                self.assembler.jump_by(Instruction::jump32_if_imm(When::Equal, x, 0, 0), Label::Reject);
                self.emit(Instruction::alu32(operator, A, x));
            }
            (Operator::ShiftLeft | Operator::ShiftRight, Operand::X) => {
                let narrow = self.assembler.skip_by(Instruction::jump32_if_imm(When::Less, x, BITS, 0));
                self.emit(Instruction::mov_imm(A, 0));
                let done = self.assembler.skip_by(Instruction::jump(0));
                self.assembler.land(narrow);
                self.emit(Instruction::alu32(operator, A, x));
                self.assembler.land(done);
            }
            (_, Operand::X) => self.emit(Instruction::alu32(operator, A, x)),
        }
    }
}
