//! Rules for Prometheus: what it should remember of rigs, and when it should call somebody.

mod alerts;
mod losses;
mod recording;
mod yaml;

pub use alerts::alerts;
pub use losses::{Loss, Table, losses, tables};
pub use recording::recording;

use std::fmt::Write;

/// The page that says what to do, which has a heading for each alert.
const RUNBOOK: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/prometheus.md");

/// Rules that are evaluated one after another.
#[derive(Debug)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// How often.
    pub interval: &'static str,
    /// What is recorded.
    pub rules: Vec<Recording>,
}

/// A series that Prometheus keeps so that others need not compute it again.
#[derive(Debug)]
pub struct Recording {
    /// Its name: level, metric, operation.
    pub record: &'static str,
    /// Labels it is given.
    pub labels: Vec<(&'static str, &'static str)>,
    /// What it is.
    pub expr: String,
    /// What it is, for people.
    pub meaning: &'static str,
}

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Now.
    Critical,
    /// Today.
    Warning,
    /// When there is time.
    Info,
}

impl Severity {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// When somebody should be called.
#[derive(Debug)]
pub struct Alert {
    /// Its name.
    pub name: &'static str,
    /// What holds while it is so.
    pub expr: String,
    /// How long it must hold.
    pub lasts: &'static str,
    /// How soon somebody should look.
    pub severity: Severity,
    /// One line, with the host in it.
    pub summary: &'static str,
    /// What is so, with numbers in it.
    pub description: &'static str,
    /// Why this threshold, in a sentence or two.
    pub why: &'static str,
    /// What to do.
    pub action: &'static str,
}

impl Alert {
    /// The address of the heading that says what to do.
    #[must_use]
    pub fn runbook(&self) -> String {
        format!("{RUNBOOK}#{}", self.name.to_lowercase())
    }
}

/// The file of recording rules.
#[must_use]
pub fn recording_yaml() -> String {
    let mut out = yaml::head();
    for group in recording() {
        yaml::group(&mut out, group.name, group.interval);
        for rule in &group.rules {
            let _ = writeln!(out, "      # {}", rule.meaning);
            yaml::first(&mut out, "record", rule.record);
            yaml::more(&mut out, "expr", &rule.expr);
            yaml::map(&mut out, "labels", rule.labels.iter().map(|(name, value)| (*name, (*value).to_owned())));
        }
    }
    out
}

/// The file of alerts.
#[must_use]
pub fn alerts_yaml() -> String {
    let mut out = yaml::head();
    yaml::group(&mut out, "netrig-alerts", "30s");
    for alert in alerts() {
        yaml::first(&mut out, "alert", alert.name);
        yaml::more(&mut out, "expr", &alert.expr);
        yaml::more(&mut out, "for", alert.lasts);
        yaml::map(&mut out, "labels", [("severity", alert.severity.as_str().to_owned())]);
        let annotations = [
            ("summary", alert.summary.to_owned()),
            ("description", alert.description.to_owned()),
            ("runbook_url", alert.runbook()),
        ];
        yaml::map(&mut out, "annotations", annotations);
    }
    out
}
