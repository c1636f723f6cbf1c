//! What a request costs with the probe attached and without.

use super::contenders::{EMPTY, NETRIG, NOTHING};
use crate::report::Figure;
use crate::requests::{self, A_CONNECTION_EACH, Load, Manner, ON_ONE_CONNECTION, PACE, RequestPlan};
use crate::rounds::{Contenders, Samples};
use anyhow::{Result, anyhow};
use serde::Serialize;

/// Microseconds a request, at most, where it does not make a connection.
const REQUEST_US_MAX: f64 = 0.5;

/// One load's figures, microseconds of CPU a request.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RequestResult {
    pub(crate) name: String,
    pub(crate) cpus: usize,
    pub(crate) rounds: usize,
    pub(crate) without_us: Figure,
    /// What calling programs that do nothing adds.
    pub(crate) empty_us: Figure,
    /// What the probe adds.
    pub(crate) netrig_us: Figure,
    /// Half of the rounds lie between these.
    pub(crate) netrig_quartiles_us: (f64, f64),
    /// How far off the median may be, as far as the rounds tell: its standard error.
    pub(crate) netrig_error_us: f64,
    pub(crate) max_us: Option<f64>,
}

impl RequestResult {
    pub(crate) fn key(&self) -> String {
        format!("{} cpus={}", self.name, self.cpus)
    }

    /// With the probe, as a multiple of without.
    pub(crate) fn ratio(&self) -> f64 {
        1.0 + self.netrig_us.median / self.without_us.median
    }

    /// Of a core, at the pace of the promise.
    pub(crate) fn share_of_core(&self) -> f64 {
        self.netrig_us.median * f64::from(PACE) / 1e6
    }
}

pub(crate) fn measure(
    plan: RequestPlan,
    contenders: &mut dyn Contenders,
    told: &mut dyn FnMut(RequestResult),
) -> Result<()> {
    for load in ON_ONE_CONNECTION.iter().chain([&A_CONNECTION_EACH]) {
        let samples = requests::measure(plan, load, &[NOTHING, EMPTY, NETRIG], contenders)?;
        told(result(plan, load, &samples)?);
    }
    Ok(())
}

fn result(plan: RequestPlan, load: &Load, samples: &[Samples]) -> Result<RequestResult> {
    let [without, empty, netrig] = samples else { return Err(anyhow!("{} contenders, not three", samples.len())) };
    let added = netrig.beyond(without);
    Ok(RequestResult {
        name: load.name.to_owned(),
        cpus: load.cpus(),
        rounds: plan.rounds,
        without_us: Figure::of(without),
        empty_us: Figure::of(&empty.beyond(without)),
        netrig_us: Figure::of(&added),
        netrig_quartiles_us: added.quartiles(),
        netrig_error_us: added.error_of_median(),
        max_us: (load.manner != Manner::Churn).then_some(REQUEST_US_MAX),
    })
}
