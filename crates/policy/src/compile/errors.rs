//! Why a policy cannot be compiled for this machine, and what to do.

use crate::tables::{CLASSES_MAX, ROWS_MAX, RULES_MAX};
use crate::words::Rule;
use std::fmt;

/// Everything that is wrong, in the order of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileErrors(pub Vec<CompileError>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, rule `{rule}`: {problem}")]
pub struct CompileError {
    /// The rule's id.
    pub rule: String,
    /// Where the rule stands in its file.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What may be wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It names an interface that is not there.
    #[error("no interface `{name}` is here; there are {}", list(.known))]
    UnknownInterface {
        /// What it names.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// It names a CPU that is not there.
    #[error("there is no CPU {cpu}: this machine has {cpus}, counted from 0")]
    NoSuchCpu {
        /// What it names.
        cpu: u32,
        /// How many there are.
        cpus: u32,
    },
    /// With it there are too many rows.
    #[error(
        "it needs {rows} rows and {before} are taken by what stands before it, of {ROWS_MAX} in all: its alternatives, \
         and its lists of lengths, VLANs, ICMP types, TCP flags, interfaces, EtherTypes and MAC addresses, are multiplied; \
         write ranges instead of lists, or drop alternatives. Addresses, ports and protocols need no rows: put what \
         differs only in these into one list or set"
    )]
    TooManyRows {
        /// How many it has so far.
        rows: usize,
        /// How many the rules before it have.
        before: usize,
    },
    /// It is the first that has no room.
    #[error(
        "it is one too many: there are {rules} rules, of {} at most; put what differs only in addresses, ports or \
         protocols into one rule",
        RULES_MAX - 2
    )]
    TooManyRules {
        /// How many there are.
        rules: usize,
    },
    /// Its sets and those of others overlap in too many ways.
    #[error(
        "its {dimension} and those of other rules overlap in more than {CLASSES_MAX} ways; put sets that belong together \
         into one set, or use fewer rules with sets that overlap"
    )]
    TooManyClasses {
        /// Of what.
        dimension: &'static str,
    },
    /// All counters are taken.
    #[error(
        "all {RULES_MAX} places for counters are taken, some by rules of policies that are not in use any more; they are \
         free again after `netrig policy remove`"
    )]
    NoSlot,
}

impl CompileError {
    pub(super) fn of(rule: &Rule, problem: Problem) -> Self {
        Self { rule: rule.id.clone(), line: rule.line, problem }
    }
}

impl fmt::Display for CompileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CompileErrors {}

/// Names for people; a machine may have thousands of interfaces.
fn list(names: &[String]) -> String {
    const SHOWN_MAX: usize = 12;
    let mut shown = names.iter().take(SHOWN_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => shown.push_str("none"),
        many if many > SHOWN_MAX => shown.push_str(&format!(" and {} more", many - SHOWN_MAX)),
        _ => {}
    }
    shown
}
