//! What a server gets, and what becomes of metrics when it does not take them: against a small server made for it.

#[path = "../../metrics/tests/common/mod.rs"]
mod common;
mod support;

use netrig_export::{Credentials, ExportError, RemoteWrite, try_out};
use netrig_metrics::Exporter;
use netrig_model::{Snapshot, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{DEADLINE, always, name, options, serve, serve_on, start, until};

const STALE: u64 = 0x7ff0_0000_0000_0002;
const OK: Option<&str> = Some("204 No Content");

#[test]
fn a_request_is_as_the_specification_has_it() {
    let (address, got) = serve(|_| OK);
    let sending = start(&options(address), always(common::snapshot()));
    let first = got.recv_timeout(DEADLINE).expect("a request");
    drop(sending);
    assert_eq!(first.head[0], "POST /api/v1/write HTTP/1.1");
    assert_eq!(first.header("content-encoding"), Some("snappy"));
    assert_eq!(first.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(first.header("x-prometheus-remote-write-version"), Some("0.1.0"));
    assert!(first.header("user-agent").is_some_and(|agent| agent.starts_with("netrig/")));
    assert_eq!(first.header("authorization"), None);
    let mut names = BTreeSet::new();
    for series in &first.request.timeseries {
        let labels: Vec<_> = series.labels.iter().map(|label| label.name.as_str()).collect();
        assert!(labels.is_sorted_by(|a, b| a < b), "{labels:?}");
        assert!(series.labels.iter().all(|label| !label.value.is_empty()), "an empty label is none");
        let has = |name, value| series.labels.iter().any(|l| l.name == name && l.value == value);
        assert!(has("job", "netrig") && has("instance", "lab"));
        assert!(names.insert(name(series)), "twice: {}", name(series));
        assert_eq!(series.samples.len(), 1);
    }
    assert!(names.iter().any(|name| name.contains("netrig_tcp_rtt_seconds_bucket") && name.contains("le=\"+Inf\"")));
    let families: BTreeSet<_> = first.request.metadata.iter().map(|m| m.metric_family_name.as_str()).collect();
    assert!(families.contains("netrig_tcp_rtt_seconds"), "what metrics are is told too");
}

#[test]
fn nothing_is_lost_and_all_stays_in_order_while_the_server_is_down() {
    // The place is taken and nobody listens: connections are refused.
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address");
    drop(listener);
    let sending = start(&options(address), always(common::snapshot()));
    let handle = sending.handle();
    until("being refused", || handle.status().requests_retried >= 2);
    assert!(handle.status().detail.contains("no answer"), "{}", handle.status().detail);
    let got = serve_on(TcpListener::bind(address).expect("the same place"), |n| match n {
        0 => Some("500 Internal Server Error"),
        1 => Some("503 Service Unavailable"),
        _ => OK,
    });
    until("catching up", || handle.status().sent > 0 && handle.status().queue_samples == 0);
    let status = sending.stop();
    assert_eq!((status.dropped, status.rejected, status.made), (0, 0, status.sent));
    assert_eq!(status.detail, "", "it is over");
    let all: Vec<_> = got.try_iter().collect();
    let tries: Vec<_> = all[..3].iter().map(|got| got.time_ms()).collect();
    assert!(tries[0] == tries[1] && tries[1] == tries[2], "the same request again: {tries:?}");
    let times: Vec<_> = all[2..].iter().map(support::Got::time_ms).collect();
    assert!(times.len() > 2 && times.is_sorted_by(|a, b| a < b), "{times:?}");
    let taken: u64 = all[2..].iter().map(|got| got.request.timeseries.len() as u64).sum();
    assert_eq!(taken, status.sent);
}

#[test]
fn what_is_beyond_the_queue_is_dropped_oldest_first_and_counted() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let (address, got) = serve(move |_| if is_up.load(Ordering::Relaxed) { OK } else { Some("502 Bad Gateway") });
    let options = netrig_export::RemoteWriteOptions { queue_bytes_max: 64 << 10, ..options(address) };
    let sending = start(&options, always(common::snapshot()));
    let handle = sending.handle();
    until("the queue's being full", || handle.status().dropped > 0);
    let capacity = handle.status().queue_capacity_samples.expect("known");
    assert!(handle.status().queue_samples <= capacity + capacity / 10, "{:?}", handle.status());
    let first = got.recv_timeout(DEADLINE).expect("a request").time_ms();
    up.store(true, Ordering::Relaxed);
    until("catching up", || handle.status().sent > 0);
    let status = sending.stop();
    assert_eq!(status.made, status.sent + status.dropped + status.rejected, "{status:?}");
    assert!(status.dropped > 0 && status.rejected == 0);
    assert!(got.try_iter().last().expect("the latest").time_ms() > first);
}

#[test]
fn what_the_server_refuses_is_counted_and_the_next_goes_on() {
    let (address, got) = serve(|n| if n < 2 { Some("400 Bad Request") } else { OK });
    let sending = start(&options(address), always(common::snapshot()));
    let handle = sending.handle();
    until("being taken", || handle.status().sent > 0);
    let status = sending.stop();
    assert_eq!((status.requests_failed, status.requests_retried), (2, 0));
    let refused: u64 = got.try_iter().take(2).map(|got| got.request.timeseries.len() as u64).sum();
    assert_eq!((status.rejected, status.made), (refused, status.sent + refused));
}

#[test]
fn a_server_that_asks_for_time_gets_it() {
    let (address, got) = serve(|n| if n == 0 { Some("429 Too Many Requests\r\nRetry-After: 2") } else { OK });
    let sending = start(&options(address), always(common::snapshot()));
    let [first, second] = [0, 1].map(|_| got.recv_timeout(DEADLINE).expect("a request"));
    drop(sending);
    assert_eq!(first.time_ms(), second.time_ms());
    assert!(second.at - first.at >= Duration::from_millis(1_900), "{:?}", second.at - first.at);
}

#[test]
fn a_server_that_says_nothing_holds_up_neither_pictures_nor_the_end() {
    let (address, _got) = serve(|_| None);
    let options = netrig_export::RemoteWriteOptions { timeout: Duration::from_secs(3_600), ..options(address) };
    let sending = start(&options, always(common::snapshot()));
    let handle = sending.handle();
    let one = common_samples();
    until("pictures", || handle.status().made > 5 * one);
    assert_eq!(handle.status().sent, 0);
    let status = sending.stop();
    assert_eq!((status.sent, status.made), (0, status.dropped));
}

fn common_samples() -> u64 {
    let (address, got) = serve(|_| OK);
    let sending = start(&options(address), always(common::snapshot()));
    let samples = got.recv_timeout(DEADLINE).expect("a request").request.timeseries.len();
    drop(sending);
    samples as u64
}

#[test]
fn what_is_not_sent_since_the_clock_was_set_back_is_counted_and_the_same_picture_twice_is_not() {
    const HOUR_NS: i64 = 3_600_000_000_000;
    const STANDS: i64 = -1;
    let (address, got) = serve(|_| OK);
    let clock = Arc::new(AtomicI64::new(0));
    let set_back = Arc::clone(&clock);
    let begun = support::now();
    let picture = Box::new(move || {
        let taken = match set_back.load(Ordering::Relaxed) {
            STANDS => begun,
            ns => Timestamp(support::now().0 - ns),
        };
        Arc::new(Snapshot { taken, ..common::snapshot() })
    });
    clock.store(STANDS, Ordering::Relaxed);
    let sending = start(&options(address), picture);
    let handle = sending.handle();
    until("a picture", || handle.status().sent > 0);
    let one = handle.status().made;
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((handle.status().made, handle.status().dropped), (one, 0), "one that stands still is sent once");
    clock.store(HOUR_NS, Ordering::Relaxed);
    until("three that are too old", || handle.status().dropped >= 3 * one);
    let status = handle.status();
    assert_eq!((status.sent, status.dropped % one, status.made), (one, 0, one + status.dropped), "{status:?}");
    clock.store(0, Ordering::Relaxed);
    until("it goes on", || handle.status().sent >= 2 * one);
    let status = sending.stop();
    assert_eq!(status.made, status.sent + status.dropped, "{status:?}");
    let times: Vec<_> = got.try_iter().map(|got| got.time_ms()).collect();
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[test]
fn series_that_are_gone_are_ended_and_at_the_end_all_are() {
    let (address, got) = serve(|_| OK);
    let gone = Arc::new(AtomicBool::new(false));
    let is_gone = Arc::clone(&gone);
    let picture = Box::new(move || {
        let tcp = common::snapshot().tcp.filter(|_| !is_gone.load(Ordering::Relaxed));
        Arc::new(Snapshot { tcp, taken: support::now(), ..common::snapshot() })
    });
    let sending = start(&options(address), picture);
    let handle = sending.handle();
    until("a picture", || handle.status().sent > 0);
    gone.store(true, Ordering::Relaxed);
    let before = handle.status().requests_ok;
    until("some more", || handle.status().requests_ok > before + 3);
    drop(sending);
    let mut alive = BTreeSet::new();
    let mut ended = BTreeMap::new();
    for got in got.try_iter() {
        for series in &got.request.timeseries {
            let (name, sample) = (name(series), series.samples[0]);
            if sample.value.to_bits() == STALE {
                assert!(alive.remove(&name), "ended twice, or never there: {name}");
                ended.insert(name, sample.timestamp);
            } else {
                alive.insert(name);
            }
        }
    }
    assert_eq!(alive, BTreeSet::new());
    let of_tcp = ended.iter().filter(|(name, _)| name.contains("netrig_tcp_")).map(|(_, at)| *at).max().expect("TCP's");
    let last = *ended.values().max().expect("the end");
    assert!(ended.keys().filter(|name| name.contains("netrig_tcp_rtt_seconds_bucket")).count() > 10);
    assert!(of_tcp < last, "those that went earlier ended earlier");
}

#[test]
fn requests_are_cut_and_distributions_can_be_native() {
    let (address, got) = serve(|_| OK);
    let options = netrig_export::RemoteWriteOptions { samples_max: 100, native_histograms: true, ..options(address) };
    let sending = start(&options, always(common::snapshot()));
    let all: Vec<_> = (0..3).map(|_| got.recv_timeout(DEADLINE).expect("a request")).collect();
    drop(sending);
    assert!(all.iter().all(|got| got.request.timeseries.len() <= 100));
    assert_eq!(all[0].time_ms(), all[1].time_ms());
    let series = all.iter().flat_map(|got| &got.request.timeseries);
    let native: Vec<_> = series.filter(|series| !series.histograms.is_empty()).collect();
    assert!(!native.is_empty() && native.iter().all(|series| series.samples.is_empty()));
    let h = &native[0].histograms[0];
    let (mut count, mut total) = (0, 0);
    for delta in &h.positive_deltas {
        count += delta;
        total += count;
    }
    assert_eq!(u64::try_from(total), Ok(h.count_int));
}

#[test]
fn credentials_are_sent_and_read_anew() {
    let dir = tempfile::tempdir().expect("a folder");
    let token = dir.path().join("token");
    std::fs::write(&token, "first\n").expect("write");
    let (address, got) = serve(|_| OK);
    let bearer =
        netrig_export::RemoteWriteOptions { credentials: Credentials::Bearer(token.clone()), ..options(address) };
    let sending = start(&bearer, always(common::snapshot()));
    assert_eq!(got.recv_timeout(DEADLINE).expect("one").header("authorization"), Some("Bearer first"));
    std::fs::write(&token, "second\n").expect("write");
    let second = got.iter().find(|got| got.header("authorization") == Some("Bearer second"));
    assert!(second.is_some());
    drop(sending);
    std::fs::write(&token, "open sesame").expect("write");
    let basic = Credentials::Basic("Aladdin".to_owned(), token.clone());
    let basic = netrig_export::RemoteWriteOptions { credentials: basic, ..options(address) };
    try_out(&basic).expect("taken");
    // The example of RFC 7617.
    let header = got.iter().find(|got| got.header("authorization").is_some_and(|h| h.starts_with("Basic")));
    assert_eq!(header.expect("one").header("authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    std::fs::write(&token, "two\nlines").expect("write");
    let refused = RemoteWrite::start(&bearer, Arc::new(Mutex::new(Exporter::default())), always(common::snapshot()));
    assert!(matches!(refused, Err(ExportError::Secret { .. })));
    std::fs::remove_file(&token).expect("remove");
    let error = try_out(&bearer).expect_err("no file").to_string();
    assert!(error.contains("bearer token") && error.contains("token"), "{error}");
}

#[test]
fn trying_out_says_what_is_wrong() {
    let (address, _got) = serve(|_| Some("404 Not Found"));
    let error = try_out(&options(address)).expect_err("refused").to_string();
    assert!(error.contains("does not take remote write: status 404"), "{error}");
    let nowhere = netrig_export::RemoteWriteOptions { url: "http://[::1".to_owned(), ..options(address) };
    assert!(matches!(try_out(&nowhere), Err(ExportError::Url { .. })));
}
