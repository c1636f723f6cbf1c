//! A rig that ends and starts again, as Prometheus has it: no packet is counted that was not sent, and none is missed but those
//! that passed while nobody looked, or after the last scrape.

use crate::support::scraped::{JOB, scraping, wait_scraped};
use crate::support::{Rig, Street, udp_churn, udp_steady};
use netrig_testkit::{Prometheus, require_root};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CONFIG: &str = "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\nidle_timeout = \"5s\"\n";
/// Packets before the first end: were they counted again, everybody would see it.
const FIRST: u32 = 20_000;
/// From then on.
const PER_SECOND: u32 = 500;
/// Prometheus knows a counter that began again by its being lower: each rig counts more than the next one before its first
/// scrape.
const ENOUGH: u32 = 4_000;
const COUNTER: &str = "netrig_interface_packets_total{iface=\"near0\",direction=\"egress\"}";
/// How long the rig is gone, and Prometheus knows it.
const GONE: Duration = Duration::from_secs(2);
/// The picture that is scraped may be so old.
const PICTURE_S: f64 = 1.0;

/// What the kernel had sent by then: seconds since 1970, and packets.
type Sent = (f64, u64);

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// Looks at the kernel's counter until the end.
fn watch(street: &Street, stop: &AtomicBool) -> Vec<Sent> {
    let mut sent = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        sent.push((now_s(), street.counters().tx_packets));
        std::thread::sleep(Duration::from_millis(20));
    }
    sent.push((now_s(), street.counters().tx_packets));
    sent
}

/// Ends what goes on until then, also where a test fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn over_restarts_an_increase_has_nothing_that_was_not_sent_and_misses_only_what_nobody_could_see() {
    require_root!();
    let street = Street::new("restarted");
    street.without_offloads();
    let Some(prometheus) = scraping().start(Some(&street.near)) else { return };
    let first = street.counters().tx_packets;
    let mut rig = Rig::start_with(&street.near, CONFIG);
    wait_scraped(&prometheus);
    let stop = AtomicBool::new(false);
    let (rig, sent, steady_from_s) = std::thread::scope(|scope| {
        let end = Ending(&stop);
        let watching = scope.spawn(|| watch(&street, &stop));
        street.near.inside(|| udp_churn(1000, FIRST / 1000, 64));
        prometheus.wait_until(&format!("{COUNTER} >= {FIRST}"));
        let steady_from_s = now_s();
        scope.spawn(|| street.near.inside(|| udp_steady(PER_SECOND, 64, &stop)));
        for signal in ["TERM", "KILL"] {
            prometheus.wait_until(&format!("{COUNTER} > {ENOUGH}"));
            rig.signal(signal);
            prometheus.wait_until(&format!("up{{job=\"{JOB}\"}} == 0"));
            std::thread::sleep(GONE);
            rig = rig.again();
            wait_scraped(&prometheus);
        }
        drop(end);
        (rig, watching.join().expect("the kernel's counter"), steady_from_s)
    });
    // The last packets are in the picture by the second.
    wait_scraped(&prometheus);
    wait_scraped(&prometheus);
    drop(rig);
    assert_increase(&prometheus, first, &sent);
    assert_no_spike(&prometheus, steady_from_s, &sent);
}

/// Asked for at the last sample, from before the first one, which is as good as 0: Prometheus guesses at nothing.
fn assert_increase(prometheus: &Prometheus, first: u64, sent: &[Sent]) {
    let [series] = &prometheus.query(&format!("{COUNTER}[10m]")).expect("a query")[..] else { panic!("one series") };
    let samples = &series.samples;
    assert!(samples[0].1 < 10.0, "hardly anything passes before the first scrape: {samples:?}");
    let resets: Vec<_> = samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).collect();
    assert_eq!(resets.len(), 2, "each restart is seen: {samples:?}");
    let last_s = samples[samples.len() - 1].0;
    let increase = &prometheus.query_at(&format!("increase({COUNTER}[10m])"), last_s).expect("a query")[0];
    let increase = increase.last();
    let all = sent[sent.len() - 1].1 - first;
    assert!(increase <= all as f64 + 0.5, "an increase of {increase}, {all} were sent: {samples:?}");
    let unseen: u64 = resets.iter().map(|pair| sent_by(sent, pair[1].0) - sent_by(sent, pair[0].0 - PICTURE_S)).sum();
    assert!(
        increase >= (all - unseen) as f64 - 0.5,
        "{increase} of {all}, of which {unseen} were not to be seen: {samples:?}"
    );
}

/// Once the first packets are out of sight, no rate is higher than what was sent in any of its seconds.
fn assert_no_spike(prometheus: &Prometheus, steady_from_s: f64, sent: &[Sent]) {
    const RANGE_S: f64 = 10.0;
    let mut rates = 0;
    let end_s = sent[sent.len() - 1].0;
    let mut at_s = steady_from_s + RANGE_S;
    while at_s < end_s {
        for series in prometheus.query_at(&format!("rate({COUNTER}[{RANGE_S}s])"), at_s).expect("a query") {
            rates += 1;
            // A picture that is older than its scrape moves packets from one scrape to the next.
            let most = f64::from(PER_SECOND) * 2.0;
            assert!(series.last() <= most, "{} a second at {at_s}, {PER_SECOND} were sent", series.last());
        }
        at_s += 1.0;
    }
    assert!(rates >= 5, "rates over both restarts: {rates}");
}

/// What had been sent by a time: at least, so much that it was known before.
fn sent_by(sent: &[Sent], time_s: f64) -> u64 {
    let before = sent.iter().take_while(|(at_s, _)| *at_s <= time_s).last();
    before.unwrap_or(&sent[0]).1
}
