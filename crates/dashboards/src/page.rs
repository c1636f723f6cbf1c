//! What `docs/prometheus.md` says of dashboards and rules.

use crate::rules::{alerts, losses, recording};
use crate::{dashboards, grafana::Dashboard};
use std::fmt::Write;

/// Each dashboard, and the questions that its panels answer.
#[must_use]
pub fn questions() -> String {
    let mut out = String::new();
    for board in dashboards() {
        of_board(&mut out, &board);
    }
    out
}

fn of_board(out: &mut String, board: &Dashboard) {
    let _ = write!(out, "\n### {}\n\n{} (`grafana/{}.json`)\n\n", board.title, board.description, board.uid);
    out.push_str("| panel | question |\n|---|---|\n");
    for panel in board.panels() {
        let _ = writeln!(out, "| {} | {} |", panel.title, panel.question);
    }
}

/// What is recorded.
#[must_use]
pub fn recorded() -> String {
    let mut out = String::from("| series | what it is |\n|---|---|\n");
    for rule in recording().iter().flat_map(|group| &group.rules) {
        let labels: Vec<String> = rule.labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(out, "| `{}{labels}` | {} |", rule.record, rule.meaning);
    }
    out
}

/// Each alert: when it fires, why then, and what to do.
#[must_use]
pub fn runbook() -> String {
    let mut out = String::new();
    for alert in alerts() {
        let severity = alert.severity.as_str();
        let _ = write!(out, "\n### {}\n\n*{severity}, after {}.* ", alert.name, alert.lasts);
        let _ = write!(out, "{}\n\n**What to do.** {}\n", alert.why, alert.action);
        if alert.name == "NetrigRingLoss" {
            out.push_str("\n| ring | what is missing |\n|---|---|\n");
            for loss in losses() {
                let _ = writeln!(out, "| {} | {} |", loss.ring, loss.missing);
            }
        }
    }
    out
}
