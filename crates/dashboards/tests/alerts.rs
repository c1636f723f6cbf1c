//! Each alert fires for its fault, says what is so, and does not fire at a host that is merely busy: as Prometheus' own tool
//! judges it. Reported as SKIPPED, on stderr, where promtool is not installed.

mod cases;
mod common;

use cases::{Case, HOST};
use common::promtool;
use netrig_dashboards::rules::{Alert, alerts, recording};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Alerts whose cases are tests of their own here.
const OWN_TESTS: [&str; 2] = ["NetrigAbsent", "NetrigLatencyStageRegressed"];

#[test]
fn every_alert_has_a_case() {
    let tested: Vec<_> = cases::all().map(|case| case.alert).chain(OWN_TESTS).collect();
    let names: BTreeSet<_> = alerts().iter().map(|alert| alert.name).collect();
    assert_eq!(tested.iter().copied().collect::<BTreeSet<_>>(), names);
    assert_eq!(tested.len(), names.len(), "an alert has two cases");
}

fn alert(name: &str) -> Alert {
    alerts().into_iter().find(|alert| alert.name == name).unwrap_or_else(|| panic!("there is no alert {name}"))
}

fn series(series: &[(&str, &str)]) -> Value {
    let host = HOST.map(|(name, value)| format!("{name}=\"{value}\"")).join(",");
    let full = |name: &str| name.replace("{H", &format!("{{{host}"));
    series.iter().map(|(name, values)| json!({ "series": full(name), "values": values })).collect()
}

/// What an alert is expected to look like.
fn expected(name: &str, labels: &[(&str, &str)], [summary, description]: [&str; 2]) -> Value {
    let alert = alert(name);
    let mut all: Map<String, Value> = labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    all.insert("severity".to_owned(), json!(alert.severity.as_str()));
    let annotations = json!({ "summary": summary, "description": description, "runbook_url": alert.runbook() });
    json!({ "exp_labels": all, "exp_annotations": annotations })
}

fn test(name: &str, what: &str, input: Value, at: &str, expected: &[Value]) -> Value {
    json!({
        "name": format!("{name}, {what}"), "interval": "1m", "input_series": input,
        "alert_rule_test": [{ "eval_time": at, "alertname": name, "exp_alerts": expected }],
    })
}

fn both(case: &Case) -> [Value; 2] {
    let labels: Vec<_> = HOST.iter().chain(case.labels).copied().collect();
    let fires = expected(case.alert, &labels, [case.summary, case.description]);
    [
        test(case.alert, "a host with the fault", series(case.fault), case.at, &[fires]),
        test(case.alert, "a healthy host", series(case.healthy), case.at, &[]),
    ]
}

/// Whether promtool says that all of it is so; nothing if there is no promtool.
fn judge(name: &str, step: &str, tests: &[Value]) -> Option<()> {
    let dir = tempfile::tempdir().expect("a folder");
    let rules = write_rules(dir.path());
    let order: Vec<_> = recording().iter().map(|group| group.name).chain(["netrig-alerts"]).collect();
    let file = dir.path().join("test.yml");
    let text = json!({
        "rule_files": rules, "evaluation_interval": step, "group_eval_order": order, "tests": tests,
    });
    // JSON is YAML.
    std::fs::write(&file, text.to_string()).expect("write the tests");
    let (succeeded, said) = promtool(name, &["test", "rules"], &file)?;
    assert!(succeeded && said.contains("SUCCESS"), "{said}");
    Some(())
}

fn write_rules(dir: &Path) -> Vec<String> {
    let files = [
        ("recording.yml", netrig_dashboards::rules::recording_yaml()),
        ("alerts.yml", netrig_dashboards::rules::alerts_yaml()),
    ];
    let write = |(name, text): (&str, String)| {
        std::fs::write(dir.join(name), text).expect("write rules");
        name.to_owned()
    };
    files.map(write).to_vec()
}

#[test]
fn each_alert_fires_for_its_fault_and_not_for_a_healthy_host() {
    let tests: Vec<_> = cases::all().flat_map(both).collect();
    let _ = judge("each_alert_fires_for_its_fault_and_not_for_a_healthy_host", "1m", &tests);
}

/// The test of the tests: one that expects of a healthy host what a host with the fault does must fail.
#[test]
fn promtool_does_not_take_everything() {
    let case = cases::all().next().expect("a case");
    let [mut fault, healthy] = both(case);
    fault["input_series"] = healthy["input_series"].clone();
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("test.yml");
    let text = json!({ "rule_files": write_rules(dir.path()), "evaluation_interval": "1m", "tests": [fault] });
    std::fs::write(&file, text.to_string()).expect("write the tests");
    if let Some((succeeded, said)) = promtool("promtool_does_not_take_everything", &["test", "rules"], &file) {
        assert!(!succeeded && said.contains("FAILED"), "{said}");
    }
}

