//! What was lost or left out, the most first.

use super::model::{Loss, Report, Stage};
use std::cmp::Reverse;

/// All that has a name and a number; what sampling left out is taken from the ledger where nobody named it.
pub(crate) fn by_name(report: &Report) -> Vec<Loss> {
    let mut losses: Vec<Loss> = report.losses.iter().filter(|loss| loss.count > 0).cloned().collect();
    let sampled = report.ledger.iter().map(|row| row.sampled_out_packets).fold(0, u64::saturating_add);
    if sampled > 0 && !losses.iter().any(|loss| loss.stage == Stage::Probe) {
        let what = "left out of flows by sampling; those that were taken stand for them".to_owned();
        losses.push(Loss { stage: Stage::Probe, what, count: sampled, unit: "packets".to_owned() });
    }
    losses.sort_by_key(|loss| Reverse(loss.count));
    losses
}
