//! The highest rate without loss: a run for each rate that is tried.

use super::{Asked, Asker, run};
use crate::StressError;
use crate::report::limit::{Bounds, Next, Outcome, Search};
use crate::report::model::{Loss, Report};
use std::time::Duration;

/// A run for a rate takes this part of the scenario's time, within bounds: it has to be long enough to fill what fills.
const PART_OF_DURATION: u32 = 6;
const RUN_MIN: Duration = Duration::from_secs(2);
const RUN_MAX: Duration = Duration::from_secs(10);

/// Searches it. The report is that of the lowest rate that lost something, which says what breaks first; of the last run where none did.
///
/// # Errors
/// As [`run`]; and when the scenario has no floods, whose rate could be set.
pub fn find_limit(asked: &Asked, asker: &mut Asker<'_>) -> Result<Report, StressError> {
    if asked.plan.flood.is_empty() && asked.plan.capture.is_none() {
        let name = &asked.plan.name;
        return Err(StressError::Asked(format!("{name}: it has no floods, so there is no rate to be searched")));
    }
    let mut asked = asked.clone();
    asked.plan.duration = (asked.plan.duration / PART_OF_DURATION).clamp(RUN_MIN, RUN_MAX);
    asked.victim = false;
    let mut search = Search::new(Bounds::default());
    let (mut breaking, mut latest): (Option<Report>, Option<Report>) = (None, None);
    let mut left_behind = Vec::new();
    loop {
        match search.next() {
            Next::Try(rate) => {
                (asker.say)(&format!("trying {rate} packets/s"));
                asked.plan.rate = Some(rate);
                let report = run(&asked, asker)?;
                let outcome = outcome(&report);
                search.tell(outcome);
                left_behind.extend(report.left_behind.iter().cloned());
                let lower = breaking.as_ref().is_none_or(|known| report.rate_asked_pps <= known.rate_asked_pps);
                if outcome.lost_packets > 0 && lower {
                    breaking = Some(report);
                } else {
                    latest = Some(report);
                }
            }
            Next::Done(limit) => {
                let report = breaking.or(latest);
                let mut report = report.ok_or_else(|| StressError::Rig("no rate was tried".to_owned()))?;
                report.limit = Some(limit);
                report.left_behind = left_behind;
                return Ok(report);
            }
        }
    }
}

fn outcome(report: &Report) -> Outcome {
    let sent = report.traffic.sent_packets as f64 / report.duration_s.max(1e-3);
    // Examples are a sample by themselves: that one was not taken is no loss of the rate's.
    let lost = || report.losses.iter().filter(|loss| loss.count > 0 && loss.unit != "examples");
    let first = |first: Option<&Loss>| first.map(|loss| loss.stage);
    Outcome {
        sent_pps: sent as u64,
        lost_packets: lost().map(|loss| loss.count).sum(),
        first_loss: first(lost().min_by_key(|loss| loss.stage)),
    }
}
