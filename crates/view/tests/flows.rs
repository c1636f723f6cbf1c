//! What `netrig flows` prints, as golden files, and that its sums are true.

mod common;

use common::{flow, golden, records};
use netrig_model::FlowRecord;
use netrig_view::{By, FlowSums, Group, Grouped, Grouper, Limits, Style, flow_table, group_line, record_line};
use proptest::prelude::*;

fn group(records: &[FlowRecord], by: By, limits: Limits, top: Option<usize>) -> Grouped {
    let mut grouper = Grouper::new(by, limits);
    records.iter().for_each(|r| grouper.add(r));
    grouper.finish(top)
}

fn table(by: By, top: Option<usize>, style: Style) -> String {
    flow_table(&group(&records(), by, Limits::default(), top)).render(style)
}

fn by(text: &str) -> By {
    By::parse(text).expect("columns")
}

#[test]
fn flows_into_a_file() {
    golden("flows.txt", &table(By::flow(), None, Style::default()));
}

#[test]
fn flows_on_a_terminal_of_80() {
    golden("flows-80.txt", &table(By::flow(), Some(4), Style { width: Some(80), color: false }));
}

#[test]
fn flows_in_colour() {
    golden("flows-colour.txt", &table(By::flow(), Some(2), Style { width: Some(120), color: true }));
}

#[test]
fn groups() {
    golden("groups.txt", &table(by("src_addr,dst_port"), None, Style::default()));
}

#[test]
fn groups_as_json() {
    let grouped = group(&records(), by("src,transport,tunnel"), Limits::default(), None);
    let lines: Vec<String> = grouped.groups.iter().map(|g| group_line(&grouped, g).expect("json") + "\n").collect();
    golden("groups.jsonl", &lines.concat());
}

#[test]
fn records_as_json() {
    golden("record.jsonl", &(record_line(&records()[0]).expect("json") + "\n"));
}

#[test]
fn a_flow_through_two_windows_is_one_flow() {
    let grouped = group(&records(), by("src_addr"), Limits::default(), None);
    let first = grouped
        .groups
        .iter()
        .find(|g| grouped.fields(g).next().is_some_and(|f| grouped.text(f) == "10.0.0.1"))
        .expect("group");
    assert_eq!(first.sums.flows, 2, "one connection and one fragment");
}

fn any_records() -> impl Strategy<Value = Vec<FlowRecord>> {
    let one = (0..40u8, 0..40u8, 0..3u16, 0..1_000_000u64, 0..5i64).prop_map(|(a, b, port, bytes, window)| {
        flow(&format!("10.0.0.{a}:{port}"), &format!("10.0.1.{b}:443"), "tcp", bytes, window)
    });
    prop::collection::vec(one, 0..300)
}

#[test]
fn what_was_dropped_of_flows_is_shown_where_anything_was() {
    let first = FlowRecord {
        dropped_packets: Some(7),
        drop_reason: Some("SOCKET_RCVBUFF".to_owned()),
        ..flow("10.0.0.2:5353", "192.0.2.53:53", "udp", 600, 0)
    };
    let second = FlowRecord { dropped_packets: Some(0), drop_reason: None, ..first.clone() };
    let table = |records: &[FlowRecord]| {
        flow_table(&group(records, By::flow(), Limits::default(), None)).render(Style::default())
    };
    assert!(table(&[first.clone(), second.clone()]).contains("DROPPED"));
    assert!(!table(std::slice::from_ref(&second)).contains("DROPPED"));
    let by_reason = group(&[first, second], by("drop_reason"), Limits::default(), None);
    let dropped: Vec<_> = by_reason.groups.iter().map(|g| g.sums.dropped_packets).collect();
    assert!(dropped.contains(&Some(7)) && dropped.contains(&Some(0)), "{dropped:?}");
}

