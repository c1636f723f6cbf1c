//! The cost on the record: what the rig costs at rest and under load, beside nothing and beside what people use today.
//!
//! Real binaries, each with its turn at the same traffic, round by round; [`document`] makes the page of it.

mod awake;
mod bars;
mod contender;
mod document;
mod figures;
mod ground;
mod loads;
mod machine;
mod plan;
mod record;
mod spare;
mod stop;
mod tool;
mod turns;

use crate::under_stress;
use anyhow::{Context, Result, anyhow};
use contender::Contender;
use loads::Kind;
use machine::Machine;
use plan::Group;
pub(crate) use record::OverheadReport;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;
use turns::{KernelTime, Turn};

/// What to measure, and where the page goes.
#[derive(Clone, Debug)]
pub(crate) struct OverheadPlan {
    pub(crate) quick: bool,
    pub(crate) rounds: Option<usize>,
    /// Only loads whose name contains this.
    pub(crate) only: Option<String>,
    pub(crate) document: PathBuf,
}

/// All that was measured.
pub(crate) struct Measured {
    pub(crate) machine: Machine,
    pub(crate) groups: Vec<Group>,
    pub(crate) missing: Vec<Contender>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) kernel: Vec<KernelTime>,
    pub(crate) is_quick: bool,
}

/// Measures, and writes the page. A signal ends it early, with nothing written and nothing left behind.
pub(crate) fn measure(plan: &OverheadPlan) -> Result<OverheadReport> {
    stop::listen();
    let missing: Vec<_> = contender::ALL.into_iter().filter(|contender| !turns::can_take_part(*contender)).collect();
    for contender in &missing {
        println!("{}: not installed", contender.name());
    }
    let groups = plan::groups(plan, &missing);
    let mut measured = Measured {
        machine: Machine::look()?,
        groups,
        missing,
        turns: Vec::new(),
        kernel: Vec::new(),
        is_quick: plan.quick,
    };
    for group in measured.groups.clone() {
        measure_group(&group, &mut measured)?;
    }
    let text = document::render(&measured);
    write(&plan.document, &text)?;
    println!("\n{}\nthe page: {}", document::summary(&measured), plan.document.display());
    Ok(record::of(&measured))
}

fn measure_group(group: &Group, measured: &mut Measured) -> Result<()> {
    let began = Instant::now();
    println!("\n{}: {} rounds, about {} s", group.name(), group.rounds, group.about().as_secs());
    let (turns, kernel) = (&mut measured.turns, &mut measured.kernel);
    let mut of_group = Vec::new();
    let mut remember = |turn: Turn| {
        println!("{}", turn_line(&turn, group.rounds));
        of_group.push(turn);
    };
    let run = AssertUnwindSafe(|| group.run(&mut remember, &mut |time| kernel.push(time)));
    // What makes namespaces panics with a sentence, which is on the terminal by then.
    let ran = catch_unwind(run).unwrap_or_else(|_| Err(anyhow!("a panic, told on standard error")));
    stop::check()?;
    if let Err(e) = ran {
        // The other loads can still be had; this one is told as what it is.
        println!("{}: {e:#}", group.name());
        let failed =
            |(load, contender): (Kind, Contender)| Turn { load, contender, round: 0, outcome: Err(format!("{e:#}")) };
        let all = group.loads.iter().flat_map(|load| group.contenders.iter().map(|contender| (*load, *contender)));
        of_group = all.map(failed).collect();
    }
    turns.extend(of_group);
    println!("{} took {} s", group.name(), began.elapsed().as_secs());
    Ok(())
}

/// A turn for those who wait.
fn turn_line(turn: &Turn, rounds: usize) -> String {
    let head = format!("  {}/{rounds} {:<27} {:<23}", turn.round + 1, turn.load.name(), turn.contender.name());
    let outcome = match &turn.outcome {
        Ok(outcome) => outcome,
        Err(e) => return format!("{head} failed: {e}"),
    };
    let rate = outcome.rate.zip(turn.load.unit());
    let rate = rate.map_or_else(String::new, |(rate, (unit, divisor))| format!("{:.3} {unit}", rate / divisor));
    let p99 = outcome.p99_us.map_or_else(String::new, |us| format!("p99 {us:.0} µs"));
    let process = outcome.process_cores.map_or_else(String::new, |cores| format!("own {:.2} %", 100.0 * cores));
    format!("{head} {rate:<24} {p99:<14} busy {:>5.1} %  {process}", 100.0 * outcome.busy_share)
}

/// What `./dev stress` wrote into the page stays in it.
fn write(path: &Path, text: &str) -> Result<()> {
    let before = std::fs::read_to_string(path).unwrap_or_default();
    let text = under_stress::kept(&before, text);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
