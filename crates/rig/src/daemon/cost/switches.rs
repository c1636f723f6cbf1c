//! How each step is done to the probes.

use super::steps::{Step, Turned};
use super::{Around, Probes};
use netrig_config::Config;

/// Whether there is something to turn down.
pub(super) fn has(step: Step, config: &Config, probes: &Probes) -> bool {
    let rarer = |one_in| probes.latency.get().is_some() && config.latency.sampling < one_in;
    let flows_rarer = |one_in| config.flow.enabled && config.flow.sampling < one_in;
    match step {
        Step::Recorder => probes.recorder.get().is_some(),
        Step::LatencyOneIn256 => rarer(256),
        Step::LatencyOneIn1024 => rarer(1024),
        Step::LatencyOneIn4096 => rarer(4096),
        Step::Payload => probes.requests.get().is_some(),
        Step::Bursts => probes.bursts.get().is_some(),
        Step::DropExamples => probes.drops.get().is_some() && config.drop.examples > 0,
        Step::FlowsOneIn4 => flows_rarer(4),
        Step::FlowsOneIn16 => flows_rarer(16),
        Step::FlowsOneIn64 => flows_rarer(64),
        Step::Latency => probes.latency.get().is_some(),
        Step::FlowsOneIn256 => flows_rarer(256),
        Step::FlowsOneIn1024 => flows_rarer(1024),
    }
}

/// Brings everything in line with what is turned down; what is so already is left alone.
pub(super) fn apply(turned: Turned, around: &mut Around<'_>) {
    if let Some(road) = &around.road {
        road.sample(around.config.flow.sampling.max(turned.flows_one_in));
    }
    around.probes.turn_down(turned, around.config, around.named);
}
