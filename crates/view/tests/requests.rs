//! What `netrig requests` prints, as golden files.

mod common;

use common::golden;
use common::requests::{question, request};
use netrig_model::{RequestKind, RequestOutcome, RequestRecord};
use netrig_view::{
    GroupBy, Grouped, Grouper, Limits, RequestChoice, RequestList, RequestTotals, Style, Sum, group_line,
    list_requests, record_line,
};
use proptest::prelude::*;
use serde_json::json;

/// One of everything: names that are there, that are not, and that nobody tells; sessions old and new, one that failed; pages,
/// one served by this host; and a row that stands for many.
fn records() -> Vec<RequestRecord> {
    use RequestKind::{Http, Http2, Quic, Tls};
    let lookup = json!({"dns_answers": 2, "dns_addresses": "192.0.2.80,2001:db8::80"});
    let named = |name: &str| json!({"dst_name": name, "tls_sni": name, "tls_version": "TLS 1.3", "tls_alpn": "h2"});
    let page = |columns: serde_json::Value| {
        let mut all = json!({"dst_port": 80, "dst_name": "example.com", "http_method": "GET", "http_host": "example.com",
            "http_path": "/index.html", "http_version": "1.1"});
        let object = all.as_object_mut().expect("columns");
        object.extend(columns.as_object().expect("columns").clone());
        all
    };
    let alert =
        json!({"failed": true, "tls_sni": "old.example", "tls_version": "TLS 1.0", "tls_alert": "protocol_version"});
    let served = json!({"direction": "ingress", "src_addr": "198.51.100.7", "dst_addr": "10.0.0.1", "dst_port": 8080,
        "dst_name": null, "process": "nginx", "pid": 80, "http_host": "10.0.0.1:8080", "http_path": "/api/orders/17",
        "http_method": "POST", "http_status": 503, "failed": true});
    let grpc = json!({"grpc": true, "http_path": "/orders.Orders/List", "http_status": 200, "dst_port": 50_051,
        "http_method": "POST"});
    let many = json!({"requests": 2_400, "src_port": null, "http_status": 200, "latency_us_max": 90_000});
    vec![
        question(100, Some(1_200), "example.com", Some("NOERROR"), lookup),
        question(180, Some(900), "ipv4only.example", Some("NOERROR"), json!({"dns_type": "AAAA", "dns_answers": 0})),
        question(
            250,
            Some(31_000),
            "exampel.com",
            Some("NXDOMAIN"),
            json!({"dns_answers": 0, "process": "python3", "pid": 99}),
        ),
        question(300, None, "db.internal", None, json!({"retries": 2, "process": null, "pid": null})),
        request(Tls, 400, Some(23_000), named("example.com")),
        request(Tls, 450, Some(8_000), alert),
        request(Quic, 500, Some(19_000), named("video.example")),
        request(Http, 11_000, Some(45_000), page(json!({"http_status": 200}))),
        request(Http, 11_500, Some(1_300), page(served)),
        request(Http2, 12_000, Some(700), page(grpc)),
        request(Http, 12_400, Some(2_000), page(many)),
        RequestRecord { outcome: RequestOutcome::Unknown, ..request(Tls, 12_900, None, json!({"failed": false})) },
    ]
}

fn listed(records: &[RequestRecord], choice: RequestChoice, top: usize, width: Option<usize>) -> String {
    let mut list = RequestList::new(choice, top);
    records.iter().for_each(|r| list.add(r.clone()));
    let mut out = String::new();
    list_requests(&list.finish(), Style { width, color: false }, &mut |line| out += &format!("{line}\n"));
    out
}

fn grouped(records: &[RequestRecord], by: &str) -> Grouped<RequestRecord> {
    let mut grouper = Grouper::new(GroupBy::parse(by).expect("columns"), Limits::default());
    records.iter().for_each(|r| grouper.add(r));
    grouper.finish(None)
}

const ALL: RequestChoice = RequestChoice { kind: None, failed: false, slow_us: None };

