//! What can be wrong with a filter, with what to do about it.

use std::fmt::Write as _;
use std::io;

/// Of an expression an error shows no more than this.
const SHOWN_CHARACTERS: usize = 200;

/// An error of a filter.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// An octet that ends texts in C.
    #[error("the filter `{expression}` has a NUL octet at position {at}: remove it")]
    Nul {
        /// The expression, or the beginning of a long one.
        expression: String,
        /// Where, in octets.
        at: usize,
    },
    /// More text than is compiled.
    #[error(
        "the filter `{expression}` is {octets} octets long, at most {max} are compiled: use networks and ranges, or two captures"
    )]
    TooLong {
        /// Its beginning.
        expression: String,
        /// How long it is.
        octets: usize,
        /// How long it may be.
        max: usize,
    },
    /// libpcap refused it.
    #[error("the filter `{expression}` does not compile: {reason} (`man pcap-filter` describes the language)")]
    Refused {
        /// The expression.
        expression: String,
        /// libpcap's words.
        reason: String,
    },
    /// It compiles to something that cannot be used.
    #[error("the filter `{expression}` cannot be used: {why}")]
    Unusable {
        /// The expression.
        expression: String,
        /// What is wrong with what libpcap made of it.
        why: CheckError,
    },
    /// It compiled for too long.
    #[error(
        "the filter `{expression}` was not compiled in {seconds} seconds: use fewer terms, and addresses instead of hosts' names"
    )]
    TooSlow {
        /// The expression.
        expression: String,
        /// The time it was given.
        seconds: u64,
    },
    /// No thread could be had to compile it on.
    #[error("the filter `{expression}` was not compiled: no thread could be had for it: {source}")]
    Thread {
        /// The expression.
        expression: String,
        /// The system's word.
        source: io::Error,
    },
    /// libpcap, or this crate, did something it never should.
    #[error("the filter `{expression}` made the compiler fail: this is a bug in netrig")]
    Failed {
        /// The expression.
        expression: String,
    },
    /// The converted filter's jumps are longer than one instruction can say.
    #[error(
        "the filter is too large: it becomes {instructions} instructions, over which a jump does not reach (at most 32767): use fewer terms"
    )]
    TooFar {
        /// How many instructions it would be.
        instructions: usize,
    },
}

/// What is wrong with a classic program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// It has no instructions.
    #[error("it has no instructions")]
    Empty,
    /// It has more than the kernel takes.
    #[error("it has {count} instructions, at most {max} are taken: use fewer terms, or networks and ranges")]
    TooMany {
        /// How many.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// No such instruction.
    #[error("instruction {at} has the unknown code {code:#x}")]
    UnknownCode {
        /// Which.
        at: usize,
        /// Its code.
        code: u16,
    },
    /// A jump backwards, which may never end.
    #[error(
        "instruction {at} jumps backwards, so it may never end: `protochain` compiles to that, use `proto` instead"
    )]
    JumpBackwards {
        /// Which.
        at: usize,
    },
    /// A jump that leads out of the program.
    #[error("instruction {at} jumps out of the program")]
    JumpOut {
        /// Which.
        at: usize,
    },
    /// The last instruction is no return.
    #[error("it does not end in a return")]
    NoReturn,
    /// What the kernel alone knows of a packet, and no octet of it says.
    #[error(
        "instruction {at} asks for what is in no packet's octets (offset {offset:#x}), such as direction or interface: \
         leave `inbound`, `outbound` and `ifindex` out and name the interface instead"
    )]
    Ancillary {
        /// Which.
        at: usize,
        /// The offset that stands for it.
        offset: u32,
    },
    /// There are sixteen words of memory.
    #[error("instruction {at} uses the word {slot} of memory, the last is 15")]
    NoSuchSlot {
        /// Which.
        at: usize,
        /// The word.
        slot: u32,
    },
    /// A shift by more bits than there are.
    #[error("instruction {at} shifts by {bits} bits, of 32")]
    WideShift {
        /// Which.
        at: usize,
        /// By how much.
        bits: u32,
    },
    /// A division by the constant 0.
    #[error("instruction {at} divides by zero")]
    DivisionByZero {
        /// Which.
        at: usize,
    },
}

/// An expression as an error shows it: not all of a long one, and nothing that would move a terminal's cursor.
#[must_use]
pub(crate) fn shown(expression: &str) -> String {
    let mut text = String::new();
    for (count, character) in expression.chars().enumerate() {
        if count == SHOWN_CHARACTERS {
            text.push('…');
            break;
        }
        if character.is_control() {
            let _ = write!(text, "{}", character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_shown_in_part_and_moves_no_cursor() {
        assert_eq!(shown("tcp port 80"), "tcp port 80");
        assert_eq!(shown("a\u{1b}[2Jb\n\u{9b}"), "a\\u{1b}[2Jb\\n\\u{9b}");
        assert_eq!(shown(&"x".repeat(1 << 20)).chars().count(), SHOWN_CHARACTERS + 1);
    }
}
