//! What a packet costs, beside an empty program and the textbook.

mod cases;
mod harness;
mod packet;
mod report;
mod road;
mod rounds;
mod sys;
mod test_runs;

use anyhow::Result;
use clap::Parser;
use harness::Setup;
use report::{Baseline, Report};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use test_runs::Plan;

/// What a packet costs, beside an empty program and the textbook. Figures are told, never judged: the exit code is 0
/// whatever they are.
#[derive(Parser)]
struct Options {
    /// Few rounds: about a minute
    #[arg(long)]
    quick: bool,
    /// Rounds of each case
    #[arg(long)]
    rounds: Option<usize>,
    /// Packets of a round
    #[arg(long, default_value_t = 1 << 20)]
    packets: u32,
    /// Only cases whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Address families
    #[arg(long, value_delimiter = ',', default_value = "4,6")]
    family: Vec<u8>,
    /// CPUs that count the same flows at once
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    cpus: Vec<usize>,
    /// The rig's memory, MiB: half of it for the kernel's tables
    #[arg(long, default_value_t = 64)]
    memory: u64,
    /// Keep this run's figures as the baseline
    #[arg(long)]
    save_baseline: bool,
    /// Where the figures go as JSON
    #[arg(long, default_value = "target/bench/latest.json")]
    json: PathBuf,
    /// Measure the programs of another object file (a build of bench.bpf.c)
    #[arg(long)]
    object: Option<PathBuf>,
}

/// Kept under version control.
const BASELINE: &str = "crates/bench/baseline.json";

fn main() -> Result<()> {
    let options = Options::parse();
    let baseline_path = Path::new(BASELINE);
    let baseline = Baseline::read(baseline_path)?;
    let plan = Plan {
        rounds: options.rounds.unwrap_or(if options.quick { 2 } else { 11 }),
        packets: options.packets,
        families: options.family.iter().map(|family| *family == 6).collect(),
        cpus: options.cpus.clone(),
        only: options.only.clone(),
        setup: Setup {
            kernel_bytes: options.memory << 19,
            textbook_entries: 1,
            redirect_ifindex: 0,
            object: options.object.as_deref().map(Into::into),
        },
        user_bytes: options.memory << 19,
    };
    let mut report = Report { machine: machine(), ..Report::default() };
    println!("{}", report::CASES_HEAD);
    test_runs::measure_all(&plan, &mut |case| {
        println!("{}", case.line(&baseline));
        report.cases.push(case);
    })?;
    report::write_json(&options.json, &report)?;
    if options.save_baseline {
        report::write_json(baseline_path, &report.into_baseline(baseline))?;
    }
    Ok(())
}

/// What the figures depend on.
fn machine() -> BTreeMap<String, String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    BTreeMap::from([
        ("cpu".to_owned(), model.unwrap_or("unknown").to_owned()),
        ("kernel".to_owned(), read("/proc/sys/kernel/osrelease")),
        ("load".to_owned(), read("/proc/loadavg")),
    ])
}
