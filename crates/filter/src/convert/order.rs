//! Where A may be left in the network's order: all that is ever done to it is to look at its bits, and constants have those too.

use crate::classic::{Operand, Operation, Target, Test};
use crate::instruction::{Operator, Size};

/// What is known of A's order, by instruction: of what size A is where it is in the network's order, as a load leaves it or as it is found.
pub(super) fn left_as_loaded(operations: &[Operation]) -> Vec<Option<Size>> {
    let live = live(operations);
    let mut classes =
        Classes { parents: (0..=operations.len()).collect(), kinds: vec![Kind::Host; operations.len() + 1] };
    // Before anything is loaded A is 0, which has no size: the class behind all others.
    let mut reaching = vec![None; operations.len() + 1];
    reaching[0] = Some(operations.len());
    for (at, operation) in operations.iter().enumerate() {
        let Some(found) = reaching[at] else { continue };
        if !looks_at_bits(*operation, Size::Word) {
            classes.spoil(found);
        } else if !looks_at_bits(*operation, Size::Half) {
            classes.widen(found);
        }
        let left = if defines(*operation) { at } else { found };
        match *operation {
            Operation::Absolute(size, _) | Operation::Relative(size, _) if size != Size::Octet => {
                classes.kinds[at] = Kind::AsLoaded(size);
            }
            _ => (),
        }
        for target in successors(operations, at) {
            match reaching[target] {
                Some(other) if live[target] => classes.unite(other, left),
                _ => reaching[target] = Some(left),
            }
        }
    }
    let kind = |class: usize, classes: &mut Classes| match classes.kind(class) {
        Kind::AsLoaded(size) => Some(size),
        Kind::Host => None,
    };
    let told = operations.iter().enumerate().map(|(at, operation)| {
        let class = if defines(*operation) { Some(at) } else { reaching[at] };
        class.and_then(|class| kind(class, &mut classes))
    });
    told.collect()
}

/// A constant as A's bits are.
pub(super) fn constant(value: u32, order: Option<Size>) -> i32 {
    let value = match order {
        Some(Size::Half) => u32::from((value as u16).to_be()),
        Some(Size::Word) => value.to_be(),
        _ => value,
    };
    value as i32
}

/// Whether A is given a value that has nothing to do with the one before.
fn defines(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Absolute(..)
            | Operation::Relative(..)
            | Operation::Constant(Target::A, _)
            | Operation::Length(Target::A)
            | Operation::Recall(Target::A, _)
            | Operation::CopyXToA
    )
}

/// Whether A is found and used.
fn uses(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Arithmetic(..)
            | Operation::Negate
            | Operation::Branch { .. }
            | Operation::CopyAToX
            | Operation::Keep(Target::A, _)
            | Operation::ReturnA
    )
}

/// Whether an instruction can do with A as loaded, if it is so large.
fn looks_at_bits(operation: Operation, size: Size) -> bool {
    let fits = |value: u32| size == Size::Word || value <= u32::from(u16::MAX);
    match operation {
        // What is above is zero, whatever it is masked with.
        Operation::Arithmetic(Operator::And, Operand::Constant(_)) => true,
        Operation::Arithmetic(Operator::Or | Operator::ExclusiveOr, Operand::Constant(value)) => fits(value),
        Operation::Branch { test: Test::Equal, operand: Operand::Constant(value), .. } => fits(value),
        Operation::Branch { test: Test::AnyBit, operand: Operand::Constant(_), .. } => true,
        _ => !uses(operation),
    }
}

pub(super) fn successors(operations: &[Operation], at: usize) -> impl Iterator<Item = usize> {
    let (one, other) = match operations[at] {
        Operation::Jump(target) => (Some(target), None),
        Operation::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
        Operation::Return(_) | Operation::ReturnA => (None, None),
        _ => (Some(at + 1), None),
    };
    one.into_iter().chain(other)
}

/// Where A is still used, by instruction.
pub(super) fn live(operations: &[Operation]) -> Vec<bool> {
    let mut live = vec![false; operations.len() + 1];
    for (at, operation) in operations.iter().enumerate().rev() {
        let later = successors(operations, at).any(|target| live[target]);
        live[at] = uses(*operation) || later && !defines(*operation);
    }
    live
}

/// How a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Host,
    AsLoaded(Size),
}

/// Values of A that some instruction cannot tell apart, and so must be kept alike.
struct Classes {
    parents: Vec<usize>,
    kinds: Vec<Kind>,
}

impl Classes {
    fn root(&mut self, mut class: usize) -> usize {
        while self.parents[class] != class {
            self.parents[class] = self.parents[self.parents[class]];
            class = self.parents[class];
        }
        class
    }

    fn kind(&mut self, class: usize) -> Kind {
        let root = self.root(class);
        self.kinds[root]
    }

    fn spoil(&mut self, class: usize) {
        let root = self.root(class);
        self.kinds[root] = Kind::Host;
    }

    /// Only a word will do.
    fn widen(&mut self, class: usize) {
        let root = self.root(class);
        if self.kinds[root] == Kind::AsLoaded(Size::Half) {
            self.kinds[root] = Kind::Host;
        }
    }

    fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if self.kinds[one] != self.kinds[other] {
            self.kinds[one] = Kind::Host;
        }
        self.parents[other] = one;
    }
}
