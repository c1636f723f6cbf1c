//! How fast rows go to disk, how small they get, and what memory that takes:
//! `cargo run --release -p netrig-store --example rates [flows|connections [ROWS [ROWS_PER_WINDOW [DIR]]]]`.
//!
//! With a DIR the files stay there, for queries to be timed on.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{HOUR_0, SECOND, WINDOW};
use netrig_model::{ConnectionEnd, ConnectionRecord, FlowRecord, Timestamp};
use netrig_store::{Record, StoreReader, StoreWriter};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Instant;

type Window = (Timestamp, Timestamp);

/// Marsaglia's xorshift: enough for sizes and choices.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From 1 to `most`, every order of magnitude as often as every other.
    fn spread(&mut self, most: f64) -> u64 {
        most.powf((self.next() >> 11) as f64 / (1u64 << 53) as f64) as u64
    }
}

/// Like a busy host's: some thousand clients by a skewed choice, few services, ports and sizes all over.
fn flow(window: Window, n: u64, random: &mut Random) -> FlowRecord {
    let packets = 1 + random.spread(1000.0);
    let mut row = common::flow(window, n);
    row.src_addr = Some(Ipv4Addr::from(0x0a00_0000 + random.spread(20_000.0) as u32).into());
    row.dst_addr = Some(Ipv4Addr::from(0xc0a8_0000 + random.below(300) as u32).into());
    row.src_port = Some(32_768 + random.below(28_000) as u16);
    row.first_seen = window.0.plus_ns(random.below(WINDOW as u64) as i64);
    row.last_seen = row.first_seen.plus_ns(random.below(SECOND as u64) as i64);
    (row.packets, row.bytes) = (packets, packets * 60 + random.below(packets * 1400));
    (row.reverse_packets, row.reverse_bytes) = (packets * 2 / 3, packets * 100 + random.below(packets * 900));
    row
}

/// The same of connections: nine in ten are short and over, one goes on since long ago; a few fail or lose segments.
fn connection(window: Window, n: u64, random: &mut Random) -> ConnectionRecord {
    let mut row = common::connection(window, 2 * 3 * 5 * 17 * 19 * 23 * n + 1);
    let failed = n.is_multiple_of(50);
    if failed {
        row = common::connection(window, 11 * (7 * n + 1));
    }
    let ns = |us: u64| us as i64 * 1000;
    let (connect_us, life_us) = (100 + random.spread(50_000.0), 500 + random.spread(5_000_000.0));
    let ended = window.0.plus_ns(random.below(WINDOW as u64) as i64);
    let opened = ended.plus_ns(-ns(life_us));
    row.connection_id = (window.0.0 - HOUR_0) as u64 / 1000 + n;
    row.netns = Some(4_026_531_840 + random.spread(20.0));
    row.src_addr = Some(Ipv4Addr::from(0x0a00_0000 + random.spread(20_000.0) as u32).into());
    row.dst_addr = Some(Ipv4Addr::from(0xc0a8_0000 + random.below(300) as u32).into());
    row.src_port = Some(32_768 + random.below(28_000) as u16);
    row.opened = Some(opened);
    (row.ended, row.last_seen) = (Some(ended), ended);
    if n.is_multiple_of(10) {
        row.end_reason = ConnectionEnd::Open;
        (row.ended, row.last_seen, row.closed_by) = (None, window.1.plus_ns(-ns(random.below(1_000_000))), None);
    }
    row.duration_us = Some(life_us);
    if !failed {
        let (rtt_us, samples) = (80 + random.spread(30_000.0), 2 + random.spread(200.0));
        let jitter = |random: &mut Random, part: u64| (rtt_us + random.below(rtt_us / part + 1)) as u32;
        row.established = Some(opened.plus_ns(ns(connect_us)));
        (row.connect_us, row.syn_sent_us) = (Some(connect_us), connect_us);
        (row.established_us, row.last_ack_us) = (life_us - connect_us.min(life_us), random.below(300));
        (row.close_wait_us, row.fin_wait1_us) = (random.below(200), if n.is_multiple_of(2) { rtt_us } else { 0 });
        (row.rtt_samples, row.rtt_pure_samples) = (samples, 1 + samples / 3);
        (row.rtt_us_min, row.rtt_us_mean) = (Some(rtt_us as u32), Some(jitter(random, 2)));
        (row.rtt_us_max, row.rtt_pure_us_mean) = (Some(2 * jitter(random, 1)), Some(jitter(random, 4)));
        (row.rtt_pure_us_min, row.kernel_rtt_us_min) = (row.rtt_us_min, row.rtt_us_min);
        (row.srtt_us, row.rttvar_us) = (Some(jitter(random, 3)), Some((rtt_us / 4 + random.below(rtt_us)) as u32));
        row.cwnd_segments = Some(10 + random.spread(30.0) as u32);
        (row.bytes_sent, row.bytes_received) = (100 + random.spread(1e6), 200 + random.spread(1e7));
        row.segments_sent = 4 + row.bytes_sent / 1448 + random.below(10);
        row.segments_received = 4 + row.bytes_received / 1448 + random.below(10);
        row.retransmits = if n.is_multiple_of(29) { random.spread(20.0) } else { 0 };
        row.retransmits_fast = row.retransmits;
        row.busy_us = random.spread(life_us as f64);
        row.limited_network_us = row.busy_us;
    }
    let process = random.spread(40.0);
    row.process = Some(format!("service-{process}"));
    row.pid = Some(1000 + process as u32 * 17);
    row.cgroup = Some(format!("/system.slice/docker-{process:064x}.scope"));
    row.container = Some(format!("{process:012x}"));
    row
}

