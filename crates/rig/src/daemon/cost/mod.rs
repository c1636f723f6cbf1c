//! The rig's own cost: measured, told, and held to `[rig] cpu`.

mod governor;
#[cfg(test)]
mod governor_tests;
mod least;
mod measure;
mod pace;
mod process;
mod statistics;
mod steps;
mod switches;
mod tally;

pub(super) use steps::Turned;

use super::probes::{Named, Probes, frames};
use super::road::{Road, probe_options};
use governor::{Change, Governor, Sample};
use measure::{Measured, Meter, World};
use netrig_config::Config;
use netrig_drain::Drain;
use netrig_model::{GovernorStatus, MemoryCost, OverheadStatus, StepState, StepStatus};
use netrig_probes::meter::Parts;
use pace::Pace;
use process::Threads;
use std::sync::Arc;
use std::time::{Duration, Instant};
use steps::Step;

/// How often maps are asked for their memory.
const MEMORY_SPAN: Duration = Duration::from_secs(60);
/// From this part of the budget on it is looked at more often.
const ALERT_SHARE: f64 = 0.5;
/// Up to this part of it kernel programs may cost while there is next to nothing to be measured.
const REST_SHARE: f64 = 0.02;
/// How often threads are looked at, at most.
const THREADS_SPAN: Duration = Duration::from_secs(5);

/// All that has to do with it.
pub(super) struct Cost {
    meter: Meter,
    governor: Governor,
    turned: Turned,
    threads: Threads,
    threads_looked: Instant,
    memory: MemoryCost,
    weighed: Instant,
    cpus: usize,
    /// Over the latest slice's time: share of a core.
    process_core_ratio: f64,
    process_cpu_ns: u64,
}

/// What of the loop is needed to measure.
pub(super) struct Around<'a> {
    pub(super) config: &'a Config,
    pub(super) probes: &'a mut Probes,
    pub(super) road: Option<&'a mut Road>,
    pub(super) named: &'a [Named],
}

/// Packets and the policy, without what else is around.
struct Seen<'a> {
    drain: Option<&'a Drain>,
    probes: &'a Probes,
    named: &'a [Named],
}

impl World for Seen<'_> {
    fn frames(&self) -> u64 {
        self.drain.map_or(0, |drain| frames(self.named, drain))
    }

    fn policy(&self) -> Option<Arc<Parts>> {
        self.probes.policies.get().and_then(|policies| policies.parts())
    }
}

impl Around<'_> {
    fn seen(&self) -> Seen<'_> {
        Seen { drain: self.road.as_deref().map(|road| &road.drain), probes: self.probes, named: self.named }
    }
}

impl Cost {
    /// Of what has been loaded, while this thread has all rights.
    pub(super) fn start(config: &Config, probes: &Probes, road: Option<&Road>) -> Self {
        let flow = road.map(|road| ("flow", road.probe.parts()));
        let mut parts = Vec::new();
        for (probe, its) in flow.into_iter().chain(probes.parts()) {
            match its {
                Ok(its) => parts.push((probe, its)),
                Err(error) => tracing::warn!(probe, %error, "What the probe costs will not be known."),
            }
        }
        let budget = probe_options(config).1;
        Self {
            meter: Meter::start(parts),
            governor: governor(config, probes),
            turned: Turned::default(),
            threads: Threads::default(),
            threads_looked: Instant::now(),
            memory: MemoryCost {
                budget_bytes: config.rig.memory.0,
                kernel_budget_bytes: budget.kernel_all_bytes(),
                ..MemoryCost::default()
            },
            weighed: Instant::now(),
            cpus: cpus(1),
            process_core_ratio: 0.0,
            process_cpu_ns: process::cpu_ns(),
        }
    }

    /// All is attached.
    pub(super) fn begin(&mut self, around: &Around<'_>) {
        self.meter.begin(&around.seen());
        self.threads.look(1);
        self.threads_looked = Instant::now();
        self.weighed = Instant::now();
    }

    /// How long until a slice of measuring begins or ends.
    pub(super) fn until_due(&self, now: Instant) -> Duration {
        self.meter.until_due(now)
    }

    /// Slices, and what follows of them. The host `stirs` where more frames come than at rest.
    pub(super) fn turn(&mut self, mut around: Around<'_>, stirs: bool) {
        if stirs {
            self.meter.stir();
        }
        let budget = around.config.rig.cpu.fraction();
        self.meter.glance(&around.seen(), budget * self.cpus as f64);
        let Some(measured) = self.meter.turn(&around.seen()) else { return };
        self.note(&measured, &around);
        let sample = self.sample(&measured);
        let was_exhausted = self.governor.is_exhausted();
        let changes = self.governor.observe(sample, budget);
        let cost = self.governor.cost().unwrap_or(sample.kernel + sample.user);
        self.meter.keep_pace(if self.governor.level() > 0 || cost > ALERT_SHARE * budget {
            Pace::Alert
        } else if stirs || sample.kernel > REST_SHARE * budget {
            Pace::Calm
        } else {
            Pace::Rest
        });
        if self.governor.is_exhausted() && !was_exhausted {
            tracing::warn!(
                percent = %percent(cost),
                budget = %around.config.rig.cpu,
                "All is turned down, and the rig still costs more than [rig] cpu allows."
            );
        }
        if !changes.is_empty() {
            changes.iter().for_each(|change| tell(*change, sample, around.config));
            self.apply(&mut around);
            self.meter.forget();
        }
    }

