//! What each station says of itself: what it lost, and how near to its limit it came.

use super::Candidate;
use super::budget::{SAMPLED_WEIGHT, budget};
use super::facts::{Facts, RECORDED};
use crate::report::figures::{many, plain, seconds, share};
use crate::report::knobs::Knobs;
use crate::report::model::{Fill, Loss, ProbeCost, Sample, Stage};
use crate::report::series::{peak, ratio};
use netrig_view::units::{bytes, few_per_second, nanoseconds};
use std::cmp::Reverse;

/// A rig that read nothing for so long stood still.
const STALL_S: f64 = 1.0;
/// What is read later than this is late, however short windows are.
const LATE_S: f64 = 5.0;
/// A station that lost nothing came no nearer than this, whatever its figures say.
pub(super) const UNBROKEN_MAX: f64 = 0.99;
/// A table without a free place loses nothing as long as what it replaces is read in time: it is as near as this.
const FULL_TABLE: f64 = 0.9;
/// A table that replaces this part of its entries in a second has no free places; less is chance, as entries may stand in few
/// places only.
const TURNOVER_FULL: f64 = 0.1;
/// Rows that are lost are lost for good: they count for something even when they are few, and for more than any sampling, which keeps
/// the sums.
const ROWS_WEIGHT_MIN: f64 = 1.5 * SAMPLED_WEIGHT;
/// Kernel programs that take this much of a core make the queue in front of them, whatever else is behind them.
const HEAVY_PROBES: f64 = 0.5;
/// A store that holds so much of its budget is near it.
const DISK_FULL_SHARE: f64 = 0.9;

/// All of the rig's stations that have something to say.
pub(super) fn all(facts: &Facts<'_>, knobs: &Knobs) -> Vec<Candidate> {
    let stations = [driver, probe, budget, table, ring, drain, store];
    stations.iter().filter_map(|station| station(facts, knobs)).collect()
}

/// What was lost, a short sentence for each reason, the most first.
pub(super) fn told<'a>(losses: impl Iterator<Item = &'a Loss>, packets: f64) -> Vec<String> {
    let mut losses: Vec<&Loss> = losses.collect();
    losses.sort_by_key(|loss| Reverse(loss.count));
    let of = |loss: &Loss| match loss.unit.as_str() {
        "packets" => format!(" ({})", share(ratio(loss.count as f64, packets))),
        _ => String::new(),
    };
    losses
        .iter()
        .map(|loss| format!("{}{}: {}", many(loss.count, &plain(&loss.unit)), of(loss), plain(&loss.what)))
        .collect()
}

/// The sum of a station's losses in their largest unit, in words.
fn sum<'a>(losses: impl Iterator<Item = &'a Loss>) -> String {
    let losses: Vec<&Loss> = losses.collect();
    let unit = most(losses.iter().copied()).map_or("packets", |loss| loss.unit.as_str());
    let counts = losses.iter().filter(|loss| loss.unit == unit).map(|loss| loss.count);
    many(counts.fold(0, u64::saturating_add), &plain(unit))
}

/// The largest of them.
fn most<'a>(losses: impl Iterator<Item = &'a Loss>) -> Option<&'a Loss> {
    losses.max_by_key(|loss| loss.count)
}

fn driver(facts: &Facts<'_>, _: &Knobs) -> Option<Candidate> {
    let lost = facts.weight(Stage::Driver)?;
    // Slow programs are the probes' matter: they say so themselves.
    if facts.probes_share.is_some_and(|share| share >= HEAVY_PROBES) {
        return None;
    }
    let sentence = format!(
        "Packets are lost before the rig sees them: {} ({}) found the interface's queue full. No setting of the rig moves \
         that; larger rings (ethtool -G), more queues or more CPUs do.",
        sum(facts.losses(Stage::Driver)),
        share(lost)
    );
    let mut evidence = told(facts.losses(Stage::Driver), facts.packets);
    evidence.extend(
        facts.probes_share.map(|took| format!("all kernel programs took {} of a core at their peak", share(took))),
    );
    Some(Candidate { upstream: true, evidence, ..Candidate::lossy(Stage::Driver, lost, sentence) })
}

