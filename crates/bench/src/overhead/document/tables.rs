//! The tables of the page.

use super::super::Measured;
use super::super::bars::Judged;
use super::super::contender::{ALL, Contender};
use super::super::figures::{BUSY, Figures, P99, PROCESS, RATE, Spread, difference, ratio};
use super::super::loads::Kind;
use super::super::machine::Machine;
use super::super::plan::takes_part;
use super::super::turns::KernelTime;
use std::fmt::Write as _;

/// With more than that, figures are somebody else's as well.
const BUSY_MOST_CORES: f64 = 0.1;
const UNKNOWN: &str = "–";

pub(super) fn machine(machine: &Machine) -> String {
    let kind = if machine.is_virtual { ", a virtual machine" } else { "" };
    let waiting = if machine.can_wait_awake { "kept awake under loads that fill a CPU" } else { "put to sleep" };
    let mut text = format!(
        "| the machine | |\n|---|---|\n| CPU | {}, {} of them{kind} |\n| memory | {} MiB |\n| kernel | Linux {} |\n\
         | CPUs that wait | {waiting} |\n| busy with other things before the first turn | {:.2} cores |\n",
        machine.cpu, machine.cpus, machine.memory_mib, machine.kernel, machine.busy_before_cores
    );
    if machine.busy_before_cores > BUSY_MOST_CORES {
        text.push_str(super::words::BUSY);
    }
    text
}

pub(super) fn relation(bar: &Judged) -> &'static str {
    if bar.is_least { "≥" } else { "<" }
}

pub(super) fn bars(judged: &[Judged]) -> String {
    let mut table =
        "| promise | of | beside | bar | measured | off beside off | |\n|---|---|---|---|---|---|---|\n".to_owned();
    for bar in judged {
        let plain = |spread: Option<Spread>| spread.map_or_else(|| UNKNOWN.to_owned(), |s| exact(s, bar.is_share()));
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} {} | {} | {} | {} |",
            bar.what,
            bar.contender,
            bar.base.as_deref().unwrap_or(UNKNOWN),
            relation(bar),
            if bar.is_share() { format!("{:.1} %", bar.limit * 100.0) } else { format!("{}", bar.limit) },
            plain(bar.figure),
            plain(bar.noise),
            bar.verdict.word(),
        );
    }
    table
}

impl Judged {
    /// Whether it is told in percent: all that is no ratio near 1.
    fn is_share(&self) -> bool {
        self.limit < 0.5
    }
}

/// With the error of the median.
fn exact(spread: Spread, is_share: bool) -> String {
    if is_share {
        let percent = spread.map(|share| share * 100.0);
        format!("{:.2} ± {:.2} %", percent.median, percent.error)
    } else {
        format!("{:.3} ± {:.3}", spread.median, spread.error)
    }
}

/// A median, and what the rounds spread over.
fn spread(spread: Option<Spread>, decimals: usize) -> String {
    let Some(Spread { median, min, max, .. }) = spread else { return UNKNOWN.to_owned() };
    if median == min && median == max {
        return format!("{median:.decimals$}");
    }
    format!("{median:.decimals$} ({min:.decimals$} … {max:.decimals$})")
}

fn percent(share: Option<Spread>) -> String {
    spread(share.map(|share| share.map(|share| share * 100.0)), 2)
}

/// A row for each who could have had a turn.
pub(super) fn load(load: Kind, measured: &Measured) -> String {
    let columns = columns(load);
    let heads: Vec<_> = columns.iter().map(|(head, _)| head.as_str()).collect();
    let mut table = format!("| | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(columns.len()));
    for contender in ALL.into_iter().filter(|contender| takes_part(*contender, &[load])) {
        let cells: Vec<String> = if measured.missing.contains(&contender) {
            (0..columns.len()).map(|at| if at == 0 { "not installed".to_owned() } else { UNKNOWN.to_owned() }).collect()
        } else {
            columns.iter().map(|(_, cell)| cell(measured, contender)).collect()
        };
        let _ = writeln!(table, "| {} | {} |", contender.name(), cells.join(" | "));
    }
    table
}

type Cell = Box<dyn Fn(&Measured, Contender) -> String>;

/// What is told under this load, and how.
fn columns(load: Kind) -> Vec<(String, Cell)> {
    let mut columns: Vec<(String, Cell)> = Vec::new();
    let mut add = |head: &str, cell: Cell| columns.push((head.to_owned(), cell));
    let beside = move |measured: &Measured, contender, base, figure, combine| {
        Figures(&measured.turns).paired(load, (contender, base), figure, combine)
    };
    if let Some((unit, divisor)) = load.unit() {
        let rate = move |m: &Measured, c| Figures(&m.turns).spread(load, c, RATE).map(|s| s.map(|rate| rate / divisor));
        add(unit, Box::new(move |m, c| spread(rate(m, c), 3)));
        add("kept", Box::new(move |m, c| spread(beside(m, c, Contender::Off, RATE, ratio), 3)));
    }
    if load.is_flood() {
        add(
            "kept, beside an empty program",
            Box::new(move |m, c| spread(beside(m, c, Contender::Empty, RATE, ratio), 3)),
        );
    }
    if load.has_latency() {
        add("p99, µs", Box::new(move |m, c| spread(Figures(&m.turns).spread(load, c, P99), 0)));
        add("p99, times off", Box::new(move |m, c| spread(beside(m, c, Contender::Off, P99, ratio), 3)));
    }
    add("machine busy, %", Box::new(move |m, c| percent(Figures(&m.turns).spread(load, c, BUSY))));
    add("beyond off, points", Box::new(move |m, c| percent(beside(m, c, Contender::Off, BUSY, difference))));
    add("its process, % of a core", Box::new(move |m, c| percent(Figures(&m.turns).spread(load, c, PROCESS))));
    add("its kernel programs, % of a core", Box::new(move |m, c| kernel(load, c, &m.kernel)));
    columns
}

fn kernel(load: Kind, contender: Contender, kernel: &[KernelTime]) -> String {
    let time = kernel.iter().find(|time| time.load == load && time.contender == contender);
    time.map_or_else(|| UNKNOWN.to_owned(), |time| format!("{:.2}", time.cores * 100.0))
}

/// The dearest kernel programs of the rig as it comes.
pub(super) fn programs(load: Kind, kernel: &[KernelTime]) -> String {
    const MOST: usize = 6;
    let Some(time) = kernel.iter().find(|time| time.load == load && time.contender == Contender::Default) else {
        return String::new();
    };
    let mut table = format!(
        "\nWhere the time of {}'s kernel programs goes:\n\n| program | % of a core | runs a second | ns a run |\n|---|---|---|---|\n",
        Contender::Default.name()
    );
    for program in time.programs.iter().take(MOST) {
        let (cores, runs) = (program.cores * 100.0, program.runs_per_s);
        let _ = writeln!(table, "| `{}` | {cores:.3} | {runs:.0} | {:.0} |", program.program, program.ns_per_run);
    }
    table
}

/// Rounds without a figure, and why.
pub(super) fn failures(load: Kind, measured: &Measured) -> String {
    let mut text = String::new();
    for contender in ALL {
        let (turns, failures) = Figures(&measured.turns).failures(load, contender);
        if let Some(first) = failures.first() {
            let _ = writeln!(text, "- {}: {} of {turns} turns failed: {first}", contender.name(), failures.len());
        }
    }
    if text.is_empty() { text } else { format!("\nRounds that failed:\n\n{text}") }
}
