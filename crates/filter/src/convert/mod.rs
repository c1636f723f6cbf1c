//! From a classic program to eBPF.
//!
//! A program is written out more than once. The fast copy reads octets where they lie and looks at the packet's end once for
//! what a run of instructions needs. Where that end is too near, because the packet is short or because its octets lie in
//! further buffers, the packet goes on at the same instruction of the slow copy, which asks a helper for every load and knows
//! what is really out of the packet. For socket buffers there are two more, for packets whose VLAN tag the driver took out.
//! Memory, which is all there, needs one copy.
//!
//! Jumps lead forward, but for those of addresses' first words, which are compared behind all else of their copy.

mod address;
mod arithmetic;
mod assembler;
mod flow;
mod memory;
mod order;
mod packet;
mod search;
mod shorten;
#[cfg(test)]
mod tests;
mod vlan;

use crate::classic::{Classic, Operand, Operation, SLOTS, Target, Test};
use crate::error::FilterError;
use crate::instruction::{Instruction, Operator, Register, Size, When};
use address::LastWord;
use assembler::{Assembler, Label};
use flow::Flow;

/// How many octets of memory a filter looks at, for [`Source::Memory`].
pub const MEMORY_OCTETS: u32 = 4096;
/// How far below the frame's end a body writes.
pub const STACK_OCTETS: i16 = 128;

/// Words of memory, from here on.
const SLOTS_AT: i16 = -64;
/// Where helpers put what they load.
const LOADED_AT: i16 = -72;
/// Where A waits while a helper is called.
const KEPT_AT: i16 = -80;
/// The first octets of a packet with its tag put back: twenty, from here on.
const HEAD_AT: i16 = -104;

/// A comes back as what the program returns, so it lives where that is expected.
const A: Register = Register::R0;
const CONTEXT: Register = Register::R6;
const FRAME: Register = Register::R10;

/// Where a filter's octets come from, and with that what its registers hold when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// R6 is an XDP program's context.
    Xdp,
    /// R6 is the context of a program for socket buffers (`__sk_buff`), at tcx or clsact. A VLAN tag that the driver took out is
    /// seen where it was in the packet.
    Skb,
    /// R6 points to memory of which the verifier knows at least [`MEMORY_OCTETS`] octets and eight more; R7 is how many of them
    /// were captured, which the verifier knows to be no more than [`MEMORY_OCTETS`]; R8 is the packet's length on the wire. R7's and
    /// R8's upper halves are 0.
    Memory,
}

/// A filter as eBPF, to stand inside of a program.
///
/// What it finds in registers is said at [`Source`]. It ends by falling off its end with R0 being what the classic program
/// returns (0 for a packet that is not wanted), its upper half 0, and R6 as it was. Other registers are lost, and so are the
/// [`STACK_OCTETS`] octets below the frame's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// In order.
    pub instructions: Vec<Instruction>,
}

/// Converts a program for one source.
///
/// # Errors
/// [`FilterError::TooFar`] for a program too large for its jumps.
pub fn convert(classic: &Classic, source: Source) -> Result<Body, FilterError> {
    let operations = &shorten::shorten(classic.operations())[..];
    let mut converter = Converter {
        operations,
        source,
        flow: Flow::new(operations.len()),
        assembler: Assembler::new(operations.len()),
        orders: order::left_as_loaded(operations),
        live: order::live(operations),
        ways_to: search::ways_to(operations),
        is_left_as_loaded: false,
        addresses: Vec::new(),
        far: operations.iter().map(|operation| operation.end()).max().unwrap_or(0),
    };
    converter.begin();
    match source {
        Source::Memory => converter.copy(Copy { tagged: false, slow: false }),
        Source::Xdp => converter.pair(false),
        Source::Skb => {
            converter.pair(false);
            if converter.assembler.is_wanted(Label::Tagged) {
                converter.begin_tagged();
                converter.pair(true);
            }
        }
    }
    converter.assembler.finish().map(|instructions| Body { instructions })
}

/// One of the ways a program is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Copy {
    /// For packets whose tag is not in them.
    tagged: bool,
    /// By helpers.
    slow: bool,
}

impl Copy {
    const COUNT: usize = 4;

    fn number(self) -> usize {
        usize::from(self.tagged) * 2 + usize::from(self.slow)
    }
}

