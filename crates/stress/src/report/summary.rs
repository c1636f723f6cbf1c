//! A run in one row of figures, for tables of many runs.

use super::lost;
use super::model::{Report, Sample, Stage};
use super::series::{Middle, ratio};

/// What a row tells. Rates and costs are medians over the run, what became of packets is of all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Packets a second that the plan wanted; `None`: as many as there is room for.
    pub offered_pps: Option<f64>,
    /// That were sent.
    pub sent_pps: f64,
    /// Of those sent, the share that passed the rig's hooks.
    pub seen_share: Option<f64>,
    /// What was lost or left out, by part and unit, in the order of the parts.
    pub lost: Vec<(Stage, u64, String)>,
    /// Of the rig's process, as a share of a core.
    pub process_share: Option<f64>,
    /// Of its programs in the kernel.
    pub kernel_share: Option<f64>,
    /// What both took for each packet that was seen, nanoseconds.
    pub ns_per_packet: Option<f64>,
}

impl Summary {
    /// Of a run.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let traffic = &report.traffic;
        let sent = traffic.sent_packets as f64;
        let median = |of: &dyn Fn(&Sample) -> Option<f64>| {
            Middle::of(report.samples.iter().filter_map(of)).map(|middle| middle.median)
        };
        let ns = |sample: &Sample| {
            let seen = sample.seen_pps.filter(|rate| *rate >= 1.0)?;
            Some((sample.rig_cpu_share_of_core? + kernel_share(sample)?) * 1e9 / seen)
        };
        Self {
            offered_pps: traffic.offered_packets.map(|offered| ratio(offered as f64, report.duration_s)),
            sent_pps: ratio(sent, report.duration_s),
            seen_share: traffic.seen_packets.map(|seen| ratio(seen as f64, sent)),
            lost: lost(report),
            process_share: median(&|sample| sample.rig_cpu_share_of_core),
            kernel_share: median(&kernel_share),
            ns_per_packet: median(&ns),
        }
    }
}

/// All kernel programs together; none where nothing has been measured.
fn kernel_share(sample: &Sample) -> Option<f64> {
    let took: f64 = sample.probes.iter().map(|probe| probe.share_of_core).sum();
    Some(took).filter(|took| *took > 0.0)
}

fn lost(report: &Report) -> Vec<(Stage, u64, String)> {
    let mut sums: Vec<(Stage, u64, String)> = Vec::new();
    for loss in lost::by_name(report) {
        match sums.iter_mut().find(|(stage, _, unit)| (*stage, unit.as_str()) == (loss.stage, loss.unit.as_str())) {
            Some((_, sum, _)) => *sum = sum.saturating_add(loss.count),
            None => sums.push((loss.stage, loss.count, loss.unit)),
        }
    }
    sums.sort_by_key(|(stage, ..)| *stage);
    sums
}
