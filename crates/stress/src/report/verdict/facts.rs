//! What the stations' verdicts are made from: a run's figures, summed up.

use crate::report::knobs::Knobs;
use crate::report::model::{Fill, Loss, Report, Sample, Stage};
use crate::report::series::{peak, ratio};

/// A process that takes less of a core than this does nothing, but for the moment before it was stopped.
const IDLE_SHARE: f64 = 0.02;
/// What is read is late where it is older than this part of the time between two looks.
const LATE_SHARE: f64 = 0.8;

/// A run's figures.
pub(super) struct Facts<'a> {
    pub(super) report: &'a Report,
    /// What was sent of what was asked for, as a share.
    pub(super) sent_share: Option<f64>,
    pub(super) rate_asked: Option<f64>,
    /// Packets a second that were sent, over the whole run.
    pub(super) sent_pps: Option<f64>,
    /// All packets that could have been seen.
    pub(super) packets: f64,
    /// The longest time for which the rig's process stood still, though there was traffic.
    pub(super) stall_s: f64,
    /// Packets that sampling left out, though nobody asked for it: the governor did.
    pub(super) sampled_out_packets: u64,
    /// What the governor had turned down, at its worst.
    pub(super) turned_down: Option<String>,
    /// What all probes together took of a core, at its peak.
    pub(super) probes_share: Option<f64>,
    /// What the rig's process did.
    pub(super) process_share: Option<f64>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(report: &'a Report, knobs: &Knobs) -> Self {
        let traffic = &report.traffic;
        let sent = traffic.sent_packets as f64;
        let offered = traffic.offered_packets.filter(|offered| *offered > 0);
        let sampled = report.ledger.iter().map(|row| row.sampled_out_packets).fold(0, u64::saturating_add);
        let turned_down = report.samples.iter().filter_map(|sample| sample.governor.as_deref());
        let probes = report.samples.iter().filter(|sample| !sample.probes.is_empty());
        Self {
            report,
            sent_share: offered.map(|offered| sent / offered as f64),
            rate_asked: report.rate_asked_pps.map(|rate| rate as f64),
            sent_pps: (report.duration_s > 0.0).then(|| sent / report.duration_s),
            packets: sent.max(traffic.seen_packets.unwrap_or(0) as f64).max(1.0),
            stall_s: stall_s(&report.samples),
            sampled_out_packets: if knobs.config().flow.sampling > 1 { 0 } else { sampled },
            turned_down: turned_down.max_by_key(|text| text.len()).map(str::to_owned),
            process_share: peak(report.samples.iter().filter_map(|sample| sample.rig_cpu_share_of_core)),
            probes_share: peak(probes.map(|sample| sample.probes.iter().map(|probe| probe.share_of_core).sum())),
        }
    }

    pub(super) fn losses(&self, stage: Stage) -> impl Iterator<Item = &'a Loss> {
        self.report.losses.iter().filter(move |loss| loss.stage == stage && loss.count > 0)
    }

    /// How much a station's losses count for, as a share of all packets.
    pub(super) fn weight(&self, stage: Stage) -> Option<f64> {
        let mut losses = self.losses(stage).peekable();
        losses.peek()?;
        let packets: f64 = losses.map(|loss| loss.count as f64 * worth(&loss.unit)).sum();
        Some(ratio(packets, self.packets).min(1.0))
    }

    /// When something of that kind first lost what it should have kept.
    pub(super) fn first_loss_s(&self, of: impl Fn(&'a Sample) -> &'a [Fill]) -> Option<f64> {
        let lost = |sample: &&'a Sample| of(sample).iter().any(|fill| fill.lost.is_some_and(|lost| lost > 0));
        self.report.samples.iter().find(lost).map(|sample| sample.at_s)
    }

    /// That of them which was fullest, and how full.
    pub(super) fn fullest(&self, of: impl Fn(&'a Sample) -> &'a [Fill]) -> Option<(&'a Fill, f64)> {
        let fills = self.report.samples.iter().flat_map(of);
        let shares = fills.filter_map(|fill| Some((fill, fill.share().filter(|share| share.is_finite())?)));
        shares.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// That of the tables which replaced entries fastest, and how many a second.
    pub(super) fn evicting(&self) -> Option<(&'a Fill, f64)> {
        let fills = self.report.samples.iter().flat_map(|sample| &sample.tables);
        let rates =
            fills.filter_map(|fill| Some((fill, fill.evicted_per_s.filter(|rate| *rate > 0.0 && rate.is_finite())?)));
        rates.max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// Packets in the flight recorder's rings, where the oldest always make room.
pub(super) const RECORDED: &str = "recorded packets";

/// How many packets one of these is worth: records tell of several, examples are only examples, and what was recorded has been
/// counted all the same.
fn worth(unit: &str) -> f64 {
    match unit {
        "packets" | "drops" | "copies" | "buckets" => 1.0,
        RECORDED => 0.1,
        "examples" => 0.01,
        _ => 10.0,
    }
}

/// The longest time for which the rig's process stood still while there was traffic: it did not run, and either did not answer
/// or what it reads grew older. A process that runs and is late is another matter.
fn stall_s(samples: &[Sample]) -> f64 {
    let (mut still_s, mut longest_s) = (0.0_f64, 0.0_f64);
    let mut before_s = 0.0;
    for sample in samples {
        let since_s = (sample.at_s - before_s).max(0.0);
        before_s = sample.at_s;
        let is_idle = sample.rig_cpu_share_of_core.is_some_and(|share| share < IDLE_SHARE);
        let is_sent = sample.sent_pps.is_some_and(|rate| rate > 0.0);
        let is_late = sample.drain_lag_s.is_some_and(|lag_s| lag_s >= since_s * LATE_SHARE);
        let is_still = is_idle && is_sent && (sample.seen_pps.is_none() || is_late);
        still_s = if is_still { (still_s + since_s).max(sample.drain_lag_s.unwrap_or(0.0)) } else { 0.0 };
        longest_s = longest_s.max(still_s);
    }
    longest_s
}
