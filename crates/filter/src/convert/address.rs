//! Addresses of several words are compared from their last word on: those of a list have the first ones in common.
//!
//! Most addresses are not the one that is looked for. So it is the last words that are compared one after the other, and what has
//! the right one goes aside.

use super::packet::DATA;
use super::vlan::{Place, place};
use super::{A, Converter, Copy, Label};
use crate::classic::{Operand, Operation, Test};
use crate::instruction::{Instruction, Size, When};

/// Fewer words are no address of that kind.
const WORDS_MIN: usize = 3;
const WORD_OCTETS: u32 = 4;

/// Words one after the other, each compared with a constant: all of them, or the same way out.
pub(super) struct Address {
    /// The instruction that loads the first word, its place, and what the words should be.
    at: usize,
    from: u32,
    words: Vec<u32>,
    then: usize,
    otherwise: usize,
}

impl Address {
    pub(super) fn otherwise(&self) -> usize {
        self.otherwise
    }
}

/// An address whose last word is compared: where it lies, and the jump of what has the right one.
pub(super) struct LastWord {
    address: Address,
    first_at: u32,
    aside: usize,
}

impl Converter<'_> {
    /// The address that is compared from here on. Into its middle nobody jumps, and of A nobody knows afterwards.
    pub(super) fn address_from(&self, at: usize) -> Option<Address> {
        let word = |at: usize| match *self.operations.get(at..at + 2)? {
            [
                Operation::Absolute(Size::Word, from),
                Operation::Branch { test: Test::Equal, operand: Operand::Constant(value), then, otherwise },
            ] => Some((from, value, then, otherwise)),
            _ => None,
        };
        let (from, value, mut then, otherwise) = word(at)?;
        let mut words = vec![value];
        while then == at + words.len() * 2
            && self.ways_to[then] == 1
            && let Some((next, value, further, out)) = word(then)
            && Some(next) == from.checked_add(words.len() as u32 * WORD_OCTETS)
            && out == otherwise
        {
            words.push(value);
            then = further;
        }
        let is_done_with_a = !self.live[then] && !self.live[otherwise];
        (words.len() >= WORDS_MIN && is_done_with_a && then != otherwise).then_some(Address {
            at,
            from,
            words,
            then,
            otherwise,
        })
    }

    /// In a fast copy: a packet that has not all of the address is compared in the slow one, word by word. What is another address
    /// falls into what follows. False, and nothing has been written, where the words do not lie in one piece.
    pub(super) fn compare_address(&mut self, copy: Copy, address: Address) -> bool {
        let Address { at, from, ref words, then, otherwise } = address;
        let last = from + (words.len() as u32 - 1) * WORD_OCTETS;
        let (Place::Packet(first_at), Place::Packet(last_at)) =
            (place(copy, Size::Word, from), place(copy, Size::Word, last))
        else {
            return false;
        };
        // With nothing of the tag in between.
        if last_at - first_at != u64::from(last - from) || !self.is_fast(last_at, Size::Word) {
            return false;
        }
        self.want(copy, at, last_at as u32 + WORD_OCTETS, Label::At(Copy { slow: true, ..copy }, at));
        self.flow.reach(at, then);
        self.flow.reach(at, otherwise);
        self.assembler.want(Label::At(copy, then));
        let value = self.load_word(&address, first_at as u32, words.len() - 1);
        let aside = self.assembler.skip_by(Instruction::jump32_if_imm(When::Equal, A, value, 0));
        self.addresses.push(LastWord { address, first_at: first_at as u32, aside });
        true
    }

    /// The words before the last ones, behind all else.
    pub(super) fn finish_addresses(&mut self, copy: Copy) {
        for LastWord { address, first_at, aside } in std::mem::take(&mut self.addresses) {
            self.assembler.land(aside);
            for number in (0..address.words.len() - 1).rev() {
                let value = self.load_word(&address, first_at, number);
                let other = Instruction::jump32_if_imm(When::NotEqual, A, value, 0);
                self.assembler.jump_by(other, Label::At(copy, address.otherwise));
            }
            self.assembler.jump(Label::At(copy, address.then));
        }
    }

    /// What the word in A should be.
    fn load_word(&mut self, address: &Address, first_at: u32, number: usize) -> i32 {
        let load = address.at + number * 2;
        self.is_left_as_loaded = self.orders[load].is_some();
        self.emit(Instruction::load(Size::Word, A, DATA, (first_at + number as u32 * WORD_OCTETS) as i16));
        self.in_host_order(A, Size::Word);
        self.constant(load + 1, address.words[number])
    }
}