#[test]
fn no_rig_at_all_is_told_and_one_is_enough() {
    let other = series(&[(r#"up{job="node",instance="web1:9100"}"#, "1+0x40")]);
    let one = series(&[(r#"netrig_build_info{H,version="0.1.0"}"#, "1+0x40")]);
    let says = [
        "No rig is scraped",
        "Prometheus has these rules and no rig at all: targets, relabelling or the way to them is broken.",
    ];
    let tests = [
        test("NetrigAbsent", "no rig", other, "30m", &[expected("NetrigAbsent", &[], says)]),
        test("NetrigAbsent", "a rig", one, "30m", &[]),
    ];
    let _ = judge("no_rig_at_all_is_told_and_one_is_enough", "1m", &tests);
}

/// What is recorded of a class of drops at a time: the rate, or nothing.
fn drops_at(what: &str, input: Value, at: &str, rate: f64) -> Value {
    let name = "instance_class:netrig_drops:rate5m";
    let host = HOST.map(|(name, value)| format!("{name}=\"{value}\"")).join(",");
    let sample = json!({ "labels": format!("{name}{{{host},class=\"resource\"}}"), "value": rate });
    json!({
        "name": what, "interval": "1m", "input_series": input,
        "promql_expr_test": [{ "expr": name, "eval_time": at, "exp_samples": [sample] }],
    })
}

#[test]
fn what_a_series_begins_with_is_seen_and_what_was_before_anybody_looked_is_not() {
    const DROPS: &str = r#"netrig_drops_total{H,class="resource",reason="SOCKET_RCVBUFF"}"#;
    const ALWAYS: (&str, &str) = (r#"netrig_drops_total{H,class="resource",reason="other"}"#, "0+0x40");
    const BUILD: &str = r#"netrig_build_info{H,version="0.1.0"}"#;
    const STARTED: &str = "netrig_start_time_seconds{H}";
    let of = |drops, build, started| series(&[(DROPS, drops), ALWAYS, (BUILD, build), (STARTED, started)]);
    let tests = [
        drops_at("a reason's first drops", of("_x20 600+0x20", "1+0x40", "0+0x40"), "22m", 2.0),
        drops_at("and what follows", of("_x20 600+30x20", "1+0x40", "0+0x40"), "24m", 2.4),
        drops_at("once they are old", of("_x20 600+0x20", "1+0x40", "0+0x40"), "26m", 0.0),
        drops_at("a rig that has just started", of("_x20 600+0x20", "_x20 1+0x20", "_x20 1200+0x20"), "22m", 2.0),
        drops_at("a rig that was not scraped", of("_x20 600+0x20", "_x20 1+0x20", "_x20 0+0x20"), "22m", 0.0),
        drops_at(
            "a rig that could not be reached",
            of("600+0x10 stale _x11 600+0x20", "1+0x10 stale _x11 1+0x20", "0+0x10 stale _x11 0+0x20"),
            "24m",
            0.0,
        ),
        drops_at("a counter that goes on", of("600+60x40", "1+0x40", "0+0x40"), "24m", 1.0),
    ];
    let name = "what_a_series_begins_with_is_seen_and_what_was_before_anybody_looked_is_not";
    let _ = judge(name, "1m", &tests);
}

type Samples = Vec<(String, String)>;

/// Classic buckets of a stage of a service: a week of samples, five minutes apart, and twenty minutes; then an hour in which
/// messages take `then`, where they took less than a millisecond.
fn classic(service: &str, stage: &str, then: f64) -> Samples {
    let name = |suffix: &str, le: &str| {
        format!(r#"netrig_latency_stage_seconds{suffix}{{H,role="server",service="{service}",stage="{stage}"{le}}}"#)
    };
    let mut all = vec![(name("_count", ""), "0+1000x2032".to_owned())];
    for le in ["0.0009765625", "0.00390625", "0.015625", "0.0625", "+Inf"] {
        let within = le == "+Inf" || le.parse::<f64>().expect("a bound") >= then;
        let values = if within { "0+1000x2032" } else { "0+1000x2020 2020000+0x11" };
        all.push((name("_bucket", &format!(r#",le="{le}""#)), values.to_owned()));
    }
    all
}

/// The series that recording rules make of native histograms, which this promtool cannot be given, over the same time.
fn native(service: &str, before: f64, then: f64, values: f64) -> Samples {
    let labels = format!(r#"{{H,role="client",service="{service}",stage="wire_peer",form="native"}}"#);
    vec![
        (format!("instance_stage:netrig_latency_seconds:p99_15m{labels}"), format!("{before}+0x2020 {then}+0x11")),
        (format!("instance_stage:netrig_latency_values:rate15m{labels}"), format!("{values}+0x2032")),
    ]
}

#[test]
fn a_stage_that_is_slower_than_a_week_ago_is_told() {
    const NAME: &str = "NetrigLatencyStageRegressed";
    let samples = [
        classic(":443", "read", 0.0625),
        classic(":as-ever", "read", 0.0009),
        classic(":next-bucket", "read", 0.0039),
        classic(":443", "total", 0.0625),
        native("10.0.0.1:5432", 0.002, 0.005, 1.0),
        native("little-slower:1", 0.002, 0.003, 1.0),
        native("microseconds:1", 0.0001, 0.0009, 1.0),
        native("few-messages:1", 0.002, 0.005, 0.1),
    ]
    .concat();
    let samples: Vec<_> = samples.iter().map(|(name, values)| (name.as_str(), values.as_str())).collect();
    let slower = |[role, service, stage, form]: [&'static str; 4], says| {
        let labels = [("role", role), ("service", service), ("stage", stage), ("form", form)];
        expected(NAME, &[HOST.as_slice(), &labels].concat(), says)
    };
    let fires = [
        slower(
            ["server", ":443", "read", "classic"],
            [
                "read of :443 on web1:9798 is slower than a week ago",
                "One in a hundred messages of :443 (server) takes 62.03ms or longer in the stage read: several times what it \
             was at this time a week ago.",
            ],
        ),
        slower(
            ["client", "10.0.0.1:5432", "wire_peer", "native"],
            [
                "wire_peer of 10.0.0.1:5432 on web1:9798 is slower than a week ago",
                "One in a hundred messages of 10.0.0.1:5432 (client) takes 5ms or longer in the stage wire_peer: several times \
             what it was at this time a week ago.",
            ],
        ),
    ];
    let mut test = test(NAME, "two that are slower among those that are not", series(&samples), "10160m", &fires);
    test["interval"] = json!("5m");
    let _ = judge("a_stage_that_is_slower_than_a_week_ago_is_told", "5m", &[test]);
}
