//! The screen of requests: golden screens, rates by difference, and what is said when there is nothing.

mod common;

use common::golden;
use common::live::{press, screen, snapshot};
use netrig_model::*;
use netrig_view::top::{App, Key, Sample};

fn tally(kind: RequestKind, server: Option<&str>, code: &str, requests: u64, ms: u64) -> RequestTally {
    let mut latency = Histogram::default();
    (0..requests).for_each(|n| latency.observe(ms * 1_000_000 * if n % 20 == 0 { 30 } else { 1 }));
    let failed = if ["2xx", "NOERROR", ""].contains(&code) { 0 } else { requests };
    RequestTally {
        kind,
        code: Some(code.to_owned()).filter(|code| !code.is_empty()),
        version: None,
        server: server.map(str::to_owned),
        sums: RequestSums { requests, failed, unanswered: 0, retries: requests / 10, latency },
        slow: Vec::new(),
    }
}

/// After `n` seconds, each of which is like the others.
fn payload(n: u64) -> PayloadStatus {
    use RequestKind::{Dns, Http, Tls};
    let long = "a-very-long-name.of-some-service.example.org";
    PayloadStatus {
        counts: PayloadCounts { copied: 1000 * n, ..PayloadCounts::default() },
        tallies: vec![
            tally(Dns, Some("192.0.2.53"), "NOERROR", 40 * n, 2),
            tally(Dns, Some("192.0.2.53"), "NXDOMAIN", 3 * n, 1),
            tally(Tls, Some(long), "", 5 * n, 12),
            tally(Http, Some("shop.example.org:8080"), "2xx", 100 * n, 3),
            tally(Http, Some("shop.example.org:8080"), "5xx", 2 * n, 90),
            tally(Http, None, "2xx", 10, 7),
        ],
        flows: 120,
        pending: 3,
        names: 250,
        bytes: 8_388_608,
    }
}

fn sample(at_s: u64) -> Sample {
    let mut snapshot = snapshot(i64::try_from(at_s).expect("small"), 1_000_000);
    snapshot.payload = Some(payload(at_s));
    Sample { snapshot, talkers: None }
}

fn running() -> App {
    let mut app = App::new("http://127.0.0.1:9798", false);
    app.update(sample(2));
    app.update(sample(4));
    press(&mut app, "6");
    app
}

#[test]
fn narrow_and_wide() {
    golden("top-requests.txt", &screen(&mut running(), 80, 18));
    golden("top-requests-160.txt", &screen(&mut running(), 160, 18));
}

#[test]
fn without_the_probe_it_says_what_to_do() {
    let mut app = App::new("http://127.0.0.1:9798", false);
    app.update(Sample { snapshot: snapshot(2, 0), talkers: None });
    press(&mut app, "6");
    golden("top-requests-off.txt", &screen(&mut app, 80, 10));
    let mut failed = snapshot(3, 0);
    let (name, detail) = ("payload".to_owned(), "no room".to_owned());
    failed.probes.push(ProbeStatus { name, state: ProbeState::Failed, detail });
    app.update(Sample { snapshot: failed, talkers: None });
    assert!(screen(&mut app, 80, 10).contains("The payload probe has failed: no room"));
}

#[test]
fn rates_are_differences_and_the_first_poll_has_none() {
    let mut app = App::new("", false);
    press(&mut app, "6");
    app.update(sample(2));
    let line = |app: &mut App, word: &str| {
        let text = screen(app, 160, 30);
        text.lines()
            .find(|line| line.contains(word))
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert!(line(&mut app, "192.0.2.53").starts_with("dns 192.0.2.53 0/s 0/s"), "{}", line(&mut app, "192.0.2.53"));
    app.update(sample(4));
    assert!(line(&mut app, "192.0.2.53").starts_with("dns 192.0.2.53 43/s 3.0/s"), "{}", line(&mut app, "192.0.2.53"));
    app.update(sample(4));
    assert!(line(&mut app, "192.0.2.53").starts_with("dns 192.0.2.53 43/s"), "the same picture again");
}

#[test]
fn filter_and_order() {
    let mut app = running();
    press(&mut app, "/shop");
    app.key(Key::Enter);
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("shop.example.org") && !text.contains("192.0.2.53"), "{text}");
    app.key(Key::Escape);
    press(&mut app, "sss");
    let text = screen(&mut app, 160, 24);
    let at = |word: &str| text.find(word).unwrap_or(0);
    assert!(at("192.0.2.53") < at("a-very-long-name") && at("a-very-long-name") < at("others"), "{text}");
}

#[test]
fn every_size_can_be_drawn() {
    for (width, height) in [(1, 1), (5, 2), (20, 3), (40, 10), (80, 4), (300, 100)] {
        screen(&mut running(), width, height);
    }
}