fn probe(facts: &Facts<'_>, knobs: &Knobs) -> Option<Candidate> {
    let took = facts.probes_share.filter(|took| *took > 0.0)?;
    let dearest = dearest(facts);
    let setting = dearest.and_then(|probe| knobs.less_of(&probe.probe)).or_else(|| knobs.sample_flows());
    let mut evidence = Vec::new();
    let (lost, pressure, sentence) = match facts.weight(Stage::Driver).filter(|_| took >= HEAVY_PROBES) {
        Some(queued) => {
            evidence = told(facts.losses(Stage::Driver), facts.packets);
            let lost = sum(facts.losses(Stage::Driver));
            let took = share(took);
            let sentence = format!(
                "The kernel programs take {took} of a core, and packets pile up in front of them: {lost} were lost in the \
                 interface's queue."
            );
            (Some(queued), 1.0, sentence)
        }
        None => {
            let sentence = format!(
                "Time in the kernel programs would run out first: all probes together took {} of one core at their peak.",
                share(took)
            );
            (None, took.min(UNBROKEN_MAX), sentence)
        }
    };
    evidence.extend(dearest.map(cost));
    let upstream = lost.is_some();
    Some(Candidate {
        stage: Stage::Probe,
        lost,
        broke: lost.is_some(),
        first_s: None,
        upstream,
        pressure,
        sentence,
        setting,
        evidence,
    })
}

/// The probe that took most of a core, when it did.
pub(super) fn dearest<'a>(facts: &Facts<'a>) -> Option<&'a ProbeCost> {
    let probes = facts.report.samples.iter().flat_map(|sample| &sample.probes);
    probes.filter(|probe| probe.share_of_core > 0.0).max_by(|a, b| a.share_of_core.total_cmp(&b.share_of_core))
}

pub(super) fn cost(probe: &ProbeCost) -> String {
    format!(
        "dearest probe: {}, {} a run, {}, {} of a core",
        plain(&probe.probe),
        nanoseconds(probe.ns_per_run.max(0.0) as u64),
        few_per_second(probe.runs_per_s),
        share(probe.share_of_core)
    )
}

fn tables(sample: &Sample) -> &[Fill] {
    &sample.tables
}

fn rings(sample: &Sample) -> &[Fill] {
    &sample.rings
}

fn queue(sample: &Sample) -> &[Fill] {
    sample.store_queue.as_slice()
}

fn table(facts: &Facts<'_>, knobs: &Knobs) -> Option<Candidate> {
    // What finds the outbox full because nobody empties it is the ring's matter.
    let lost = facts.weight(Stage::Table).filter(|_| facts.stall_s < STALL_S);
    let fullest = facts.fullest(tables);
    let evicting = facts.evicting();
    if lost.is_none() && fullest.is_none() && evicting.is_none() {
        return None;
    }
    let name = |fill: &Fill| plain(&fill.name);
    let turnover = evicting.and_then(|(fill, rate)| Some(rate / fill.capacity.filter(|places| *places > 0)? as f64));
    let full = fullest.map_or(0.0, |(_, share)| share.clamp(0.0, 1.0));
    let turnover = turnover.unwrap_or(0.0);
    let is_full = turnover >= TURNOVER_FULL;
    let replacing = FULL_TABLE * (turnover / TURNOVER_FULL).min(1.0) + (UNBROKEN_MAX - FULL_TABLE) * turnover.min(1.0);
    let pressure = if lost.is_some() { 1.0 } else { replacing.max(FULL_TABLE * full) };
    let sentence = if lost.is_some() {
        format!(
            "The tables are too small for so many flows: {} were counted by interface only and told in no flow, because flows \
             were replaced faster than they could be read.",
            sum(facts.losses(Stage::Table))
        )
    } else if let Some((fill, rate)) = evicting.filter(|_| is_full) {
        format!(
            "The table {} is full and replaces {} flows/s. Nothing is lost while the rig reads them in time; memory is what would \
             run out first.",
            name(fill),
            few_per_second(rate).trim_end_matches("/s")
        )
    } else {
        let name = fullest.map(|(fill, _)| name(fill)).unwrap_or_default();
        format!("Memory for flows would run out first: the table {name} was {} full.", share(full))
    };
    let mut evidence = if lost.is_some() { told(facts.losses(Stage::Table), facts.packets) } else { Vec::new() };
    evidence.extend(fullest.map(|(fill, share)| fullness("table", fill, share)));
    evidence.extend(evicting.map(|(fill, rate)| format!("{}: up to {} replaced", name(fill), few_per_second(rate))));
    // Where most is lost, twice as much will not do.
    let times = if lost.is_some_and(|lost| lost > 0.5) { 4 } else { 2 };
    let setting = knobs.more_memory(times);
    Some(Candidate {
        stage: Stage::Table,
        lost,
        broke: lost.is_some(),
        first_s: facts.first_loss_s(tables),
        upstream: false,
        pressure,
        sentence,
        setting,
        evidence,
    })
}

