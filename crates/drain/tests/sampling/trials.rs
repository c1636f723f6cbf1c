//! 200 trials with seeds of their own: how often the truth lies within the bounds that are told.

use crate::run::{ACK, FIN, Packet, Run, SYN, Sums, add};
use netrig_model::{TrafficCounts, error_bounds};
use netrig_testkit::require_root;
use std::collections::BTreeMap;

const TRIALS: u64 = 200;
const ONE_IN: u32 = 64;

/// A trial's packets: flows from mice to elephants, of short, long and mixed packets, some in trains, some evenly among the others.
fn traffic() -> (Vec<Packet>, Sums) {
    // Source port, packets, lengths in turns, packets in a row.
    let shapes: [(u16, u32, &[u32], u32); 8] = [
        (1, 6_000, &[1514], 16),
        (2, 3_000, &[66], 1),
        (3, 2_000, &[54, 1514], 2),
        (4, 1_000, &[80, 400, 1200], 1),
        (5, 500, &[1514, 66, 66, 66, 66, 66, 66, 66], 8),
        (6, 300, &[590], 1),
        (7, 150, &[110], 3),
        (8, 100, &[1400], 1),
    ];
    let mut left: Vec<_> = shapes.iter().map(|(_, packets, ..)| *packets).collect();
    let (mut packets, mut state) = (Vec::new(), 1_u64);
    while left.iter().any(|n| *n > 0) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // A flow comes next as often as it has packets left.
        let mut at = (state >> 33) as u32 % left.iter().sum::<u32>();
        let which = left.iter().position(|n| at.checked_sub(*n).map(|rest| at = rest).is_none()).unwrap_or(0);
        let (flow, all, lengths, row) = shapes[which];
        for _ in 0..row.min(left[which]) {
            let number = all - left[which];
            let length = lengths[number as usize % lengths.len()];
            left[which] -= 1;
            packets.push(match (flow % 2, number, left[which]) {
                (0, ..) => Packet::udp(flow, length),
                (_, 0, _) => Packet::tcp(flow, length, SYN),
                (_, _, 0) => Packet::tcp(flow, length, FIN | ACK),
                _ => Packet::tcp(flow, length, ACK),
            });
        }
    }
    let mut truth = Sums::new();
    for packet in &packets {
        add(&mut truth, (false, packet.flow), 1, packet.length.into());
    }
    (packets, truth)
}

/// How often the truth lay within the bounds, and how far from it estimates were in all.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    packets_within: u64,
    bytes_within: u64,
    packets_error: i64,
    bytes_error: i64,
}

impl Tally {
    fn add(&mut self, told: TrafficCounts, truth: TrafficCounts, (packets, bytes): (u64, u64)) {
        self.packets_within += u64::from(told.packets.abs_diff(truth.packets) <= packets);
        self.bytes_within += u64::from(told.bytes.abs_diff(truth.bytes) <= bytes);
        self.packets_error += told.packets.cast_signed() - truth.packets.cast_signed();
        self.bytes_error += told.bytes.cast_signed() - truth.bytes.cast_signed();
    }
}

#[test]
fn the_truth_lies_within_the_bounds_in_at_least_93_of_100_trials() {
    require_root!();
    let (packets, truth) = traffic();
    let mut run = Run::new();
    run.probe.set_sampling(ONE_IN);
    let mut tallies: BTreeMap<u16, Tally> = BTreeMap::new();
    let mut of_all = Tally::default();
    for trial in 0..TRIALS {
        run.probe.seed_sampling(1000 + trial);
        run.told.clear();
        packets.iter().for_each(|packet| run.see(packet));
        run.scan();
        let (mut all, mut all_true, mut squares) =
            (TrafficCounts::default(), TrafficCounts::default(), (0.0_f64, 0.0_f64));
        for (key, truth) in &truth {
            let told = run.told.get(key).copied().unwrap_or_default();
            let bounds = error_bounds(told.packets, told.bytes, ONE_IN);
            tallies.entry(key.1).or_default().add(told, *truth, bounds);
            all.add(told);
            all_true.add(*truth);
            squares.0 += (bounds.0 as f64).powi(2);
            squares.1 += (bounds.1 as f64).powi(2);
        }
        of_all.add(all, all_true, (squares.0.sqrt() as u64, squares.1.sqrt() as u64));
        // Connections begin and end with packets that are told, whatever is left out.
        for flow in [1, 3, 5, 7] {
            assert_eq!(run.flags[&(false, flow)] & (SYN | FIN), SYN | FIN, "flow {flow}, trial {trial}");
        }
        let certain = packets.iter().filter(|packet| packet.is_certain()).count() as u64;
        assert!(all.packets % u64::from(ONE_IN) == certain % u64::from(ONE_IN), "told as themselves, in all trials");
    }
    for (flow, tally) in &tallies {
        let truth = truth[&(false, *flow)];
        println!("flow {flow}, {} packets, {} bytes: {tally:?}", truth.packets, truth.bytes);
        check(tally, truth);
    }
    println!("all of them: {of_all:?}");
    let all = truth.values().fold(TrafficCounts::default(), |mut sum, of| {
        sum.add(*of);
        sum
    });
    check(&of_all, all);
}

fn check(tally: &Tally, truth: TrafficCounts) {
    assert!(tally.packets_within * 100 >= TRIALS * 93, "{truth:?} {tally:?}");
    assert!(tally.bytes_within * 100 >= TRIALS * 93, "{truth:?} {tally:?}");
    // Unbiased: the mean of all trials is within four of its own deviations, those of packets taken independently.
    let trials = TRIALS as f64;
    let deviation = (truth.packets as f64 * f64::from(ONE_IN) / trials).sqrt();
    assert!((tally.packets_error as f64 / trials).abs() < 4.0 * deviation, "{truth:?} {tally:?}");
    let longest = (truth.bytes as f64 / truth.packets as f64).max(1.0) * 1514.0;
    let deviation = (truth.packets as f64 * longest * f64::from(ONE_IN) / trials).sqrt();
    assert!((tally.bytes_error as f64 / trials).abs() < 4.0 * deviation, "{truth:?} {tally:?}");
}
