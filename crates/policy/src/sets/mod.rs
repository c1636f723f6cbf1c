//! Named sets: files with one entry a line, of up to millions of lines, and lists in the policy itself.

mod entry;

pub use entry::EntryProblem;
use entry::parse_bytes;
pub(crate) use entry::{Entry, Parsed, parse as parse_entry};

use crate::words::Addresses;
use crate::{Number, Ranges};
use std::fmt;
use std::sync::Arc;

/// A set as read, ready to be shared by rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetFile {
    /// What is in it.
    pub entries: SetEntries,
    /// How it was written.
    pub counts: SetCounts,
}

/// What a set holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetEntries {
    /// Nothing: it serves as either kind.
    Empty,
    /// Addresses.
    Addresses(Arc<Addresses>),
    /// Ports.
    Ports(Arc<Ranges<u16>>),
}

/// What a set was written as. Comments and blank lines are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetCounts {
    /// All entries: the sum of the three below.
    pub entries: usize,
    /// Entries of IPv4.
    pub v4: usize,
    /// Entries of IPv6.
    pub v6: usize,
    /// Entries of ports.
    pub ports: usize,
    /// Entries that say the same as another one before them.
    pub duplicates: usize,
    /// Entries, other than duplicates, that have a part in common with one that begins before them.
    pub overlaps: usize,
    /// Prefixes with bits set beyond their length, which are left out.
    pub masked: usize,
}

/// A line of a set file that is no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLine {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1: where what should be an entry begins.
    pub column: usize,
    /// What stands there, cut when it is long, fit for a terminal.
    pub text: String,
    /// Why it is no entry.
    pub problem: EntryProblem,
}

impl fmt::Display for BrokenLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}`: {}", self.line, self.text, self.problem)
    }
}

/// A set file that is refused: nothing of it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenSet {
    /// The first of the broken lines: [`BrokenSet::SHOWN_MAX`] at most.
    pub first: Vec<BrokenLine>,
    /// How many are broken.
    pub broken: usize,
    /// Of how many lines.
    pub lines: usize,
}

impl BrokenSet {
    /// Broken lines that are shown.
    pub const SHOWN_MAX: usize = 10;
}

impl fmt::Display for BrokenSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} lines cannot be read", self.broken, self.lines)?;
        for line in &self.first {
            write!(f, "\n  {line}")?;
        }
        if self.broken > self.first.len() {
            write!(f, "\n  and {} more", self.broken - self.first.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for BrokenSet {}

impl SetFile {
    /// Reads a set file: one entry a line; `#` and `;` begin comments; blank lines, CRLF and a byte order mark are as
    /// nothing.
    ///
    /// # Errors
    /// When any line is broken, or ports stand among addresses: half a blocklist is not what anybody asked for.
    pub fn parse(bytes: &[u8]) -> Result<Self, BrokenSet> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut builder = Builder::default();
        let mut broken = BrokenSet { first: Vec::new(), broken: 0, lines: 0 };
        for line in bytes.split(|b| *b == b'\n') {
            broken.lines += 1;
            let end = line.iter().position(|b| matches!(b, b'#' | b';')).unwrap_or(line.len());
            let text = line[..end].trim_ascii();
            if text.is_empty() {
                continue;
            }
            let problem = match parse_bytes(text).and_then(|parsed| builder.add(parsed, broken.lines)) {
                Ok(()) => continue,
                Err(problem) => problem,
            };
            broken.broken += 1;
            if broken.first.len() < BrokenSet::SHOWN_MAX {
                let before = line.len() - line.trim_ascii_start().len();
                broken.first.push(BrokenLine { line: broken.lines, column: before + 1, text: shown(text), problem });
            }
        }
        // What follows the last line end is a line only if there is something.
        broken.lines -= usize::from(bytes.ends_with(b"\n") || bytes.is_empty());
        if broken.broken > 0 { Err(broken) } else { Ok(builder.finish()) }
    }
}

/// At most so many characters, none of which speaks to the terminal.
fn shown(text: &[u8]) -> String {
    const CHARS_MAX: usize = 60;
    // A line can be a whole binary file.
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * (CHARS_MAX + 1))]);
    let mut shown: String = text.chars().take(CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// A set in the making.
#[derive(Default)]
pub(crate) struct Builder {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    ports: Vec<(u16, u16)>,
    /// Where the first entry stands, which decides what kind of set this is.
    first_line: usize,
    masked: usize,
}

impl Builder {
    /// Adds an entry that stands in `line`.
    pub(crate) fn add(&mut self, parsed: Parsed, line: usize) -> Result<(), EntryProblem> {
        if self.first_line == 0 {
            self.first_line = line;
        }
        let first_line = self.first_line;
        match parsed.entry {
            Entry::Ports(..) if !self.v4.is_empty() || !self.v6.is_empty() => {
                return Err(EntryProblem::PortAmongAddresses { first_line });
            }
            Entry::V4(..) | Entry::V6(..) if !self.ports.is_empty() => {
                return Err(EntryProblem::AddressAmongPorts { first_line });
            }
            Entry::V4(first, last) => self.v4.push((first, last)),
            Entry::V6(first, last) => self.v6.push((first, last)),
            Entry::Ports(first, last) => self.ports.push((first, last)),
        }
        self.masked += usize::from(parsed.masked);
        Ok(())
    }

    pub(crate) fn finish(self) -> SetFile {
        let (v4, v6, ports) = (self.v4.len(), self.v6.len(), self.ports.len());
        let mut counts =
            SetCounts { entries: v4 + v6 + ports, v4, v6, ports, masked: self.masked, ..SetCounts::default() };
        let entries = if ports > 0 {
            SetEntries::Ports(Arc::new(merged(self.ports, &mut counts)))
        } else if v4 + v6 > 0 {
            let v4 = merged(self.v4, &mut counts);
            SetEntries::Addresses(Arc::new(Addresses { v4, v6: merged(self.v6, &mut counts) }))
        } else {
            SetEntries::Empty
        };
        SetFile { entries, counts }
    }
}

/// The set of all `ranges`; what was said twice is counted.
fn merged<T: Number>(mut ranges: Vec<(T, T)>, counts: &mut SetCounts) -> Ranges<T> {
    // By one number first and by the other where that is not enough: of a million, half the time.
    ranges.sort_unstable_by_key(|(first, _)| *first);
    for same in ranges.chunk_by_mut(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        same.sort_unstable_by_key(|(_, last)| *last);
    }
    let before = ranges.len();
    ranges.dedup();
    counts.duplicates += before - ranges.len();
    let mut reached = None;
    for (first, last) in &ranges {
        counts.overlaps += usize::from(reached.is_some_and(|reached| *first <= reached));
        reached = reached.max(Some(*last));
    }
    Ranges::of(ranges)
}

#[cfg(test)]
mod tests;
