//! What `netrig latency` prints, as golden files.

mod common;

use common::golden;
use common::latency::{MS, Service, US, slow};
use netrig_model::{LatencyRecord, Stage};
use netrig_view::{GroupBy, Grouped, Grouper, Limits, Style, Sum, group_line, latency_table, record_line};

/// Two windows of a server, one of its clients apart, and a client.
fn records() -> Vec<LatencyRecord> {
    let stages = [(Stage::Read, 3.0 * MS), (Stage::Think, 40.0 * US), (Stage::Wire, 0.3 * MS)];
    let first = Service::server(":8080", "nginx", 300).stages(&stages).records();
    let second = Service::server(":8080", "nginx", 100).stages(&[(Stage::Read, 30.0 * MS)]).records();
    let late = slow(Service::server(":8080", "nginx", 10).stages(&stages[..1]).records(), "10.0.0.9:43210");
    let asks = Service::client("10.0.0.1:5432", "app", 50).stages(&[(Stage::WirePeer, 8.0 * MS)]).records();
    [first, second, late, asks].concat()
}

fn grouped(by: GroupBy<LatencyRecord>, top: Option<usize>) -> Grouped<LatencyRecord> {
    let mut grouper = Grouper::new(by, Limits::default());
    records().iter().for_each(|r| grouper.add(r));
    grouper.finish(top)
}

#[test]
fn stages_into_a_file_and_on_terminals() {
    let table = latency_table(&grouped(GroupBy::<LatencyRecord>::stages(), Some(5)));
    golden("latency.txt", &table.render(Style::default()));
    let narrow = table.render(Style { width: Some(80), color: false });
    assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
    golden("latency-80.txt", &narrow);
}

#[test]
fn groups_of_latency() {
    let grouped = grouped(GroupBy::parse("service,stage").expect("columns"), None);
    golden("latency-groups.txt", &latency_table(&grouped).render(Style::default()));
    let lines: Vec<String> = grouped.groups.iter().map(|g| group_line(&grouped, g).expect("json") + "\n").collect();
    golden("latency-groups.jsonl", &lines.concat());
}

#[test]
fn records_as_json() {
    golden("latency.jsonl", &(record_line(&records()[0]).expect("json") + "\n"));
}

#[test]
fn quantiles_are_those_of_all_windows() {
    let grouped = grouped(GroupBy::<LatencyRecord>::stages(), None);
    let read = grouped.groups.iter().find(|g| g.sums.samples == 400).expect("both windows");
    let (median, slow) = (read.sums.quantile_ns(0.5).expect("p50"), read.sums.quantile_ns(0.99).expect("p99"));
    assert!((2_500_000..4_000_000).contains(&median) && slow > 30_000_000, "{median} {slow}");
    assert_eq!(read.sums.values().len(), netrig_view::LatencySums::NAMES.len());
}

#[test]
fn slow_connections_are_apart_by_their_client() {
    assert!(GroupBy::<LatencyRecord>::stages().keeps_slow_apart());
    assert!(GroupBy::<LatencyRecord>::parse("slow_client,stage").is_ok_and(|by| by.keeps_slow_apart()));
    assert!(GroupBy::<LatencyRecord>::parse("service,stage").is_ok_and(|by| !by.keeps_slow_apart()));
}
