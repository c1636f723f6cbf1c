//! Whether two programs judge packets differently, tried with packets made for them.
//!
//! Most of what a filter compares with is octets at some place, and random packets hold none of them. So a packet is made by
//! walking through a program: one of its comparisons is the goal, and at each on the way there the octets that A came from are given
//! the value that leads on. Each comparison is the goal in turn, in both programs, and is given values on both sides.

use crate::classic::{Classic, Operand, Operation, Target, Test};
use crate::instruction::{Operator, Size};
use crate::run::{Machine, Step, load};

/// Packets made for each program, at the least.
const WALKS: usize = 512;
/// All walks of one program together take no more steps, however long it is.
const STEPS_MAX: usize = 4_000_000;
/// How long a packet is made.
const PACKET_OCTETS: usize = 192;
/// Where Ethernet says what follows, and headers that follow: what random octets would never be.
const BEGINNINGS: [&[u8]; 6] = [
    &[],
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 8, 0, 0x45, 0, 0, 80, 0, 0, 0, 0, 64, 17],
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 8, 0, 0x46, 0, 0, 80, 0, 0, 0, 0, 64, 6],
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 60, 6, 64],
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x81, 0, 0, 7, 8, 0, 0x45, 0, 0, 80, 0, 0, 0, 0, 64, 17],
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
];

/// Whether a packet was found on which they differ. Which of two numbers other than 0 is returned is no difference, and neither is
/// it that one takes a packet in which the plain one looked for octets behind its end: optimised programs leave out what they need
/// not look at.
pub(crate) fn differ(plain: &Classic, optimised: &Classic) -> bool {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut packet = Vec::new();
    for maker in [optimised, plain] {
        let goals: Vec<usize> = branches(maker).collect();
        let mut steps = STEPS_MAX;
        for walk in 0..WALKS.max(2 * goals.len()) {
            if steps == 0 {
                break;
            }
            random.fill(&mut packet, BEGINNINGS[walk % BEGINNINGS.len()]);
            let goal = (!goals.is_empty()).then(|| goals[walk / 2 % goals.len()]);
            make(maker, &mut packet, goal, &mut random, &mut steps);
            // Cut packets are told apart by who gives up first: both are right.
            let cut = random.below(packet.len() as u32 + 1) as usize;
            for part in [&packet[..], &packet[..cut]] {
                // On the wire it may have been longer than what was captured.
                let length = part.len() as u32 + if walk & 1 == 0 { 0 } else { random.below(2000) };
                let (value, gave_up) = plain.outcome(part, length);
                if !gave_up && (value == 0) != (optimised.run(part, length) == 0) {
                    return true;
                }
            }
        }
    }
    false
}

fn branches(program: &Classic) -> impl Iterator<Item = usize> {
    let operations = program.operations().iter().enumerate();
    operations.filter(|(_, operation)| matches!(operation, Operation::Branch { .. })).map(|(at, _)| at)
}

/// From where a program can come to an instruction.
fn leads_to(program: &Classic, goal: usize) -> Vec<bool> {
    let mut leads = vec![false; goal + 1];
    leads[goal] = true;
    for (at, operation) in program.operations()[..goal].iter().enumerate().rev() {
        let leads_on = |target: usize| leads.get(target).copied().unwrap_or(false);
        leads[at] = match *operation {
            Operation::Jump(target) => leads_on(target),
            Operation::Branch { then, otherwise, .. } => leads_on(then) || leads_on(otherwise),
            Operation::Return(_) | Operation::ReturnA => false,
            _ => leads_on(at + 1),
        };
    }
    leads
}

/// A sequence that is the same every time: a filter compiles to the same program every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// Less than `limit`.
    fn below(&mut self, limit: u32) -> u32 {
        self.next() % limit.max(1)
    }

    fn fill(&mut self, packet: &mut Vec<u8>, beginning: &[u8]) {
        packet.clear();
        // One in four of zeros: much that is compared is.
        let mask = if self.below(4) == 0 { 0 } else { 0xff };
        packet.extend((0..PACKET_OCTETS).map(|_| self.next() as u8 & mask));
        packet[..beginning.len()].copy_from_slice(beginning);
    }
}

/// Where A came from, and what has been done to it since then.
#[derive(Clone, Copy)]
struct Origin {
    at: u64,
    size: Size,
    mask: u32,
    shift: u32,
}

