//! What being watched costs: the time, octets and series of a scrape in each format, and of a picture for remote write, of a
//! quiet, a busy and a hostile host. `cargo run --release -p netrig-metrics --example scrape_cost`.

#[path = "../tests/common/mod.rs"]
mod common;

use common::hostile::{Crowd, picture};
use netrig_metrics::remote_write::{WriteEncoder, WriteOptions};
use netrig_metrics::{Exporter, Exposition};
use netrig_model::{Snapshot, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;

fn main() {
    println!(
        "medians of {ROUNDS} rounds, in milliseconds; octets of the text format and of remote write, compressed\n"
    );
    println!("| host | series | text | OpenMetrics | protobuf | remote write | octets | compressed |");
    println!("|---|---|---|---|---|---|---|---|");
    let of = |peers, names, interfaces| picture(Crowd { peers, names, interfaces }, 0);
    row("quiet", &common::snapshot());
    row("busy", &of(60, 30, 8));
    // About as much as tables, tallies and a host's own lists can hold.
    row("hostile", &of(1_000, 1_000, 1_000));
    row("beyond", &of(100_000, 10_000, 4_000));
}

fn row(host: &str, snapshot: &Snapshot) {
    let mut exporter = Exporter::default();
    let text = exporter.render(snapshot, Exposition::Prometheus);
    let series = text.split(|b| *b == b'\n').filter(|line| !line.is_empty() && line[0] != b'#').count();
    let mut times = [Exposition::Prometheus, Exposition::OpenMetrics, Exposition::Protobuf]
        .map(|exposition| median(|| exporter.render(snapshot, exposition).len()))
        .to_vec();
    let options = WriteOptions { labels: BTreeMap::new(), native_histograms: false, samples_max: 2_000 };
    let mut writer = WriteEncoder::new(Arc::new(Mutex::new(exporter)), options);
    let mut snapshot = snapshot.clone();
    let mut octets = 0;
    times.push(median(|| {
        snapshot.taken = Timestamp(snapshot.taken.0 + 15_000_000_000);
        octets = writer.encode(&snapshot).expect("newer").iter().map(|batch| batch.body.len()).sum();
        octets
    }));
    let times: Vec<_> = times.iter().map(|time| format!("{:.1}", time.as_secs_f64() * 1e3)).collect();
    println!("| {host} | {series} | {} | {} | {octets} |", times.join(" | "), text.len());
}

fn median(mut run: impl FnMut() -> usize) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(run());
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}
