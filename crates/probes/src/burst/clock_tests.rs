//! The clock's rule (`buckets.h`), in plain Rust: how far a packet can be from its bucket.

use super::{BurstOptions, BurstSizes};
use crate::wire::burst_settings;
use proptest::prelude::*;

const BUCKET_NS: u64 = 1_000_000;
const JIFFY_NS: u64 = 4_000_000;

/// `number_of` and `read_clock`.
struct Clock {
    settings: burst_settings,
    left: u32,
    step: u32,
    tick: u64,
    read_ns: u64,
    reads: u64,
}

impl Clock {
    fn new() -> Self {
        let sizes = BurstSizes { cpus: 1, ifaces: 2, buckets: 2048, samples: 4096 };
        let settings = BurstOptions { sizes, bucket_ns: BUCKET_NS, netns: 0 }.settings();
        Self { settings, left: 0, step: 0, tick: 0, read_ns: 0, reads: 0 }
    }

    /// The instant that a packet is taken to have come at.
    fn time_of(&mut self, now_ns: u64, packets: u32) -> u64 {
        let tick = now_ns / JIFFY_NS;
        self.left = self.left.saturating_sub(1 + packets / 8);
        if self.left == 0 || self.tick != tick {
            self.read(now_ns, tick);
        }
        self.read_ns
    }

    fn read(&mut self, now_ns: u64, tick: u64) {
        let took = now_ns - self.read_ns;
        if took > self.settings.far_ns.into() {
            self.step = 1;
        } else if self.left == 0 && took < self.settings.near_ns.into() && self.step < self.settings.step_max {
            self.step *= 2;
        }
        self.left = self.step;
        self.read_ns = now_ns;
        self.tick = tick;
        self.reads += 1;
    }
}

/// Packets at these distances, so many of each, from an instant on; when each came and when it was taken to have come.
fn run(clock: &mut Clock, from_ns: u64, trains: &[(u64, u32)]) -> Vec<(u64, u64)> {
    let mut now_ns = from_ns;
    let mut seen = Vec::new();
    for (distance_ns, packets) in trains {
        for _ in 0..*packets {
            now_ns += distance_ns;
            seen.push((now_ns, clock.time_of(now_ns, 1)));
        }
    }
    seen
}

proptest! {
    #[test]
    fn a_packet_of_a_steady_train_is_early_by_an_eighth_of_a_bucket_at_most(
        distance_ns in 50_u64..3_000_000, packets in 1_u32..3_000, from_ns in 1_000_000_000_u64..2_000_000_000,
    ) {
        for (came, taken) in run(&mut Clock::new(), from_ns, &[(distance_ns, packets)]) {
            prop_assert!(taken <= came && came - taken < BUCKET_NS / 8, "{} taken for {}", came, taken);
        }
    }

    #[test]
    fn where_trains_slow_down_a_few_packets_are_early_and_none_by_more_than_a_jiffy(
        trains in prop::collection::vec((prop_oneof![50_u64..2_000, 2_000_u64..200_000, 200_000_u64..8_000_000], 1_u32..400), 1..12),
        from_ns in 1_000_000_000_u64..2_000_000_000,
    ) {
        let mut clock = Clock::new();
        let seen = run(&mut clock, from_ns, &trains);
        prop_assert!(seen.iter().all(|(came, taken)| taken <= came && came - taken < JIFFY_NS));
        let early = seen.iter().filter(|(came, taken)| came - taken >= BUCKET_NS / 8).count();
        let slower = trains.windows(2).filter(|pair| pair[1].0 > pair[0].0).count();
        let few = clock.settings.step_max as usize - 1;
        prop_assert!(early <= few * slower, "{} packets where {} trains slow down", early, slower);
    }

    #[test]
    fn a_burst_keeps_its_edges(
        distance_ns in 500_u64..50_000, phase_ns in 0_u64..BUCKET_NS, silence_ns in 5_000_000_u64..1_000_000_000,
    ) {
        // Five milliseconds, after silence and before it.
        let packets = (5 * BUCKET_NS / distance_ns) as u32;
        let mut clock = Clock::new();
        run(&mut clock, 1_000_000_000, &[(distance_ns, packets)]);
        let from_ns = clock.read_ns + silence_ns + phase_ns;
        let seen = run(&mut clock, from_ns, &[(distance_ns, packets)]);
        let count = |number: u64, of: fn(&(u64, u64)) -> u64| seen.iter().filter(|s| of(s) / BUCKET_NS == number).count();
        let first = from_ns / BUCKET_NS;
        for number in first - 1..first + 8 {
            let (truth, told) = (count(number, |s| s.0), count(number, |s| s.1));
            // What is early at one edge was early at the other, too.
            let eighth = (BUCKET_NS / 8 / distance_ns) as usize + 1;
            prop_assert!(truth.abs_diff(told) <= eighth, "{} of {} in bucket {}", told, truth, number);
        }
    }
}

#[test]
fn a_fast_train_reads_the_clock_for_few_of_its_packets_and_a_slow_one_for_each() {
    let mut clock = Clock::new();
    run(&mut clock, 1_000_000_000, &[(1_000, 10_000)]);
    assert!(clock.reads < 10_000 / 30 + 20, "{}", clock.reads);
    let before = clock.reads;
    run(&mut clock, 1_100_000_000, &[(200_000, 1_000)]);
    assert_eq!(clock.reads - before, 1_000);
}

#[test]
fn a_super_packet_counts_as_some_of_its_segments() {
    let mut clock = Clock::new();
    run(&mut clock, 1_000_000_000, &[(100, 200)]);
    assert_eq!(clock.step, clock.settings.step_max);
    // As one that has just read.
    clock.left = clock.step;
    let read_ns = clock.read_ns;
    for later in 1..=5 {
        assert_eq!(clock.time_of(read_ns + later * 10_000, 45), read_ns, "{later}");
    }
    let now_ns = read_ns + 60_000;
    assert_eq!(clock.time_of(now_ns, 45), now_ns, "as many as the clock may wait for have passed");
}

#[test]
fn super_packets_read_the_clock_for_some_of_them() {
    let mut clock = Clock::new();
    let mut now_ns = 1_000_000_000;
    for _ in 0..1_000 {
        now_ns += 10_000;
        let taken = clock.time_of(now_ns, 45);
        assert!(taken <= now_ns && now_ns - taken < BUCKET_NS / 8, "{now_ns} taken for {taken}");
    }
    assert!(clock.reads < 1_000 / 3, "{}", clock.reads);
}
