//! Keeps the rig's cost under its budget: turns steps down while it is over, up again while there is room.
//!
//! Pure: time and cost are told, and what is to change is returned. Down goes quickly, several steps at once where it is far over.
//! Up goes one by one and slowly, and only where what the step saved when it was turned down, as a factor of all the cost, fits with
//! room to spare; or, where little is left of the cost, as a trial after minutes. A climb that proves too dear makes the next wait
//! twice as long.
//!
//! What is far beyond anything a surge could be is not waited for: all up to sampled flows goes down together. Where the packets that came
//! with it are gone later, so that nothing of it is the steps' doing, waits between climbs are short.

use std::collections::VecDeque;

const SECOND_NS: u64 = 1_000_000_000;
/// Over so much time user space's cost is spread: windows' ends make it come in surges.
const SPREAD_NS: u64 = 10 * SECOND_NS;
/// A judgement needs so much time since the last change.
const DECIDE_NS: u64 = 4 * SECOND_NS;
/// One that is beyond doubt needs less.
const URGENT_NS: u64 = 2 * SECOND_NS;
/// Over the budget by this factor it is beyond doubt.
const URGENT_TIMES: f64 = 2.0;
/// The next climb waits for so long at least, and at most.
const PATIENCE_MIN_NS: u64 = 20 * SECOND_NS;
const PATIENCE_MAX_NS: u64 = 1280 * SECOND_NS;
/// A climb that has been within the budget for so long has proved good.
const PROVED_NS: u64 = 60 * SECOND_NS;
/// A climb is to leave so much of the budget.
const ROOM: f64 = 0.8;
/// Without a fitting forecast a climb is tried after so long, if cost is less than this part of the budget.
const TRIAL_NS: u64 = 300 * SECOND_NS;
const TRIAL_ROOM: f64 = 0.25;
/// Over the budget by this factor, until so many times the budget of the span that surges are spread over has gone: beyond all measure.
const LEAP_TIMES: f64 = 10.0;
const LEAP_SPREAD_TIMES: f64 = 2.0;
/// With less than this part of the packets of a leap its load is gone. Climbs then wait for so long, twice as long with each leap, if the
/// one before is not so long ago.
const GONE_PART: f64 = 0.125;
const GONE_PATIENCE_NS: u64 = 2 * SECOND_NS;
const LEAP_MEMORY_NS: u64 = 600 * SECOND_NS;
/// No step is thought to save more than this factor.
const FACTOR_MAX: f64 = 20.0;

/// Cost over a span of time, as shares of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) span_ns: u64,
    pub(crate) kernel: f64,
    pub(crate) user: f64,
    /// A second.
    pub(crate) packets: f64,
}

impl Sample {
    /// Of so much CPU time in a span of time, on a machine on which so many CPUs are online: those that are not do not work for
    /// anybody, so they are no part of the whole that `[rig] cpu` is a share of.
    pub(crate) fn of(span_ns: u64, kernel_ns: f64, user_ns: u64, cpus_online: usize) -> Self {
        let all_ns = span_ns.max(1) as f64 * cpus_online.max(1) as f64;
        Self { span_ns, kernel: kernel_ns / all_ns, user: user_ns as f64 / all_ns, packets: 0.0 }
    }

    fn all(&self) -> f64 {
        self.kernel + self.user
    }
}

/// What is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Number of the step.
    pub(crate) step: usize,
    pub(crate) down: bool,
}

/// A step's place.
#[derive(Clone, Copy, Debug)]
struct Place {
    available: bool,
    down: bool,
    /// Cost with it is so many times cost without it.
    factor: f64,
}

/// The last time that all up to sampled flows was turned down at once.
#[derive(Clone, Copy, Debug)]
struct Leap {
    /// A second.
    packets: f64,
    ago_ns: u64,
    /// How many there were in a row before, none of them long after another, and how many climbs were too dear.
    earlier: u32,
}

/// The governor of so many steps.
#[derive(Debug)]
pub(crate) struct Governor {
    places: Vec<Place>,
    /// So many of them go down in a leap.
    leap_to: usize,
    leapt: Option<Leap>,
    /// The latest ones.
    samples: VecDeque<Sample>,
    /// Of these, those since the last change.
    fresh: usize,
    since_ns: u64,
    /// The cost ahead of the last change, if that was down, and how many steps it was.
    ahead: Option<(f64, usize)>,
    /// The step that was turned up last and the cost ahead of it, until that has proved good or not.
    climbed: Option<(usize, f64)>,
    patience_ns: u64,
    downs: u64,
    ups: u64,
    exhausted: bool,
    /// Judgements in a row that it is too much.
    in_a_row: u32,
}

