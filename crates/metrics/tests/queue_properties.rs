//! What must hold of the queues' metrics for any snapshot.

mod common;

use common::{queues, snapshot, sums};
use netrig_metrics::{CPUS_MAX, Caps, Exporter, Exposition};
use netrig_model::*;
use proptest::prelude::*;

fn disciplines() -> impl Strategy<Value = Vec<QueueStatus>> {
    let one = (0..5_u8, 0..4_u32, 0..4_u8, 0..1_000_000_u64).prop_map(|(iface, number, handle, sent)| QueueStatus {
        queue: number.checked_sub(1),
        ..queues::discipline(&format!("eth{iface}"), &format!("fq {handle}:"), sent)
    });
    prop::collection::vec(one, 0..20)
}

fn with(queues: Vec<QueueStatus>) -> Snapshot {
    Snapshot { queues: Some(QueuesStatus { queues, ..queues::status() }), ..snapshot() }
}

fn capped(queues: usize, interfaces: usize) -> Exporter {
    Exporter::with_caps(Caps { queues, interfaces, ..Caps::default() })
}

fn text(exporter: &mut Exporter, snapshot: &Snapshot) -> String {
    common::text(exporter.render(snapshot, Exposition::Prometheus))
}

const LABELS: &[&str] = &["iface", "direction", "queue", "qdisc"];
const SENT: &str = "netrig_queue_sent_bytes_total";

fn total(text: &str, metric: &str) -> f64 {
    sums(text, metric, &[]).values().sum()
}

proptest! {
    #[test]
    fn sums_are_what_came_in(queues in disciplines(), max in 0..6_usize, interfaces in 0..6_usize) {
        let text = text(&mut capped(max, interfaces), &with(queues.clone()));
        let sum = |of: fn(&QueueStatus) -> Option<u64>| queues.iter().filter_map(of).sum::<u64>() as f64;
        prop_assert_eq!(total(&text, SENT), sum(|q| q.sent_bytes));
        prop_assert_eq!(total(&text, "netrig_queue_dropped_packets_total"), sum(|q| q.dropped_packets));
        prop_assert_eq!(total(&text, "netrig_queue_backlog_bytes"), sum(|q| q.backlog_bytes));
        let named = sums(&text, SENT, LABELS).into_keys().filter(|labels| labels[2] != "other").count();
        prop_assert!(named <= max);
        let delays = sums(&text, "netrig_queue_delay_seconds", LABELS);
        prop_assert!(delays.values().all(|delay| *delay == 0.024), "times do not add up: {:?}", delays);
    }

    #[test]
    fn no_counter_goes_backwards_whatever_becomes_of_queues(
        pictures in prop::collection::vec(disciplines(), 2..6), max in 0..6_usize
    ) {
        let mut exporter = capped(max, 3);
        let texts: Vec<_> = pictures.into_iter().map(|queues| text(&mut exporter, &with(queues))).collect();
        for pair in texts.windows(2) {
            for metric in [SENT, "netrig_queue_dropped_packets_total", "netrig_queue_overlimit_packets_total"] {
                let later = sums(&pair[1], metric, LABELS);
                for (series, value) in sums(&pair[0], metric, LABELS) {
                    prop_assert!(later.get(&series).is_some_and(|v| *v >= value), "{} {:?}", metric, series);
                }
            }
        }
    }
}

/// What is told to have been sent after each picture of one discipline; none: it is not there.
fn told(pictures: &[Option<u64>]) -> Vec<u64> {
    let mut exporter = Exporter::default();
    let after = |sent: &Option<u64>| {
        let queues = sent.map(|sent| queues::discipline("eth0", "fq 1:", sent)).into_iter().collect();
        total(&text(&mut exporter, &with(queues)), SENT) as u64
    };
    pictures.iter().map(after).collect()
}

#[test]
fn a_discipline_that_begins_anew_adds_to_what_was() {
    assert_eq!(told(&[Some(100), Some(150), Some(20), Some(30)]), [100, 150, 170, 180]);
    assert_eq!(told(&[Some(100), None, Some(20)]), [100, 100, 120], "gone for a while");
}

