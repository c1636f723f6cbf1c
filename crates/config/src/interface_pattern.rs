//! The words of `rig.interfaces`: `auto`, names, patterns, and each with `!` to leave out.

use std::fmt;
use thiserror::Error;

/// One entry of `rig.interfaces`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfacePattern {
    /// `auto`: the host's uplinks.
    Auto,
    /// `eth0`, `veth*`: what to watch.
    Include(Glob),
    /// `!docker0`, `!veth*`: what not to watch, whatever else matches.
    Exclude(Glob),
}

/// An interface name in which `*` stands for any text and `?` for any one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

/// Why an entry of `rig.interfaces` cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// An empty text.
    #[error("is empty")]
    Empty,
    /// A character no interface name has.
    #[error("contains {0:?}, which no interface name can")]
    Character(char),
    /// Longer than any name.
    #[error("is longer than the {ALTERNATIVE_NAME_LENGTH_MAX} characters an interface name can have")]
    TooLong,
    /// `!auto`
    #[error("leaves out what `auto` finds: leave out `auto` itself instead")]
    NotAuto,
}

/// The kernel's bound on alternative names; plain ones end at 15.
const ALTERNATIVE_NAME_LENGTH_MAX: usize = 127;

impl InterfacePattern {
    /// Reads one entry.
    ///
    /// # Errors
    /// When no interface could ever be called so.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        match text.strip_prefix('!') {
            Some("auto") => Err(PatternError::NotAuto),
            Some(rest) => Glob::parse(rest).map(Self::Exclude),
            None => Glob::parse(text).map(Self::Include),
        }
    }
}

impl fmt::Display for InterfacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Include(glob) => f.write_str(&glob.0),
            Self::Exclude(glob) => write!(f, "!{}", glob.0),
        }
    }
}

impl Glob {
    /// Reads a name or a pattern.
    ///
    /// # Errors
    /// When no interface could ever be called so.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        // The kernel's own rule (dev_valid_name), and '!' and ',', which mean something to us.
        let refused = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':' | '!' | ',');
        if let Some(c) = text.chars().find(|c| refused(*c)) {
            return Err(PatternError::Character(c));
        }
        if text.len() > ALTERNATIVE_NAME_LENGTH_MAX {
            return Err(PatternError::TooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names one interface and no other.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether `name` is one of those it stands for.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        // Where the last star stood, and how much of the name it has taken so far: going back to it is enough, since what
        // an earlier star could take the last one can take as well.
        let mut star: Option<(usize, usize)> = None;
        while n < name.len() {
            if p < pattern.len() && pattern[p] == '*' {
                star = Some((p, n));
                p += 1;
            } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
                p += 1;
                n += 1;
            } else if let Some((star_p, star_n)) = star {
                star = Some((star_p, star_n + 1));
                p = star_p + 1;
                n = star_n + 1;
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, as plain as it can be written.
    fn matches_by_definition(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|taken| matches_by_definition(rest, &name[taken..])),
            Some((c, rest)) => {
                name.split_first().is_some_and(|(n, tail)| (*c == '?' || c == n) && matches_by_definition(rest, tail))
            }
        }
    }

    #[test]
    fn entries_are_read_and_refused() {
        assert_eq!(InterfacePattern::parse("auto"), Ok(InterfacePattern::Auto));
        assert_eq!(InterfacePattern::parse("!docker0").map(|p| p.to_string()), Ok("!docker0".to_owned()));
        assert_eq!(InterfacePattern::parse("!auto"), Err(PatternError::NotAuto));
        assert_eq!(InterfacePattern::parse(""), Err(PatternError::Empty));
        assert_eq!(InterfacePattern::parse("!"), Err(PatternError::Empty));
        assert_eq!(InterfacePattern::parse("eth0 "), Err(PatternError::Character(' ')));
        assert_eq!(InterfacePattern::parse("!!eth0"), Err(PatternError::Character('!')));
        assert_eq!(InterfacePattern::parse(&"x".repeat(128)), Err(PatternError::TooLong));
    }

    proptest! {
        #[test]
        fn globs_match_what_the_definition_says(pattern in "[ab*?]{1,8}", name in "[ab]{0,8}") {
            let glob = Glob::parse(&pattern).expect("a pattern");
            let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(glob.matches(&name), matches_by_definition(&p, &n));
        }

        #[test]
        fn an_entry_that_is_read_is_written_as_it_was(text in "\\PC{0,20}") {
            if let Ok(pattern) = InterfacePattern::parse(&text) {
                prop_assert_eq!(pattern.to_string(), text);
            }
        }
    }
}
