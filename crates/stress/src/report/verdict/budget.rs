//! The CPU budget: what the rig turns down by itself to keep it.

use super::Candidate;
use super::facts::Facts;
use super::stations::{UNBROKEN_MAX, cost, dearest, told};
use crate::report::figures::{many, plain, share};
use crate::report::knobs::Knobs;
use crate::report::model::Stage;
use crate::report::series::ratio;

/// The governor turns things down at the budget: what is turned down is nearer to it than whatever is only full.
const TURNED_DOWN: f64 = 0.95;
/// Sampling by the governor keeps sums: it counts for less than a loss.
pub(super) const SAMPLED_WEIGHT: f64 = 0.1;

/// The budget is the limit where something is turned down for it: of the programs or of the process, whichever takes more.
pub(super) fn budget(facts: &Facts<'_>, knobs: &Knobs) -> Option<Candidate> {
    let sampled = facts.sampled_out_packets;
    let turned = facts.turned_down.as_deref().map(plain);
    if sampled == 0 && turned.is_none() {
        return None;
    }
    let (kernel, process) = (facts.probes_share.unwrap_or(0.0), facts.process_share.unwrap_or(0.0));
    let stage = if process > kernel { Stage::Drain } else { Stage::Probe };
    let budget = knobs.config().rig.cpu;
    let mut evidence = told(facts.losses(Stage::Probe), facts.packets);
    let (lost, pressure, sentence) = if sampled > 0 {
        let left_out = ratio(sampled as f64, facts.packets);
        if evidence.is_empty() {
            let (packets, part) = (many(sampled, "packets"), share(left_out));
            evidence.push(format!("{packets} ({part}): left out of flows by sampling"));
        }
        evidence.extend(turned.map(|turned| format!("the governor turned down {turned}")));
        let sentence = format!(
            "The rig's CPU budget ({budget} of the machine) is the limit: to keep it, flows were told of a sample of packets only. \
             Totals stay exact."
        );
        (Some((left_out * SAMPLED_WEIGHT).min(1.0)), 1.0, sentence)
    } else {
        let sentence = format!(
            "Nothing was lost, but the rig's CPU budget ({budget} of the machine) is reached: it turned down {}.",
            turned.unwrap_or_default()
        );
        (None, TURNED_DOWN.max(kernel.max(process).min(UNBROKEN_MAX)), sentence)
    };
    evidence.push(format!(
        "of a core, its process took {} at its peak, its programs {}",
        share(process),
        share(kernel)
    ));
    evidence.extend(dearest(facts).map(cost));
    let setting = knobs.more_cpu().or_else(|| knobs.sample_flows());
    Some(Candidate { stage, lost, broke: false, first_s: None, upstream: false, pressure, sentence, setting, evidence })
}