impl Governor {
    /// All up. `available`: whether there is anything to turn down, for each step in order; `leap_to`: how many of them a leap takes.
    pub(crate) fn new(available: impl Iterator<Item = bool>, leap_to: usize) -> Self {
        Self {
            leap_to,
            leapt: None,
            places: available.map(|available| Place { available, down: false, factor: 1.0 }).collect(),
            samples: VecDeque::new(),
            fresh: 0,
            since_ns: 0,
            ahead: None,
            climbed: None,
            patience_ns: PATIENCE_MIN_NS,
            downs: 0,
            ups: 0,
            exhausted: false,
            in_a_row: 0,
        }
    }

    /// Takes in what was measured, and tells what to change, in order.
    pub(crate) fn observe(&mut self, sample: Sample, budget: f64) -> Vec<Change> {
        if sample.span_ns == 0 {
            return Vec::new();
        }
        self.take(sample);
        if self.is_beyond_measure(budget) {
            let changes = self.leap(sample);
            if !changes.is_empty() {
                return changes;
            }
        }
        let Some(cost) = self.cost().filter(|_| self.since_ns >= URGENT_NS) else { return Vec::new() };
        if cost > budget {
            let sure = self.since_ns >= DECIDE_NS || cost > URGENT_TIMES * budget;
            return if sure { self.descend(cost, budget) } else { Vec::new() };
        }
        self.exhausted = false;
        self.in_a_row = 0;
        self.learn(cost);
        self.climb(cost, budget)
    }

    fn take(&mut self, sample: Sample) {
        self.samples.push_back(sample);
        self.fresh += 1;
        self.since_ns = self.since_ns.saturating_add(sample.span_ns);
        if let Some(leap) = &mut self.leapt {
            leap.ago_ns = leap.ago_ns.saturating_add(sample.span_ns);
        }
        while self.samples.len() > 1 && span(self.samples.iter().skip(1)) >= SPREAD_NS {
            self.samples.pop_front();
        }
        self.fresh = self.fresh.min(self.samples.len());
    }

    /// Since the last change, as a share of the machine; user space's is spread over more time where that is less.
    pub(crate) fn cost(&self) -> Option<f64> {
        let fresh = || self.samples.iter().rev().take(self.fresh);
        let kernel = mean(fresh(), |sample| sample.kernel)?;
        let user = mean(fresh(), |sample| sample.user)?;
        Some(kernel + user.min(mean(self.samples.iter(), |sample| sample.user)?))
    }

    /// Not even as a surge that is spread could it be within the budget.
    fn is_beyond_measure(&self, budget: f64) -> bool {
        let fresh = self.samples.iter().rev().take(self.fresh);
        let dear = fresh.take_while(|sample| sample.all() > LEAP_TIMES * budget);
        let spent: f64 = dear.map(|sample| sample.all() * sample.span_ns as f64).sum();
        spent > LEAP_SPREAD_TIMES * budget * SPREAD_NS as f64
    }

    /// All up to sampled flows at once. If something was turned up just before, that is not what has become so dear.
    fn leap(&mut self, sample: Sample) -> Vec<Change> {
        let changes = self.next_down(self.leap_to).into_iter().filter(|change| change.step < self.leap_to);
        let changes: Vec<_> = changes.collect();
        self.turn_down(&changes, sample.all());
        if !changes.is_empty() {
            let recent = self.leapt.filter(|leap| leap.ago_ns < LEAP_MEMORY_NS);
            let earlier = recent.map_or(0, |leap| leap.earlier.saturating_add(1));
            self.leapt = Some(Leap { packets: sample.packets, ago_ns: 0, earlier });
            if self.climbed.take().is_some() {
                self.be_more_patient();
            }
        }
        changes
    }

    /// A climb was too dear.
    fn be_more_patient(&mut self) {
        self.patience_ns = (self.patience_ns * 2).min(PATIENCE_MAX_NS);
        if let Some(leap) = &mut self.leapt {
            leap.earlier = leap.earlier.saturating_add(1);
        }
    }