/// CPU time of this thread: what writing costs, whoever else is on the machine.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns: u64 = text.split_whitespace().next().unwrap_or("0").parse()?;
    Ok(ns as f64 / 1e9)
}

/// How far resident memory rises above where it was.
struct Peak {
    begin_mib: f64,
}

impl Peak {
    fn begin() -> std::io::Result<Self> {
        // Sets the peak back to the present.
        std::fs::write("/proc/self/clear_refs", "5")?;
        Ok(Self { begin_mib: Self::high_water_mib()? })
    }

    fn grown_mib(&self) -> std::io::Result<f64> {
        Ok(Self::high_water_mib()? - self.begin_mib)
    }

    fn high_water_mib() -> std::io::Result<f64> {
        let text = std::fs::read_to_string("/proc/self/status")?;
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
        Ok(line.trim_end_matches("kB").trim().parse::<f64>().unwrap_or_default() / 1024.0)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        None | Some("flows") => measure(&mut args, flow),
        Some("connections") => measure(&mut args, connection),
        Some(other) => Err(format!("there are rates of flows and of connections, not of {other}").into()),
    }
}

fn measure<R: Record>(
    args: &mut dyn Iterator<Item = String>,
    row: fn(Window, u64, &mut Random) -> R,
) -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = args.next().map_or(Ok(1_000_000), |a| a.parse())?;
    let window_rows: u64 = args.next().map_or(Ok(100_000), |a| a.parse())?;
    let kept = args.next().map(PathBuf::from);
    let scratch = tempfile::tempdir()?;
    let dir = kept.unwrap_or_else(|| scratch.path().to_owned());
    let mut writer = StoreWriter::open(common::config(&dir))?;
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut writing_s, mut cpu_s, mut grown_mib) = (0.0, 0.0, 0.0);
    for i in 0..rows.div_ceil(window_rows) {
        let start = HOUR_0 + i as i64 * WINDOW;
        let window = (Timestamp(start), Timestamp(start + WINDOW));
        let some: Vec<_> = (0..window_rows).map(|n| row(window, n, &mut random)).collect();
        let before = Peak::begin()?;
        let (begun, cpu_before_s) = (Instant::now(), cpu_seconds()?);
        let mut file = writer.begin(window);
        file.push(&some);
        writer.finish(file)?;
        grown_mib = before.grown_mib()?.max(grown_mib);
        writing_s += begun.elapsed().as_secs_f64();
        cpu_s += cpu_seconds()? - cpu_before_s;
    }
    let bytes = writer.status().bytes;
    println!(
        "write  {:>10.0} rows/s  ({:.0} per CPU second), {:.1} bytes/row, {grown_mib:.1} MiB beside the rows of {} bytes",
        rows as f64 / writing_s,
        rows as f64 / cpu_s,
        bytes as f64 / rows as f64,
        size_of::<R>()
    );

    let (begun, mut read) = (Instant::now(), 0u64);
    StoreReader::open(&dir)?.records(None, None, &mut |_: R| read += 1)?;
    println!("read   {:>10.0} rows/s", read as f64 / begun.elapsed().as_secs_f64());

    let begun_s = cpu_seconds()?;
    let (mut longest_s, before) = (0f64, Peak::begin()?);
    loop {
        let one_s = cpu_seconds()?;
        let done = writer.maintain(Timestamp(HOUR_0 + 86_400 * SECOND))?;
        longest_s = longest_s.max(cpu_seconds()? - one_s);
        if done.files_joined == 0 && !done.unfinished {
            break;
        }
    }
    let files = StoreReader::open(&dir)?.files(R::TABLE, None, None)?.len();
    let join_s = cpu_seconds()? - begun_s;
    println!(
        "join   {:>10.0} rows per CPU second, longest call {:.0} ms of CPU, {files} files left, {:.1} MiB",
        rows as f64 / join_s,
        longest_s * 1e3,
        before.grown_mib()?
    );
    Ok(())
}
