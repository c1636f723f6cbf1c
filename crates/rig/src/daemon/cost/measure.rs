//! When is measured, and what comes of it: statistics on for a slice, all programs read at its both ends.

use super::pace::{Pace, Schedule};
use super::process;
use super::statistics::Switch;
use super::tally::{Slice, Tally};
use netrig_model::{CostMethod, ProbeCost};
use netrig_probes::meter::{Parts, Runs, Statistics, Weight, Yardstick};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is asked whether the next slice should be due, and what makes it: so many times the budget, or the packets before; of
/// packets so many a second at least.
const GLANCE: Duration = Duration::from_millis(250);
const MANY_TIMES: f64 = 5.0;
const MANY_PACKETS: f64 = 20_000.0;
/// What measuring costs has this name among the probes.
pub(super) const METER: &str = "meter";
/// A policy has this one.
const POLICY: &str = "policy";

/// What is around it.
pub(super) trait World {
    /// Packets that the flow probe has counted, in the stack's units.
    fn frames(&self) -> u64;
    /// The policy in force may be another one than at the last slice; none: no policy.
    fn policy(&self) -> Option<Arc<Parts>>;
}

/// One probe's programs.
struct Metered {
    probe: &'static str,
    /// None: at the moment it has none.
    parts: Option<Arc<Parts>>,
    tally: Tally,
    kernel_bytes: u64,
}

/// Cost over the time since the last slice.
pub(super) struct Measured {
    pub(super) span_ns: u64,
    /// CPU time, nanoseconds.
    pub(super) kernel_ns: f64,
    pub(super) user_ns: u64,
    /// That the flow probe has counted.
    pub(super) packets: u64,
}

/// A slice that lasts.
struct Open {
    began: Instant,
    _statistics: Statistics,
    before: Vec<Runs>,
    frames: u64,
}

/// All of it.
pub(super) struct Meter {
    metered: Vec<Metered>,
    own: Tally,
    switch: Result<Switch, String>,
    weight: Weight,
    /// Why kernel time is not known.
    without: String,
    method: CostMethod,
    open: Option<Open>,
    schedule: Schedule,
    /// What was so when the last slice ended.
    last_frames: u64,
    last_cpu_ns: u64,
    last_runs: Vec<Runs>,
    slices: u64,
    kernel_bytes: u64,
    /// Over the time before the last slice.
    packets_per_second: f64,
    glanced: Glance,
}

/// What is known without statistics, for next to nothing.
#[derive(Clone, Copy, Debug)]
struct Glance {
    at: Instant,
    frames: u64,
    cpu_ns: u64,
}

impl Glance {
    fn now(world: &dyn World) -> Self {
        Self { at: Instant::now(), frames: world.frames(), cpu_ns: process::cpu_ns() }
    }
}