/// Octets become what leads a packet to a comparison, by a random side of it, and from there a random way on.
fn make(program: &Classic, packet: &mut [u8], goal: Option<usize>, random: &mut Random, steps: &mut usize) {
    let mut machine = Machine::new(packet.len() as u32);
    let leads = goal.map_or_else(Vec::new, |goal| leads_to(program, goal));
    let leads_on = |target: usize| leads.get(target).copied().unwrap_or(false);
    let mut origin = None;
    let mut at = 0;
    while let Some(operation) = program.operations().get(at).copied() {
        if *steps == 0 {
            return;
        }
        *steps -= 1;
        if let Operation::Branch { test, operand, then, otherwise } = operation
            && let Some(origin) = origin
        {
            let against = match operand {
                Operand::Constant(value) => value,
                Operand::X => machine.x,
            };
            let is_before = goal.is_some_and(|goal| at < goal);
            let wanted = match (leads_on(then), leads_on(otherwise)) {
                (true, false) if is_before => Some(that_holds(test, against)),
                (false, true) if is_before => that_does_not(test, against, machine.a),
                (true, true) if is_before => None,
                _ => match random.below(5) {
                    0 => Some(against),
                    1 => Some(against.wrapping_add(1)),
                    2 => Some(against.wrapping_sub(1)),
                    3 => Some(against & random.next()),
                    _ => None,
                },
            };
            if let Some(a) = wanted.and_then(|wanted| write(packet, origin, wanted)) {
                machine.a = a;
            }
        }
        let x = machine.x;
        match machine.step(operation, packet) {
            Step::Next => at += 1,
            Step::To(target) => at = target,
            Step::Done(_) | Step::GaveUp => return,
        }
        origin = follow(origin, operation, x);
    }
}

/// An A for which a comparison holds.
fn that_holds(test: Test, against: u32) -> u32 {
    if test == Test::Greater { against.saturating_add(1) } else { against }
}

/// An A for which it does not, if `a` is none.
fn that_does_not(test: Test, against: u32, a: u32) -> Option<u32> {
    match test {
        Test::Equal => (a == against).then(|| a.wrapping_add(1)),
        Test::Greater => (a > against).then_some(against),
        Test::GreaterOrEqual => (a >= against).then(|| against.saturating_sub(1)),
        Test::AnyBit => (a & against != 0).then_some(a & !against),
    }
}

/// Where A comes from after an operation.
fn follow(origin: Option<Origin>, operation: Operation, x: u32) -> Option<Origin> {
    match operation {
        Operation::Absolute(size, at) => Some(Origin { at: at.into(), size, mask: u32::MAX, shift: 0 }),
        Operation::Relative(size, at) => {
            Some(Origin { at: u64::from(at) + u64::from(x), size, mask: u32::MAX, shift: 0 })
        }
        Operation::Arithmetic(Operator::And, Operand::Constant(mask)) => {
            origin.map(|origin| Origin { mask: origin.mask & mask << origin.shift, ..origin })
        }
        Operation::Arithmetic(Operator::ShiftRight, Operand::Constant(bits)) => {
            origin.map(|origin| Origin { shift: (origin.shift + bits).min(31), ..origin })
        }
        Operation::Arithmetic(..)
        | Operation::Negate
        | Operation::CopyXToA
        | Operation::Constant(Target::A, _)
        | Operation::Length(Target::A)
        | Operation::Recall(Target::A, _) => None,
        _ => origin,
    }
}

/// Writes what A should be to where it came from; what A is then.
fn write(packet: &mut [u8], origin: Origin, a: u32) -> Option<u32> {
    let Origin { at, size, mask, shift } = origin;
    let now = load(packet, at, size)?;
    let value = now & !mask | a << shift & mask;
    let octets = size.octets() as usize;
    let from = usize::try_from(at).ok()?;
    packet.get_mut(from..from + octets)?.copy_from_slice(&value.to_be_bytes()[4 - octets..]);
    Some((load(packet, at, size)? & mask) >> shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClassicInstruction;

    fn program(instructions: &[(u16, u8, u8, u32)]) -> Classic {
        let instructions = instructions.iter().map(|&(code, jt, jf, k)| ClassicInstruction { code, jt, jf, k });
        Classic::new(instructions.collect()).expect("a program")
    }

    #[test]
    fn one_value_of_four_billion_is_found() {
        let one = |k| program(&[(0x20, 0, 0, 26), (0x15, 0, 1, k), (6, 0, 0, 1), (6, 0, 0, 0)]);
        assert!(differ(&one(0x0a00_0001), &one(0x0a00_0002)));
        assert!(!differ(&one(0x0a00_0001), &one(0x0a00_0001)));
    }

    #[test]
    fn what_is_behind_a_mask_and_a_shift_is_found() {
        let one = |k| {
            program(&[
                (0x28, 0, 0, 12),
                (0x15, 0, 5, 0x800),
                (0x20, 0, 0, 30),
                (0x54, 0, 0, 0xffff_ff00),
                (0x74, 0, 0, 8),
                (0x15, 0, 1, k),
                (6, 0, 0, 1),
                (6, 0, 0, 0),
            ])
        };
        assert!(differ(&one(0x000a_0102), &one(0x000a_0103)));
    }

    #[test]
    fn the_last_of_many_terms_is_found() {
        let many = |last: u32| {
            let mut instructions = vec![(0x20, 0, 0, 26)];
            for term in 0..100 {
                let value = if term == 99 { last } else { 7 * term };
                instructions.push((0x15, (100 - term) as u8, 0, value));
            }
            instructions.extend([(6, 0, 0, 0), (6, 0, 0, 1)]);
            program(&instructions)
        };
        assert!(differ(&many(99_999), &many(99_998)));
    }

    #[test]
    fn a_missing_look_at_a_length_is_found() {
        let length = |k| program(&[(0x80, 0, 0, 0), (0x35, 0, 1, k), (6, 0, 0, 1), (6, 0, 0, 0)]);
        assert!(differ(&length(100), &length(120)));
    }
}
