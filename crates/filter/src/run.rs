//! The classic machine in plain Rust: what a filter means.

use crate::classic::{Classic, Operand, Operation, SLOTS, Target, Test};
use crate::instruction::{Operator, Size};

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What the program returned: of how many octets it wants to see more, or 0 for a packet it does not want.
    pub value: u32,
    /// Whether it did what libpcap's machine, which this is, and the kernel's take differently: an index of 2 GiB and more, which
    /// is out of every packet here and a header's name or a number past zero there; a shift by 32 bits and more, which leaves
    /// nothing here and is taken modulo 32 there.
    pub is_machine_dependent: bool,
}

impl Classic {
    /// What the program returns for a packet of which `packet` was captured and that was `wire_length` octets long.
    #[must_use]
    pub fn run(&self, packet: &[u8], wire_length: u32) -> u32 {
        self.judge(packet, wire_length).value
    }

    /// The same, and whether other machines may see it differently.
    #[must_use]
    pub fn judge(&self, packet: &[u8], wire_length: u32) -> Verdict {
        let mut machine = Machine::new(wire_length);
        let value = self.run_on(&mut machine, packet).unwrap_or(0);
        Verdict { value, is_machine_dependent: machine.is_machine_dependent }
    }

    /// What it returns, and whether that is for want of octets or for a division by zero.
    pub(crate) fn outcome(&self, packet: &[u8], wire_length: u32) -> (u32, bool) {
        let value = self.run_on(&mut Machine::new(wire_length), packet);
        (value.unwrap_or(0), value.is_none())
    }

    fn run_on(&self, machine: &mut Machine, packet: &[u8]) -> Option<u32> {
        let mut at = 0;
        loop {
            match machine.step(*self.operations().get(at)?, packet) {
                Step::Next => at += 1,
                Step::To(target) => at = target,
                Step::Done(value) => return Some(value),
                Step::GaveUp => return None,
            }
        }
    }
}

/// Where the machine goes.
pub(crate) enum Step {
    Next,
    To(usize),
    Done(u32),
    /// The packet is too short, or something is divided by zero: the whole program returns 0.
    GaveUp,
}

/// The machine's state.
#[derive(Default)]
pub(crate) struct Machine {
    pub(crate) a: u32,
    pub(crate) x: u32,
    slots: [u32; SLOTS],
    wire_length: u32,
    is_machine_dependent: bool,
}

impl Machine {
    pub(crate) fn new(wire_length: u32) -> Self {
        Self { wire_length, ..Self::default() }
    }

    pub(crate) fn step(&mut self, operation: Operation, packet: &[u8]) -> Step {
        match operation {
            Operation::Absolute(size, at) => match load(packet, at.into(), size) {
                Some(value) => self.a = value,
                None => return Step::GaveUp,
            },
            Operation::Relative(size, at) => {
                let at = u64::from(at) + u64::from(self.x);
                self.is_machine_dependent |= at > i32::MAX as u64;
                match load(packet, at, size) {
                    Some(value) => self.a = value,
                    None => return Step::GaveUp,
                }
            }
            Operation::HeaderLength(at) => match load(packet, at.into(), Size::Octet) {
                Some(value) => self.x = (value & 15) << 2,
                None => return Step::GaveUp,
            },
            Operation::Constant(target, value) => *self.register(target) = value,
            Operation::Length(target) => *self.register(target) = self.wire_length,
            Operation::Recall(target, slot) => *self.register(target) = self.slots[slot],
            Operation::Keep(target, slot) => self.slots[slot] = *self.register(target),
            Operation::Negate => self.a = self.a.wrapping_neg(),
            Operation::CopyAToX => self.x = self.a,
            Operation::CopyXToA => self.a = self.x,
            Operation::Arithmetic(operator, operand) => match self.calculate(operator, operand) {
                Some(value) => self.a = value,
                None => return Step::GaveUp,
            },
            Operation::Jump(target) => return Step::To(target),
            Operation::Branch { test, operand, then, otherwise } => {
                return Step::To(if self.holds(test, operand) { then } else { otherwise });
            }
            Operation::Return(value) => return Step::Done(value),
            Operation::ReturnA => return Step::Done(self.a),
        }
        Step::Next
    }

    fn register(&mut self, target: Target) -> &mut u32 {
        match target {
            Target::A => &mut self.a,
            Target::X => &mut self.x,
        }
    }

    fn operand(&self, operand: Operand) -> u32 {
        match operand {
            Operand::Constant(value) => value,
            Operand::X => self.x,
        }
    }

    fn holds(&self, test: Test, operand: Operand) -> bool {
        let value = self.operand(operand);
        match test {
            Test::Equal => self.a == value,
            Test::Greater => self.a > value,
            Test::GreaterOrEqual => self.a >= value,
            Test::AnyBit => self.a & value != 0,
        }
    }