fn fullness(what: &str, fill: &Fill, full: f64) -> String {
    let places = fill.used.zip(fill.capacity).map(|(used, all)| format!(" ({used} of {all})")).unwrap_or_default();
    format!("{what} {}: {} full at its peak{places}", plain(&fill.name), share(full))
}

fn ring(facts: &Facts<'_>, knobs: &Knobs) -> Option<Candidate> {
    let stalled = facts.stall_s >= STALL_S;
    let by_outbox = facts.weight(Stage::Table).filter(|_| stalled);
    let lost = match (facts.weight(Stage::Ring), by_outbox) {
        (Some(own), Some(outbox)) => Some((own + outbox).min(1.0)),
        (own, outbox) => own.or(outbox),
    };
    let fullest = facts.fullest(rings);
    if lost.is_none() && fullest.is_none() {
        return None;
    }
    let losses = || facts.losses(Stage::Ring).chain(facts.losses(Stage::Table).filter(move |_| stalled));
    let worst = worst_ring(facts);
    let full = fullest.map_or(0.0, |(_, share)| share.clamp(0.0, UNBROKEN_MAX));
    let sentence = match (lost.is_some(), stalled) {
        (true, true) => format!(
            "The rig's process read nothing for {}, and what lies between it and the kernel overflowed: {} found no place.",
            seconds(facts.stall_s),
            sum(losses())
        ),
        (true, false) => {
            let name = worst.map(|fill| format!(" {}", plain(&fill.name))).unwrap_or_default();
            format!("The ring{name} between the kernel and the rig overflowed: {} found no place in it.", sum(losses()))
        }
        _ => {
            let name = fullest.map(|(fill, _)| plain(&fill.name)).unwrap_or_default();
            format!("The ring {name} between the kernel and the rig would overflow first: it was {} full.", share(full))
        }
    };
    let mut evidence = if lost.is_some() { told(losses(), facts.packets) } else { Vec::new() };
    evidence.extend(fullest.map(|(fill, share)| fullness("ring", fill, share)));
    let name = worst.or(fullest.map(|(fill, _)| fill)).map_or("", |fill| fill.name.as_str());
    let recorder = name.starts_with("recorder") || most(losses()).is_some_and(|loss| loss.unit == RECORDED);
    let setting = if recorder { knobs.more_for_the_recorder() } else { knobs.more_memory(2) };
    let pressure = if lost.is_some() { 1.0 } else { full };
    Some(Candidate {
        stage: Stage::Ring,
        lost,
        broke: lost.is_some(),
        first_s: facts.first_loss_s(rings),
        upstream: false,
        pressure,
        sentence,
        setting,
        evidence,
    })
}

/// The ring that lost most.
fn worst_ring<'a>(facts: &Facts<'a>) -> Option<&'a Fill> {
    let rings = facts.report.samples.iter().flat_map(|sample| &sample.rings);
    rings.filter(|fill| fill.lost.is_some_and(|lost| lost > 0)).max_by_key(|fill| fill.lost)
}

