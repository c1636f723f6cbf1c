//! What counting in fine buckets adds to a packet's account, by test run: the same programs without it and with it, in turns.

use crate::cases::{CASES, Case};
use crate::harness::{Harness, Setup};
use crate::packet;
use crate::report::{Figure, verdict};
use crate::rounds::{self, Samples};
use crate::test_runs::Plan;
use anyhow::{Context, Result};
use netrig_probes::burst::BurstOptions;
use netrig_probes::wire::burst_cpu;
use serde::Serialize;
use std::mem::offset_of;

/// Nanoseconds a packet, at most, where the flow is hot.
const NS_MAX: f64 = 10.0;
const BUCKET_NS: u64 = 1_000_000;
/// What the burst probe has of the rig's memory, in parts of the kernel's share.
const SHARE: u64 = 8;

/// One case's figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BurstResult {
    family: &'static str,
    case: &'static str,
    /// The account without buckets, beyond an empty program.
    account_ns: Figure,
    /// What buckets add.
    adds_ns: Figure,
    error_ns: f64,
    /// Only of the first case: where every flow is hot.
    max_ns: Option<f64>,
    /// Packets for each reading of the clock.
    packets_per_reading: f64,
}

pub(crate) const HEAD: &str = "\
Fine buckets: nanoseconds a packet beyond the account without them; medians of interleaved rounds

family case               account    adds     ±  bar          packets a reading of the clock";

impl BurstResult {
    pub(crate) fn line(&self) -> String {
        let bar = self
            .max_ns
            .map_or_else(String::new, |max| format!("{max:>5.1} {}", verdict(self.adds_ns.median, self.error_ns, max)));
        format!(
            "{:<6} {:<18} {:>7.1} {:>7.1} {:>5.1}  {:<12} {:>8.1}",
            self.family,
            self.case,
            self.account_ns.median,
            self.adds_ns.median,
            self.error_ns,
            bar,
            self.packets_per_reading,
        )
    }
}

pub(crate) fn measure(plan: &Plan, told: &mut dyn FnMut(BurstResult)) -> Result<()> {
    for is_ipv6 in &plan.families {
        for case in CASES.iter().take(2) {
            told(measure_case(plan, case, *is_ipv6)?);
        }
    }
    Ok(())
}

fn harness(plan: &Plan, case: &Case, burst: Option<BurstOptions>) -> Result<Harness> {
    let mut harness = Harness::with(&Setup { textbook_entries: 64, ..plan.setup.clone() }, burst, None)?;
    harness.admit_loopback()?;
    harness.set_case(case)?;
    Ok(harness)
}

fn measure_case(plan: &Plan, case: &Case, is_ipv6: bool) -> Result<BurstResult> {
    let burst =
        BurstOptions::within(plan.setup.kernel_bytes / SHARE, BUCKET_NS, 0, 1).context("no room for one ring")?;
    let (without, with) = (harness(plan, case, None)?, harness(plan, case, Some(burst))?);
    let family = if is_ipv6 { 6 } else { 4 };
    let (empty, netrig) = (format!("bench_empty{family}"), format!("bench_netrig{family}"));
    let turns = [(&without, &empty), (&without, &netrig), (&with, &netrig)];
    let packet = packet::udp(is_ipv6);
    let mut samples = [Samples::default(), Samples::default(), Samples::default()];
    for round in 0..=plan.rounds {
        for ((harness, name), samples) in turns.iter().zip(&mut samples) {
            let ns = rounds::run(harness.program(name)?, &packet, plan.packets, 1)?;
            if round > 0 {
                samples.push(ns);
            }
        }
    }
    let adds = samples[2].beyond(&samples[1]);
    let readings = clock_readings(&with)?;
    Ok(BurstResult {
        family: if is_ipv6 { "ipv6" } else { "ipv4" },
        case: case.name,
        account_ns: Figure::of(&samples[1].beyond(&samples[0])),
        adds_ns: Figure::of(&adds),
        error_ns: adds.error_of_median(),
        max_ns: (case.flows == 1).then_some(NS_MAX),
        packets_per_reading: (plan.rounds as f64 + 1.0) * f64::from(plan.packets) / readings.max(1) as f64,
    })
}

fn clock_readings(harness: &Harness) -> Result<u64> {
    let memory = harness.probe.burst_memory().context("bursts are not counted")?;
    let each = size_of::<burst_cpu>() / 8;
    let of_cpu = |cpu: usize| memory.cpus.load(cpu * each + offset_of!(burst_cpu, clock_reads) / 8);
    Ok((0..memory.sizes.cpus as usize).map(of_cpu).sum())
}
