//! What a packet costs, beside an empty program and the textbook; and what a request costs with the probes of sockets.

mod bursts;
mod capture;
mod cases;
mod drops;
mod echo;
mod empty;
mod handshakes;
mod harness;
mod hooks;
mod latency;
mod live;
mod loads;
mod million;
mod overhead;
mod packet;
mod payload;
mod policy;
mod process;
mod report;
mod requests;
mod road;
mod rounds;
mod statistics;
mod sys;
mod tcp;
mod test_runs;
mod transfer;
mod under_stress;

use anyhow::Result;
use capture::CapturePlan;
use clap::Parser;
use harness::Setup;
use latency::LatencyPlan;
use live::LivePlan;
use overhead::OverheadPlan;
use policy::PolicyPlan;
use report::{Baseline, Report};
use statistics::Statistics;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tcp::TcpPlan;
use test_runs::Plan;

/// What a packet costs, beside an empty program and the textbook, and a request with the probes of sockets. Figures are
/// told, never judged: the exit code is 0 whatever they are.
#[derive(Parser)]
struct Options {
    /// Few rounds: a few minutes
    #[arg(long)]
    quick: bool,
    /// Rounds of each case
    #[arg(long)]
    rounds: Option<usize>,
    /// Packets of a round
    #[arg(long)]
    packets: Option<u32>,
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
    /// Parts to run
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "cases,live,drain,tcp,latency,drops,bursts,payload,handshakes,policy,capture,verifier"
    )]
    parts: Vec<Part>,
    /// Where the page of the parts `overhead` and `stress` goes
    #[arg(long, default_value = "target/bench/overhead.md")]
    document: PathBuf,
    /// Where the part `stress` finds the reports of `netrig stress --save`
    #[arg(long, default_value = "target/stress")]
    reports: PathBuf,
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

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Nanoseconds a packet, by test run
    Cases,
    /// Packet rate kept on a veth path
    Live,
    /// User space with a million live flows
    Drain,
    /// A request with the TCP probe, its hooks, its start
    Tcp,
    /// A message with the latency probe, its hooks, throughput
    Latency,
    /// A dropped packet with the drop probe
    Drops,
    /// A packet in fine buckets
    Bursts,
    /// A packet whose payload is looked at, or copied
    Payload,
    /// Very many TLS handshakes a second under the rig's eyes
    Handshakes,
    /// A packet under a policy, and a policy's way into the kernel
    Policy,
    /// A capture beside tcpdump's, and what filters add
    Capture,
    /// Instructions the verifier walks
    Verifier,
    /// The whole rig beside nothing and beside other tools, and the page of it; 20 minutes, only when it is asked for
    Overhead,
    /// The page's section about stress, of reports that there are; measures nothing
    Stress,
}

/// MiB that hold a million flows in the kernel and in user space.
const MEMORY_FOR_A_MILLION: u64 = 512;
/// Kept under version control.
const BASELINE: &str = "crates/bench/baseline.json";