    /// The steps that are turned down next.
    fn next_down(&self, count: usize) -> Vec<Change> {
        let up = self.places.iter().enumerate().filter(|(_, place)| place.available && !place.down);
        up.take(count).map(|(step, _)| Change { step, down: true }).collect()
    }

    fn descend(&mut self, cost: f64, budget: f64) -> Vec<Change> {
        if let Some((step, ahead)) = self.climbed.take() {
            self.be_more_patient();
            self.places[step].factor = factor(ahead, cost);
        }
        let changes = self.next_down(steps_at_once(cost / budget, self.in_a_row));
        self.exhausted = changes.is_empty();
        self.turn_down(&changes, cost);
        changes
    }

    fn turn_down(&mut self, changes: &[Change], cost: f64) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        if changes.is_empty() {
            return;
        }
        for change in changes {
            self.places[change.step].down = true;
            self.downs += 1;
        }
        self.ahead = Some((cost, changes.len()));
        self.begin_anew();
    }

    /// What the last steps down have saved, in equal parts where they were several.
    fn learn(&mut self, cost: f64) {
        if self.since_ns < DECIDE_NS {
            return;
        }
        let Some((ahead, steps)) = self.ahead.take() else { return };
        let each = factor(cost, ahead).powf(1.0 / steps as f64);
        let down = self.places.iter_mut().filter(|place| place.down);
        down.rev().take(steps).for_each(|place| place.factor = each);
    }

    fn climb(&mut self, cost: f64, budget: f64) -> Vec<Change> {
        if self.climbed.is_some() && self.since_ns >= PROVED_NS {
            self.climbed = None;
            self.patience_ns = PATIENCE_MIN_NS;
        }
        let Some(step) = self.places.iter().rposition(|place| place.down) else { return Vec::new() };
        let fits = cost * self.places[step].factor <= ROOM * budget;
        let tries = cost <= TRIAL_ROOM * budget && self.since_ns >= TRIAL_NS;
        if self.since_ns < self.patience() || !(fits || tries) {
            return Vec::new();
        }
        self.places[step].down = false;
        self.ups += 1;
        self.climbed = Some((step, cost));
        self.ahead = None;
        self.begin_anew();
        vec![Change { step, down: false }]
    }

    fn patience(&self) -> u64 {
        let packets = self.samples.back().map_or(0.0, |sample| sample.packets);
        match self.leapt {
            Some(leap) if packets < GONE_PART * leap.packets => {
                (GONE_PATIENCE_NS << leap.earlier.min(9)).min(self.patience_ns)
            }
            _ => self.patience_ns,
        }
    }

    fn begin_anew(&mut self) {
        self.fresh = 0;
        self.since_ns = 0;
    }

    /// Whether a step is turned down; none where there is nothing to turn down.
    pub(crate) fn is_down(&self, step: usize) -> Option<bool> {
        self.places.get(step).filter(|place| place.available).map(|place| place.down)
    }

    /// How many are.
    pub(crate) fn level(&self) -> usize {
        self.places.iter().filter(|place| place.down).count()
    }

    /// Steps down and up since the start.
    pub(crate) fn moves(&self) -> (u64, u64) {
        (self.downs, self.ups)
    }

    /// All is turned down, and it is still too much.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted
    }
}

/// Far over the budget one step at a time would take too long, and so it would where the last ones were not enough.
fn steps_at_once(times: f64, in_a_row: u32) -> usize {
    let far = match times {
        times if times > 3.0 => 4,
        times if times > 1.5 => 2,
        _ => 1,
    };
    far.max(1 << in_a_row.min(2))
}

fn factor(without: f64, with: f64) -> f64 {
    if without <= 0.0 { FACTOR_MAX } else { (with / without).clamp(1.0, FACTOR_MAX) }
}

fn span<'a>(samples: impl Iterator<Item = &'a Sample>) -> u64 {
    samples.fold(0, |sum: u64, sample| sum.saturating_add(sample.span_ns))
}

/// By time; none over no time.
fn mean<'a>(samples: impl Iterator<Item = &'a Sample>, of: impl Fn(&Sample) -> f64) -> Option<f64> {
    let (mut sum, mut span_ns) = (0.0, 0.0);
    for sample in samples {
        sum += of(sample) * sample.span_ns as f64;
        span_ns += sample.span_ns as f64;
    }
    (span_ns > 0.0).then(|| sum / span_ns)
}
