//! One eBPF instruction as the kernel takes it, and builders for those that a filter and what stands around it are made of.

use std::fmt;

/// A register of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "their names are all there is to them")]
pub enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    /// The frame's end: the stack lies below it.
    R10,
}

/// How much a load or a store moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Size {
    /// 4 octets.
    Word = 0x00,
    /// 2 octets.
    Half = 0x08,
    /// 1 octet.
    Octet = 0x10,
    /// 8 octets.
    Double = 0x18,
}

impl Size {
    /// In octets.
    #[must_use]
    pub const fn octets(self) -> u32 {
        match self {
            Self::Octet => 1,
            Self::Half => 2,
            Self::Word => 4,
            Self::Double => 8,
        }
    }
}

/// What is done to a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "their names are all there is to them")]
pub enum Operator {
    Add = 0x00,
    Subtract = 0x10,
    Multiply = 0x20,
    Divide = 0x30,
    Or = 0x40,
    And = 0x50,
    ShiftLeft = 0x60,
    ShiftRight = 0x70,
    Negate = 0x80,
    Modulo = 0x90,
    ExclusiveOr = 0xa0,
    Move = 0xb0,
    ShiftRightSigned = 0xc0,
}

/// When a jump is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "their names are all there is to them")]
pub enum When {
    Equal = 0x10,
    Greater = 0x20,
    GreaterOrEqual = 0x30,
    /// They have a bit in common.
    AnyBit = 0x40,
    NotEqual = 0x50,
    GreaterSigned = 0x60,
    GreaterOrEqualSigned = 0x70,
    Less = 0xa0,
    LessOrEqual = 0xb0,
    LessSigned = 0xc0,
    LessOrEqualSigned = 0xd0,
}

const CLASS_LOAD_WIDE: u8 = 0x18;
const CLASS_LOAD: u8 = 0x61;
const CLASS_STORE_IMMEDIATE: u8 = 0x62;
const CLASS_STORE: u8 = 0x63;
const CLASS_ALU32: u8 = 0x04;
const CLASS_JUMP: u8 = 0x05;
const CLASS_JUMP32: u8 = 0x06;
const CLASS_ALU64: u8 = 0x07;
const BY_REGISTER: u8 = 0x08;
const CODE_CALL: u8 = 0x85;
const CODE_EXIT: u8 = 0x95;
const CODE_TO_NETWORK_ORDER: u8 = 0xdc;
/// What a wide load's source register says of its immediate.
const IS_MAP: u8 = 1;
const IS_MAP_VALUE: u8 = 2;

/// One instruction, laid out as the kernel's `struct bpf_insn`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(C)]
pub struct Instruction {
    /// The operation.
    pub code: u8,
    /// The destination's number in the low four bits, the source's in the high four.
    pub registers: u8,
    /// A jump's distance, or what is added to an address.
    pub offset: i16,
    /// The constant.
    pub immediate: i32,
}

impl Instruction {
    const fn new(code: u8, dst: Register, src: u8, offset: i16, immediate: i32) -> Self {
        Self { code, registers: dst as u8 | src << 4, offset, immediate }
    }

    /// `dst = src`, all 64 bits.
    #[must_use]
    pub const fn mov(dst: Register, src: Register) -> Self {
        Self::alu64(Operator::Move, dst, src)
    }

    /// `dst = immediate`, sign-extended to 64 bits.
    #[must_use]
    pub const fn mov_imm(dst: Register, immediate: i32) -> Self {
        Self::alu64_imm(Operator::Move, dst, immediate)
    }

    /// `dst = dst op src` in 64 bits.
    #[must_use]
    pub const fn alu64(op: Operator, dst: Register, src: Register) -> Self {
        Self::new(CLASS_ALU64 | BY_REGISTER | op as u8, dst, src as u8, 0, 0)
    }

    /// `dst = dst op immediate` in 64 bits.
    #[must_use]
    pub const fn alu64_imm(op: Operator, dst: Register, immediate: i32) -> Self {
        Self::new(CLASS_ALU64 | op as u8, dst, 0, 0, immediate)
    }

    /// `dst = dst op src` in 32 bits; the upper half becomes 0.
    #[must_use]
    pub const fn alu32(op: Operator, dst: Register, src: Register) -> Self {
        Self::new(CLASS_ALU32 | BY_REGISTER | op as u8, dst, src as u8, 0, 0)
    }

    /// `dst = dst op immediate` in 32 bits; the upper half becomes 0.
    #[must_use]
    pub const fn alu32_imm(op: Operator, dst: Register, immediate: i32) -> Self {
        Self::new(CLASS_ALU32 | op as u8, dst, 0, 0, immediate)
    }

    /// Between the host's order of octets and the network's, of the lowest `bits` (16, 32 or 64); those above become 0.
    #[must_use]
    pub const fn network_order(dst: Register, bits: i32) -> Self {
        Self::new(CODE_TO_NETWORK_ORDER, dst, 0, 0, bits)
    }

    /// `dst = *(src + offset)`, zero-extended.
    #[must_use]
    pub const fn load(size: Size, dst: Register, src: Register, offset: i16) -> Self {
        Self::new(CLASS_LOAD | size as u8, dst, src as u8, offset, 0)
    }

    /// `*(dst + offset) = src`.
    #[must_use]
    pub const fn store(size: Size, dst: Register, offset: i16, src: Register) -> Self {
        Self::new(CLASS_STORE | size as u8, dst, src as u8, offset, 0)
    }

