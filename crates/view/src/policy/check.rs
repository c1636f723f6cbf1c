//! What `netrig policy check` says of a policy that is not in force: its rules in order, what is odd about them, and what it costs.

use crate::group::dashed;
use crate::table::{Column, Style, Table, wrapped};
use crate::units::{bytes, count, duration};

/// A policy that was read and compiled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckedPolicy {
    /// Its file.
    pub file: String,
    /// In the order in which they are asked.
    pub rules: Vec<CheckRule>,
    /// What is to be said of them.
    pub findings: Vec<CheckFinding>,
    /// Kernel memory by what it is for, octets.
    pub memory: Vec<(String, u64)>,
    /// Nanoseconds a packet, estimated, where what is looked up lies in the CPU's caches.
    pub hot_ns: f64,
    /// The same where it does not.
    pub cold_ns: f64,
}

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckRule {
    /// Where it stands in its file; none: built in.
    pub line: Option<usize>,
    /// Its id.
    pub id: String,
    /// What it does, in a word.
    pub action: String,
    /// enforce or shadow.
    pub mode: String,
    /// Rows of the kernel's tables: its conjunctions.
    pub rows: u64,
    /// How long it holds once it is applied, nanoseconds.
    pub ttl_ns: Option<i64>,
    /// For people.
    pub comment: Option<String>,
}

/// How much a finding matters, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckSeverity {
    /// The policy is not applied.
    Refused,
    /// Not as it was meant, likely.
    Warning,
    /// As it was meant, likely; but to be known.
    Notice,
}

impl CheckSeverity {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Refused, Self::Warning, Self::Notice];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// One thing to be said of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFinding {
    /// How much it matters.
    pub severity: CheckSeverity,
    /// Where the rule stands.
    pub line: usize,
    /// Its id.
    pub rule: String,
    /// A sentence.
    pub message: String,
}

/// Lists it line by line.
pub fn list_policy_check(policy: &CheckedPolicy, style: Style, sink: &mut dyn FnMut(&str)) {
    wrapped(&sentence(policy), style.width.unwrap_or(usize::MAX)).iter().for_each(|line| sink(line));
    sink("");
    order(&policy.rules).render_lines(style, sink);
    if !policy.findings.is_empty() {
        sink("");
        findings(&policy.findings).render_lines(style, sink);
    }
    sink("");
    memory(&policy.memory).render_lines(style, sink);
    sink("");
    let cost = format!(
        "Costs about {:.0} ns a packet, and {:.0} ns where addresses have not been seen lately: an estimate, of a packet that \
         no rule decides about.",
        policy.hot_ns, policy.cold_ns
    );
    wrapped(&cost, style.width.unwrap_or(usize::MAX)).iter().for_each(|line| sink(line));
}

/// How many rules, and how many findings of each kind.
fn sentence(policy: &CheckedPolicy) -> String {
    let own = policy.rules.iter().filter(|rule| rule.line.is_some()).count() as u64;
    let of = |severity: CheckSeverity| policy.findings.iter().filter(|finding| finding.severity == severity).count();
    let counts = CheckSeverity::ALL.map(|severity| (of(severity), severity.as_str()));
    let some = counts.into_iter().filter(|(n, _)| *n > 0);
    let words: Vec<_> = some.map(|(n, word)| some_of(n as u64, word, word != "refused")).collect();
    let words = if words.is_empty() { "nothing is odd about them".to_owned() } else { words.join(", ") };
    format!("{}: {}; {words}.", policy.file, some_of(own, "rule", true))
}

fn some_of(n: u64, word: &str, plural: bool) -> String {
    format!("{} {word}{}", count(n), if plural && n != 1 { "s" } else { "" })
}

fn order(rules: &[CheckRule]) -> Table {
    let mut table = Table::new(vec![
        Column::number("#"),
        Column::number("LINE"),
        Column::text("RULE", 8).good_at(24),
        Column::text("ACTION", 0),
        Column::text("MODE", 0),
        Column::number("ROWS"),
        Column::number("TTL").optional_before(1),
        Column::text("COMMENT", 8).good_at(20).sentence().optional_before(2),
    ]);
    for (place, rule) in rules.iter().enumerate() {
        table.push(&[
            place.to_string(),
            dashed(rule.line.map(|line| line.to_string()).unwrap_or_default()),
            rule.id.clone(),
            rule.action.clone(),
            rule.mode.clone(),
            count(rule.rows),
            dashed(rule.ttl_ns.map(duration).unwrap_or_default()),
            rule.comment.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// The worst first, then by their lines.
fn findings(findings: &[CheckFinding]) -> Table {
    let mut table =
        Table::new(vec![Column::text("SEVERITY", 0), Column::number("LINE"), Column::text("RULE", 8).good_at(24)]);
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|finding| (finding.severity, finding.line));
    for finding in sorted {
        table.push(&[finding.severity.as_str().to_owned(), finding.line.to_string(), finding.rule.clone()]);
        table.push_note(&finding.message);
    }
    table
}

fn memory(parts: &[(String, u64)]) -> Table {
    let mut table = Table::new(vec![Column::text("MEMORY", 8).good_at(24), Column::number("BYTES")]);
    for (part, octets) in parts.iter().filter(|(_, octets)| *octets > 0) {
        table.push(&[part.clone(), bytes(*octets)]);
    }
    table.push(&["in all".to_owned(), bytes(parts.iter().map(|(_, octets)| octets).sum())]);
    table
}
