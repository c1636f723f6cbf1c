//! Ways that need not be gone: what a packet's octets are is known where they have been found equal to something before.
//!
//! Lists of addresses longer than a word are where it matters: each compares all words from the first on, though all but the last
//! are known of the one before. Only where jumps lead is changed, so that a program's instructions keep their numbers.

use super::order::live;
use crate::classic::{Operand, Operation, Target, Test};
use crate::instruction::Size;

/// More than this is not remembered of one packet at one place.
const FACTS_MAX: usize = 8;

/// Octets at a constant place.
type Octets = (Size, u32);

/// What is known before an instruction.
#[derive(Debug, Clone, Default)]
struct Known {
    /// These octets are this number, the latest last.
    facts: Vec<(Octets, u32)>,
    /// A is these octets, with nothing done to them.
    a: Option<Octets>,
}

impl Known {
    fn fact(&self, octets: Octets) -> Option<u32> {
        self.facts.iter().find(|(known, _)| *known == octets).map(|(_, value)| *value)
    }

    fn and(&self, octets: Octets, value: u32) -> Self {
        let mut known = self.clone();
        known.facts.retain(|(other, _)| *other != octets);
        if known.facts.len() == FACTS_MAX {
            known.facts.remove(0);
        }
        known.facts.push((octets, value));
        known
    }

    /// Only what holds whichever way one came.
    fn join(into: &mut Option<Self>, with: &Self) {
        match into {
            None => *into = Some(with.clone()),
            Some(known) => {
                known.facts.retain(|fact| with.facts.contains(fact));
                known.a = known.a.filter(|a| with.a == Some(*a));
            }
        }
    }
}

/// The same program by shorter ways.
pub(super) fn shorten(operations: &[Operation]) -> Vec<Operation> {
    let live = &live(operations)[..];
    let mut shorter = operations.to_vec();
    let mut known: Vec<Option<Known>> = vec![None; operations.len() + 1];
    known[0] = Some(Known::default());
    for (at, operation) in operations.iter().enumerate() {
        let Some(mut here) = known[at].take() else { continue };
        match *operation {
            Operation::Jump(target) => {
                let target = further(operations, live, &here, target);
                shorter[at] = Operation::Jump(target);
                Known::join(&mut known[target], &here);
            }
            Operation::Branch { test, operand, then, otherwise } => {
                let equal = match (test, operand, here.a) {
                    (Test::Equal, Operand::Constant(value), Some(octets)) => here.and(octets, value),
                    _ => here.clone(),
                };
                let then = further(operations, live, &equal, then);
                let otherwise = further(operations, live, &here, otherwise);
                shorter[at] = Operation::Branch { test, operand, then, otherwise };
                Known::join(&mut known[then], &equal);
                Known::join(&mut known[otherwise], &here);
            }
            Operation::Return(_) | Operation::ReturnA => (),
            _ => {
                match *operation {
                    Operation::Absolute(size, from) => here.a = Some((size, from)),
                    Operation::Relative(..)
                    | Operation::Constant(Target::A, _)
                    | Operation::Length(Target::A)
                    | Operation::Recall(Target::A, _)
                    | Operation::Arithmetic(..)
                    | Operation::Negate
                    | Operation::CopyXToA => here.a = None,
                    _ => (),
                }
                Known::join(&mut known[at + 1], &here);
            }
        }
    }
    shorter
}

/// Where one comes from `target` on without having done anything.
fn further(operations: &[Operation], live: &[bool], known: &Known, mut target: usize) -> usize {
    loop {
        let next = match operations[target..] {
            [Operation::Jump(next), ..] => next,
            [Operation::Absolute(size, from), ..] if known.a == Some((size, from)) => target + 1,
            [
                Operation::Absolute(size, from),
                Operation::Branch { test: Test::Equal, operand: Operand::Constant(value), then, otherwise },
                ..,
            ] => match known.fact((size, from)) {
                Some(fact) if fact == value && !live[then] => then,
                Some(fact) if fact != value && !live[otherwise] => otherwise,
                _ => return target,
            },
            _ => return target,
        };
        target = next;
    }
}
