//! The rules of the house, as tests: what reviewers should not have to look for.
//!
//! [`Tree`] is all sources in memory; each rule is a pure function from it to a list of [`Finding`]s, so that each can be
//! shown to find something (here) and to find nothing in the house as it stands (`tests/house.rs`).

mod docs;
mod manifests;
mod sources;
mod tree;

pub use docs::{broken_links, decisions_not_in_the_index};
pub use manifests::{ROAD, dependencies_against_the_road, lints_not_inherited};
pub use sources::{forbidden_words, long_files, missing_licence_tags, unknown_unsafe_homes};
pub use tree::{SourceFile, Tree};

use std::fmt;

/// One broken rule, where it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path from the root of the house.
    pub path: String,
    /// Line, from 1; 0 when it is the whole file.
    pub line: usize,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}
