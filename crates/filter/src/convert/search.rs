//! A long row of comparisons with constants is a search.

use super::order::successors;
use super::{A, Converter, Copy, Label};
use crate::classic::{Operand, Operation, Test};
use crate::instruction::{Instruction, When};

/// Shorter rows are faster as they are.
const ROW_MIN: usize = 8;
/// What is left of a search is compared one by one.
const LEAF_MAX: usize = 4;

/// A row: the same way out for whatever A is equal to, and another for everything else.
pub(super) struct Row {
    constants: Vec<u32>,
    then: usize,
    otherwise: usize,
}

/// The row that begins here, if it is worth a search. Into its middle nobody jumps.
pub(super) fn row_from(operations: &[Operation], ways_to: &[u32], at: usize) -> Option<Row> {
    let equal = |at: usize| match operations.get(at) {
        Some(&Operation::Branch { test: Test::Equal, operand: Operand::Constant(value), then, otherwise }) => {
            Some((value, then, otherwise))
        }
        _ => None,
    };
    let (value, out, mut otherwise) = equal(at)?;
    let mut constants = vec![value];
    while ways_to[otherwise] == 1
        && let Some((value, then, next)) = equal(otherwise)
        && then == out
    {
        constants.push(value);
        otherwise = next;
    }
    (constants.len() >= ROW_MIN && otherwise != out).then_some(Row { constants, then: out, otherwise })
}

/// How many ways lead to each instruction from those that can be reached.
pub(super) fn ways_to(operations: &[Operation]) -> Vec<u32> {
    let mut ways = vec![0; operations.len() + 1];
    ways[0] = 1;
    for at in 0..operations.len() {
        if ways[at] > 0 {
            successors(operations, at).for_each(|target| ways[target] += 1);
        }
    }
    ways
}

impl Converter<'_> {
    /// Never falls into what follows.
    pub(super) fn search(&mut self, copy: Copy, at: usize, row: &Row) {
        self.flow.reach(at, row.then);
        self.flow.reach(at, row.otherwise);
        let mut sorted: Vec<u32> = row.constants.iter().map(|value| self.constant(at, *value) as u32).collect();
        sorted.sort_unstable();
        sorted.dedup();
        self.halve(copy, row, &sorted);
    }

    fn halve(&mut self, copy: Copy, row: &Row, sorted: &[u32]) {
        if sorted.len() <= LEAF_MAX {
            for value in sorted {
                let equal = Instruction::jump32_if_imm(When::Equal, A, *value as i32, 0);
                self.assembler.jump_by(equal, Label::At(copy, row.then));
            }
            self.assembler.jump(Label::At(copy, row.otherwise));
            return;
        }
        let (low, high) = sorted.split_at(sorted.len() / 2);
        let upper = Instruction::jump32_if_imm(When::GreaterOrEqual, A, high[0] as i32, 0);
        let upper = self.assembler.skip_by(upper);
        self.halve(copy, row, low);
        self.assembler.land(upper);
        self.halve(copy, row, high);
    }
}
