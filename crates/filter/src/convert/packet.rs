//! Loads from packets: where their octets lie, or by helpers.

use super::flow::run_from;
use super::vlan::{Place, place};
use super::{A, CONTEXT, Converter, Copy, FRAME, KEPT_AT, LOADED_AT, Label, Source, Target};
use crate::classic::Operation;
use crate::instruction::{Instruction, Operator, Register, Size, When};

pub(super) const DATA: Register = Register::R8;
const DATA_END: Register = Register::R9;
/// What is computed on the way to a load.
const POINTER: Register = Register::R1;
const END: Register = Register::R2;
/// In slow copies nothing else is where the packet's pointers were.
const SAVED: Register = Register::R8;

const SKB_LENGTH: i16 = 0;
const HELPER_SKB_LOAD: i32 = 26;
const HELPER_XDP_LENGTH: i32 = 188;
const HELPER_XDP_LOAD: i32 = 189;

/// Octets further on are left to the helpers: the verifier follows pointers into a packet no further than 64 KiB in all.
const FAST_OCTETS: u32 = 0x7fff;
/// Helpers take no offset from here on.
const HELPER_OCTETS: u32 = 0x7fff_0000;
/// An Ethernet and an IPv4 header. Nearly every packet has them, so it is not looked at the end for less.
const COMMON_OCTETS: u32 = 34;
/// What a VLAN tag adds to a length.
pub(super) const TAG_OCTETS: u32 = 4;

