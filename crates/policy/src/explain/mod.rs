//! What is to be said of a policy before it is applied: what cannot match, what another rule takes first, and what would
//! cut its author off.

mod findings;
mod management;
mod relations;
mod space;

pub use findings::findings;
pub use management::{ManagementPeer, shadows_management};

use crate::words::{Action, Mode, Rule};
use std::fmt;
use std::time::Duration;

/// One thing to be said of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is.
    pub kind: FindingKind,
    /// The rule's id.
    pub rule: String,
    /// Where the rule stands in its file.
    pub line: usize,
    /// The rule before it that takes what it would match, where it is one.
    pub by: Option<String>,
    /// A sentence for people.
    pub message: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it was meant, likely; but to be known.
    Notice,
    /// Not as it was meant, likely.
    Warning,
    /// The policy is not applied.
    Refused,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// No packet can match the rule, whatever the others do.
    NeverMatches,
    /// A set it needs has no entries.
    EmptySet,
    /// Rules before it decide about all that it matches.
    Unreachable,
    /// A rule before it decides about some of what it matches, and does something else.
    Shadowed,
    /// A limit is below what one packet takes.
    LimitTooLow,
    /// It is against those whom the management allow-list protects.
    ShadowsManagement,
}

impl Severity {
    /// As a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Refused => "refused",
        }
    }
}

impl FindingKind {
    /// As a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverMatches => "never_matches",
            Self::EmptySet => "empty_set",
            Self::Unreachable => "unreachable",
            Self::Shadowed => "shadowed",
            Self::LimitTooLow => "limit_too_low",
            Self::ShadowsManagement => "shadows_management",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, rule `{}`: {}", self.line, self.rule, self.message)
    }
}

/// Whether packets that match do not go on to the next rule.
fn decides(rule: &Rule) -> bool {
    rule.mode == Mode::Enforce && !matches!(rule.action, Action::Count | Action::Sample { .. })
}

/// Whether a rule that holds for so long is there as long as another.
fn outlives(ttl: Option<Duration>, other: Option<Duration>) -> bool {
    ttl.is_none_or(|ttl| other.is_some_and(|other| other <= ttl))
}

/// What a rule does, as its file has it.
fn word(action: &Action) -> &'static str {
    match action {
        Action::Drop => "drop",
        Action::Pass => "pass",
        Action::Count => "count",
        Action::Sample { .. } => "sample",
        Action::Limit(_) => "limit",
        Action::Redirect(_) => "redirect",
        Action::SynGuard { .. } => "syn-guard",
    }
}
