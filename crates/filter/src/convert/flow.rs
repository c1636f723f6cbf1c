//! What is known at each instruction of what came before it, whichever way it came.

use crate::classic::{Operation, Target};

/// What is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// So many octets can be read without looking at the packet's end again.
    pub(super) octets: u32,
    /// X is no greater.
    pub(super) x_max: u32,
}

impl Known {
    const NOTHING: Self = Self { octets: 0, x_max: u32::MAX };
    /// What joins with anything and leaves it as it is.
    const UNREACHED: Self = Self { octets: u32::MAX, x_max: 0 };
}

/// By instruction. All jumps go forward: an instruction's turn comes when all that leads there has been seen.
pub(super) struct Flow {
    known: Vec<Known>,
}

impl Flow {
    pub(super) fn new(operations: usize) -> Self {
        Self { known: vec![Known::UNREACHED; operations] }
    }

    /// For another copy. The slow ones are entered from anywhere, and know nothing that matters there.
    pub(super) fn restart(&mut self) {
        self.known.fill(Known::UNREACHED);
        if let Some(first) = self.known.first_mut() {
            *first = Known { x_max: 0, ..Known::NOTHING };
        }
    }

    pub(super) fn at(&self, at: usize) -> Known {
        self.known[at]
    }

    /// From here on as many octets are known to be there.
    pub(super) fn learn(&mut self, at: usize, octets: u32) {
        self.known[at].octets = self.known[at].octets.max(octets);
    }

    /// One can go from `at` to `target`.
    pub(super) fn reach(&mut self, at: usize, target: usize) {
        self.join(target, self.known[at]);
    }

    /// One goes on from `at` to the next.
    pub(super) fn step(&mut self, at: usize, operation: Operation) {
        let mut known = self.known[at];
        match operation {
            Operation::HeaderLength(_) => known.x_max = 60,
            Operation::Constant(Target::X, value) => known.x_max = value,
            Operation::CopyAToX | Operation::Recall(Target::X, _) | Operation::Length(Target::X) => {
                known.x_max = u32::MAX;
            }
            _ => (),
        }
        self.join(at + 1, known);
    }

    fn join(&mut self, target: usize, with: Known) {
        if let Some(known) = self.known.get_mut(target) {
            known.octets = known.octets.min(with.octets);
            known.x_max = known.x_max.max(with.x_max);
        }
    }
}

impl Operation {
    /// Behind the last octet that is read at a constant place; 0 where there is none.
    pub(super) fn end(&self) -> u32 {
        match *self {
            Self::Absolute(size, from) => from.saturating_add(size.octets()),
            Self::HeaderLength(from) => from.saturating_add(1),
            _ => 0,
        }
    }

    /// Whether it reads octets.
    pub(super) fn is_load(&self) -> bool {
        matches!(self, Self::Absolute(..) | Self::Relative(..) | Self::HeaderLength(_))
    }
}

/// What is done one after the other from here on, with nothing that could lead elsewhere.
pub(super) fn run_from(operations: &[Operation], at: usize) -> impl Iterator<Item = &Operation> {
    operations[at..].iter().take_while(|operation| operation.falls_through())
}