impl Meter {
    /// Of these probes; a policy's programs come and go. While this thread has the rights for statistics.
    pub(super) fn start(probes: Vec<(&'static str, Parts)>) -> Self {
        let by_packets = |probe| matches!(probe, "flow" | "recorder");
        let metered = |(probe, parts): (&'static str, Option<Parts>)| Metered {
            probe,
            parts: parts.map(Arc::new),
            tally: Tally::new(by_packets(probe)),
            kernel_bytes: 0,
        };
        let policy = std::iter::once((POLICY, None));
        let all = probes.into_iter().map(|(probe, parts)| (probe, Some(parts))).chain(policy);
        let switch = Switch::start().map_err(|error| error.to_string());
        let (weight, without) = match weigh(&switch) {
            Ok(weight) => (weight, String::new()),
            Err(why) => {
                tracing::warn!(error = %why, "What the kernel programs cost cannot be measured; [rig] cpu is held by user space's cost.");
                (Weight::default(), why)
            }
        };
        Self {
            metered: all.map(metered).collect(),
            own: Tally::new(false),
            switch,
            weight,
            without,
            method: CostMethod::None,
            open: None,
            schedule: Schedule::new(Instant::now()),
            last_frames: 0,
            last_cpu_ns: process::cpu_ns(),
            last_runs: Vec::new(),
            slices: 0,
            kernel_bytes: 0,
            packets_per_second: 0.0,
            glanced: Glance { at: Instant::now(), frames: 0, cpu_ns: process::cpu_ns() },
        }
    }

    /// All is attached: what has been spent so far was the start's.
    pub(super) fn begin(&mut self, world: &dyn World) {
        self.schedule.begin(Instant::now());
        (self.last_frames, self.last_cpu_ns) = (world.frames(), process::cpu_ns());
        self.last_runs = self.read();
        self.glanced = Glance::now(world);
        self.weigh_memory(world);
    }

    /// Between slices: where the process has taken many times its budget (of so many cores) since the last glance, or packets are far more
    /// than they were, the next slice is due at once.
    pub(super) fn glance(&mut self, world: &dyn World, budget_cores: f64) {
        if self.schedule.is_alert() || self.open.is_some() || self.glanced.at.elapsed() < GLANCE {
            return;
        }
        let now = Glance::now(world);
        let before = std::mem::replace(&mut self.glanced, now);
        let span_ns = now.at.saturating_duration_since(before.at).as_nanos() as f64;
        let took_ns = now.cpu_ns.saturating_sub(before.cpu_ns) as f64;
        let packets = per_second(now.frames.saturating_sub(before.frames), span_ns as u64);
        let many = packets > MANY_PACKETS && packets > MANY_TIMES * self.packets_per_second;
        if many || took_ns > MANY_TIMES * budget_cores * span_ns {
            self.schedule.hurry(now.at);
        }
    }

    /// How long until a slice begins or ends.
    pub(super) fn until_due(&self, now: Instant) -> Duration {
        self.schedule.until_due(self.open.as_ref().map(|open| open.began), now)
    }

    /// To be called when [`Self::until_due`] has passed. Something, where a slice has ended.
    pub(super) fn turn(&mut self, world: &dyn World) -> Option<Measured> {
        if !self.until_due(Instant::now()).is_zero() {
            return None;
        }
        if self.open.is_some() {
            return self.end(world);
        }
        self.look_for_policy(world);
        if Statistics::always_on() {
            self.method = CostMethod::Always;
            return Some(self.close(world, None));
        }
        match self.switch.as_ref().map_err(Clone::clone).and_then(|switch| switch.on().map_err(|e| e.to_string())) {
            Ok(statistics) => {
                self.method = CostMethod::Slices;
                self.without.clear();
                let (before, frames) = (self.read(), world.frames());
                self.open = Some(Open { began: Instant::now(), _statistics: statistics, before, frames });
                None
            }
            Err(why) => {
                self.method = CostMethod::None;
                self.without = why;
                Some(self.close(world, None))
            }
        }
    }

    fn end(&mut self, world: &dyn World) -> Option<Measured> {
        let open = self.open.take()?;
        Some(self.close(world, Some(open)))
    }

    /// Reckons up what has been since the last slice.
    fn close(&mut self, world: &dyn World, open: Option<Open>) -> Measured {
        let (now, frames, cpu_ns, runs) = (Instant::now(), world.frames(), process::cpu_ns(), self.read());
        let span_ns =
            |since: Instant| u64::try_from(now.saturating_duration_since(since).as_nanos()).unwrap_or(u64::MAX);
        let whole = Slice { span_ns: span_ns(self.schedule.last), frames: frames.saturating_sub(self.last_frames) };
        let (before, slice, own_ns) = match &open {
            Some(open) => {
                let slice = Slice { span_ns: span_ns(open.began), frames: frames.saturating_sub(open.frames) };
                (&open.before, slice, self.weight.cost_ns)
            }
            // Whoever has statistics on all the time pays for them.
            None => (&self.last_runs, whole, 0.0),
        };
        let mut kernel_ns = 0.0;
        let mut all = Runs::default();
        for ((metered, now), before) in self.metered.iter_mut().zip(&runs).zip(before) {
            let did = now.since(*before);
            all += did;
            kernel_ns += metered.tally.add(did, slice, whole, self.weight.bias_ns);
        }
        let own = Runs { runs: all.runs, time_ns: (all.runs as f64 * own_ns) as u64 };
        kernel_ns += self.own.add(own, whole, whole, 0.0);
        let user_ns = cpu_ns.saturating_sub(self.last_cpu_ns);
        (self.last_frames, self.last_cpu_ns, self.last_runs) = (frames, cpu_ns, runs);
        self.slices += 1;
        self.forget_policy();
        self.schedule.ended(now);
        self.packets_per_second = per_second(whole.frames, whole.span_ns);
        Measured { span_ns: whole.span_ns, kernel_ns, user_ns, packets: whole.frames }
    }

    fn read(&self) -> Vec<Runs> {
        self.metered.iter().map(|each| each.parts.as_ref().map_or_else(Runs::default, |parts| parts.runs())).collect()
    }

    fn look_for_policy(&mut self, world: &dyn World) {
        if let Some(policy) = self.metered.last_mut() {
            policy.parts = world.policy();
        }
    }

    /// A policy that is removed is to be gone from the kernel.
    fn forget_policy(&mut self) {
        if let Some(policy) = self.metered.last_mut() {
            policy.parts = None;
        }
    }

    /// How often is measured from now on.
    pub(super) fn keep_pace(&mut self, pace: Pace) {
        self.schedule.keep_pace(pace);
    }

    /// Frames begin to come.
    pub(super) fn stir(&mut self) {
        self.schedule.stir();
    }

    /// Something was changed: costs are others from now on.
    pub(super) fn forget(&mut self) {
        self.metered.iter_mut().for_each(|each| each.tally.forget());
    }

    /// Asks the kernel what memory each map takes; of maps that probes share the first has it. Between slices a policy's are not at hand.
    pub(super) fn weigh_memory(&mut self, world: &dyn World) {
        let mut seen = BTreeSet::new();
        let policy = world.policy();
        self.kernel_bytes = 0;
        for each in &mut self.metered {
            let parts = if each.probe == POLICY { policy.as_ref() } else { each.parts.as_ref() };
            let maps = parts.map_or_else(BTreeMap::new, |parts| parts.map_bytes());
            each.kernel_bytes = maps.into_iter().filter(|(id, _)| seen.insert(*id)).map(|(_, bytes)| bytes).sum();
            self.kernel_bytes += each.kernel_bytes;
        }
    }

    /// Memory of all maps; `policy_bytes` is what the tables of the policy in force take, which are no part of what is weighed.
    pub(super) fn kernel_bytes(&self, policy_bytes: u64) -> u64 {
        self.kernel_bytes + policy_bytes
    }

    pub(super) fn method(&self) -> CostMethod {
        self.method
    }

    pub(super) fn without(&self) -> &str {
        &self.without
    }

    pub(super) fn weight(&self) -> Weight {
        self.weight
    }

    pub(super) fn slices(&self) -> u64 {
        self.slices
    }

    /// Each probe's, and the meter's own. `policy_bytes` as above.
    pub(super) fn costs(&self, policy_bytes: u64) -> Vec<ProbeCost> {
        let cost = |probe: &str, tally: &Tally, kernel_bytes| {
            let ((cpu_ns, runs), (runs_per_second, ns_per_run, core_ratio)) = (tally.totals(), tally.rates());
            let by_packets = tally.by_packets() && self.method == CostMethod::Slices;
            let probe = probe.to_owned();
            ProbeCost { probe, cpu_ns, runs, by_packets, runs_per_second, ns_per_run, core_ratio, kernel_bytes }
        };
        let own = cost(METER, &self.own, 0);
        let of_tables = |probe| if probe == POLICY { policy_bytes } else { 0 };
        let all = self.metered.iter();
        all.map(|each| cost(each.probe, &each.tally, each.kernel_bytes + of_tables(each.probe))).chain([own]).collect()
    }
}

fn weigh(switch: &Result<Switch, String>) -> Result<Weight, String> {
    let switch = switch.as_ref().map_err(Clone::clone)?;
    let yardstick = Yardstick::load().map_err(|error| error.to_string())?;
    // Where somebody else has statistics on meanwhile, nothing tells what they add; what they count of that is the least.
    let at_least = |weight: Weight| Weight { cost_ns: weight.cost_ns.max(weight.bias_ns), ..weight };
    yardstick.weigh(|| switch.on()).map(at_least).map_err(|error| {
        format!("run-time statistics cannot be switched on ({error}): that takes CAP_SYS_ADMIN, or kernel.bpf_stats_enabled = 1")
    })
}

fn per_second(count: u64, span_ns: u64) -> f64 {
    count as f64 * 1e9 / span_ns.max(1) as f64
}
