//! Which interfaces `rig.interfaces` means.

use crate::interface::Interface;
use crate::reach::Reach;
use crate::uplinks::uplinks;
use netrig_config::{Glob, InterfacePattern, PatternError, nearest};
use std::collections::BTreeSet;
use std::fmt;
use thiserror::Error;

/// The entries of `rig.interfaces`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    patterns: Vec<InterfacePattern>,
}

/// Why entries cannot be read, or cannot be met now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectError {
    /// An entry no interface could be called by.
    #[error("the interface \"{entry}\" {reason}")]
    Entry {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        reason: PatternError,
    },
    /// Only exclusions, or nothing.
    #[error("no interface is asked for: add \"auto\", a name or a pattern")]
    Nothing,
    /// Interfaces that are named but do not exist.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Missing(Vec<SelectProblem>),
}

/// What a selection found, and what it did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Interfaces to watch, by index, ascending.
    pub indices: Vec<u32>,
    /// Entries that stand for no interface now.
    pub problems: Vec<SelectProblem>,
}

/// An entry that stands for no interface now; shown as a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectProblem {
    /// `auto` found no uplink.
    NoUplink {
        /// The interfaces there are.
        existing: Vec<String>,
    },
    /// A name that no interface has.
    Missing {
        /// The name.
        name: String,
        /// The existing name most like it.
        nearest: Option<String>,
        /// The interfaces there are.
        existing: Vec<String>,
    },
    /// A pattern that no interface matches yet.
    NoMatch {
        /// The pattern.
        pattern: String,
    },
}

impl Selector {
    /// Reads entries such as `auto`, `eth0`, `veth*`, `!docker0`.
    ///
    /// # Errors
    /// When one can stand for no interface, or all only leave out.
    pub fn parse(entries: &[String]) -> Result<Self, SelectError> {
        let read = |entry: &String| {
            InterfacePattern::parse(entry).map_err(|reason| SelectError::Entry { entry: entry.clone(), reason })
        };
        let patterns = entries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if patterns.iter().all(|p| matches!(p, InterfacePattern::Exclude(_))) {
            return Err(SelectError::Nothing);
        }
        Ok(Self { patterns })
    }

    /// Whether what it selects depends on addresses and routes.
    #[must_use]
    pub fn needs_reach(&self) -> bool {
        self.patterns.contains(&InterfacePattern::Auto)
    }

    /// Selects among `interfaces`; what an exclusion matches is left out, whatever else it matches.
    #[must_use]
    pub fn select(&self, interfaces: &[Interface], reach: &Reach) -> Selection {
        let mut chosen = BTreeSet::new();
        let mut problems = Vec::new();
        for pattern in &self.patterns {
            let found = match pattern {
                InterfacePattern::Auto => uplinks(interfaces, reach),
                InterfacePattern::Include(glob) => matching(interfaces, glob),
                InterfacePattern::Exclude(_) => continue,
            };
            if found.is_empty() {
                problems.push(problem(pattern, interfaces));
            }
            chosen.extend(found);
        }
        for pattern in &self.patterns {
            if let InterfacePattern::Exclude(glob) = pattern {
                let excluded = matching(interfaces, glob);
                chosen.retain(|index| !excluded.contains(index));
            }
        }
        Selection { indices: chosen.into_iter().collect(), problems }
    }
}

impl Selection {
    /// The error that ends a start: a name, by which one interface is meant, that none has. Patterns and `auto` wait for
    /// theirs, and a name that goes while the rig runs may come back.
    #[must_use]
    pub fn start_error(&self) -> Option<SelectError> {
        let missing = self.problems.iter().filter(|p| matches!(p, SelectProblem::Missing { .. }));
        let missing: Vec<_> = missing.cloned().collect();
        (!missing.is_empty()).then_some(SelectError::Missing(missing))
    }
}

fn matching(interfaces: &[Interface], glob: &Glob) -> BTreeSet<u32> {
    let matches = |interface: &&Interface| interface.names().any(|name| glob.matches(name));
    interfaces.iter().filter(matches).map(|i| i.index).collect()
}

fn problem(pattern: &InterfacePattern, interfaces: &[Interface]) -> SelectProblem {
    let existing = || interfaces.iter().map(|i| i.name.clone()).collect();
    match pattern {
        InterfacePattern::Include(glob) if glob.is_literal() => {
            let near = nearest(glob.as_str(), interfaces.iter().flat_map(Interface::names));
            SelectProblem::Missing {
                name: glob.as_str().to_owned(),
                nearest: near.map(str::to_owned),
                existing: existing(),
            }
        }
        InterfacePattern::Include(glob) => SelectProblem::NoMatch { pattern: glob.as_str().to_owned() },
        InterfacePattern::Auto | InterfacePattern::Exclude(_) => SelectProblem::NoUplink { existing: existing() },
    }
}

impl fmt::Display for SelectProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUplink { existing } => write!(
                f,
                "no uplink was found (an interface with a default route or a global address); there are {}: name those to watch",
                listed(existing)
            ),
            Self::Missing { name, nearest: Some(near), .. } => {
                write!(f, "there is no interface \"{name}\": did you mean \"{near}\"?")
            }
            Self::Missing { name, nearest: None, existing } => {
                write!(f, "there is no interface \"{name}\"; there are {}", listed(existing))
            }
            Self::NoMatch { pattern } => {
                write!(f, "no interface matches \"{pattern}\" yet; one that does will be watched when it comes")
            }
        }
    }
}

/// Names for a message; a host of a thousand veths need not name them all.
fn listed(names: &[String]) -> String {
    const NAMES_MAX: usize = 20;
    let shown = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 if names.is_empty() => "none".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
