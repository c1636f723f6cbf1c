//! The policy in force: since when, where, and what each rule did.

use crate::group::dashed;
use crate::table::{Column, Style, Table, wrapped};
use crate::units::{bytes, count, duration, few_per_second, rate};
use netrig_model::{
    PolicyAction, PolicyInForce, PolicyInterface, PolicyMode, PolicyRuleStatus, PolicySource, PolicyStatus, Timestamp,
};
use serde::Serialize;

/// What stands below a table that has rules in shadow mode.
const IN_PARENTHESES: &str = "In parentheses: what rules in shadow mode would have removed.";

/// Lists it line by line: when and where, the interfaces, then the rules in the order in which they are asked. With a reading of
/// `before` packets a second are of the time between, else there are none.
pub fn list_policy(status: &PolicyStatus, before: Option<&PolicyStatus>, style: Style, sink: &mut dyn FnMut(&str)) {
    let mut said = |text: &str| wrapped(text, style.width.unwrap_or(usize::MAX)).iter().for_each(|line| sink(line));
    match &status.in_force {
        Some(policy) => sentences(policy, status.taken).iter().for_each(|text| said(text)),
        None => said("No policy is in force: everything passes."),
    }
    status.warnings.iter().for_each(|warning| said(&format!("Warning: {warning}.")));
    if !status.interfaces.is_empty() {
        sink("");
        interfaces(&status.interfaces).render_lines(style, sink);
    }
    if !status.rules.is_empty() {
        sink("");
        rules(status, before).render_lines(style, sink);
    }
    let beside = beside(status);
    if !beside.is_empty() {
        sink("");
        beside.iter().for_each(|line| sink(&style.dimmed(line)));
    }
}

/// Lists rules alone, in the order in which they are asked.
pub fn list_policy_rules(of: &[PolicyRuleStatus], style: Style, sink: &mut dyn FnMut(&str)) {
    let status = PolicyStatus { rules: of.to_vec(), ..PolicyStatus::default() };
    rules(&status, None).render_lines(style, sink);
}

/// A rule as a line of JSON, without the line feed.
///
/// # Errors
/// When it cannot be serialised, which no rule is known to do.
pub fn policy_rule_line(rule: &PolicyRuleStatus) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        record: &'static str,
        #[serde(flatten)]
        rule: &'a PolicyRuleStatus,
    }
    serde_json::to_string(&Line { record: "policy_rules", rule })
}

fn sentences(policy: &PolicyInForce, now: Timestamp) -> Vec<String> {
    let age = duration(now.0.saturating_sub(policy.since.0));
    let since: String = policy.since.to_string().chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect();
    let mut all = vec![format!("{} is in force since {since} UTC ({age}).", policy.file)];
    if let Some(until) = policy.confirm_until {
        let left = until.0.saturating_sub(now.0);
        all.push(match left > 0 {
            true => format!(
                "It waits to be confirmed: in {} what was in force before comes back, unless it is.",
                duration(left)
            ),
            false => "It was not confirmed in time: what was in force before has come back.".to_owned(),
        });
    }
    if policy.persist {
        all.push("It outlives the rig: `netrig policy remove` takes it away.".to_owned());
    }
    all
}

fn interfaces(interfaces: &[PolicyInterface]) -> Table {
    let mut table = Table::new(vec![
        Column::text("IFACE", 4).good_at(10),
        Column::text("MODE", 0),
        Column::number("DROPPED"),
        Column::number("BYTES").optional(),
        Column::number("REDIRECTED"),
        Column::number("BYTES").optional(),
    ]);
    for each in interfaces {
        table.push(&[
            each.iface.clone(),
            hook(&each.hook).to_owned(),
            count(each.dropped.packets),
            bytes(each.dropped.bytes),
            count(each.redirected.packets),
            bytes(each.redirected.bytes),
        ]);
        if !each.detail.is_empty() {
            table.push_note(&format!("asked for {}: {}", hook(&each.asked), each.detail));
        }
    }
    table
}

/// As people call it.
fn hook(word: &str) -> &str {
    match word {
        "xdp-native" => "driver",
        "xdp-generic" => "generic",
        "" => "none",
        other => other,
    }
}

