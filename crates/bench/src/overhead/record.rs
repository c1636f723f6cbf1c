//! The raw figures, for machines.

use super::Measured;
use super::bars::{self, Judged};
use super::figures::Figures;
use super::machine::Machine;
use super::turns::{KernelTime, ProgramTime, Turn};
use serde::Serialize;

/// All of it, turn by turn.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct OverheadReport {
    machine: Machine,
    missing: Vec<String>,
    bars: Vec<Judged>,
    turns: Vec<TurnRow>,
    kernel: Vec<KernelRow>,
}

#[derive(Clone, Debug, Serialize)]
struct TurnRow {
    load: &'static str,
    contender: &'static str,
    round: usize,
    rate: Option<f64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    machine_busy_share: Option<f64>,
    process_cores: Option<f64>,
    failure: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct KernelRow {
    load: &'static str,
    contender: &'static str,
    cores: f64,
    programs: Vec<ProgramTime>,
}

pub(crate) fn of(measured: &Measured) -> OverheadReport {
    OverheadReport {
        machine: measured.machine.clone(),
        missing: measured.missing.iter().map(|contender| contender.name().to_owned()).collect(),
        bars: bars::judge(&Figures(&measured.turns), &measured.kernel),
        turns: measured.turns.iter().map(turn).collect(),
        kernel: measured.kernel.iter().map(kernel).collect(),
    }
}

fn turn(turn: &Turn) -> TurnRow {
    let outcome = turn.outcome.as_ref().ok();
    TurnRow {
        load: turn.load.name(),
        contender: turn.contender.name(),
        round: turn.round,
        rate: outcome.and_then(|outcome| outcome.rate),
        p50_us: outcome.and_then(|outcome| outcome.p50_us),
        p99_us: outcome.and_then(|outcome| outcome.p99_us),
        machine_busy_share: outcome.map(|outcome| outcome.busy_share),
        process_cores: outcome.and_then(|outcome| outcome.process_cores),
        failure: turn.outcome.as_ref().err().cloned(),
    }
}

fn kernel(time: &KernelTime) -> KernelRow {
    KernelRow {
        load: time.load.name(),
        contender: time.contender.name(),
        cores: time.cores,
        programs: time.programs.clone(),
    }
}
