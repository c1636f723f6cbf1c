//! How much of the throughput is kept.

use super::contenders::{CONTENDERS, LatencyContenders, NOTHING};
use crate::report::Figure;
use crate::requests::RequestPlan;
use crate::transfer;
use anyhow::Result;
use serde::Serialize;

/// One contender's figures.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct TransferResult {
    pub(crate) contender: String,
    pub(crate) bytes_per_second: Figure,
    /// Of the throughput with nothing attached, round by round.
    pub(crate) kept: Figure,
    /// Standard error of the median.
    pub(crate) kept_error: f64,
    /// CPU time of both ends.
    pub(crate) ns_per_kib: Figure,
}

pub(crate) fn measure(plan: RequestPlan, contenders: &mut LatencyContenders) -> Result<Vec<TransferResult>> {
    let all: Vec<_> = (0..CONTENDERS.len()).collect();
    let samples = transfer::measure(plan.rounds, plan.turn, &all, contenders)?;
    let [base, _] = &samples[NOTHING];
    let results = samples.iter().zip(&CONTENDERS).map(|([rate, cpu], contender)| {
        let kept = rate.with(base, |rate, base| rate / base);
        TransferResult {
            contender: contender.name.to_owned(),
            bytes_per_second: Figure::of(rate),
            kept: Figure::of(&kept),
            kept_error: kept.error_of_median(),
            ns_per_kib: Figure::of(cpu),
        }
    });
    Ok(results.collect())
}