fn drain(facts: &Facts<'_>, knobs: &Knobs) -> Option<Candidate> {
    let samples = &facts.report.samples;
    let lost = facts.weight(Stage::Drain);
    let cpu = facts.process_share;
    let lag_s = peak(samples.iter().filter_map(|sample| sample.drain_lag_s));
    if lost.is_none() && cpu.is_none() && lag_s.is_none() {
        return None;
    }
    let limit_s = knobs.config().rig.window.as_secs_f64().max(LATE_S);
    let late = lag_s.map_or(0.0, |lag_s| ratio(lag_s, limit_s));
    let pressure = if lost.is_some() { 1.0 } else { cpu.unwrap_or(0.0).max(late).clamp(0.0, UNBROKEN_MAX) };
    let took = cpu.map(|cpu| format!("its process took {} of a core at its peak", share(cpu)));
    let sentence = if lost.is_some() {
        format!("The rig's process could not keep up: {} were given up.", sum(facts.losses(Stage::Drain)))
    } else if late > cpu.unwrap_or(0.0) {
        let lag = seconds(lag_s.unwrap_or(0.0));
        format!("The rig's process would fall behind first: what it reads was up to {lag} old.")
    } else {
        format!("The rig's process would run out of CPU first: {}.", took.clone().unwrap_or_default())
    };
    let mut evidence = told(facts.losses(Stage::Drain), facts.packets);
    evidence.extend(took);
    evidence.extend(lag_s.map(|lag_s| format!("what it reads was up to {} old", seconds(lag_s))));
    let setting = knobs.sample_flows();
    Some(Candidate {
        stage: Stage::Drain,
        lost,
        broke: lost.is_some(),
        first_s: None,
        upstream: false,
        pressure,
        sentence,
        setting,
        evidence,
    })
}

fn store(facts: &Facts<'_>, knobs: &Knobs) -> Option<Candidate> {
    let samples = &facts.report.samples;
    let lost = facts.weight(Stage::Store).map(|lost| lost.max(ROWS_WEIGHT_MIN));
    let queued = facts.fullest(queue);
    let held = samples.iter().filter_map(|sample| sample.store_bytes).max();
    if lost.is_none() && queued.is_none() && held.is_none() {
        return None;
    }
    let budget = knobs.config().store.budget;
    let of_budget = held.map_or(0.0, |held| ratio(held as f64, budget.0 as f64)).min(1.0);
    let waiting = queued.map_or(0.0, |(_, share)| share.clamp(0.0, UNBROKEN_MAX));
    let within_budget = of_budget < DISK_FULL_SHARE;
    // A store at its budget makes room by itself, so that it is only near to losing something.
    let pressure = if lost.is_some() { 1.0 } else { waiting.max(of_budget * DISK_FULL_SHARE) };
    let disk = within_budget && waiting < DISK_FULL_SHARE;
    let (sentence, setting) = if lost.is_some() {
        let too_large = facts.losses(Stage::Store).all(|loss| loss.unit == "windows");
        let lost = sum(facts.losses(Stage::Store));
        match disk && !too_large {
            true => (
                format!(
                    "The store could not write: {lost} were given up, long before its files reached their budget: the disk is full or fails."
                ),
                knobs.fit_the_disk(held),
            ),
            false if too_large || !within_budget => (
                format!("The store's budget is too small for what it is told: {lost} were given up."),
                knobs.more_disk(),
            ),
            false => (
                format!(
                    "The disk is too slow for what the store is told: {lost} were given up, because the queue in front of it was full."
                ),
                knobs.longer_windows(),
            ),
        }
    } else if waiting > of_budget * DISK_FULL_SHARE {
        (
            format!("The store would fall behind first: the queue in front of it was {} full.", share(waiting)),
            knobs.longer_windows(),
        )
    } else {
        (
            format!("Room for files would run out first: they take {} of their budget.", share(of_budget)),
            knobs.more_disk(),
        )
    };
    let mut evidence = told(facts.losses(Stage::Store), facts.packets);
    evidence.extend(held.map(|held| format!("files took {} of a budget of {budget}", bytes(held))));
    evidence.extend(queued.map(|(fill, share)| fullness("queue", fill, share)));
    Some(Candidate {
        stage: Stage::Store,
        lost,
        broke: lost.is_some(),
        first_s: facts.first_loss_s(queue),
        upstream: false,
        pressure,
        sentence,
        setting,
        evidence,
    })
}