    /// None for a division by zero.
    fn calculate(&mut self, operator: Operator, operand: Operand) -> Option<u32> {
        let (a, value) = (self.a, self.operand(operand));
        let shifts = matches!(operator, Operator::ShiftLeft | Operator::ShiftRight | Operator::ShiftRightSigned);
        self.is_machine_dependent |= shifts && value >= 32;
        match operator {
            Operator::Add => Some(a.wrapping_add(value)),
            Operator::Subtract => Some(a.wrapping_sub(value)),
            Operator::Multiply => Some(a.wrapping_mul(value)),
            Operator::Divide => a.checked_div(value),
            Operator::Modulo => a.checked_rem(value),
            Operator::Or => Some(a | value),
            Operator::And => Some(a & value),
            Operator::ExclusiveOr => Some(a ^ value),
            Operator::ShiftLeft => Some(a.checked_shl(value).unwrap_or(0)),
            Operator::ShiftRight => Some(a.checked_shr(value).unwrap_or(0)),
            // No classic program has these.
            Operator::Negate | Operator::Move | Operator::ShiftRightSigned => None,
        }
    }
}

/// Octets of a packet as a number; none where there are too few.
pub(crate) fn load(packet: &[u8], at: u64, size: Size) -> Option<u32> {
    let at = usize::try_from(at).ok()?;
    let octets = packet.get(at..at.checked_add(size.octets() as usize)?)?;
    Some(octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet)))
}

#[cfg(test)]
mod tests {
    use crate::{Classic, ClassicInstruction};

    fn program(instructions: &[(u16, u8, u8, u32)]) -> Classic {
        let instructions = instructions.iter().map(|&(code, jt, jf, k)| ClassicInstruction { code, jt, jf, k });
        Classic::new(instructions.collect()).expect("a program")
    }

    #[test]
    fn octets_come_in_the_networks_order_and_only_whole() {
        let word = program(&[(0x20, 0, 0, 1), (0x16, 0, 0, 0)]);
        assert_eq!(word.run(&[0, 1, 2, 3, 4], 5), 0x0102_0304);
        assert_eq!(word.run(&[0, 1, 2, 3], 4), 0);
        let relative = program(&[(0x01, 0, 0, u32::MAX), (0x50, 0, 0, 2), (0x06, 0, 0, 9)]);
        let verdict = relative.judge(&[0; 8], 8);
        assert_eq!((verdict.value, verdict.is_machine_dependent), (0, true));
    }

    #[test]
    fn a_header_is_as_long_as_four_of_its_bits_say() {
        let program = program(&[(0xb1, 0, 0, 0), (0x87, 0, 0, 0), (0x16, 0, 0, 0)]);
        assert_eq!(program.run(&[0x45], 1), 20);
        assert_eq!(program.run(&[0xff], 1), 60);
        assert_eq!(program.run(&[], 1), 0);
    }

    #[test]
    fn maths_has_32_bits_and_nothing_is_divided_by_zero() {
        let by = |code, a, x| program(&[(0, 0, 0, a), (1, 0, 0, x), (code, 0, 0, 0), (0x16, 0, 0, 0)]).run(&[], 0);
        assert_eq!(by(0x0c, u32::MAX, 2), 1);
        assert_eq!(by(0x1c, 1, 2), u32::MAX);
        assert_eq!(by(0x2c, 1 << 31, 2), 0);
        assert_eq!(by(0x3c, 7, 2), 3);
        assert_eq!(by(0x9c, 7, 4), 3);
        assert_eq!(by(0x3c, 7, 0), 0);
        assert_eq!(by(0x9c, 7, 0), 0);
        assert_eq!(by(0x6c, 1, 31), 1 << 31);
        assert_eq!(by(0x6c, 1, 32), 0);
        assert_eq!(by(0x7c, u32::MAX, 33), 0);
        assert_eq!(by(0x84, 1, 0), u32::MAX);
        assert_eq!(by(0xac, 6, 3), 5);
    }

    #[test]
    fn memory_begins_as_zeros_and_length_is_the_wires() {
        assert_eq!(program(&[(0x80, 0, 0, 0), (0x60, 0, 0, 3), (0x16, 0, 0, 0)]).run(&[], 9), 0);
        let kept =
            program(&[(0x80, 0, 0, 0), (2, 0, 0, 3), (0, 0, 0, 0), (0x61, 0, 0, 3), (0x87, 0, 0, 0), (0x16, 0, 0, 0)]);
        assert_eq!(kept.run(&[1], 1500), 1500);
    }
}
