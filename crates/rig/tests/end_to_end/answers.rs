//! However one asks, the answer is the same truth.

use crate::support::{Rig, Street, netrig, udp_churn, wait_for};
use netrig_model::FlowRecord;
use netrig_testkit::{report_skipped, require_root};
use std::path::Path;
use std::time::Duration;

/// The value of a metric, summed over all its series whose labels contain `labels`.
fn metric(text: &str, name: &str, labels: &str) -> u64 {
    let series = text.lines().filter(|l| l.starts_with(&format!("{name}{{")) && l.contains(labels));
    let values: Vec<f64> = series.filter_map(|l| l.rsplit(' ').next()?.parse().ok()).collect();
    assert!(!values.is_empty(), "no series {name}{{{labels}}} in:\n{text}");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters of a short test are small")]
    let sum = values.iter().sum::<f64>() as u64;
    sum
}

fn flows(rig: &Rig<'_>) -> Vec<FlowRecord> {
    let text = rig.ask(&["flows", "--since", "1h", "--json"]);
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

fn packets(records: &[FlowRecord]) -> u64 {
    records.iter().map(|f| f.packets + f.reverse_packets).sum()
}

#[test]
fn flows_metrics_status_and_query_agree() {
    require_root!();
    let street = Street::new("agree");
    let rig = Rig::start(&street.near, &["near0"]);
    let sent = street.near.inside(|| udp_churn(500, 4, 64));
    street.near.run("ping -q -c 2 -i 0.2 10.77.0.2");
    // Some windows later part of it is in the store and part of it may not be: the sum is the same.
    wait_for("the flows are told", Duration::from_secs(10), || (packets(&flows(&rig)) >= sent + 4).then_some(()));
    let records = flows(&rig);
    assert_eq!(packets(&records), sent + 4);
    let bytes: u64 = records.iter().map(|f| f.bytes + f.reverse_bytes).sum();

    // The picture that metrics and status are made from may be some tenths of a second old.
    let metrics = wait_for("the metrics tell it", Duration::from_secs(5), || {
        let text = rig.get("/metrics");
        (metric_or_zero(&text, "netrig_flow_packets_total", "iface=\"near0\"") == sent + 4).then_some(text)
    });
    let not_ip = metric_or_zero(&metrics, "netrig_ledger_packets_total", "fate=\"not_ip\"");
    assert_eq!(metric(&metrics, "netrig_ledger_packets_total", "fate=\"told\""), sent + 4);
    assert_eq!(metric(&metrics, "netrig_interface_packets_total", "iface=\"near0\""), sent + 4 + not_ip);
    assert_eq!(metric(&metrics, "netrig_flow_bytes_total", "iface=\"near0\""), bytes);

    let told: u64 = rig.status().interfaces.iter().map(|i| i.told.packets).sum();
    assert_eq!(told, sent + 4);

    if !Path::new(netrig()).with_file_name("netrig-query").exists() {
        report_skipped("netrig-query is not built: the SQL answer was not compared");
        return;
    }
    let sql = "SELECT sum(packets + reverse_packets) AS packets, sum(bytes + reverse_bytes) AS bytes FROM flows";
    let answer: serde_json::Value = serde_json::from_str(rig.ask(&["query", "--json", sql]).trim()).expect("one row");
    assert_eq!((answer["packets"].as_u64(), answer["bytes"].as_u64()), (Some(sent + 4), Some(bytes)));
}

fn metric_or_zero(text: &str, name: &str, labels: &str) -> u64 {
    let there = text.lines().any(|l| l.starts_with(&format!("{name}{{")) && l.contains(labels));
    if there { metric(text, name, labels) } else { 0 }
}

#[test]
fn flows_are_there_after_the_rig_has_ended() {
    require_root!();
    let street = Street::new("after");
    let mut rig = Rig::start(&street.near, &["near0"]);
    let sent = street.near.inside(|| udp_churn(50, 2, 64));
    assert!(rig.signal("TERM").success(), "{}", rig.log());
    assert_eq!(packets(&flows(&rig)), sent);
    // And the next rig goes on where this one ended.
    let rig = rig.again();
    let more = street.near.inside(|| udp_churn(30, 1, 64));
    wait_for("old and new flows", Duration::from_secs(10), || (packets(&flows(&rig)) == sent + more).then_some(()));
}
