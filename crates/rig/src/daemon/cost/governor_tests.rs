//! The governor before loads that are made up.

use super::governor::{Change, Governor, Sample};
use proptest::prelude::*;

const SECOND_NS: u64 = 1_000_000_000;

/// A machine on which each step saves its part of the kernel's cost.
struct Machine {
    governor: Governor,
    /// What is left of the cost with each step.
    parts: Vec<f64>,
    user: f64,
    kernel: f64,
    packets: f64,
    budget: f64,
}

impl Machine {
    fn new(parts: &[f64], kernel: f64, budget: f64) -> Self {
        let governor = Governor::new(parts.iter().map(|_| true), parts.len() * 3 / 4);
        Self { governor, parts: parts.to_vec(), user: 0.0, kernel, packets: 1000.0, budget }
    }

    fn cost(&self) -> f64 {
        let down = |step: &usize| self.governor.is_down(*step) == Some(true);
        let left: f64 = (0..self.parts.len()).filter(down).map(|step| self.parts[step]).product();
        self.kernel * left + self.user
    }

    fn second(&mut self) -> Vec<Change> {
        let kernel = self.cost() - self.user;
        self.governor
            .observe(Sample { span_ns: SECOND_NS, kernel, user: self.user, packets: self.packets }, self.budget)
    }

    fn seconds(&mut self, count: usize) -> usize {
        (0..count).map(|_| self.second().len()).sum()
    }
}

#[test]
fn within_the_budget_nothing_is_touched() {
    let mut machine = Machine::new(&[0.5; 6], 0.009, 0.01);
    assert_eq!(machine.seconds(10_000), 0);
    assert_eq!((machine.governor.level(), machine.governor.moves()), (0, (0, 0)));
}

#[test]
fn the_budget_is_a_share_of_the_cpus_that_are_online() {
    let mut governor = Governor::new([true, true].into_iter(), 1);
    // The same work all the time: 12 ms of a second in the kernel, 4 ms in user space.
    let mut seconds = |cpus, count: usize| {
        let sample = Sample::of(SECOND_NS, 12e6, 4_000_000, cpus);
        let changes = (0..count).map(|_| governor.observe(sample, 0.005).len()).sum::<usize>();
        (changes, governor.level(), governor.is_exhausted())
    };
    assert_eq!(seconds(4, 60), (0, 0, false), "0.4 % of four");
    assert_eq!(seconds(2, 60), (2, 2, true), "0.8 % of the two that are left");
    assert!(!seconds(4, 20).2, "the others are back");
}

#[test]
fn far_over_it_several_steps_are_taken_at_once_and_30_seconds_are_enough() {
    let mut machine = Machine::new(&[0.8; 11], 0.1, 0.01);
    machine.seconds(2);
    assert_eq!(machine.governor.level(), 4, "the first judgement, after two seconds");
    machine.seconds(28);
    assert!(machine.cost() <= 0.01, "{} at level {}", machine.cost(), machine.governor.level());
}

#[test]
fn steps_that_save_little_are_taken_more_at_once_each_time() {
    let mut machine = Machine::new(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5], 0.0102, 0.01);
    let changes: Vec<_> = (0..30).map(|_| machine.second().len()).filter(|count| *count > 0).collect();
    assert_eq!(changes, [1, 2, 4, 4]);
    assert!(machine.cost() <= 0.01);
}

#[test]
fn when_the_load_goes_all_comes_back_one_by_one() {
    let mut machine = Machine::new(&[0.7; 8], 0.05, 0.01);
    machine.seconds(60);
    let level = machine.governor.level();
    assert!(level >= 4, "{level}");
    machine.kernel = 0.0005;
    for _ in 0..level * 61 {
        assert!(machine.second().len() <= 1, "up goes one by one");
    }
    assert_eq!(machine.governor.level(), 0);
    assert_eq!(machine.governor.moves(), (level as u64, level as u64));
}

#[test]
fn a_cost_that_no_step_lowers_turns_all_down_and_is_told() {
    let mut machine = Machine::new(&[1.0; 5], 0.05, 0.01);
    machine.seconds(60);
    assert_eq!(machine.governor.level(), 5);
    assert!(machine.governor.is_exhausted());
    machine.kernel = 0.001;
    machine.seconds(10);
    assert!(!machine.governor.is_exhausted());
}

#[test]
fn what_is_not_there_is_passed_over() {
    let mut governor = Governor::new([false, true, false, true].into_iter(), 3);
    let dear = Sample { span_ns: 2 * SECOND_NS, kernel: 0.012, user: 0.0, packets: 0.0 };
    assert_eq!(governor.observe(dear, 0.01), []);
    assert_eq!(governor.observe(dear, 0.01), [Change { step: 1, down: true }]);
    governor.observe(dear, 0.01);
    assert_eq!(governor.observe(dear, 0.01), [Change { step: 3, down: true }]);
    assert_eq!((governor.is_down(0), governor.is_down(1)), (None, Some(true)));
}

#[test]
fn a_surge_at_a_windows_end_is_spread() {
    let mut governor = Governor::new([true; 4].into_iter(), 3);
    for second in 0..600 {
        let user = if second % 10 == 9 { 0.06 } else { 0.001 };
        let changes = governor.observe(Sample { span_ns: SECOND_NS, kernel: 0.001, user, packets: 0.0 }, 0.01);
        assert_eq!(changes, [], "at second {second}");
    }
}

