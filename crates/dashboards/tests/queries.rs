//! What queries ask for exists: every metric and recorded series in them, with those labels. Read from the text that is
//! written, not from what made it.

use netrig_dashboards::rules::{alerts, recording};
use netrig_dashboards::{dashboards, queries};
use netrig_metrics::names::{ALL, Kind};
use std::collections::BTreeSet;

/// Every query there is, with where it is.
fn all() -> Vec<(String, String)> {
    let panels = queries().into_iter().map(|q| (format!("{}: {}", q.dashboard, q.panel), q.expr));
    let variables = dashboards().into_iter().flat_map(|board| {
        board.variables.into_iter().filter_map(move |v| Some((format!("{}: a variable", board.uid), v.query()?)))
    });
    let recorded = recording().into_iter().flat_map(|g| g.rules).map(|rule| (rule.record.to_owned(), rule.expr));
    let alerts = alerts().into_iter().map(|alert| (alert.name.to_owned(), alert.expr));
    panels.chain(variables).chain(recorded).chain(alerts).collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Names of series with what stands in braces behind them.
fn series(query: &str) -> Vec<(&str, &str)> {
    let starts =
        query.match_indices("netrig_").map(|(at, _)| query[..at].rfind(|c| !is_name(c)).map_or(0, |before| before + 1));
    let starts: BTreeSet<usize> = starts.collect();
    starts
        .into_iter()
        .map(|at| {
            let end = query[at..].find(|c| !is_name(c)).map_or(query.len(), |length| at + length);
            let braces =
                query[end..].strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(in_it, _)| in_it);
            (&query[at..end], braces)
        })
        .collect()
}

/// The labels a series of this name has; nothing if there is none.
fn labels_of(name: &str) -> Option<Vec<&'static str>> {
    if name.contains(':') {
        let recorded = recording().iter().flat_map(|group| &group.rules).any(|rule| rule.record == name);
        let labels = || ["role", "service", "stage", "form", "class", "ring", "table", "le"].to_vec();
        return recorded.then(labels);
    }
    let exactly = ALL.iter().find(|metric| metric.name == name);
    let part = || {
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
        ALL.iter().find(|metric| metric.name == base && matches!(metric.kind, Kind::Histogram(_)))
    };
    exactly.or_else(part).map(|metric| [metric.labels, &["le"]].concat())
}

#[test]
fn every_series_that_is_asked_for_exists_with_its_labels() {
    let mut seen = 0;
    for (place, query) in all() {
        for (name, matchers) in series(&query) {
            let labels = labels_of(name).unwrap_or_else(|| panic!("{place}: there is no {name}"));
            for matcher in matchers.split(',').filter(|matcher| !matcher.is_empty()) {
                let label = matcher.split(['=', '!']).next().expect("a label");
                let known = labels.contains(&label) || ["job", "instance"].contains(&label);
                assert!(known, "{place}: {name} has no label {label}");
            }
            seen += 1;
        }
    }
    assert!(seen > 250, "only {seen} series were found: is this test blind?");
}

#[test]
fn a_dashboard_asks_of_the_rigs_that_are_chosen_only() {
    for query in queries() {
        for (name, matchers) in series(&query.expr) {
            let chosen = matchers.contains(r#"job=~"$job",instance=~"$instance""#);
            assert!(chosen, "{}: {}: {name} of all rigs", query.dashboard, query.panel);
        }
    }
}

#[test]
fn every_panel_says_which_question_it_answers_and_names_are_settled() {
    let boards = dashboards();
    let uids: Vec<_> = boards.iter().map(|board| board.uid).collect();
    let known = ["netrig-fleet", "netrig-host", "netrig-latency", "netrig-drops", "netrig-policy", "netrig-cost"];
    assert_eq!(uids, known, "people have links to these");
    for board in &boards {
        for panel in board.panels() {
            let place = format!("{}: {}", board.uid, panel.title);
            assert!(panel.question.contains('?'), "{place}: {}", panel.question);
            assert!(!panel.targets.is_empty(), "{place} asks nothing");
        }
        let variables: BTreeSet<_> = board.variables.iter().filter_map(|variable| variable.name()).collect();
        for target in board.panels().flat_map(|panel| &panel.targets) {
            for used in target.expr.split("\"$").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(variables.contains(used), "{}: there is no variable {used}", board.uid);
            }
        }
    }
}

/// What is counted in one series and again in another must be asked for one by one.
#[test]
fn what_is_in_several_series_is_chosen_from() {
    let choices = [
        ("netrig_tcp_rtt_seconds", "kind=\""),
        ("netrig_drop_events_total", "source=\""),
        ("netrig_latency_stage_seconds", "stage"),
        ("netrig_policy_packets_total", "mode=\""),
        ("netrig_policy_removed_packets_total", "mode=\""),
        ("netrig_memory_budget_bytes", "part=\""),
    ];
    for query in queries() {
        for (name, matchers) in series(&query.expr) {
            for (metric, choice) in choices {
                // Coverage is asked for stage by stage.
                let by_stage = query.expr.contains("by (service, stage)");
                let chosen = matchers.contains(choice) || (choice == "stage" && by_stage);
                assert!(!name.starts_with(metric) || chosen, "{}: {}: {name}", query.dashboard, query.panel);
            }
        }
    }
}