#[test]
fn the_latest_come_first_and_what_failed_is_marked() {
    golden("requests.txt", &listed(&records(), ALL, 50, None));
    for width in [80, 120] {
        let text = listed(&records(), ALL, 50, Some(width));
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        golden(&format!("requests-{width}.txt"), &text);
    }
}

#[test]
fn some_of_them() {
    golden("requests-top.txt", &listed(&records(), ALL, 3, None));
    golden("requests-failed.txt", &listed(&records(), RequestChoice { failed: true, ..ALL }, 2, None));
    golden("requests-slow.txt", &listed(&records(), RequestChoice { slow_us: Some(20_000), ..ALL }, 3, None));
    let dns = RequestChoice { kind: Some(RequestKind::Dns), ..ALL };
    golden("requests-dns.txt", &listed(&records(), dns, 50, None));
    assert_eq!(
        RequestChoice { failed: true, slow_us: Some(5_000), ..dns }.in_words(),
        "failed dns requests slower than 5.00 ms"
    );
}

#[test]
fn groups_and_records() {
    let by_name = grouped(&records(), "kind,dst_name");
    golden("request-groups.txt", &by_name.table().render(Style::default()));
    let lines: Vec<String> = by_name.groups.iter().map(|g| group_line(&by_name, g).expect("json") + "\n").collect();
    golden("request-groups.jsonl", &lines.concat());
    golden("request.jsonl", &(record_line(&records()[0]).expect("json") + "\n"));
    let by_answer = grouped(&records(), "dns,tls_resumed");
    assert!(by_answer.by.names().eq(["dns_name", "dns_type", "dns_rcode", "tls_resumed"]));
}

#[test]
fn colours_are_for_what_failed() {
    let mut list = RequestList::new(ALL, 50);
    records().into_iter().for_each(|r| list.add(r));
    let (mut red, mut marked) = (0, 0);
    list_requests(&list.finish(), Style { width: None, color: true }, &mut |line| {
        red += usize::from(line.starts_with("\u{1b}[31m"));
        marked += usize::from(line.contains('✗'));
    });
    assert_eq!((red, marked), (4, 4));
}

/// Whoever runs a server, or asks for one, chooses these.
#[test]
fn hostile_names_neither_move_the_cursor_nor_push_the_rest_away() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\r\n\u{202e}moc.elpmaxe\u{200b}";
    let long = format!("{evil}{}", "a".repeat(60_000));
    let named = json!({"dst_name": long, "tls_sni": evil, "tls_alert": long, "process": evil, "tls_version": evil});
    let page = json!({"dst_name": evil, "http_host": long, "http_path": long, "http_method": evil, "process": long});
    let name = question(1, Some(1), &long, Some(evil), json!({"dns_type": evil, "dns_addresses": long}));
    let records = [request(RequestKind::Tls, 2, Some(1), named), request(RequestKind::Http, 3, Some(1), page), name];
    for (width, lines) in [(None, 6), (Some(80), 7)] {
        let text = listed(&records, ALL, 50, width);
        assert_eq!(text.lines().count(), lines, "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 700), "{text}");
        assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}' || c == '\u{200b}')), "{text}");
    }
    let groups = grouped(&records, "tls_sni,http_method").table().render(Style::default());
    assert!(!groups.chars().any(|c| c != '\n' && c.is_control()), "{groups}");
    for record in &records {
        let line = record_line(record).expect("json");
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line}");
        let back: RequestRecord = serde_json::from_str(&line).expect("the same record");
        assert_eq!(&back, record);
    }
}

#[test]
fn of_many_alike_the_longest_is_one_and_the_mean_the_rest() {
    let many = json!({"requests": 100, "latency_us_max": 50_000});
    let by_kind = grouped(&[request(RequestKind::Http, 0, Some(1_500), many)], "kind");
    let sums = &by_kind.groups[0].sums;
    assert_eq!((sums.latency.count(), sums.latency_us_mean(), sums.latency_us_max), (100, Some(1_500), Some(50_000)));
    let half = sums.latency_us_quantile(0.5).expect("latencies");
    assert!((960..=1_060).contains(&half), "(100 × 1500 − 50000) / 99 = 1010, not {half}");
    assert!(sums.latency_us_quantile(1.0).is_some_and(|us| (48_000..=50_000).contains(&us)));
}

