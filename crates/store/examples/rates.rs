//! How fast rows go to disk, how small they get, and what memory that takes:
//! `cargo run --release -p netrig-store --example rates [ROWS [ROWS_PER_WINDOW [DIR]]]`.
//!
//! With a DIR the files stay there, for queries to be timed on.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{HOUR_0, SECOND, WINDOW};
use netrig_model::{FlowRecord, Timestamp};
use netrig_store::{StoreReader, StoreWriter, Table};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Instant;

/// Like a busy host's: some thousand clients by a skewed choice, few services, ports and sizes all over.
fn realistic(window: (Timestamp, Timestamp), n: u64, random: &mut u64) -> FlowRecord {
    let mut next = || {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        *random
    };
    let unit = (next() >> 11) as f64 / (1u64 << 53) as f64;
    let client = (20_000f64.powf(unit)) as u32;
    let packets = 1 + (1000f64.powf((next() >> 11) as f64 / (1u64 << 53) as f64)) as u64;
    let mut row = common::flow(window, n);
    row.src_addr = Some(Ipv4Addr::from(0x0a00_0000 + client).into());
    row.dst_addr = Some(Ipv4Addr::from(0xc0a8_0000 + (next() % 300) as u32).into());
    row.src_port = Some(32_768 + (next() % 28_000) as u16);
    row.first_seen = window.0.plus_ns((next() % WINDOW as u64) as i64);
    row.last_seen = row.first_seen.plus_ns((next() % SECOND as u64) as i64);
    (row.packets, row.bytes) = (packets, packets * 60 + next() % (packets * 1400));
    (row.reverse_packets, row.reverse_bytes) = (packets * 2 / 3, packets * 100 + next() % (packets * 900));
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
    let rows: u64 = args.next().map_or(Ok(1_000_000), |a| a.parse())?;
    let window_rows: u64 = args.next().map_or(Ok(100_000), |a| a.parse())?;
    let kept = args.next().map(PathBuf::from);
    let scratch = tempfile::tempdir()?;
    let dir = kept.unwrap_or_else(|| scratch.path().to_owned());
    let mut writer = StoreWriter::open(common::config(&dir))?;
    let (mut random, mut writing_s, mut cpu_s, mut grown_mib) = (0x9E37_79B9_7F4A_7C15, 0.0, 0.0, 0.0);
    for i in 0..rows.div_ceil(window_rows) {
        let start = HOUR_0 + i as i64 * WINDOW;
        let window = (Timestamp(start), Timestamp(start + WINDOW));
        let some: Vec<_> = (0..window_rows).map(|n| realistic(window, n, &mut random)).collect();
        let before = Peak::begin()?;
        let (begun, cpu_before_s) = (Instant::now(), cpu_seconds()?);
        writer.append_flows(window, &some)?;
        grown_mib = before.grown_mib()?.max(grown_mib);
        writing_s += begun.elapsed().as_secs_f64();
        cpu_s += cpu_seconds()? - cpu_before_s;
    }
    let bytes = writer.status().bytes;
    println!(
        "write  {:>10.0} rows/s  ({:.0} per CPU second), {:.1} bytes/row, {grown_mib:.1} MiB beside the rows",
        rows as f64 / writing_s,
        rows as f64 / cpu_s,
        bytes as f64 / rows as f64
    );

    let begun = Instant::now();
    let mut read = 0u64;
    StoreReader::open(&dir)?.flows(None, None, &mut |r| read += u64::from(r.packets > 0))?;
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
    let files = StoreReader::open(&dir)?.files(Table::Flows, None, None)?.len();
    let join_s = cpu_seconds()? - begun_s;
    println!(
        "join   {:>10.0} rows per CPU second, longest call {:.0} ms of CPU, {files} files left, {:.1} MiB",
        rows as f64 / join_s,
        longest_s * 1e3,
        before.grown_mib()?
    );
    Ok(())
}
