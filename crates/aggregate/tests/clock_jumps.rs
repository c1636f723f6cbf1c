//! A wall clock that jumps changes when things are told, and nothing of what is.

mod common;

use common::*;
use netrig_aggregate::Aggregator;
use netrig_model::{EndReason, Timestamp};
use proptest::prelude::*;

const HOUR_IN_WINDOWS: i64 = 360;

#[test]
fn a_flow_is_idle_in_time_although_the_clock_was_set_back_by_hours() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&delta(UDP, (9, 1000), (1, 53), 5));
    assert_eq!(only(close(&mut aggregator, 1, false)).end_reason, EndReason::Active);
    for window in 0..3 {
        assert_eq!(aggregator.stats().flows, 1, "silent for {window} windows by the new clock");
        assert!(close(&mut aggregator, window - 2 * HOUR_IN_WINDOWS, false).is_empty());
    }
    assert!(close(&mut aggregator, 3 - 2 * HOUR_IN_WINDOWS, false).is_empty());
    assert_eq!(aggregator.stats().flows, 0);
}

#[test]
fn a_flow_that_goes_on_is_not_said_to_be_seen_in_time_to_come() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&delta(UDP, (9, 1000), (1, 53), 5));
    close(&mut aggregator, 1, false);
    let later = -2 * HOUR_IN_WINDOWS;
    aggregator.add(&delta(UDP, (9, 1000), (1, 53), 10 * later + 3));
    let record = only(close(&mut aggregator, later + 1, false));
    assert!(record.first_seen <= record.last_seen && record.last_seen <= record.window_end, "{record:?}");
}

#[test]
fn packets_read_a_moment_after_the_end_keep_their_time() {
    let mut aggregator = Aggregator::new(config(64));
    aggregator.add(&delta(UDP, (9, 1000), (1, 53), 11));
    assert_eq!(only(close(&mut aggregator, 1, false)).last_seen.0, START + 11 * SECOND);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Packet(u16),
    /// So many windows on, or back.
    Close(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..40_u16).prop_map(Step::Packet),
        3 => Just(Step::Close(1)),
        1 => (-5 * HOUR_IN_WINDOWS..30 * 24 * HOUR_IN_WINDOWS).prop_map(Step::Close),
    ]
}

proptest! {
    #[test]
    fn whatever_the_clock_does_every_packet_is_told_once(
        steps in prop::collection::vec(step(), 1..200), capacity in prop::sample::select(vec![4, 64_usize])
    ) {
        let mut aggregator = Aggregator::new(config(capacity));
        let (mut window, mut added, mut told) = (1, 0, 0);
        for step in steps {
            match step {
                Step::Packet(port) => {
                    aggregator.add(&delta(UDP, (9, 1000 + port), (1, 53), 10 * (window - 1) + 4));
                    added += 1;
                }
                Step::Close(windows) => {
                    for record in close(&mut aggregator, window, false) {
                        let end = Timestamp(START + window * WINDOW);
                        prop_assert_eq!((record.window_start, record.window_end), (end.plus_ns(-WINDOW), end));
                        prop_assert!(record.last_seen <= end.plus_ns(config(1).idle_timeout_ns));
                        told += record.packets + record.reverse_packets;
                    }
                    prop_assert_eq!(told, added);
                    window += windows;
                }
            }
        }
        told += close(&mut aggregator, window, true).iter().map(|r| r.packets + r.reverse_packets).sum::<u64>();
        prop_assert_eq!(told, added);
    }
}