struct Converter<'a> {
    operations: &'a [Operation],
    source: Source,
    flow: Flow,
    assembler: Assembler,
    /// By instruction: whether A is as it was loaded, and of what size.
    orders: Vec<Option<Size>>,
    /// By instruction: whether A is still used.
    live: Vec<bool>,
    /// By instruction: how many ways lead there.
    ways_to: Vec<u32>,
    /// Whether the instruction that is being written leaves A as it is loaded.
    is_left_as_loaded: bool,
    /// Addresses whose last words have been compared in this copy.
    addresses: Vec<LastWord>,
    /// The furthest octet that is read at a constant place.
    far: u32,
}

impl Converter<'_> {
    /// X's register: in Memory two more are taken.
    fn x(&self) -> Register {
        if self.source == Source::Memory { Register::R9 } else { Register::R7 }
    }

    fn emit(&mut self, instruction: Instruction) {
        self.assembler.emit(instruction);
    }

    /// What holds at the program's beginning.
    fn begin(&mut self) {
        let loads = self.operations.iter().any(|o| o.is_load());
        if self.source != Source::Memory && loads {
            self.begin_packet();
        }
        self.emit(Instruction::mov_imm(A, 0));
        let x = self.x();
        self.emit(Instruction::mov_imm(x, 0));
        for slot in 0..SLOTS {
            let read = |o: &Operation| matches!(o, Operation::Recall(_, read) if *read == slot);
            if self.operations.iter().any(read) {
                self.emit(Instruction::store_imm(Size::Word, FRAME, slot_at(slot), 0));
            }
        }
        let measures = self.operations.iter().any(|o| matches!(o, Operation::Length(_)));
        if self.source == Source::Skb && (loads || measures) {
            self.leave_if_tagged();
        }
    }

    fn pair(&mut self, tagged: bool) {
        self.copy(Copy { tagged, slow: false });
        self.copy(Copy { tagged, slow: true });
    }

    /// Writes what can be reached of a program. All jumps go forward, so who jumps here has been written before.
    fn copy(&mut self, copy: Copy) {
        self.flow.restart();
        let mut falls_to = (!copy.slow).then_some(0);
        for at in 0..self.operations.len() {
            let label = Label::At(copy, at);
            if falls_to != Some(at) {
                if !self.assembler.is_wanted(label) {
                    continue;
                }
                if let Some(further) = falls_to {
                    self.assembler.jump(Label::At(copy, further));
                }
            }
            self.assembler.place(label);
            falls_to = self.operation(copy, at);
        }
        self.finish_addresses(copy);
    }

    /// Which one is fallen into from behind this one's end.
    fn operation(&mut self, copy: Copy, at: usize) -> Option<usize> {
        if self.source != Source::Memory
            && !copy.slow
            && let Some(address) = self.address_from(at)
        {
            let otherwise = address.otherwise();
            if self.compare_address(copy, address) {
                return Some(otherwise);
            }
        }
        self.one_operation(copy, at).then_some(at + 1)
    }

    /// Whether the next one is fallen into.
    fn one_operation(&mut self, copy: Copy, at: usize) -> bool {
        let operation = self.operations[at];
        let x = self.x();
        self.is_left_as_loaded = self.orders[at].is_some();
        let mut goes_on = operation.falls_through();
        match operation {
            Operation::Absolute(size, from) => goes_on = self.load(copy, at, A, size, from),
            Operation::HeaderLength(from) => goes_on = self.header_length(copy, at, from),
            Operation::Relative(size, from) => goes_on = self.load_relative(copy, at, size, from),
            Operation::Constant(target, value) => {
                let register = self.register(target);
                self.emit(Instruction::alu32_imm(Operator::Move, register, value as i32));
            }
            Operation::Length(target) => self.length(copy, target),
            Operation::Recall(target, slot) => {
                let register = self.register(target);
                self.emit(Instruction::load(Size::Word, register, FRAME, slot_at(slot)));
            }
            Operation::Keep(target, slot) => {
                let register = self.register(target);
                self.emit(Instruction::store(Size::Word, FRAME, slot_at(slot), register));
            }
            Operation::Arithmetic(operator, operand) => self.arithmetic(at, operator, operand),
            Operation::Negate => self.emit(Instruction::alu32_imm(Operator::Negate, A, 0)),
            Operation::CopyAToX => self.emit(Instruction::alu32(Operator::Move, x, A)),
            Operation::CopyXToA => self.emit(Instruction::alu32(Operator::Move, A, x)),
            Operation::Jump(target) => self.go_to(copy, at, target),
            Operation::Branch { test, operand, then, otherwise } => {
                goes_on = self.branch(copy, at, test, operand, then, otherwise);
            }
            Operation::Return(0) => self.assembler.jump(Label::Reject),
            Operation::Return(value) => {
                self.emit(Instruction::alu32_imm(Operator::Move, A, value as i32));
                self.assembler.jump(Label::End);
            }
            Operation::ReturnA => self.assembler.jump(Label::End),
        }
        if operation.falls_through() {
            self.flow.step(at, operation);
        }
        goes_on
    }

    fn go_to(&mut self, copy: Copy, at: usize, target: usize) {
        self.flow.reach(at, target);
        self.assembler.jump(Label::At(copy, target));
    }

    /// Whether the next instruction is fallen into.
    fn branch(&mut self, copy: Copy, at: usize, test: Test, operand: Operand, then: usize, otherwise: usize) -> bool {
        if let Some(row) = search::row_from(self.operations, &self.ways_to, at) {
            self.search(copy, at, &row);
            return false;
        }
        self.flow.reach(at, then);
        self.flow.reach(at, otherwise);
        if then == otherwise {
            if then != at + 1 {
                self.assembler.jump(Label::At(copy, then));
            }
            return then == at + 1;
        }
        let (when, opposite) = match test {
            Test::Equal => (When::Equal, Some(When::NotEqual)),
            Test::Greater => (When::Greater, Some(When::LessOrEqual)),
            Test::GreaterOrEqual => (When::GreaterOrEqual, Some(When::Less)),
            Test::AnyBit => (When::AnyBit, None),
        };
        let x = self.x();
        let order = self.orders[at];
        let compare = |when| match operand {
            Operand::Constant(value) => Instruction::jump32_if_imm(when, A, order::constant(value, order), 0),
            Operand::X => Instruction::jump32_if(when, A, x, 0),
        };
        match opposite {
            Some(opposite) if then == at + 1 => self.assembler.jump_by(compare(opposite), Label::At(copy, otherwise)),
            _ => {
                self.assembler.jump_by(compare(when), Label::At(copy, then));
                if otherwise != at + 1 {
                    self.assembler.jump(Label::At(copy, otherwise));
                }
            }
        }
        then == at + 1 || otherwise == at + 1
    }

    fn register(&self, target: Target) -> Register {
        match target {
            Target::A => A,
            Target::X => self.x(),
        }
    }

    /// A or X becomes octets at a constant place. Whether the next instruction is fallen into.
    fn load(&mut self, copy: Copy, at: usize, into: Register, size: Size, from: u32) -> bool {
        match (self.source, copy.slow) {
            (Source::Memory, _) => self.load_memory(at, into, size, from),
            (_, true) => self.load_slow(copy, into, size, from),
            (_, false) => self.load_fast(copy, at, into, size, from),
        }
    }

    fn load_relative(&mut self, copy: Copy, at: usize, size: Size, from: u32) -> bool {
        match (self.source, copy.slow) {
            (Source::Memory, _) => self.load_memory_relative(size, from),
            (_, true) => self.load_slow_relative(copy, size, from),
            (_, false) => self.load_fast_relative(copy, at, size, from),
        }
    }

    fn header_length(&mut self, copy: Copy, at: usize, from: u32) -> bool {
        let x = self.x();
        let goes_on = self.load(copy, at, x, Size::Octet, from);
        if goes_on {
            self.emit(Instruction::alu32_imm(Operator::And, x, 15));
            self.emit(Instruction::alu32_imm(Operator::ShiftLeft, x, 2));
        }
        goes_on
    }

    /// A constant as A's bits are at an instruction.
    fn constant(&self, at: usize, value: u32) -> i32 {
        order::constant(value, self.orders[at])
    }

    /// From the network's order, of what has been loaded into a register, if it is not as good as it is.
    fn in_host_order(&mut self, register: Register, size: Size) {
        if size != Size::Octet && !self.is_left_as_loaded {
            self.emit(Instruction::network_order(register, size.octets() as i32 * 8));
        }
    }
}

fn slot_at(slot: usize) -> i16 {
    SLOTS_AT + slot as i16 * 4
}
