//! What `netrig explain` prints, as golden files; that it names the stage that has the time, whatever the rest is like; and that it
//! matters in no way how records are merged.

mod common;

use common::golden;
use common::latency::{MS, Service, US, record, slow, spread};
use netrig_model::Stage::*;
use netrig_model::{LatencyRecord, QueueCause, Role, Stage};
use netrig_view::{Picture, Pictures, Style, changes, changes_table, explain_line, overview, verdict, waterfall};
use proptest::prelude::*;

const UNCUT: Style = Style { width: None, color: false };

/// A server's way, as it is where nothing is slow.
const SWIFT: [(Stage, f64); 7] = [
    (Stack, 8.0 * US),
    (Wakeup, 2.0 * US),
    (RunQueue, 6.0 * US),
    (Read, 4.0 * US),
    (Think, 60.0 * US),
    (TcpQueue, 9.0 * US),
    (Qdisc, 3.0 * US),
];

fn with(swift: &[(Stage, f64)], changed: &[(Stage, f64)]) -> Vec<(Stage, f64)> {
    let but = swift.iter().copied().filter(|(stage, _)| changed.iter().all(|(s, _)| s != stage));
    but.chain(changed.iter().copied()).collect()
}

fn server(name: &'static str, changed: &[(Stage, f64)]) -> Vec<LatencyRecord> {
    Service::server(name, "nginx", 3000).stages(&with(&SWIFT, changed)).records()
}

fn pictures(records: &[LatencyRecord]) -> Vec<Picture> {
    let mut all = Pictures::default();
    records.iter().for_each(|r| all.add(r));
    assert_eq!((all.left_out(), all.unreadable()), (0, 0));
    all.finish()
}

