//! Text of others, made harmless: names of processes and interfaces are chosen by whoever runs there.

use std::fmt;

/// The most octets an option of pcapng can have.
pub(crate) const OPTION_MAX: usize = u16::MAX as usize;

/// Whether a character could command a terminal or hide what stands beside it.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Appends `text` with everything harmful replaced by `?`, and no more than `max` octets of it; a character is never cut
/// in two. `lines` keeps ends of lines and tabs.
pub(crate) fn push_harmless(out: &mut Vec<u8>, text: &str, max: usize, lines: bool) {
    let octets = text.as_bytes();
    if octets.len() <= max && octets.iter().all(|o| (0x20..0x7f).contains(o)) {
        out.extend_from_slice(octets);
        return;
    }
    let start = out.len();
    for c in text.chars() {
        let c = if is_harmful(c) && !(lines && matches!(c, '\n' | '\t')) { '?' } else { c };
        if out.len() - start + c.len_utf8() > max {
            return;
        }
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Text that shows with everything harmful replaced by `?`.
pub(crate) struct Harmless<'a>(pub(crate) &'a str);

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(is_harmful) {
            let good = piece.trim_end_matches(is_harmful);
            f.write_str(good)?;
            if good.len() < piece.len() {
                f.write_str("?")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harmless(text: &str, max: usize, lines: bool) -> String {
        let mut out = Vec::new();
        push_harmless(&mut out, text, max, lines);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn what_commands_a_terminal_is_replaced() {
        assert_eq!(harmless("a\0b\u{1b}[2Jc\u{9b}d\u{202e}e\nf", 99, false), "a?b?[2Jc?d?e?f");
        assert_eq!(harmless("two\nlines\r", 99, true), "two\nlines?");
        assert_eq!(harmless("café", 99, false), "café");
        assert_eq!(Harmless("a\0b\u{1b}\u{1b}[2Jcafé\n").to_string(), "a?b??[2Jcafé?");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(harmless("abc", 2, false), "ab");
        assert_eq!(harmless("aé", 2, false), "a");
        assert_eq!(harmless(&"é".repeat(40_000), OPTION_MAX, false).len(), OPTION_MAX - 1);
    }
}