    fn note(&mut self, measured: &Measured, around: &Around<'_>) {
        self.cpus = cpus(self.cpus);
        let looked = self.threads_looked.elapsed();
        if looked >= THREADS_SPAN {
            self.threads_looked = Instant::now();
            self.threads.look(u64::try_from(looked.as_nanos()).unwrap_or(u64::MAX));
        }
        self.process_cpu_ns = process::cpu_ns();
        self.process_core_ratio = measured.user_ns as f64 / measured.span_ns.max(1) as f64;
        if self.weighed.elapsed() >= MEMORY_SPAN {
            self.weighed = Instant::now();
            self.meter.weigh_memory(&around.seen());
        }
    }

    /// As shares of the machine.
    fn sample(&self, measured: &Measured) -> Sample {
        let packets = measured.packets as f64 * 1e9 / measured.span_ns.max(1) as f64;
        Sample { packets, ..Sample::of(measured.span_ns, measured.kernel_ns, measured.user_ns, self.cpus) }
    }

    /// Brings what is turned down in line with the governor and the configuration, which may be a new one.
    pub(super) fn apply(&mut self, around: &mut Around<'_>) {
        let down = |(at, _): &(usize, Step)| self.governor.is_down(*at) == Some(true);
        self.turned = Turned::of(Step::ALL.into_iter().enumerate().filter(down).map(|(_, step)| step));
        switches::apply(self.turned, around);
        self.meter.keep_pace(Pace::Alert);
    }

    /// `policy_bytes` is what the tables of the policy in force take of the kernel's memory, as it is known since they were made.
    pub(super) fn status(&self, config: &Config, policy_bytes: u64) -> OverheadStatus {
        let (resident_bytes, own_bytes) = process::memory_bytes();
        let kernel_bytes = self.meter.kernel_bytes(policy_bytes);
        let weight = self.meter.weight();
        OverheadStatus {
            cpu_budget_ratio: config.rig.cpu.fraction(),
            cpus: self.cpus as u64,
            ratio: self.governor.cost(),
            method: self.meter.method(),
            detail: self.meter.without().to_owned(),
            bias_ns: weight.bias_ns,
            statistics_ns: weight.cost_ns,
            slices: self.meter.slices(),
            probes: self.meter.costs(policy_bytes),
            threads: self.threads.costs(),
            process_cpu_ns: self.process_cpu_ns,
            process_core_ratio: self.process_core_ratio,
            memory: MemoryCost { kernel_bytes, resident_bytes, own_bytes, ..self.memory.clone() },
            governor: self.governor_status(),
        }
    }

    fn governor_status(&self) -> GovernorStatus {
        let step = |(at, step): (usize, Step)| StepStatus {
            step: step.name().to_owned(),
            gives_up: step.gives_up().to_owned(),
            state: match self.governor.is_down(at) {
                Some(true) => StepState::Down,
                Some(false) => StepState::Up,
                None => StepState::Absent,
            },
        };
        let (downs, ups) = self.governor.moves();
        GovernorStatus {
            level: self.governor.level() as u64,
            steps: Step::ALL.into_iter().enumerate().map(step).collect(),
            downs,
            ups,
            exhausted: self.governor.is_exhausted(),
        }
    }
}

fn governor(config: &Config, probes: &Probes) -> Governor {
    let available = Step::ALL.iter().map(|step| switches::has(*step, config, probes));
    Governor::new(available, Step::ALL.iter().take_while(|step| **step != Step::LEAP_TO).count() + 1)
}

/// Refuses a configuration whose `[rig] cpu` could not be kept on this machine.
///
/// # Errors
/// With the least that could.
pub(crate) fn check_budget(config: &Config) -> anyhow::Result<()> {
    least::refuse_too_little(config.rig.cpu, cpus(1))
}

/// Processors come and go; where it cannot be told, there are as many as before.
fn cpus(before: usize) -> usize {
    netrig_host::cpus().map_or(before, |cpus| cpus.online).max(1)
}

fn tell(change: Change, sample: Sample, config: &Config) {
    let Some(step) = Step::ALL.get(change.step) else { return };
    let (kernel, user) = (percent(sample.kernel), percent(sample.user));
    let (step, what, budget) = (step.name(), step.gives_up(), config.rig.cpu);
    if change.down {
        tracing::warn!(step, what, %kernel, %user, %budget, "Turned down, to keep [rig] cpu.");
    } else {
        tracing::info!(step, %kernel, %user, %budget, "Turned up again: [rig] cpu has room for it.");
    }
}

fn percent(ratio: f64) -> String {
    format!("{:.3}%", ratio * 100.0)
}