/// The one service that these are of.
#[track_caller]
fn one(records: &[LatencyRecord]) -> Picture {
    let mut all = pictures(records);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[track_caller]
fn says(records: &[LatencyRecord], stage: Option<Stage>, words: &str) {
    let verdict = verdict(&one(records));
    assert!(verdict.sentence.contains(words), "{}", verdict.sentence);
    assert_eq!(verdict.stage, stage, "{}", verdict.sentence);
}

fn held_by(mut records: Vec<LatencyRecord>, cause: QueueCause, share: f64) -> Vec<LatencyRecord> {
    for r in records.iter_mut().filter(|r| r.stage == TcpQueue) {
        r.cause = Some(cause);
        r.cause_ns_sum = Some((r.latency_ns_sum as f64 * share) as u64);
    }
    records
}

/// The records with a stage's times in place of what they were.
fn retimed(mut records: Vec<LatencyRecord>, stage: Stage, count: u64, from_ns: f64, to_ns: f64) -> Vec<LatencyRecord> {
    for r in records.iter_mut().filter(|r| r.stage == stage) {
        let (process, iface) = (r.process.clone(), r.iface.clone());
        *r = LatencyRecord { process, iface, ..record(&r.service, r.role, stage, &spread(count, from_ns, to_ns), 0) };
    }
    records
}

/// The records, and that some messages took so long as a whole.
fn late(mut records: Vec<LatencyRecord>, count: u64, from_ns: f64, to_ns: f64) -> Vec<LatencyRecord> {
    let whole = records.iter().filter(|r| r.stage == Total).cloned().collect();
    records.extend(retimed(whole, Total, count, from_ns, to_ns));
    records
}

/// A host's five minutes: who is slow to read, who waits for a peer, who for a window, a resolver, and the rest.
fn host() -> Vec<LatencyRecord> {
    let unit = |r| LatencyRecord { container: Some("web.service".to_owned()), ..r };
    let web = server(":8080", &[(Read, 3.1 * MS), (Think, 1.9 * MS), (Wire, 0.4 * MS)]);
    let web = retimed(web, RunQueue, 60, 6.0 * MS, 20.0 * MS);
    let web = late(retimed(web, Total, 2940, 3.7 * MS, 7.0 * MS), 60, 11.0 * MS, 25.0 * MS);
    let web = web.into_iter().map(unit).collect::<Vec<_>>();
    let slow_web = Service::server(":8080", "nginx", 40).stages(&with(&SWIFT, &[(Think, 180.0 * MS)])).records();
    let slow_web = slow(slow_web.into_iter().map(unit).collect(), "10.0.0.9:43210");
    let database =
        [(TcpQueue, 9.0 * US), (Qdisc, 2.0 * US), (Wire, 0.3 * MS), (WirePeer, 12.0 * MS), (Stack, 9.0 * US)];
    let database = database.into_iter().chain([(Wakeup, 2.0 * US), (RunQueue, 4.0 * US), (Read, 3.0 * US)]);
    let database = Service::client("10.0.0.1:5432", "app", 900).stages(&database.collect::<Vec<_>>()).records();
    let video = server(":9000", &[(TcpQueue, 6.0 * MS), (WirePeer, 0.4 * MS)]);
    let resolver = Service::server(":53/udp", "named", 500).stages(&[(Stack, 9.0 * US), (Read, 2.0 * MS)]).parts();
    let metrics = Service::server(":9100", "node_exporter", 7).stages(&SWIFT).records();
    let softirq = record("host", None, Softirq, &spread(5000, 1.0 * US, 40.0 * US), 0);
    let rest = Service { role: None, ..Service::server("other", "", 100) }.stages(&SWIFT).records();
    let rest = rest.into_iter().map(|r| LatencyRecord { process: None, ..r });
    let all = [web, slow_web, database, held_by(video, QueueCause::ReceiveWindow, 0.9), resolver, metrics];
    all.concat().into_iter().chain(rest).chain([softirq]).collect()
}

/// The same host another day: its web server read at once, and something else was there.
fn before() -> Vec<LatencyRecord> {
    let unit = |r| LatencyRecord { container: Some("web.service".to_owned()), ..r };
    let gone = Service::server(":7777", "old", 300).stages(&SWIFT).records();
    let web = server(":8080", &[(Think, 1.9 * MS), (Wire, 0.4 * MS)]).into_iter().map(unit).collect();
    let but_web = host().into_iter().filter(|r| r.service != ":8080" && r.service != ":53/udp").collect();
    [web, gone, but_web].concat()
}

fn unseen() -> Vec<(Stage, String)> {
    vec![(Nic, "shown only where the driver stamps in hardware what it sends".to_owned())]
}

#[test]
fn services_into_a_file() {
    golden("explain.txt", &overview(&pictures(&host())).render(UNCUT));
}

#[test]
fn services_on_terminals() {
    for width in [80, 120] {
        let text = overview(&pictures(&host())).render(Style { width: Some(width), color: false });
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        golden(&format!("explain-{width}.txt"), &text);
    }
}

#[test]
fn services_as_json() {
    let pictures = pictures(&host());
    let lines: Vec<String> = pictures.iter().map(|p| explain_line(p, None, &unseen()).expect("json") + "\n").collect();
    golden("explain.jsonl", &lines.concat());
}

#[track_caller]
fn find(pictures: &[Picture], service: &str) -> Picture {
    let found = pictures.iter().find(|p| p.key.service == service && p.key.slow_client.is_none());
    found.expect("service").clone()
}

#[test]
fn waterfalls() {
    let all = pictures(&host());
    for (file, service) in [
        ("server", ":8080"),
        ("client", "10.0.0.1:5432"),
        ("held", ":9000"),
        ("udp", ":53/udp"),
        ("few", ":9100"),
        ("host", "host"),
    ] {
        let text = waterfall(&find(&all, service), None, &unseen(), UNCUT);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        golden(&format!("waterfall-{file}.txt"), &text);
    }
    let slow = all.iter().find(|p| p.key.slow_client.is_some()).expect("a slow connection");
    golden("waterfall-slow.txt", &waterfall(slow, None, &[], UNCUT));
    let style = Style { width: Some(120), color: true };
    golden("waterfall-colour.txt", &waterfall(&find(&all, ":8080"), None, &unseen(), style));
}

#[test]
fn what_has_changed() {
    let (now, was) = (pictures(&host()), pictures(&before()));
    let changes = changes(&now, &was);
    golden("explain-against.txt", &changes_table(&changes).render(UNCUT));
    let web = &changes[0];
    assert_eq!(web.moved().map(|(stage, _)| stage), Some(Read));
    let (web_now, web_was) = (web.now.expect("now"), web.was.expect("was"));
    golden("waterfall-against.txt", &waterfall(web_now, Some(web_was), &[], UNCUT));
    golden("explain-against.jsonl", &(explain_line(web_now, Some(web_was), &[]).expect("json") + "\n"));
}

#[test]
fn the_stage_that_dominates_is_named() {
    let name = ":80";
    says(&server(name, &[(Stack, 2.0 * MS)]), Some(Stack), "kernel's receive path (stack 2.");
    says(&server(name, &[(Wakeup, 2.0 * MS)]), Some(Wakeup), "reader is woken late (wakeup 2.");
    says(&server(name, &[(RunQueue, 2.0 * MS)]), Some(RunQueue), "waits for a CPU: run queue (run_queue 2.");
    says(&server(name, &[(Read, 3.1 * MS)]), Some(Read), "application slow to read (read 3.1");
    says(&server(name, &[]), Some(Think), "application thinks (think 6");
    says(&server(name, &[(Qdisc, 2.0 * MS)]), Some(Qdisc), "queueing in qdisc on eth0 (qdisc 2.");
    says(&server(name, &[(Nic, 2.0 * MS)]), Some(Nic), "driver and hardware (nic 2.");
    says(&server(name, &[(TcpQueue, 2.0 * MS)]), Some(TcpQueue), "TCP's own sending (tcp_queue 2.");
    for (cause, words) in [
        (QueueCause::ReceiveWindow, "TCP queue: peer's receive window ("),
        (QueueCause::CongestionWindow, "TCP queue: congestion window ("),
        (QueueCause::Pacing, "TCP queue: pacing ("),
        (QueueCause::Nagle, "TCP queue: Nagle ("),
        (QueueCause::SendBuffer, "TCP queue: send buffer full ("),
    ] {
        says(&held_by(server(name, &[(TcpQueue, 2.0 * MS)]), cause, 0.8), Some(TcpQueue), words);
    }
    // What held some of them for a moment does not explain the rest.
    let moment = held_by(server(name, &[(TcpQueue, 2.0 * MS)]), QueueCause::Pacing, 0.1);
    says(&moment, Some(TcpQueue), "TCP's own sending");
}

#[test]
fn acknowledgements_that_are_all_late_may_be_delayed_ones() {
    says(
        &server(":80", &[(Wire, 43.0 * MS)]),
        Some(Wire),
        "after it left (a delayed ACK, by its length, or the network)",
    );
    says(&server(":80", &[(Wire, 12.0 * MS)]), Some(Wire), "after it left (network, or a peer that acknowledges late)");
}

#[test]
fn what_takes_little_is_nobodys_fault() {
    says(&server(":80", &[(Think, 1.0), (Read, 12.0 * US)]), Some(Read), "application reads (read 12.");
    says(&server(":80", &[(Think, 1.0), (Qdisc, 12.0 * US)]), Some(Qdisc), "passing qdisc on eth0");
}

#[test]
fn a_reader_that_seldom_sleeps_does_not_wait_for_cpus_much() {
    // One in thirty slept, and then for long: the time is not there on average, but it is for the slowest.
    let records = retimed(server(":80", &[(Think, 1.0 * MS)]), RunQueue, 100, 4.0 * MS, 20.0 * MS);
    let picture = one(&records);
    assert!((picture.share_ns(RunQueue) - 0.33 * MS).abs() < 0.1 * MS, "{}", picture.share_ns(RunQueue));
    says(&records, Some(Think), "application thinks (think 1.");
    let slow = late(retimed(records, Total, 2900, 0.8 * MS, 1.6 * MS), 100, 5.0 * MS, 22.0 * MS);
    says(&slow, Some(Think), "; at p99: waits for a CPU: run queue (run_queue 1");
}

#[test]
fn a_stack_that_is_seen_in_slices_is_slow_for_all() {
    let mut records = retimed(server(":80", &[(Stack, 2.0 * MS)]), Stack, 190, 1.8 * MS, 2.2 * MS);
    // Messages without receive stamps begin at the socket.
    for r in records.iter_mut().filter(|r| r.stage == Total) {
        r.latency_ns_sum = 3000 * 230_000;
    }
    says(&records, Some(Stack), "kernel's receive path (stack 1.99 ms of 2.1");
    let residual = one(&records).residual_ns().expect("whole");
    assert!(residual.abs() < 30.0 * US, "the wholes that were measured add up: {residual}");
    let text = waterfall(&one(&records), None, &[], UNCUT);
    assert!(text.contains("stack: seen of 190 of 3,000 messages"), "{text}");
}

#[test]
fn time_in_no_stage_is_said_to_be_in_none() {
    let records: Vec<_> = server(":80", &[(Read, 3.0 * MS)]).into_iter().filter(|r| r.stage != Read).collect();
    says(&records, None, "in no stage that is seen: 3.");
}

#[test]
fn a_server_whose_peer_acknowledges_late() {
    let late = |stage, ns| server(":80", &[(stage, ns)]);
    says(&late(Wire, 12.0 * MS), Some(Wire), "wire: acknowledged 11.");
    says(&late(WirePeer, 12.0 * MS), Some(WirePeer), "peer acknowledges late: 11.");
    // Little more than the whole: it is named, but not first.
    says(&late(Wire, 150.0 * US), Some(Think), "; wire: acknowledged 14");
    let quick = one(&late(Wire, 50.0 * US));
    assert!(!verdict(&quick).sentence.contains("wire"), "less than the whole is not worth a word");
    // The fastest tell that the way is short.
    let delayed = |from_ns, to_ns| {
        let mut records = retimed(late(Wire, 40.0 * MS), Wire, 1000, from_ns, to_ns);
        let mut quick = records.iter().find(|r| r.stage == Wire).expect("wire").clone();
        let times = spread(20, 30.0 * US, 60.0 * US);
        quick.histogram = times.to_text();
        (quick.samples, quick.latency_ns_sum) = (times.count(), times.sum_ns);
        records.push(quick);
        records
    };
    says(&delayed(39.0 * MS, 44.0 * MS), Some(Wire), "peer delays its acknowledgements (delayed ACK: 41.");
    says(&delayed(199.0 * MS, 204.0 * MS), Some(Wire), "peer delays its acknowledgements");
    says(&delayed(90.0 * MS, 110.0 * MS), Some(Wire), "wire: acknowledged");
    says(&late(Wire, 40.0 * MS), Some(Wire), "wire: acknowledged");
}

#[test]
fn a_client_that_waits_tells_wire_from_peer_where_it_can() {
    let asks = |stages: &[(Stage, f64)]| {
        let all = with(&[(TcpQueue, 9.0 * US), (Qdisc, 2.0 * US), (Read, 4.0 * US)], stages);
        Service::client("10.0.0.1:5432", "app", 900).stages(&all).records()
    };
    says(&asks(&[(WirePeer, 8.0 * MS)]), Some(WirePeer), "wire or peer (wire_peer 8.");
    says(&asks(&[(WirePeer, 8.0 * MS), (Wire, 5.0 * MS)]), Some(WirePeer), "wire (network) (wire_peer 8.");
    let peer = asks(&[(WirePeer, 8.0 * MS), (Wire, 0.3 * MS)]);
    says(&peer, Some(WirePeer), "peer's application (its kernel acknowledged after 29");
    // Its acknowledgements are put off until they say nothing of the wire.
    let mut late = asks(&[(WirePeer, 60.0 * MS), (Wire, 41.0 * MS)]);
    let mut quick = late.iter().find(|r| r.stage == Wire).expect("wire").clone();
    let times = spread(20, 30.0 * US, 60.0 * US);
    quick.histogram = times.to_text();
    (quick.samples, quick.latency_ns_sum) = (times.count(), times.sum_ns);
    late.push(quick);
    says(&late, Some(WirePeer), "peer's application (its kernel acknowledged after 29.9 µs at best");
    // A client's wire is no matter of after its message has left.
    assert!(!verdict(&one(&asks(&[(Wire, 50.0 * MS)]))).sentence.contains("acknowledged"));
}

#[test]
fn services_without_a_whole_are_judged_by_their_parts() {
    let parts = Service::server(":53/udp", "named", 500).stages(&[(Stack, 9.0 * US), (Read, 2.0 * MS)]).parts();
    says(&parts, Some(Read), "application slow to read (read 2.0");
    let picture = one(&parts);
    assert_eq!((picture.whole_ns(), picture.residual_ns()), (None, None));
    let share = picture.share(Read).expect("a part");
    assert!((0.99..=1.0).contains(&share), "{share}");
}

#[test]
fn few_samples_are_said_to_be_few() {
    says(
        &Service::server(":80", "nginx", 7).stages(&SWIFT).records(),
        Some(Think),
        "few samples (7): application thinks",
    );
    let begun = LatencyRecord { eligible: 5, ..record(":80", Some(Role::Server), Read, &spread(0, 1.0, 1.0), 0) };
    says(&[begun], None, "nothing measured: the end of 5 was not seen");
}

#[test]
fn arrivals_that_are_sampled_besides_are_no_more_messages() {
    // Half as many again were chosen as they came, and are not followed to their answer.
    let besides = record(":80", Some(Role::Server), Read, &spread(1500, 3.0 * US, 5.0 * US), 0);
    let besides = LatencyRecord { process: Some("nginx".to_owned()), ..besides };
    let picture = one(&[server(":80", &[]), vec![besides.clone()]].concat());
    assert_eq!((picture.messages(), picture.measured()), (48_000, 3_000));
    assert!((picture.share_ns(Read) - 4.0 * US).abs() < 0.1 * US, "a mean of all reads: {}", picture.share_ns(Read));
    // Where hardly anything is answered, it is what arrives that counts.
    let few = Service::server(":80", "nginx", 100).stages(&SWIFT).records();
    let picture = one(&[few, vec![besides]].concat());
    assert_eq!((picture.messages(), picture.measured()), (25_600, 1_600));
}

#[test]
fn what_was_told_before_the_container_was_known_is_the_containers() {
    let named = |name: &str| -> Vec<_> {
        let named = |r| LatencyRecord { container: Some(name.to_owned()), ..r };
        server(":80", &[]).into_iter().map(named).collect()
    };
    let both = one(&[server(":80", &[]), named("web.service")].concat());
    assert_eq!((both.samples(Total), both.key.container.as_deref()), (6000, Some("web.service")));
    let whose = pictures(&[server(":80", &[]), named("a.service"), named("b.service")].concat());
    assert_eq!(whose.len(), 3, "it could be either's");
}

#[test]
fn what_is_no_distribution_is_counted_and_left_out() {
    let mut all = Pictures::default();
    let broken = LatencyRecord { histogram: "1:x".to_owned(), ..server(":80", &[])[0].clone() };
    all.add(&broken);
    assert_eq!((all.unreadable(), all.finish().len()), (1, 0));
}

fn any_record() -> impl Strategy<Value = LatencyRecord> {
    let role = prop::sample::select(vec![None, Some(Role::Client), Some(Role::Server)]);
    let stage = prop::sample::select(Stage::ALL.to_vec());
    let cause = prop::option::of(prop::sample::select(QueueCause::ALL.to_vec()));
    let service = prop::sample::select(vec![":80", ":53/udp", "10.0.0.1:443", "host", "other"]);
    let times = (0..400u64, 1.5..9.0f64, 0.0..2.0f64);
    let rest =
        (prop::option::of(0..3u16), 1..64u32, prop::option::of(prop::sample::select(vec!["eth0", "lo"])), 0..5i64);
    (service, role, stage, cause, times, rest).prop_map(|(service, role, stage, cause, times, rest)| {
        let (count, from, more) = times;
        let (slow_port, sampling_rate, iface, window) = rest;
        let times = spread(count, 10f64.powf(from), 10f64.powf(from + more));
        let r = record(service, role, stage, &times, window);
        let held = cause.filter(|_| stage == TcpQueue);
        LatencyRecord {
            slow_client_addr: slow_port.and_then(|_| "10.0.0.9".parse().ok()),
            slow_client_port: slow_port,
            sampling_rate,
            cause: held,
            cause_ns_sum: held.map(|_| r.latency_ns_sum / 2),
            iface: iface.filter(|_| stage == Qdisc).map(str::to_owned),
            ..r
        }
    })
}

proptest! {
    #[test]
    fn merging_is_associative_and_knows_no_order(
        records in prop::collection::vec(any_record(), 0..30),
        seed in any::<u64>(),
        cut in 0..30usize,
    ) {
        let mut shuffled = records.clone();
        for i in 0..shuffled.len() {
            shuffled.swap(i, (seed as usize).wrapping_mul(i + 1) % records.len());
        }
        let whole = pictures(&records);
        prop_assert_eq!(&pictures(&shuffled), &whole);
        let (a, b) = records.split_at(cut.min(records.len()));
        let mut merged = pictures(a);
        for other in pictures(b) {
            match merged.iter_mut().find(|p| p.key == other.key) {
                Some(known) => known.add(&other),
                None => merged.push(other),
            }
        }
        merged.sort_by_key(|p| p.key.clone());
        let mut sorted = whole;
        sorted.sort_by_key(|p| p.key.clone());
        prop_assert_eq!(merged, sorted);
    }

    #[test]
    fn nothing_is_lost_and_no_share_is_more_than_all(records in prop::collection::vec(any_record(), 0..60)) {
        let all = pictures(&records);
        let samples: u64 = all.iter().flat_map(|p| p.stages.values()).map(|s| s.samples).sum();
        prop_assert_eq!(samples, records.iter().map(|r| r.samples).sum::<u64>());
        for p in &all {
            let shares: Vec<f64> = p.parts().filter_map(|stage| p.share(stage)).collect();
            prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
            let sum: f64 = shares.iter().sum();
            prop_assert!(shares.is_empty() || (sum - 1.0).abs() < 1e-6, "{sum}");
            prop_assert!(p.measured() <= p.messages());
        }
    }

    #[test]
    fn whatever_comes_can_be_shown(records in prop::collection::vec(any_record(), 0..60), width in 0..200usize, color in any::<bool>()) {
        let all = pictures(&records);
        let (now, was) = all.split_at(all.len() / 2);
        let style = Style { width: Some(width), color: false };
        let _ = overview(&all).render(style);
        let _ = changes_table(&changes(now, was)).render(style);
        prop_assert_eq!(changes(&all, &all).iter().filter(|c| c.change_ns().is_some_and(|ns| ns != 0.0)).count(), 0);
        for p in &all {
            let text = waterfall(p, was.first(), &unseen(), style);
            let room = width.max(80);
            prop_assert!(text.lines().all(|line| line.chars().count() <= room), "{text}");
            let _ = waterfall(p, None, &[], Style { width: None, color });
            let line = explain_line(p, was.first(), &unseen()).expect("json");
            prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
        }
    }
}
