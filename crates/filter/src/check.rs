//! What makes a sequence of classic instructions a program.

use crate::classic::{ClassicInstruction, Operand, Operation, SLOTS, Target, Test};
use crate::error::CheckError;
use crate::instruction::{Operator, Size};

/// From here on an offset stands for what the kernel knows of a packet beside its octets: the link's and the network's header
/// by negative offsets, then fields of its own.
const ANCILLARY: u32 = 0xffe0_0000;

/// The operations of a program, or what is wrong with the first instruction that is wrong.
pub(crate) fn check(instructions: &[ClassicInstruction], max: usize) -> Result<Vec<Operation>, CheckError> {
    if instructions.len() > max {
        return Err(CheckError::TooMany { count: instructions.len(), max });
    }
    let count = instructions.len();
    let decoded = instructions.iter().enumerate().map(|(at, instruction)| decode(at, instruction, count));
    let operations = decoded.collect::<Result<Vec<_>, _>>()?;
    match operations.last() {
        None => Err(CheckError::Empty),
        Some(Operation::Return(_) | Operation::ReturnA) => Ok(operations),
        Some(_) => Err(CheckError::NoReturn),
    }
}

fn decode(at: usize, instruction: &ClassicInstruction, count: usize) -> Result<Operation, CheckError> {
    let ClassicInstruction { code, jt, jf, k } = *instruction;
    let target = |distance: u32| {
        let target = at as u64 + 1 + u64::from(distance);
        usize::try_from(target).ok().filter(|target| *target < count).ok_or(CheckError::JumpOut { at })
    };
    let slot = || match usize::try_from(k) {
        Ok(slot) if slot < SLOTS => Ok(slot),
        _ => Err(CheckError::NoSuchSlot { at, slot: k }),
    };
    let in_packet = || if k < ANCILLARY { Ok(k) } else { Err(CheckError::Ancillary { at, offset: k }) };
    let operation = match code {
        0x20 => Operation::Absolute(Size::Word, in_packet()?),
        0x28 => Operation::Absolute(Size::Half, in_packet()?),
        0x30 => Operation::Absolute(Size::Octet, in_packet()?),
        0x40 => Operation::Relative(Size::Word, k),
        0x48 => Operation::Relative(Size::Half, k),
        0x50 => Operation::Relative(Size::Octet, k),
        0xb1 => Operation::HeaderLength(in_packet()?),
        0x00 => Operation::Constant(Target::A, k),
        0x01 => Operation::Constant(Target::X, k),
        0x80 => Operation::Length(Target::A),
        0x81 => Operation::Length(Target::X),
        0x60 => Operation::Recall(Target::A, slot()?),
        0x61 => Operation::Recall(Target::X, slot()?),
        0x02 => Operation::Keep(Target::A, slot()?),
        0x03 => Operation::Keep(Target::X, slot()?),
        0x84 => Operation::Negate,
        0x07 => Operation::CopyAToX,
        0x87 => Operation::CopyXToA,
        // Distances have no sign; those that libpcap writes backwards are negative.
        0x05 if k > i32::MAX as u32 => return Err(CheckError::JumpBackwards { at }),
        0x05 => Operation::Jump(target(k)?),
        0x06 => Operation::Return(k),
        0x16 => Operation::ReturnA,
        0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d => Operation::Branch {
            test: match code & 0xf0 {
                0x10 => Test::Equal,
                0x20 => Test::Greater,
                0x30 => Test::GreaterOrEqual,
                _ => Test::AnyBit,
            },
            operand: operand(code, k),
            then: target(jt.into())?,
            otherwise: target(jf.into())?,
        },
        _ => Operation::Arithmetic(operator(at, code, k)?, operand(code, k)),
    };
    Ok(operation)
}

fn operand(code: u16, k: u32) -> Operand {
    if code & 8 == 0 { Operand::Constant(k) } else { Operand::X }
}

fn operator(at: usize, code: u16, k: u32) -> Result<Operator, CheckError> {
    let by_constant = code & 8 == 0;
    match code & !8 {
        0x04 => Ok(Operator::Add),
        0x14 => Ok(Operator::Subtract),
        0x24 => Ok(Operator::Multiply),
        0x34 | 0x94 if by_constant && k == 0 => Err(CheckError::DivisionByZero { at }),
        0x34 => Ok(Operator::Divide),
        0x94 => Ok(Operator::Modulo),
        0x44 => Ok(Operator::Or),
        0x54 => Ok(Operator::And),
        0xa4 => Ok(Operator::ExclusiveOr),
        0x64 | 0x74 if by_constant && k >= 32 => Err(CheckError::WideShift { at, bits: k }),
        0x64 => Ok(Operator::ShiftLeft),
        0x74 => Ok(Operator::ShiftRight),
        _ => Err(CheckError::UnknownCode { at, code }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(code: u16, k: u32) -> Result<Vec<Operation>, CheckError> {
        let ret = ClassicInstruction { code: 6, ..ClassicInstruction::default() };
        check(&[ClassicInstruction { code, jt: 0, jf: 0, k }, ret], 8)
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(check(&[], 8), Err(CheckError::Empty));
        assert_eq!(check(&[ClassicInstruction::default(); 9], 8), Err(CheckError::TooMany { count: 9, max: 8 }));
        assert_eq!(check(&[ClassicInstruction::default()], 8), Err(CheckError::NoReturn));
        assert_eq!(one(0xffff, 0), Err(CheckError::UnknownCode { at: 0, code: 0xffff }));
        assert_eq!(one(0x1e, 0), Err(CheckError::UnknownCode { at: 0, code: 0x1e }));
        assert_eq!(one(5, 1), Err(CheckError::JumpOut { at: 0 }));
        assert_eq!(one(5, u32::MAX), Err(CheckError::JumpBackwards { at: 0 }));
        assert_eq!(one(0x20, 0xffff_f000), Err(CheckError::Ancillary { at: 0, offset: 0xffff_f000 }));
        assert_eq!(one(0xb1, 0xffff_f034), Err(CheckError::Ancillary { at: 0, offset: 0xffff_f034 }));
        assert_eq!(one(0x60, 16), Err(CheckError::NoSuchSlot { at: 0, slot: 16 }));
        assert_eq!(one(3, u32::MAX), Err(CheckError::NoSuchSlot { at: 0, slot: u32::MAX }));
        assert_eq!(one(0x64, 32), Err(CheckError::WideShift { at: 0, bits: 32 }));
        assert_eq!(one(0x34, 0), Err(CheckError::DivisionByZero { at: 0 }));
        assert_eq!(one(0x94, 0), Err(CheckError::DivisionByZero { at: 0 }));
    }

    #[test]
    fn what_is_decided_by_x_is_no_constants_matter() {
        assert!(one(0x3c, 0).is_ok());
        assert!(one(0x6c, 99).is_ok());
        assert_eq!(one(0x9c, 0).expect("a program")[0], Operation::Arithmetic(Operator::Modulo, Operand::X));
    }

    #[test]
    fn jumps_lead_on_from_the_next_instruction() {
        let jump = ClassicInstruction { code: 0x15, jt: 1, jf: 0, k: 7 };
        let ret = ClassicInstruction { code: 6, ..jump };
        let operations = check(&[jump, ret, ret], 8).expect("a program");
        let operand = Operand::Constant(7);
        assert_eq!(operations[0], Operation::Branch { test: Test::Equal, operand, then: 2, otherwise: 1 });
        assert_eq!(check(&[jump, ret], 8), Err(CheckError::JumpOut { at: 0 }));
    }
}