fn rules(status: &PolicyStatus, before: Option<&PolicyStatus>) -> Table {
    let mut columns = vec![
        Column::text("RULE", 8).good_at(24),
        Column::text("ACTION", 0),
        Column::text("MODE", 0).optional_before(1),
        Column::number("PACKETS"),
        Column::number("BYTES").optional_before(2),
        Column::number("REMOVED"),
    ];
    columns.extend(before.map(|_| Column::number("RATE")));
    columns.push(Column::number("LAST HIT"));
    let mut table = Table::new(columns);
    for rule in &status.rules {
        let mut row = vec![
            rule.id.clone(),
            rule.action.as_str().to_owned(),
            rule.mode.as_str().to_owned(),
            count(rule.packets),
            bytes(rule.bytes),
            removed(rule),
        ];
        row.extend(before.map(|before| dashed(rate_of(rule, status, before).unwrap_or_default())));
        row.push(dashed(rule.last_hit.map(|hit| ago(status.taken, hit)).unwrap_or_default()));
        table.push(&row);
        notes(rule, status.taken).iter().for_each(|note| table.push_note(note));
    }
    if status.rules.iter().any(|rule| rule.mode == PolicyMode::Shadow && removes(rule.action)) {
        table.set_footer(IN_PARENTHESES.to_owned());
    }
    table
}

/// Whether it is of rules of its kind to remove packets.
fn removes(action: PolicyAction) -> bool {
    use PolicyAction::{Count, Drop, Limit, Pass, Redirect, Sample, SynGuard};
    match action {
        Drop | Limit | Redirect | SynGuard => true,
        Pass | Count | Sample => false,
    }
}

fn removed(rule: &PolicyRuleStatus) -> String {
    match (removes(rule.action), rule.mode) {
        (false, _) => dashed(String::new()),
        (true, PolicyMode::Enforce) => count(rule.over_packets),
        (true, PolicyMode::Shadow) => format!("({})", count(rule.over_packets)),
    }
}

/// Packets a second since the reading before; none of a rule that was not in it.
fn rate_of(rule: &PolicyRuleStatus, status: &PolicyStatus, before: &PolicyStatus) -> Option<String> {
    let earlier = before.rules.iter().find(|earlier| earlier.id == rule.id)?;
    let gained = rule.packets.saturating_sub(earlier.packets);
    rate(gained, status.taken.0.saturating_sub(before.taken.0)).map(few_per_second)
}

fn ago(now: Timestamp, then: Timestamp) -> String {
    // Hits are told to the tick: what was just now may seem to be a moment ahead.
    let ns = now.0.saturating_sub(then.0).max(0);
    if ns < 1_000_000_000 { "now".to_owned() } else { format!("{} ago", duration(ns)) }
}

fn notes(rule: &PolicyRuleStatus, now: Timestamp) -> Vec<String> {
    let mut notes = Vec::new();
    let owner = rule.owner.as_ref().map(|owner| format!("({owner})"));
    let said: Vec<String> = rule.comment.clone().into_iter().chain(owner).collect();
    if !said.is_empty() {
        notes.push(said.join(" "));
    }
    if let Some(expires) = rule.expires {
        let left = expires.0.saturating_sub(now.0);
        notes.push(match left > 0 {
            true => format!("matches for {} more", duration(left)),
            false => "does not match any more: its ttl is over".to_owned(),
        });
    }
    if !rule.top_sources.is_empty() {
        let source = |source: &PolicySource| format!("{} about {}", source.addr, count(source.packets_estimated));
        let sources: Vec<_> = rule.top_sources.iter().map(source).collect();
        notes.push(format!("most from: {}", sources.join(", ")));
    }
    notes
}

/// What is worth a line only where there is any.
fn beside(status: &PolicyStatus) -> Vec<String> {
    let lines = [
        (
            status.fell_back_packets,
            "packets met no policy and passed, before one was in force or after one was not confirmed",
        ),
        (status.limit_sources_lost, "times a limit forgot a source to make room for another: raise its `sources`"),
        (status.events_lost, "packets were to be shown and found no room; they are counted all the same"),
    ];
    let some = lines.into_iter().filter(|(n, _)| *n > 0);
    some.map(|(n, what)| format!("{} {what}.", count(n))).collect()
}
