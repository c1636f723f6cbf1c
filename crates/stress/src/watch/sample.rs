//! A look at everything, as often as the run wants one.

use super::process::Process;
use super::status::fetch;
use super::{Rig, account};
use crate::StressError;
use crate::report::model::{Fill, ProbeCost, Sample};
use crate::world::{Counters, World};
use netrig_model::{RingStatus, Snapshot, StepState};
use std::time::{Duration, Instant};

/// Makes samples, each of what has changed since the one before.
#[derive(Debug)]
pub(crate) struct Sampler {
    /// When traffic began, seconds of the whole run before this part of it.
    offset_s: f64,
    begun: Instant,
    before: Look,
    /// When the rig's latest picture was taken, by its own clock: one that stands still shows an old one, or none.
    taken: Option<netrig_model::Timestamp>,
}

/// What was seen at one moment.
#[derive(Clone, Debug)]
struct Look {
    at: Duration,
    counters: Counters,
    process: Option<Process>,
    status: Option<Snapshot>,
}

impl Sampler {
    pub(crate) fn start(world: &World, rig: &Rig, offset_s: f64) -> Result<Self, StressError> {
        let begun = Instant::now();
        let before = Look::now(world, rig, begun)?;
        let taken = before.status.as_ref().map(|status| status.taken);
        Ok(Self { offset_s, begun, before, taken })
    }

    /// A look, compared with the one before.
    pub(crate) fn sample(&mut self, world: &World, rig: &Rig) -> Result<Sample, StressError> {
        let now = Look::now(world, rig, self.begun)?;
        self.taken = now.status.as_ref().map(|status| status.taken).or(self.taken);
        let mut sample = difference(&self.before, &now);
        sample.at_s = self.offset_s + now.at.as_secs_f64();
        sample.drain_lag_s = self.taken.map(age_s);
        // What the rig's counts gained is known from one answer to the next, however many there were none between.
        let status = now.status.clone().or_else(|| self.before.status.take());
        self.before = Look { status, ..now };
        Ok(sample)
    }
}

impl Look {
    fn now(world: &World, rig: &Rig, begun: Instant) -> Result<Self, StressError> {
        let status = fetch(world).ok();
        let (counters, process) = (Counters::of(world)?, Process::of(rig.pid()));
        Ok(Self { at: begun.elapsed(), counters, process, status })
    }
}

fn age_s(taken: netrig_model::Timestamp) -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() as f64 - taken.0 as f64).max(0.0) / 1e9
}

fn difference(before: &Look, now: &Look) -> Sample {
    let time_s = (now.at - before.at).as_secs_f64().max(1e-3);
    let rate = |gained: u64| gained as f64 / time_s;
    let mut sample = Sample { sent_pps: Some(rate(now.counters.since(before.counters).sent)), ..Sample::default() };
    if let (Some(earlier), Some(later)) = (before.process, now.process) {
        sample.rig_cpu_share_of_core = Some(later.cpu.saturating_sub(earlier.cpu).as_secs_f64() / time_s);
        sample.rss_bytes = Some(later.rss_bytes);
        sample.own_bytes = Some(later.own_bytes);
    }
    let Some(status) = &now.status else { return sample };
    if let Some(earlier) = &before.status {
        // By the rig's own clock: its pictures are a moment old.
        let status_s = (status.taken.0 - earlier.taken.0) as f64 / 1e9;
        if status_s > 0.0 {
            let gained = |of: fn(&Snapshot) -> u64| of(status).saturating_sub(of(earlier)) as f64 / status_s;
            sample.seen_pps = Some(gained(account::seen));
            sample.told_pps = Some(gained(account::told));
        }
    }
    sample.tables = tables(before.status.as_ref(), status);
    sample.rings = rings(status);
    sample.store_bytes = status.store.as_ref().map(|store| store.bytes);
    if let Some(cost) = &status.overhead {
        sample.kernel_bytes = Some(cost.memory.kernel_bytes);
        sample.probes = cost
            .probes
            .iter()
            // Measured in slices: where none has been since, nothing is known of it.
            .filter(|probe| probe.runs_per_second > 0.0)
            .map(|probe| ProbeCost {
                probe: probe.probe.clone(),
                runs_per_s: probe.runs_per_second,
                ns_per_run: probe.ns_per_run,
                share_of_core: probe.core_ratio,
            })
            .collect();
        let down: Vec<&str> = cost
            .governor
            .steps
            .iter()
            .filter(|step| step.state == StepState::Down)
            .map(|step| step.step.as_str())
            .collect();
        sample.governor = (!down.is_empty()).then(|| down.join(", "));
    }
    sample
}

fn tables(before: Option<&Snapshot>, status: &Snapshot) -> Vec<Fill> {
    let time_s = before.map(|before| (status.taken.0 - before.taken.0) as f64 / 1e9).filter(|time_s| *time_s > 0.0);
    let mut tables: Vec<Fill> = Vec::new();
    for table in &status.tables {
        let earlier = before.and_then(|before| before.tables.iter().find(|known| known.family == table.family));
        let evicted = earlier.map(|earlier| table.evictions.saturating_sub(earlier.evictions));
        tables.push(Fill {
            name: table.family.clone(),
            used: Some(table.entries),
            capacity: Some(table.capacity),
            evicted_per_s: evicted.zip(time_s).map(|(evicted, time_s)| evicted as f64 / time_s),
            lost: Some(table.overflows),
        });
    }
    if let Some(tcp) = &status.tcp {
        let earlier = before.and_then(|before| before.tcp.as_ref()).map(|tcp| tcp.table.evicted);
        let evicted = earlier.map(|earlier| tcp.table.evicted.saturating_sub(earlier));
        tables.push(Fill {
            name: "connections".into(),
            used: Some(tcp.table.entries),
            capacity: Some(tcp.table.capacity),
            evicted_per_s: evicted.zip(time_s).map(|(evicted, time_s)| evicted as f64 / time_s),
            lost: Some(tcp.table.untracked),
        });
    }
    tables
}

/// How full rings were at their fullest since the window before, and what found no room in them.
fn rings(status: &Snapshot) -> Vec<Fill> {
    let fill = |ring: &RingStatus| Fill {
        name: ring.ring.replace('_', " "),
        used: Some(ring.fullest),
        capacity: Some(ring.capacity),
        ..Fill::default()
    };
    let mut rings: Vec<Fill> = status.rings.iter().map(fill).collect();
    for (name, _, _, lost) in account::ring_losses(status) {
        match rings.iter_mut().find(|ring| ring.name == name) {
            Some(ring) => ring.lost = Some(lost),
            None => rings.push(Fill { name: name.into(), lost: Some(lost), ..Fill::default() }),
        }
    }
    rings
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::DropStatus;

    #[test]
    fn a_rings_fill_and_its_losses_are_one_thing() {
        let ring = |ring: &str| RingStatus { ring: ring.into(), fullest: 3, capacity: 4 };
        let drops = Some(DropStatus { examples_lost: 7, ..DropStatus::default() });
        let status = Snapshot { rings: vec![ring("outbox"), ring("drop_examples")], drops, ..Snapshot::default() };
        let told: Vec<_> =
            rings(&status).into_iter().map(|ring| (ring.name.clone(), ring.share(), ring.lost)).collect();
        assert_eq!(told, [("outbox".into(), Some(0.75), None), ("drop examples".into(), Some(0.75), Some(7))]);
    }
}
