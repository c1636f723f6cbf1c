//! `netrig policy check`: what a file says, before it is applied.

use super::{absolute, text_of};
use crate::cli::PolicyCheckArgs;
use crate::failure::Usage;
use crate::output::{Output, say, table_style};
use crate::policy::{Prepared, SetFiles, Surroundings, action_of, memory_max, prepare};
use crate::settings;
use netrig_policy::Slots;
use netrig_policy::compile::{ALWAYS, MANAGEMENT};
use netrig_policy::explain::Severity;
use netrig_policy::words::Mode;
use netrig_view::{CheckFinding, CheckRule, CheckSeverity, CheckedPolicy, list_policy_check};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(args: &PolicyCheckArgs) -> anyhow::Result<ExitCode> {
    let shown = args.file.display().to_string();
    let prepared = prepared(&args.file, args.config.config.as_deref())?;
    prepared.read.warnings.iter().for_each(|warning| say(&format!("netrig: {warning}")));
    let mut out = Output::stdout();
    list_policy_check(&checked(&shown, &prepared), table_style(), &mut |line| out.line(line));
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// As it would be put in force here and now.
pub(super) fn prepared(file: &Path, config: Option<&Path>) -> anyhow::Result<Prepared> {
    let config = settings::load(config)?;
    let text = text_of(file)?;
    let session = std::env::var("SSH_CONNECTION").ok();
    let max = memory_max(config.rig.memory.0);
    let (surroundings, notes) = Surroundings::look(session.as_deref(), &Slots::default(), max)?;
    notes.iter().for_each(|note| say(&format!("netrig: {note}")));
    let mut sets = SetFiles::beside(Path::new(&absolute(file)?));
    let shown = file.display().to_string();
    prepare(&text, &shown, &mut sets, &surroundings).map_err(|refused| Usage(refused.to_string()).into())
}

fn checked(file: &str, prepared: &Prepared) -> CheckedPolicy {
    let tables = &prepared.compiled.tables;
    let rows_of = |place: usize| tables.rows.iter().filter(|row| usize::from(row.rule) == place).count() as u64;
    let built_in = [ALWAYS, MANAGEMENT].into_iter().enumerate().map(|(place, id)| CheckRule {
        line: None,
        id: id.to_owned(),
        action: "pass".into(),
        mode: "enforce".into(),
        rows: rows_of(place),
        ttl_ns: None,
        comment: None,
    });
    let own = prepared.read.policy.rules.iter().enumerate().map(|(place, rule)| CheckRule {
        line: Some(rule.line),
        id: rule.id.clone(),
        action: action_of(&rule.action).as_str().to_owned(),
        mode: if rule.mode == Mode::Shadow { "shadow" } else { "enforce" }.to_owned(),
        rows: rows_of(place + 2),
        ttl_ns: rule.ttl.map(|ttl| i64::try_from(ttl.as_nanos()).unwrap_or(i64::MAX)),
        comment: rule.comment.clone(),
    });
    let findings = prepared.findings.iter().map(|finding| CheckFinding {
        severity: match finding.severity {
            Severity::Refused => CheckSeverity::Refused,
            Severity::Warning => CheckSeverity::Warning,
            Severity::Notice => CheckSeverity::Notice,
        },
        line: finding.line,
        rule: finding.rule.clone(),
        message: finding.message.clone(),
    });
    let memory = tables.memory();
    let buckets = prepared.kernel_bytes.saturating_sub(memory.total() - memory.limits);
    let parts = [
        ("families and protocols", memory.kinds),
        ("source addresses", memory.src),
        ("destination addresses", memory.dst),
        ("ports", memory.ports),
        ("rows and rules", memory.rows + memory.rules),
        ("limits' sources, and padding", buckets),
    ];
    let cost = tables.cost();
    CheckedPolicy {
        file: file.to_owned(),
        rules: built_in.chain(own).collect(),
        findings: findings.collect(),
        memory: parts.into_iter().map(|(part, bytes)| (part.to_owned(), bytes)).collect(),
        hot_ns: cost.hot_ns,
        cold_ns: cost.cold_ns,
    }
}