fn any_request() -> impl Strategy<Value = RequestRecord> {
    let numbers = (0..60_000i64, prop::option::of((1..5_000_000u64, 1..50u64)), 1..5_000u64, 0..4u64);
    (numbers, 0..RequestKind::ALL.len(), 0..4usize, any::<bool>()).prop_map(|(numbers, kind, name, failed)| {
        let (at_ms, latency, requests, retries) = numbers;
        let longest = latency.map(|(us, times)| us.saturating_mul(if requests > 1 { times.min(requests) } else { 1 }));
        let name = [None, Some("a"), Some("b"), Some("c")][name];
        let columns = json!({"requests": requests, "retries": retries, "latency_us_max": longest,
            "failed": failed || latency.is_none(), "dst_name": name});
        request(RequestKind::ALL[kind], at_ms, latency.map(|(us, _)| us), columns)
    })
}

fn total<'a>(sums: impl Iterator<Item = &'a RequestTotals>) -> RequestTotals {
    let mut total = RequestTotals::default();
    sums.for_each(|each| total.add(each));
    total
}

proptest! {
    #[test]
    fn sums_over_groups_are_sums_over_records(
        records in prop::collection::vec(any_request(), 0..60),
        by in prop::sample::select(&["kind", "dst_name", "kind,dst_name", "started", "outcome"]),
        top in prop::option::of(0..5usize),
    ) {
        let mut grouper = Grouper::new(GroupBy::parse(by).expect("columns"), Limits::default());
        records.iter().for_each(|r| grouper.add(r));
        let grouped = grouper.finish(top);
        let total = total(grouped.groups.iter().map(|group| &group.sums).chain([&grouped.rest]));
        let sum = |of: fn(&RequestRecord) -> u64| records.iter().map(of).sum::<u64>();
        prop_assert_eq!(total.requests, sum(|r| r.requests));
        prop_assert_eq!(total.failed, sum(|r| if r.failed { r.requests } else { 0 }));
        prop_assert_eq!(total.unanswered, sum(|r| if r.outcome == RequestOutcome::Unanswered { r.requests } else { 0 }));
        prop_assert_eq!(total.retries, sum(|r| r.retries));
        prop_assert_eq!(total.latency.count(), sum(|r| r.latency_us.map_or(0, |_| r.requests)));
        prop_assert_eq!(total.latency.sum_ns, sum(|r| r.latency_us.map_or(0, |us| us * r.requests * 1_000)));
        prop_assert_eq!(total.latency_us_max, records.iter().filter_map(|r| r.latency_us_max).max());
    }

    #[test]
    fn what_is_listed_and_what_is_not_are_all(
        records in prop::collection::vec(any_request(), 0..60),
        top in 0..70usize,
        failed: bool,
        slow_us in prop::option::of(0..5_000_000u64),
    ) {
        let choice = RequestChoice { kind: None, failed, slow_us };
        let mut list = RequestList::new(choice, top);
        records.iter().for_each(|r| list.add(r.clone()));
        let listed = list.finish();
        let wanted: Vec<_> = records.iter().filter(|r| choice.wants(r)).collect();
        prop_assert_eq!(listed.requests.len(), wanted.len().min(top));
        let shown: u64 = listed.requests.iter().map(|r| r.requests).sum();
        let all: u64 = wanted.iter().map(|r| r.requests).sum();
        prop_assert_eq!((listed.totals.requests, shown + listed.rest.requests), (all, all));
        prop_assert_eq!(listed.kinds.values().sum::<u64>(), all);
        let in_order = |r: &RequestRecord| if slow_us.is_some() { r.latency_us_max.unwrap_or(0) as i64 } else { r.started.0 };
        prop_assert!(listed.requests.is_sorted_by(|a, b| in_order(a) >= in_order(b)));
    }
}
