//! Packets whose VLAN tag the driver took out are seen as they came: octets 12 to 15 are the tag, and what follows is four octets
//! further on than it lies.

use super::packet::TAG_OCTETS;
use super::{A, CONTEXT, Converter, Copy, FRAME, HEAD_AT, Label};
use crate::instruction::{Instruction, Operator, Register, Size, When};

/// In front of the tag are the addresses.
const TAG_AT: u32 = 12;
const TAG_END: u32 = TAG_AT + TAG_OCTETS;
/// Of what lies behind the tag an access that begins before its end needs no more.
const BEHIND_OCTETS: i32 = 4;

const SKB_LENGTH: i16 = 0;
const SKB_TAG_PRESENT: i16 = 20;
const SKB_TAG: i16 = 24;
const SKB_TAG_PROTOCOL: i16 = 28;

/// In slow copies nothing else is where the packet's end was.
const KEPT_PLACE: Register = Register::R9;

/// Where octets lie that a program asks for at a constant place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the packet, from here on.
    Packet(u64),
    /// All in the tag: in the head on the stack, from here on.
    Tag(u32),
    /// Over one of the tag's edges: in the head once it has been put together.
    Edge(u32),
}

impl Place {
    /// How many octets of the packet must be there.
    pub(super) fn end(self, size: Size) -> u32 {
        match self {
            Self::Packet(from) => u32::try_from(from + u64::from(size.octets())).unwrap_or(u32::MAX),
            Self::Tag(_) | Self::Edge(_) => 0,
        }
    }
}

pub(super) fn place(copy: Copy, size: Size, from: u32) -> Place {
    let end = u64::from(from) + u64::from(size.octets());
    if !copy.tagged || end <= TAG_AT.into() {
        Place::Packet(from.into())
    } else if from >= TAG_END {
        Place::Packet((from - TAG_OCTETS).into())
    } else if from >= TAG_AT && end <= TAG_END.into() {
        Place::Tag(from)
    } else {
        Place::Edge(from)
    }
}

impl Converter<'_> {
    pub(super) fn leave_if_tagged(&mut self) {
        self.emit(Instruction::load(Size::Word, Register::R1, CONTEXT, SKB_TAG_PRESENT));
        let tagged = Instruction::jump_if_imm(When::NotEqual, Register::R1, 0, 0);
        self.assembler.jump_by(tagged, Label::Tagged);
    }

    /// The tag is put where it would be in the head, as octets.
    pub(super) fn begin_tagged(&mut self) {
        self.assembler.place(Label::Tagged);
        let tag_at = HEAD_AT + TAG_AT as i16;
        // The protocol is in the network's order as it is.
        self.emit(Instruction::load(Size::Word, Register::R1, CONTEXT, SKB_TAG_PROTOCOL));
        self.emit(Instruction::store(Size::Half, FRAME, tag_at, Register::R1));
        self.emit(Instruction::load(Size::Word, Register::R1, CONTEXT, SKB_TAG));
        self.emit(Instruction::network_order(Register::R1, 16));
        self.emit(Instruction::store(Size::Half, FRAME, tag_at + 2, Register::R1));
    }

    /// The first twenty octets as they came, on the stack; of a packet that ends before, what there is.
    pub(super) fn put_head_together(&mut self) {
        let behind = HEAD_AT + TAG_END as i16;
        self.emit(Instruction::mov_imm(Register::R2, 0));
        self.ask(HEAD_AT, TAG_AT);
        self.emit(Instruction::store_imm(Size::Word, FRAME, behind, 0));
        self.emit(Instruction::load(Size::Word, Register::R4, CONTEXT, SKB_LENGTH));
        self.emit(Instruction::alu64_imm(Operator::Add, Register::R4, -(TAG_AT as i32)));
        let none = self.assembler.skip_by(Instruction::jump_if_imm(When::Less, Register::R4, 1, 0));
        let few = self.assembler.skip_by(Instruction::jump_if_imm(When::LessOrEqual, Register::R4, BEHIND_OCTETS, 0));
        self.emit(Instruction::mov_imm(Register::R4, BEHIND_OCTETS));
        self.assembler.land(few);
        self.emit(Instruction::mov_imm(Register::R2, TAG_AT as i32));
        self.ask_some(behind);
        self.assembler.land(none);
    }

    /// A load from where R2 says, if that is before the tag's end. Otherwise R2 becomes the place in the packet. The answer
    /// is a jump that has to land behind the load from there.
    pub(super) fn load_slow_head(&mut self, size: Size, place: Register) -> usize {
        let further = Instruction::jump_if_imm(When::GreaterOrEqual, place, TAG_END as i32, 0);
        let further = self.assembler.skip_by(further);
        self.emit(Instruction::mov(KEPT_PLACE, place));
        self.put_head_together();
        self.emit(Instruction::load(Size::Word, Register::R1, CONTEXT, SKB_LENGTH));
        self.emit(Instruction::alu64_imm(Operator::Add, Register::R1, TAG_OCTETS as i32));
        self.emit(Instruction::mov(Register::R2, KEPT_PLACE));
        self.emit(Instruction::alu64_imm(Operator::Add, Register::R2, size.octets() as i32));
        self.assembler.jump_by(Instruction::jump_if(When::Greater, Register::R2, Register::R1, 0), Label::Reject);
        // It is, but not every verifier remembers.
        let bound = Instruction::jump_if_imm(When::GreaterOrEqual, KEPT_PLACE, TAG_END as i32, 0);
        self.assembler.jump_by(bound, Label::Reject);
        self.emit(Instruction::alu64(Operator::Add, KEPT_PLACE, FRAME));
        self.load_octets(A, size, KEPT_PLACE, HEAD_AT);
        let done = self.assembler.skip_by(Instruction::jump(0));
        self.assembler.land(further);
        self.emit(Instruction::alu64_imm(Operator::Add, place, -(TAG_OCTETS as i32)));
        done
    }

    /// Octets of the head at a constant place, as a number.
    pub(super) fn load_head(&mut self, into: Register, size: Size, from: u32) {
        if from.is_multiple_of(size.octets()) {
            self.emit(Instruction::load(size, into, FRAME, HEAD_AT + from as i16));
            self.in_host_order(into, size);
        } else {
            self.load_octets(into, size, FRAME, HEAD_AT + from as i16);
        }
    }

    /// One by one: the verifier takes nothing from the stack that is not aligned.
    fn load_octets(&mut self, into: Register, size: Size, base: Register, from: i16) {
        self.emit(Instruction::load(Size::Octet, into, base, from));
        for at in 1..size.octets() as i16 {
            self.emit(Instruction::alu32_imm(Operator::ShiftLeft, into, 8));
            self.emit(Instruction::load(Size::Octet, Register::R1, base, from + at));
            self.emit(Instruction::alu32(Operator::Or, into, Register::R1));
        }
        if self.is_left_as_loaded && size != Size::Octet {
            // Back to where all others leave it.
            self.emit(Instruction::network_order(into, size.octets() as i32 * 8));
        }
    }
}