impl Converter<'_> {
    pub(super) fn begin_packet(&mut self) {
        let (data, end) = if self.source == Source::Xdp { (0, 4) } else { (76, 80) };
        self.emit(Instruction::load(Size::Word, DATA, CONTEXT, data));
        self.emit(Instruction::load(Size::Word, DATA_END, CONTEXT, end));
    }

    /// The packet's length on the wire.
    pub(super) fn length(&mut self, copy: Copy, target: Target) {
        let into = self.register(target);
        match self.source {
            Source::Memory => self.emit(Instruction::alu32(Operator::Move, into, Register::R8)),
            Source::Skb => {
                self.emit(Instruction::load(Size::Word, into, CONTEXT, SKB_LENGTH));
                if copy.tagged {
                    self.emit(Instruction::alu32_imm(Operator::Add, into, TAG_OCTETS as i32));
                }
            }
            Source::Xdp => {
                if target == Target::X {
                    self.emit(Instruction::store(Size::Double, FRAME, KEPT_AT, A));
                }
                self.emit(Instruction::mov(Register::R1, CONTEXT));
                self.emit(Instruction::call(HELPER_XDP_LENGTH));
                self.emit(Instruction::alu32(Operator::Move, into, Register::R0));
                if target == Target::X {
                    self.emit(Instruction::load(Size::Double, A, FRAME, KEPT_AT));
                }
            }
        }
    }

    pub(super) fn load_fast(&mut self, copy: Copy, at: usize, into: Register, size: Size, from: u32) -> bool {
        let slow = Label::At(Copy { slow: true, ..copy }, at);
        let from = match place(copy, size, from) {
            Place::Packet(from) if self.is_fast(from, size) => from as u32,
            Place::Tag(from) => {
                self.load_head(into, size, from);
                return true;
            }
            _ => {
                self.assembler.jump(slow);
                return false;
            }
        };
        self.want(copy, at, from + size.octets(), slow);
        self.emit(Instruction::load(size, into, DATA, from as i16));
        self.in_host_order(into, size);
        true
    }

    /// Whether octets are where fast copies look.
    pub(super) fn is_fast(&self, from: u64, size: Size) -> bool {
        from + u64::from(size.octets()) <= FAST_OCTETS.into()
    }

    /// Looks at the packet's end, once for all that will be read until there is a way out.
    pub(super) fn want(&mut self, copy: Copy, at: usize, octets: u32, slow: Label) {
        if self.flow.at(at).octets >= octets {
            return;
        }
        let ends = run_from(self.operations, at).map(|operation| match *operation {
            Operation::Absolute(size, from) => place(copy, size, from).end(size),
            Operation::HeaderLength(from) => place(copy, Size::Octet, from).end(Size::Octet),
            _ => 0,
        });
        let most = ends.filter(|end| *end <= FAST_OCTETS).max().unwrap_or(0);
        let octets = octets.max(most).max(self.far.min(COMMON_OCTETS));
        self.emit(Instruction::mov(POINTER, DATA));
        self.emit(Instruction::alu64_imm(Operator::Add, POINTER, octets as i32));
        self.assembler.jump_by(Instruction::jump_if(When::Greater, POINTER, DATA_END, 0), slow);
        self.flow.learn(at, octets);
    }

    pub(super) fn load_fast_relative(&mut self, copy: Copy, at: usize, size: Size, from: u32) -> bool {
        let slow = Label::At(Copy { slow: true, ..copy }, at);
        if from > FAST_OCTETS {
            self.assembler.jump(slow);
            return false;
        }
        let (from, least) = if copy.tagged {
            // What begins before the tag's end is not where it would be.
            (from as i32 - TAG_OCTETS as i32, 12 - (from as i32 - TAG_OCTETS as i32))
        } else {
            (from as i32, 0)
        };
        let x = self.x();
        self.emit(Instruction::mov(POINTER, x));
        if least > 0 {
            self.assembler.jump_by(Instruction::jump_if_imm(When::Less, POINTER, least, 0), slow);
        }
        if from != 0 {
            self.emit(Instruction::alu64_imm(Operator::Add, POINTER, from));
        }
        let most = i64::from(self.flow.at(at).x_max) + i64::from(from);
        if most > FAST_OCTETS.into() {
            let bound = Instruction::jump_if_imm(When::Greater, POINTER, FAST_OCTETS as i32, 0);
            self.assembler.jump_by(bound, slow);
        }
        self.emit(Instruction::alu64(Operator::Add, POINTER, DATA));
        self.emit(Instruction::mov(END, POINTER));
        self.emit(Instruction::alu64_imm(Operator::Add, END, size.octets() as i32));
        self.assembler.jump_by(Instruction::jump_if(When::Greater, END, DATA_END, 0), slow);
        self.emit(Instruction::load(size, A, POINTER, 0));
        self.in_host_order(A, size);
        true
    }

    pub(super) fn load_slow(&mut self, copy: Copy, into: Register, size: Size, from: u32) -> bool {
        let keeps_a = into != A;
        match place(copy, size, from) {
            Place::Packet(from) if from < HELPER_OCTETS.into() => {
                if keeps_a {
                    self.emit(Instruction::mov(SAVED, A));
                }
                self.emit(Instruction::mov_imm(Register::R2, from as i32));
                self.ask(LOADED_AT, size.octets());
                self.emit(Instruction::load(size, into, FRAME, LOADED_AT));
                self.in_host_order(into, size);
                if keeps_a {
                    self.emit(Instruction::mov(A, SAVED));
                }
            }
            Place::Packet(_) => {
                self.assembler.jump(Label::Reject);
                return false;
            }
            Place::Tag(from) => self.load_head(into, size, from),
            // One octet lies on no edge: A, which is where larger ones go, is not kept.
            Place::Edge(from) => {
                self.put_head_together();
                self.within_length(from + size.octets());
                self.load_head(into, size, from);
            }
        }
        true
    }

    /// By a 64-bit sum: what lies beyond 4 GiB is out of the packet and not at its beginning.
    pub(super) fn load_slow_relative(&mut self, copy: Copy, size: Size, from: u32) -> bool {
        if from >= HELPER_OCTETS {
            self.assembler.jump(Label::Reject);
            return false;
        }
        let x = self.x();
        let place = Register::R2;
        self.emit(Instruction::mov(place, x));
        if from > 0 {
            self.emit(Instruction::alu64_imm(Operator::Add, place, from as i32));
        }
        let bound = Instruction::jump_if_imm(When::GreaterOrEqual, place, HELPER_OCTETS as i32, 0);
        self.assembler.jump_by(bound, Label::Reject);
        let done = copy.tagged.then(|| self.load_slow_head(size, place));
        self.ask(LOADED_AT, size.octets());
        self.emit(Instruction::load(size, A, FRAME, LOADED_AT));
        self.in_host_order(A, size);
        if let Some(done) = done {
            self.assembler.land(done);
        }
        true
    }

    /// A helper's load of `octets` octets, from what R2 says, onto the stack; what is not there is out of the packet.
    pub(super) fn ask(&mut self, onto: i16, octets: u32) {
        self.emit(Instruction::mov_imm(Register::R4, octets as i32));
        self.ask_some(onto);
    }

    /// The same of as many octets as R4 says.
    pub(super) fn ask_some(&mut self, onto: i16) {
        let helper = if self.source == Source::Xdp { HELPER_XDP_LOAD } else { HELPER_SKB_LOAD };
        self.emit(Instruction::mov(Register::R1, CONTEXT));
        self.emit(Instruction::mov(Register::R3, FRAME));
        self.emit(Instruction::alu64_imm(Operator::Add, Register::R3, onto.into()));
        self.emit(Instruction::call(helper));
        self.assembler.jump_by(Instruction::jump_if_imm(When::NotEqual, Register::R0, 0, 0), Label::Reject);
    }

    /// Goes on only if the packet, without its tag, is as long as `octets` are with it.
    fn within_length(&mut self, octets: u32) {
        self.emit(Instruction::load(Size::Word, Register::R1, CONTEXT, SKB_LENGTH));
        let short = Instruction::jump_if_imm(When::Less, Register::R1, octets.saturating_sub(TAG_OCTETS) as i32, 0);
        self.assembler.jump_by(short, Label::Reject);
    }
}
