//! A block: its type, its length, its body, its options and its length again.

use crate::text::{OPTION_MAX, push_harmless};

/// The type of a section's header.
pub(crate) const SECTION: u32 = 0x0a0d_0d0a;
/// The type of an interface's description.
pub(crate) const INTERFACE: u32 = 1;
/// The type of an interface's statistics.
pub(crate) const STATISTICS: u32 = 5;
/// The type of a packet.
pub(crate) const PACKET: u32 = 6;

/// The option all blocks share: a sentence for people.
pub(crate) const COMMENT: u16 = 1;

/// Octets that bring a length to a multiple of four.
pub(crate) fn padding(length: usize) -> usize {
    length.wrapping_neg() & 3
}

/// A block being written at the end of a buffer; [`Block::end`] fills in its length.
pub(crate) struct Block<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    options: bool,
}

impl<'a> Block<'a> {
    pub(crate) fn begin(out: &'a mut Vec<u8>, kind: u32) -> Self {
        let start = out.len();
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        Self { out, start, options: false }
    }

    /// Octets of the body, which are already aligned.
    pub(crate) fn body(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// Whole options, already aligned.
    pub(crate) fn options(&mut self, octets: &[u8]) {
        self.options |= !octets.is_empty();
        self.out.extend_from_slice(octets);
    }

    /// An option of a few octets.
    pub(crate) fn option(&mut self, code: u16, value: &[u8]) {
        let length = value.len().min(OPTION_MAX);
        self.head(code, length as u16);
        self.out.extend_from_slice(&value[..length]);
        self.pad(length);
    }

    /// An option of text, which `write` appends; it is cut at what an option can hold.
    pub(crate) fn text_by(&mut self, code: u16, write: impl FnOnce(&mut Vec<u8>)) {
        self.head(code, 0);
        let from = self.out.len();
        write(self.out);
        // Pieces are cut between characters, but many of them may be more than fits.
        self.out.truncate(from + whole_characters(&self.out[from..], OPTION_MAX));
        let length = self.out.len() - from;
        self.out[from - 2..from].copy_from_slice(&(length as u16).to_le_bytes());
        self.pad(length);
    }

    /// An option of one line of text.
    pub(crate) fn text(&mut self, code: u16, text: &str) {
        self.text_by(code, |out| push_harmless(out, text, OPTION_MAX, false));
    }

    /// A sentence for people, whose lines are kept.
    pub(crate) fn comment(&mut self, text: &str) {
        self.text_by(COMMENT, |out| push_harmless(out, text, OPTION_MAX, true));
    }

    /// Writes the end of options, if there are any, and both lengths.
    pub(crate) fn end(self) {
        if self.options {
            self.out.extend_from_slice(&[0; 4]);
        }
        let length = (self.out.len() + 4 - self.start) as u32;
        self.out[self.start + 4..self.start + 8].copy_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(&length.to_le_bytes());
    }

    fn head(&mut self, code: u16, length: u16) {
        self.options = true;
        self.out.extend_from_slice(&code.to_le_bytes());
        self.out.extend_from_slice(&length.to_le_bytes());
    }

    fn pad(&mut self, length: usize) {
        self.out.extend_from_slice(&[0; 3][..padding(length)]);
    }
}

/// How many of the first `max` octets of UTF-8 text are whole characters.
fn whole_characters(text: &[u8], max: usize) -> usize {
    if text.len() <= max {
        return text.len();
    }
    (0..=max).rev().find(|&at| text[at] & 0xc0 != 0x80).unwrap_or(0)
}

/// The length and type of the block at the start of `octets`.
pub(crate) fn block_at(octets: &[u8]) -> Option<(u32, usize)> {
    let word = |at: usize| octets.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    Some((word(0)?, word(4)? as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_aligned_and_says_its_length_twice() {
        let mut out = vec![9; 3];
        let mut block = Block::begin(&mut out, 7);
        block.body(&[1, 2, 3, 4]);
        block.option(2, &[5]);
        block.text(3, "abcde");
        block.end();
        let block = &out[3..];
        assert_eq!(block.len(), 40);
        assert_eq!(block_at(block), Some((7, 40)));
        assert_eq!(block[36..], [40, 0, 0, 0]);
        assert_eq!(block[12..20], [2, 0, 1, 0, 5, 0, 0, 0]);
        assert_eq!(block[20..32], *b"\x03\0\x05\0abcde\0\0\0");
    }

    #[test]
    fn text_of_many_pieces_is_cut_between_characters() {
        let mut out = Vec::new();
        let mut block = Block::begin(&mut out, 1);
        block.text_by(1, |out| out.extend_from_slice("é".repeat(40_000).as_bytes()));
        block.end();
        assert_eq!(out[10..12], 65_534_u16.to_le_bytes());
        assert_eq!(out.len() % 4, 0);
    }
}