    /// `*(dst + offset) = immediate`.
    #[must_use]
    pub const fn store_imm(size: Size, dst: Register, offset: i16, immediate: i32) -> Self {
        Self::new(CLASS_STORE_IMMEDIATE | size as u8, dst, 0, offset, immediate)
    }

    /// Goes on `offset` instructions behind the next one.
    #[must_use]
    pub const fn jump(offset: i16) -> Self {
        Self::new(CLASS_JUMP, Register::R0, 0, offset, 0)
    }

    /// Jumps as two registers compare in 64 bits.
    #[must_use]
    pub const fn jump_if(when: When, dst: Register, src: Register, offset: i16) -> Self {
        Self::new(CLASS_JUMP | BY_REGISTER | when as u8, dst, src as u8, offset, 0)
    }

    /// Jumps as a register and a constant, sign-extended, compare in 64 bits.
    #[must_use]
    pub const fn jump_if_imm(when: When, dst: Register, immediate: i32, offset: i16) -> Self {
        Self::new(CLASS_JUMP | when as u8, dst, 0, offset, immediate)
    }

    /// Jumps as two registers' lower halves compare.
    #[must_use]
    pub const fn jump32_if(when: When, dst: Register, src: Register, offset: i16) -> Self {
        Self::new(CLASS_JUMP32 | BY_REGISTER | when as u8, dst, src as u8, offset, 0)
    }

    /// Jumps as a register's lower half and a constant compare.
    #[must_use]
    pub const fn jump32_if_imm(when: When, dst: Register, immediate: i32, offset: i16) -> Self {
        Self::new(CLASS_JUMP32 | when as u8, dst, 0, offset, immediate)
    }

    /// Calls a helper of the kernel by its number: arguments from R1, the answer in R0, R1 to R5 are lost.
    #[must_use]
    pub const fn call(helper: i32) -> Self {
        Self::new(CODE_CALL, Register::R0, 0, 0, helper)
    }

    /// Ends the program with what R0 holds.
    #[must_use]
    pub const fn exit() -> Self {
        Self::new(CODE_EXIT, Register::R0, 0, 0, 0)
    }

    /// `dst = value`, all 64 bits.
    #[must_use]
    pub const fn load_imm64(dst: Register, value: u64) -> [Self; 2] {
        Self::wide(dst, 0, value as u32 as i32, (value >> 32) as u32 as i32)
    }

    /// `dst` becomes the map of descriptor `fd`, as helpers take it.
    #[must_use]
    pub const fn load_map(dst: Register, fd: i32) -> [Self; 2] {
        Self::wide(dst, IS_MAP, fd, 0)
    }

    /// `dst` becomes the address of the only value of the array of descriptor `fd`, `offset` octets on.
    #[must_use]
    pub const fn load_map_value(dst: Register, fd: i32, offset: i32) -> [Self; 2] {
        Self::wide(dst, IS_MAP_VALUE, fd, offset)
    }

    const fn wide(dst: Register, what: u8, low: i32, high: i32) -> [Self; 2] {
        let second = Self { code: 0, registers: 0, offset: 0, immediate: high };
        [Self::new(CLASS_LOAD_WIDE, dst, what, 0, low), second]
    }
}

impl fmt::Debug for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dst, src) = (self.registers & 15, self.registers >> 4);
        write!(f, "{:02x} r{dst} r{src} {:+} {:#x}", self.code, self.offset, self.immediate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_what_the_kernel_takes() {
        let bytes = |i: Instruction| (i.code, i.registers, i.offset, i.immediate);
        assert_eq!(size_of::<Instruction>(), 8);
        assert_eq!(bytes(Instruction::mov(Register::R1, Register::R6)), (0xbf, 0x61, 0, 0));
        assert_eq!(bytes(Instruction::mov_imm(Register::R0, -1)), (0xb7, 0, 0, -1));
        assert_eq!(bytes(Instruction::load(Size::Word, Register::R2, Register::R6, 4)), (0x61, 0x62, 4, 0));
        assert_eq!(bytes(Instruction::store(Size::Double, Register::R10, -8, Register::R3)), (0x7b, 0x3a, -8, 0));
        assert_eq!(bytes(Instruction::store_imm(Size::Octet, Register::R10, -8, 3)), (0x72, 0x0a, -8, 3));
        assert_eq!(bytes(Instruction::jump(7)), (0x05, 0, 7, 0));
        assert_eq!(bytes(Instruction::jump_if_imm(When::NotEqual, Register::R0, 3, 2)), (0x55, 0, 2, 3));
        assert_eq!(bytes(Instruction::jump32_if(When::Less, Register::R0, Register::R2, 2)), (0xae, 0x20, 2, 0));
        assert_eq!(bytes(Instruction::alu32(Operator::Add, Register::R0, Register::R2)), (0x0c, 0x20, 0, 0));
        assert_eq!(bytes(Instruction::network_order(Register::R0, 16)), (0xdc, 0, 0, 16));
        assert_eq!(bytes(Instruction::exit()), (0x95, 0, 0, 0));
        let [first, second] = Instruction::load_imm64(Register::R3, 0x1_8000_0002);
        assert_eq!((bytes(first), bytes(second)), ((0x18, 3, 0, i32::MIN + 2), (0, 0, 0, 1)));
        assert_eq!(bytes(Instruction::load_map(Register::R1, 5)[0]), (0x18, 0x11, 0, 5));
        assert_eq!(bytes(Instruction::load_map_value(Register::R1, 5, 9)[1]), (0, 0, 0, 9));
    }
}