#[test]
fn no_time_is_no_sample_and_a_long_one_no_harm() {
    let mut governor = Governor::new([true; 2].into_iter(), 1);
    assert_eq!(governor.observe(Sample { span_ns: 0, kernel: f64::MAX, user: 0.0, packets: 0.0 }, 0.01), []);
    assert_eq!(governor.cost(), None);
    assert_eq!(governor.observe(Sample { span_ns: u64::MAX, kernel: 0.001, user: 0.0, packets: 0.0 }, 0.01), []);
    assert_eq!(governor.observe(Sample { span_ns: u64::MAX, kernel: 0.001, user: 0.0, packets: 0.0 }, 0.01), []);
}

#[test]
fn beyond_all_measure_all_up_to_sampled_flows_goes_down_at_once_and_comes_back_soon_when_the_load_is_gone() {
    let mut machine = Machine::new(&[0.8; 12], 0.0005, 0.01);
    machine.seconds(60);
    machine.kernel = 0.4;
    machine.packets = 1e6;
    machine.seconds(1);
    assert_eq!(machine.governor.level(), 9, "one second of it is enough");
    machine.seconds(9);
    machine.kernel = 0.0005;
    machine.packets = 1000.0;
    let level = machine.governor.level();
    for _ in 0..level * 3 + 10 {
        assert!(machine.second().len() <= 1, "up goes one by one");
    }
    assert_eq!(machine.governor.level(), 0, "from {level}");
}

#[test]
fn while_its_packets_come_a_leap_is_taken_back_no_sooner_than_other_steps() {
    let mut machine = Machine::new(&[0.5; 12], 0.4, 0.01);
    machine.seconds(1);
    let level = machine.governor.level();
    assert_eq!(level, 9);
    // It has become cheap, but it is there.
    machine.kernel = 0.001;
    machine.seconds(19);
    assert_eq!(machine.governor.level(), level);
}

#[test]
fn bursts_that_come_again_and_again_are_met_more_slowly_by_climbs_each_time() {
    let mut machine = Machine::new(&[0.7; 12], 0.0, 0.01);
    let mut climbs = Vec::new();
    for _ in 0..6 {
        (machine.kernel, machine.packets) = (0.4, 1e6);
        machine.seconds(5);
        (machine.kernel, machine.packets) = (0.0005, 100.0);
        climbs.push(machine.seconds(35));
    }
    assert!(climbs[0] >= 9, "{climbs:?}");
    assert!(climbs[1] < climbs[0] && climbs[3..].iter().all(|count| *count <= 2), "{climbs:?}");
}

proptest! {
    /// Whatever of user space's comes within ten seconds and is no more than twice the budget of them: nothing leaps.
    #[test]
    fn a_surge_is_never_taken_for_a_load_that_is_beyond_all_measure(
        part in 0.0_f64..1.99, span_ms in 50_u64..2000, length in 1_usize..4,
    ) {
        let mut governor = Governor::new([true; 12].into_iter(), 9);
        let spent = part * 0.01 * 10_000.0;
        for sample in 0..200 {
            let user = if sample % 200 < length { spent / (span_ms * length as u64) as f64 } else { 0.0 };
            let changes = governor.observe(Sample { span_ns: span_ms * 1_000_000, kernel: 0.0, user, packets: 0.0 }, 0.01);
            prop_assert!(changes.len() <= 4, "{changes:?}");
        }
    }

    /// Whatever steps save: under a load that stays it comes under the budget if it can, and does not flap.
    #[test]
    fn a_steady_load_is_brought_under_and_held(
        parts in prop::collection::vec(0.2_f64..1.0, 1..12), kernel in 0.0_f64..0.6, user in 0.0_f64..0.005,
    ) {
        let mut machine = Machine::new(&parts, kernel, 0.01);
        machine.user = user;
        machine.seconds(60);
        let least = kernel * parts.iter().product::<f64>() + user;
        if least > 0.01 {
            prop_assert!(machine.governor.is_exhausted() && machine.governor.level() == parts.len());
            return Ok(());
        }
        // Each step may be tried once more than it is known, then it is.
        let mut over = 0;
        let mut moves = 0;
        for _ in 0..3600 {
            moves += machine.second().len();
            over += usize::from(machine.cost() > 0.01);
        }
        prop_assert!(over <= 5 * (parts.len() + 1), "over for {over} of 3600 s");
        prop_assert!(moves <= 4 * (parts.len() + 1), "{moves} moves in an hour");
    }

    /// Steps go down in order, and up in the reverse of it.
    #[test]
    fn the_order_is_kept(costs in prop::collection::vec(0.0_f64..0.05, 1..400), steps in 1_usize..11) {
        let mut governor = Governor::new((0..steps).map(|_| true), steps * 3 / 4);
        for kernel in costs {
            governor.observe(Sample { span_ns: 5 * SECOND_NS, kernel, user: 0.0, packets: 0.0 }, 0.01);
            let level = governor.level();
            prop_assert!((0..steps).all(|step| governor.is_down(step) == Some(step < level)));
            let (downs, ups) = governor.moves();
            prop_assert_eq!(downs - ups, level as u64);
        }
    }
}