proptest! {
    #[test]
    fn nothing_is_lost_however_it_is_grouped_cut_or_pruned(
        records in any_records(), top in prop::option::of(0..20usize), groups_max in 1..100usize
    ) {
        for columns in ["src_addr", "dst_addr,src_port", "window_start", "src,dst,iface"] {
            let limits = Limits { groups_max, members_max: 50 };
            let grouped = group(&records, by(columns), limits, top);
            let shown: u64 = grouped.groups.iter().map(|g| g.sums.total_bytes()).sum();
            let all: u64 = records.iter().map(|r| r.bytes + r.reverse_bytes).sum();
            prop_assert_eq!(shown + grouped.rest.total_bytes(), all);
            let packets: u64 = grouped.groups.iter().map(|g| g.sums.total_packets()).sum();
            let all_packets: u64 = records.iter().map(|r| r.packets + r.reverse_packets).sum();
            prop_assert_eq!(packets + grouped.rest.total_packets(), all_packets);
            prop_assert!(grouped.groups.len() <= groups_max.min(top.unwrap_or(usize::MAX)));
            prop_assert!(grouped.groups.is_sorted_by_key(|g| std::cmp::Reverse(g.sums.total_bytes())));
        }
    }

    #[test]
    fn a_pruned_answer_is_wrong_by_no_more_than_it_says(records in any_records(), groups_max in 2..30usize) {
        let exact = group(&records, by("src_addr,dst_addr"), Limits::default(), None);
        let pruned = group(&records, by("src_addr,dst_addr"), Limits { groups_max, ..Limits::default() }, None);
        let key = |grouped: &Grouped, group: &Group<FlowSums>| -> Vec<String> {
            grouped.fields(group).map(|f| grouped.text(f)).collect()
        };
        let error_max = pruned.pruned.unwrap_or_default().size_max;
        for shown in &pruned.groups {
            let true_bytes = exact.groups.iter().find(|g| key(&exact, g) == key(&pruned, shown)).expect("group").sums.total_bytes();
            prop_assert!(true_bytes - shown.sums.total_bytes() <= error_max);
        }
    }

    #[test]
    fn the_order_records_come_in_changes_nothing(records in any_records(), seed in any::<u64>()) {
        let mut shuffled = records.clone();
        let n = shuffled.len();
        for i in 0..n {
            shuffled.swap(i, (seed as usize).wrapping_mul(i + 1) % n);
        }
        let render = |records: &[FlowRecord]| {
            flow_table(&group(records, By::flow(), Limits::default(), None)).render(Style::default())
        };
        prop_assert_eq!(render(&records), render(&shuffled));
    }
}

/// Two flows with one packet in 64 looked at, and one that was counted whole.
fn sampled() -> Vec<FlowRecord> {
    let exact = flow("10.0.0.9:40000", "192.0.2.80:443", "tcp", 120_000, 0);
    let one = FlowRecord {
        sampling_rate: 64,
        packets_error: Some(300),
        bytes_error: Some(40_000),
        reverse_packets_error: Some(400),
        reverse_bytes_error: Some(30_000),
        ..flow("10.0.0.1:43210", "192.0.2.80:443", "tcp", 1_000_000, 0)
    };
    let again = FlowRecord { packets_error: Some(400), ..one.clone() };
    vec![one, FlowRecord { window_start: exact.window_start, ..again }, exact]
}

#[test]
fn what_was_sampled_says_how_far_it_may_be_off_and_what_is_exact_says_nothing() {
    let of = |by: By| flow_table(&group(&sampled(), by, Limits::default(), None)).render(Style::default());
    golden("flows-sampled.txt", &of(By::flow()));
    golden("groups-sampled.txt", &of(by("dst_addr,sampling_rate")));
    let grouped = group(&sampled(), by("dst_port"), Limits::default(), None);
    let lines: Vec<String> = grouped.groups.iter().map(|g| group_line(&grouped, g).expect("json") + "\n").collect();
    golden("groups-sampled.jsonl", &lines.concat());
    // Errors of two records add up as their squares do: 300 and 400.
    assert!(lines[0].contains("\"packets_error\":500,"), "{lines:?}");
}