fn main() -> Result<()> {
    let options = Options::parse();
    if options.parts == [Part::Stress] {
        return under_stress::write(&options.reports, &options.document);
    }
    let baseline_path = Path::new(BASELINE);
    let baseline = Baseline::read(baseline_path)?;
    let plan = Plan {
        rounds: options.rounds.unwrap_or(if options.quick { 2 } else { 11 }),
        packets: options.packets.unwrap_or(if options.quick { 1 << 18 } else { 1 << 20 }),
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
    let _off = Statistics::off()?;
    let mut report = Report { machine: machine(), ..Report::default() };
    for part in &options.parts {
        match part {
            Part::Cases => cases(&plan, &baseline, &mut report)?,
            Part::Live => live(&plan, &baseline, &mut report)?,
            Part::Drain => drain(&options, &plan, &mut report)?,
            Part::Tcp => tcp(&options, &baseline, &mut report)?,
            Part::Latency => latency(&options, &baseline, &mut report)?,
            Part::Drops => drops(&options, &mut report)?,
            Part::Bursts => bursts(&plan, &mut report)?,
            Part::Payload => payload(&plan, &mut report)?,
            Part::Handshakes => handshakes(&options, &mut report)?,
            Part::Policy => policy(&options, &mut report)?,
            Part::Capture => capture(&options, &mut report)?,
            Part::Verifier => verifier(&plan, &baseline, &mut report)?,
            Part::Overhead => overhead(&options, &mut report)?,
            Part::Stress => under_stress::write(&options.reports, &options.document)?,
        }
    }
    report::write_json(&options.json, &report)?;
    println!("\nfigures: {}", options.json.display());
    if options.save_baseline {
        report::write_json(baseline_path, &report.into_baseline(baseline))?;
        println!("baseline: {BASELINE}");
    }
    Ok(())
}

fn cases(plan: &Plan, baseline: &Baseline, report: &mut Report) -> Result<()> {
    println!("Nanoseconds a packet beyond an empty program; medians of {} interleaved rounds\n", plan.rounds);
    println!("{}", report::CASES_HEAD);
    test_runs::measure_all(plan, &mut |case| {
        println!("{}", case.line(baseline));
        report.cases.push(case);
    })
}

fn live(plan: &Plan, baseline: &Baseline, report: &mut Report) -> Result<()> {
    println!("\nLive veth path, 10k flows: CPU nanoseconds a packet, and the share of the packet rate that is kept\n");
    println!("{}", report::LIVE_HEAD);
    let plan =
        LivePlan { rounds: plan.rounds, packets: plan.packets, setup: plan.setup.clone(), user_bytes: plan.user_bytes };
    report.live = live::measure(&plan)?;
    report.live.iter().for_each(|result| println!("{}", report::live_line(result, baseline)));
    Ok(())
}

fn drain(options: &Options, plan: &Plan, report: &mut Report) -> Result<()> {
    println!("\nA million live flows, each with a packet in 10 s: what user space costs\n");
    println!("{}", million::HEAD);
    let (rounds, budgets) = if options.quick { (1, 1) } else { (3, 2) };
    for budget in [options.memory, MEMORY_FOR_A_MILLION].into_iter().take(budgets) {
        let result = million::measure(&plan.setup, budget << 20, rounds)?;
        println!("{}", result.line());
        report.million.push(result);
    }
    Ok(())
}

fn tcp(options: &Options, baseline: &Baseline, report: &mut Report) -> Result<()> {
    println!();
    let plan = TcpPlan { quick: options.quick, kernel_bytes: options.memory << 18 };
    report.tcp = tcp::measure(plan, baseline)?;
    Ok(())
}

fn latency(options: &Options, baseline: &Baseline, report: &mut Report) -> Result<()> {
    println!();
    let plan = LatencyPlan { quick: options.quick, kernel_bytes: options.memory << 18 };
    report.latency = latency::measure(plan, baseline)?;
    Ok(())
}

fn drops(options: &Options, report: &mut Report) -> Result<()> {
    println!("\n{}", drops::HEAD);
    drops::measure(options.quick, options.memory << 15, &mut |result| {
        println!("{}", result.line());
        report.drops.push(result);
    })
}

fn bursts(plan: &Plan, report: &mut Report) -> Result<()> {
    println!("\n{}", bursts::HEAD);
    bursts::measure(plan, &mut |result| {
        println!("{}", result.line());
        report.bursts.push(result);
    })
}

fn payload(plan: &Plan, report: &mut Report) -> Result<()> {
    println!("\n{}", payload::HEAD);
    payload::measure(plan, &mut |result| {
        println!("{}", result.line());
        report.payload.push(result);
    })
}

fn handshakes(options: &Options, report: &mut Report) -> Result<()> {
    println!("\n{}", handshakes::HEAD);
    handshakes::measure(options.quick, &mut |result| {
        println!("{}", result.line());
        report.handshakes.push(result);
    })
}

fn policy(options: &Options, report: &mut Report) -> Result<()> {
    println!();
    let (rounds, packets) = if options.quick { (5, 1 << 19) } else { (21, 1 << 20) };
    let plan = PolicyPlan {
        rounds: options.rounds.unwrap_or(rounds),
        packets: options.packets.unwrap_or(packets),
        only: options.only.clone(),
    };
    report.policy = policy::measure(&plan)?;
    Ok(())
}

fn capture(options: &Options, report: &mut Report) -> Result<()> {
    let (rounds, packets) = if options.quick { (3, 1 << 19) } else { (11, 1 << 20) };
    let plan = CapturePlan {
        rounds: options.rounds.unwrap_or(rounds),
        packets: options.packets.unwrap_or(packets),
        only: options.only.clone(),
    };
    if plan.only.is_none() {
        println!("\n{}", capture::FILTERS_HEAD);
        capture::measure_filters(&plan, &mut |result| {
            println!("{}", result.line());
            report.capture_filters.push(result);
        })?;
    }
    println!("\n{}", capture::HEAD);
    capture::measure(&plan, &mut |result| {
        println!("{}", result.line());
        report.captures.push(result);
    })
}

fn verifier(plan: &Plan, baseline: &Baseline, report: &mut Report) -> Result<()> {
    println!("\nInstructions the verifier walked to accept each program\n");
    report.verified_instructions = harness::verified_instructions(plan.setup.kernel_bytes)?;
    report.verified_instructions.extend(tcp::verified_instructions(plan.setup.kernel_bytes)?);
    report.verified_instructions.extend(latency::verified_instructions(plan.setup.kernel_bytes)?);
    print!("{}", report.verifier_lines(baseline));
    Ok(())
}

fn overhead(options: &Options, report: &mut Report) -> Result<()> {
    report.overhead = overhead::measure(&OverheadPlan {
        quick: options.quick,
        rounds: options.rounds,
        only: options.only.clone(),
        document: options.document.clone(),
    })?;
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