#[test]
fn one_that_a_look_did_not_show_is_not_told_twice() {
    assert_eq!(told(&[Some(100), None, Some(101)]), [100, 100, 101]);
    let mut exporter = Exporter::default();
    let unread = QueueStatus { sent_bytes: None, ..queues::discipline("eth0", "fq 1:", 0) };
    let seen = |sent| queues::discipline("eth0", "fq 1:", sent);
    let told = [seen(100), unread, seen(101)].map(|queue| total(&text(&mut exporter, &with(vec![queue])), SENT));
    assert_eq!(told, [100.0, 100.0, 101.0], "a counter that could not be read");
}

#[test]
fn unknown_is_absent() {
    let known = QueueStatus { iface: "eth0".to_owned(), ring_slots: Some(0), ..QueueStatus::default() };
    let text = netrig_metrics::render(&with(vec![known]));
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("netrig_queue_")).collect();
    assert_eq!(lines, [r#"netrig_queue_ring_slots{iface="eth0",direction="",queue="",qdisc=""} 0"#]);
}

#[test]
fn the_backlog_has_its_name_whatever_interfaces_come_by() {
    let text = text(&mut capped(9, 0), &snapshot());
    let polls = sums(&text, "netrig_napi_polls_total", &["iface"]);
    let polls: Vec<_> = polls.iter().map(|(labels, polls)| (labels[0].as_str(), *polls)).collect();
    assert_eq!(polls, [("backlog", 30.0), ("other", 400.0)]);
}

#[test]
fn a_flood_of_queues_and_cpus_leaves_the_page_readable() {
    let many = (0..5000).map(|n| queues::discipline(&format!("veth{}", n % 500), &format!("tbf {n}:"), n)).collect();
    let cpus = (0..2048).map(|cpu| SoftirqStatus { cpu, processed: 1, softirq_share: 0.5, ..SoftirqStatus::default() });
    let queues = QueuesStatus { queues: many, cpus: cpus.collect(), ..queues::status() };
    let text = text(&mut Exporter::default(), &Snapshot { queues: Some(queues), ..snapshot() });
    let lines = |metric: &str| text.lines().filter(|line| line.starts_with(metric)).count();
    assert!(lines("netrig_queue_sent_bytes_total{") <= 256 + 257, "and other of each interface");
    assert_eq!(lines("netrig_softirq_packets_total{"), CPUS_MAX + 1);
    assert_eq!(total(&text, "netrig_softirq_packets_total"), 2048.0);
    assert!(text.contains(r#"netrig_softirq_time_ratio{cpu="other"} 0.5"#), "shares do not add up");
}

#[test]
fn a_rig_without_the_probe_has_no_queue_metrics() {
    let text = netrig_metrics::render(&Snapshot { queues: None, ..snapshot() });
    assert!(!["netrig_queue_", "netrig_napi_", "netrig_softirq_"].iter().any(|name| text.contains(name)));
    let unset = netrig_metrics::render(&Snapshot { queues: Some(QueuesStatus::default()), ..snapshot() });
    assert!(!unset.contains("netrig_napi_looked_at_ratio"), "a share of nothing");
}

/// Whoever scrapes and whoever sends share an exporter, and one's picture may be overtaken by the other's.
#[test]
fn a_picture_that_was_overtaken_counts_nothing_twice() {
    let at = |sent, taken_ns| {
        let queues =
            QueuesStatus { queues: vec![queues::discipline("eth0", "fq 1:", sent)], ..QueuesStatus::default() };
        Snapshot { queues: Some(queues), taken: Timestamp(taken_ns), ..Snapshot::default() }
    };
    let mut exporter = Exporter::default();
    let mut sent = |snapshot: &Snapshot| {
        let text = common::text(exporter.render(snapshot, Exposition::Prometheus));
        sums(&text, "netrig_queue_sent_bytes_total", &[]).values().sum::<f64>()
    };
    let (second, minute) = (1_000_000_000, 60_000_000_000);
    assert_eq!(sent(&at(1_000, 100 * minute)), 1_000.0);
    assert_eq!(sent(&at(5_000, 100 * minute + second)), 5_000.0);
    assert_eq!(sent(&at(4_000, 100 * minute)), 5_000.0, "overtaken");
    assert_eq!(sent(&at(6_000, 100 * minute + 2 * second)), 6_000.0);
    assert_eq!(sent(&at(7_000, 50 * minute)), 7_000.0, "the clock was set back");
}
