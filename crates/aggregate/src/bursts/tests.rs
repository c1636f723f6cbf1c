//! The detector against a plain reading of its rules, and what bursts made on purpose are told as.

use super::ring::Ring;
use super::*;
use netrig_model::BurstTrigger;
use proptest::prelude::*;

const MS: u64 = 1_000_000;
const BOUNDS: BurstBounds = BurstBounds { bucket_ns: MS, link_share: 0.8, times_mean: 10, min_bytes: 32 << 10 };
const LINK: u64 = 10_000_000_000;

/// Time of day is monotonic time; flow `n` has the source port `n % 1000`.
struct Plain;

impl BurstWorld for Plain {
    fn time(&self, monotonic_ns: u64) -> Timestamp {
        Timestamp(monotonic_ns.cast_signed())
    }

    fn flow(&self, number: u64) -> Option<(FlowKey, Option<u32>)> {
        let key = FlowKey {
            src: Address::v4([10, 0, 0, 1]),
            dst: Address::v4([10, 0, 0, 2]),
            src_port: (number % 1000) as u16,
            dst_port: 80,
            iface: InterfaceId(1),
            protocol: 17,
            kind: FlowKind::Ipv4,
            direction: Direction::Egress,
            vlan: None,
            vlan_inner: None,
            tunnel: None,
        };
        (number != 999).then_some((key, None))
    }
}

fn buckets(first: u64, bytes: &[u64]) -> Vec<BurstBucket> {
    let bucket = |(number, bytes): (u64, &u64)| BurstBucket {
        number,
        bytes: *bytes,
        packets: bytes.div_ceil(1000),
        ..BurstBucket::default()
    };
    (first..).zip(bytes).map(bucket).collect()
}

fn told(bytes: &[u64], chunk: usize, link: Option<u64>) -> Vec<BurstRecord> {
    let mut ring = Ring::new(BOUNDS);
    ring.watch("eth0", link);
    for chunk in buckets(0, bytes).chunks(chunk) {
        ring.feed(chunk, &[], &Plain);
    }
    ring.finish(&Plain);
    ring.told(Direction::Egress).into_iter().map(|told| told.record).collect()
}

/// The rules, read over the whole at once.
mod plain {
    use super::*;

    type Found = (usize, usize, f64, f64, u64, BurstTrigger);

    fn mean(bytes: &[u64], at: usize, slots: usize) -> f64 {
        let from = (at / 100 * 100).saturating_sub(slots * 100);
        if at == from { 0.0 } else { bytes[from..at].iter().sum::<u64>() as f64 / (at - from) as f64 }
    }

    /// Bound and mean.
    fn measure(bytes: &[u64], at: usize, link: Option<f64>) -> Option<(f64, f64)> {
        let long = mean(bytes, at, 100);
        let times = (at >= 1000).then(|| 10.0 * long.max(mean(bytes, at, 10)));
        let lower = link.into_iter().chain(times).reduce(f64::min)?;
        Some((lower.max(2048.0), long))
    }

    /// Start and end in buckets, octets.
    pub(super) fn bursts(bytes: &[u64], link: Option<u64>) -> Vec<(f64, f64, u64, BurstTrigger)> {
        let link = link.map(|bits| bits as f64 / 8.0 / 1000.0 * 0.8);
        let mut found: Vec<Found> = Vec::new();
        // Which bucket is spoken for as an edge, or as the last of a burst of full length.
        let mut taken = usize::MAX;
        let mut at = 0;
        while at < bytes.len() {
            let Some((bound, mean)) = measure(bytes, at, link).filter(|(bound, _)| bytes[at] as f64 > *bound) else {
                at += 1;
                continue;
            };
            let mut before = at.checked_sub(1).filter(|before| *before != taken);
            let mut first = at;
            loop {
                at += 1;
                let peak = bytes[first..at].iter().copied().max().unwrap_or(0);
                let over_link = link.is_some_and(|link| peak as f64 > link);
                let fell = at < bytes.len() && (bytes[at] as f64) < (bound / 2.0).max(peak as f64 / 4.0);
                let dwarfed = at < bytes.len() && bytes[at] / 4 > peak;
                let long = at - first == 1000;
                if !(fell || dwarfed || long || at == bytes.len()) {
                    continue;
                }
                if dwarfed && !long && at - first == 1 {
                    (before, first) = (Some(first), at);
                    continue;
                }
                let behind = (fell && !long).then_some(at);
                let burst = one(bytes, (first, at), (before, behind), mean, over_link).filter(|_| !long || over_link);
                if burst.is_some_and(|burst| burst.1 == at) {
                    taken = at;
                } else if long {
                    taken = at - 1;
                }
                let is_told = burst.is_some();
                found.extend(burst);
                if dwarfed && !long {
                    (before, first) = (if is_told { None } else { Some(at - 1) }, at);
                    continue;
                }
                at += usize::from(fell && !long);
                break;
            }
        }
        let is_told = |(_, last, start, end, sum, trigger): &Found, followed_from: usize| {
            let until = bytes.len().min(followed_from + 250);
            let following = bytes[followed_from.min(until)..until].iter().sum::<u64>() as f64
                / (until.saturating_sub(followed_from).max(1)) as f64;
            let _ = last;
            *trigger == BurstTrigger::LinkShare || *sum as f64 / (end - start) >= 3.0 * following
        };
        let told = found.iter().filter(|burst| is_told(burst, burst.0));
        told.map(|burst| (burst.2, burst.3, burst.4, burst.5)).collect()
    }

    /// Where what follows begins, its last bucket, start, end, octets.
    fn one(
        bytes: &[u64],
        (first, end): (usize, usize),
        (before, behind): (Option<usize>, Option<usize>),
        mean: f64,
        over_link: bool,
    ) -> Option<Found> {
        let run = &bytes[first..end];
        let level = match run {
            [_, inner @ .., _] if !inner.is_empty() => inner.iter().sum::<u64>() as f64 / inner.len() as f64,
            _ => run.iter().copied().max().unwrap_or(0) as f64,
        };
        let fill = |at: usize| {
            if level > mean { ((bytes[at] as f64 - mean) / (level - mean)).clamp(0.0, 1.0) } else { 1.0 }
        };
        let edge = |at: Option<usize>| at.filter(|at| fill(*at) >= 0.05);
        let sum = [edge(before), edge(behind)].into_iter().flatten().map(|at| bytes[at]).sum::<u64>()
            + run.iter().sum::<u64>();
        let start = (first + 1) as f64 - fill(first) - edge(before).map_or(0.0, fill);
        let stop = (end - 1) as f64 + fill(end - 1) + edge(behind).map_or(0.0, fill);
        let trigger = if over_link { BurstTrigger::LinkShare } else { BurstTrigger::TimesMean };
        let followed_from = end + usize::from(behind.is_some());
        (sum >= BOUNDS.min_bytes).then_some((followed_from, edge(behind).unwrap_or(end - 1), start, stop, sum, trigger))
    }
}

fn loads() -> impl Strategy<Value = Vec<u64>> {
    let level = prop::sample::select(vec![0_u64, 0, 700, 6_000, 40_000, 150_000, 600_000, 1_200_000]);
    let length = prop_oneof![4 => 1_usize..8, 2 => 8_usize..60, 1 => 60_usize..1_300];
    let part = (level, length, 0_u64..100, any::<u64>()).prop_map(|(level, length, jitter, seed)| {
        let mut state = seed | 1;
        let noisy = move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            level - level * jitter / 100 * (state >> 57) / 128
        };
        (0..length).map(noisy).collect::<Vec<_>>()
    });
    (0_usize..1_500, prop::collection::vec(part, 1..14)).prop_map(|(silence, parts)| {
        let mut all = vec![0; silence];
        all.extend(parts.into_iter().flatten());
        all
    })
}

proptest! {
    #[test]
    fn bursts_are_those_of_a_plain_reading_of_the_rules(
        bytes in loads(), chunk in 1_usize..300, link in prop::option::of(Just(LINK)),
    ) {
        let told = told(&bytes, chunk, link);
        let plain = plain::bursts(&bytes, link);
        let found: Vec<_> = told.iter().map(|r| (r.burst_start.0, r.burst_end.0, r.bytes, r.trigger)).collect();
        let ns = |buckets: f64| (buckets * MS as f64).round() as i64;
        let expected: Vec<_> = plain.iter().map(|b| (ns(b.0), ns(b.1), b.2, b.3)).collect();
        prop_assert_eq!(found.len(), expected.len(), "{:?}\n{:?}", found, expected);
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((found.0 - expected.0).abs() <= 2 && (found.1 - expected.1).abs() <= 2, "{:?} {:?}", found, expected);
            prop_assert_eq!((found.2, found.3), (expected.2, expected.3));
        }
    }

    #[test]
    fn a_burst_tells_what_its_buckets_held(bytes in loads(), chunk in 1_usize..300) {
        let told = told(&bytes, chunk, Some(LINK));
        let mut end_before = 0;
        for r in &told {
            prop_assert!(r.burst_start.0 >= end_before, "in order, and none within another");
            end_before = r.burst_end.0;
            prop_assert_eq!(r.duration_ns as i64, r.burst_end.0 - r.burst_start.0);
            let series = r.series();
            prop_assert!(series.len() <= 400);
            let first = r.series_start.0 as usize / MS as usize;
            prop_assert_eq!(&series[..], &bytes[first..first + series.len()]);
            let last = (r.burst_end.0 - 1) as usize / MS as usize;
            prop_assert!(series.len() == 400 || first + series.len() >= (last + 1).min(bytes.len()));
            // One more where the first is only an edge, and filled with little.
            prop_assert!(r.burst_start.0 / MS as i64 - (first as i64) <= 21);
            prop_assert!(r.bytes >= BOUNDS.min_bytes);
        }
    }

    #[test]
    fn five_milliseconds_are_five_wherever_they_begin(phase in 0_u64..MS, bytes in 200_000_u64..5_000_000) {
        let mut line = vec![0_u64; 4_100];
        for second in 0..4_u64 {
            let (from, until) = (second * 1_000 * MS + 100 * MS + phase, second * 1_000 * MS + 105 * MS + phase);
            for (at, bucket) in (0..).zip(&mut line) {
                let within = until.min((at + 1) * MS).saturating_sub(from.max(at * MS));
                *bucket += bytes * within / (5 * MS);
            }
        }
        let told = told(&line, 100, None);
        // In the first second there is no telling what is usual.
        prop_assert_eq!(told.len(), 3);
        for r in &told {
            prop_assert!(r.duration_ns.abs_diff(5 * MS) <= 5 * MS / 50, "{}", r.duration_ns);
            prop_assert!(r.bytes.abs_diff(bytes) <= bytes / 50);
            let peak = bytes * 8 * 200;
            prop_assert!(r.peak_bits_per_second.abs_diff(peak) <= peak / 50);
            if let Some(gap) = r.gap_ns {
                prop_assert!(gap.abs_diff(995 * MS) <= MS / 5, "{}", gap);
            }
        }
    }

    #[test]
    fn a_level_that_rises_is_no_burst(jitter in 0_u64..60, level in 3_000_u64..500_000, seed: u64, seconds in 1_usize..5) {
        let mut state = seed | 1;
        let mut line = vec![0; 3_000];
        line.extend((0..seconds * 1_000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            level - level * jitter / 100 * (state >> 57) / 128
        }));
        line.extend([0; 1_000]);
        let told = told(&line, 100, None);
        prop_assert!(told.is_empty(), "{:?}", told);
    }
}

#[test]
fn what_is_over_the_links_share_for_long_is_told_in_pieces_of_a_second() {
    let mut line = vec![0; 500];
    line.extend([LINK / 8 / 1000; 2_500]);
    line.extend([0; 100]);
    let told = told(&line, 100, Some(LINK));
    let lengths: Vec<_> = told.iter().map(|r| (r.duration_ns / MS, r.gap_ns, r.trigger)).collect();
    let link = BurstTrigger::LinkShare;
    assert_eq!(lengths, [(1_000, None, link), (1_000, Some(0), link), (500, Some(0), link)]);
    assert!(told[0].series.split(' ').count() == 400 && told[0].series_start.0 == 480_000_000);
}

#[test]
fn buckets_that_could_not_be_read_end_a_burst_and_join_nothing() {
    let mut ring = Ring::new(BOUNDS);
    ring.watch("eth0", Some(LINK));
    ring.feed(&buckets(0, &[0, 0, 1_200_000, 1_200_000]), &[], &Plain);
    ring.feed(&buckets(10, &[1_200_000, 0, 0]), &[], &Plain);
    ring.lose(6);
    ring.finish(&Plain);
    let told: Vec<_> = ring.told(Direction::Ingress).into_iter().map(|told| told.record).collect();
    assert_eq!(
        told.iter().map(|r| (r.bytes, r.series.as_str())).collect::<Vec<_>>(),
        [(2_400_000, "0 0 1200000 1200000"), (1_200_000, "1200000 0 0"),]
    );
    assert_eq!(told[0].retransmits, None, "nothing is sent again on the way in");
    let status = ring.status(Direction::Ingress);
    assert_eq!((status.buckets_lost, status.bursts, status.burst_bytes), (6, 2, 3_600_000));
    assert_eq!(status.durations.count(), 2);
}

#[test]
fn the_largest_flows_are_named_and_those_of_several_processors_are_one() {
    let at = (InterfaceId(1), Direction::Egress);
    let mut teller = BurstTeller::new(Some("host".to_owned()), BOUNDS);
    teller.watch(at.0, "eth0", Some(LINK));
    let sample = |number, flow, bytes| BurstSample { number, flow, bytes };
    // 5 and 1005 are one flow on two processors; 999 is gone; bucket 3 is no part of the burst.
    let many = |number, flow, bytes, times: usize| std::iter::repeat_n(sample(number, flow, bytes), times);
    let first = many(1, 5, 2, 100).chain(many(1, 1005, 2, 75)).chain(many(1, 7, 1, 50));
    let samples: Vec<_> = first.chain(many(2, 999, 1, 100)).chain(many(3, 8, 9_000, 1)).collect();
    teller.feed(at, (&buckets(0, &[0, 1_100_000, 1_100_000, 0, 0]), 0), &samples, &Plain);
    teller.finish(&Plain);
    let owner = |_: InterfaceId| None;
    let window = (Timestamp(0), Timestamp(10));
    let (records, more) = teller.close(window, &owner);
    assert_eq!((records.len(), more), (1, 0));
    let flows = records[0].top_flows();
    let named: Vec<_> = flows.iter().map(|flow| flow.flow.as_str()).collect();
    assert_eq!(named, ["udp 10.0.0.1:5 > 10.0.0.2:80", "udp 10.0.0.1:7 > 10.0.0.2:80"]);
    // The one by its samples, the other nearer to the one that is gone.
    assert_eq!(flows[0].bytes, 1_540_000);
    assert!((220_000..330_000).contains(&flows[1].bytes), "{flows:?}");
    assert_eq!(records[0].host.as_deref(), Some("host"));
    assert!(teller.close(window, &owner).0.is_empty(), "told once");
}

#[test]
fn a_flow_that_was_met_twice_among_a_hundred_is_not_told_as_many_times_larger() {
    let at = (InterfaceId(1), Direction::Egress);
    let mut teller = BurstTeller::new(None, BOUNDS);
    teller.watch(at.0, "eth0", Some(LINK));
    // A hundred flows of 11 kB, each met once in a while: eighty bits of 128 are set by so many.
    let mut line = buckets(0, &[0, 1_100_000, 0]);
    line[1].flows = (1 << 70) - 1;
    let sample = |flow| BurstSample { number: 1, flow, bytes: 16_384 };
    let samples: Vec<_> = (0..60).chain(0..10).chain(0..3).map(sample).collect();
    teller.feed(at, (&line, 0), &samples, &Plain);
    teller.finish(&Plain);
    let (records, _) = teller.close((Timestamp(0), Timestamp(10)), &|_: InterfaceId| None);
    let flows = records[0].top_flows();
    assert_eq!((records[0].flows, flows.len()), (101, 5));
    assert!(flows.iter().all(|flow| (10_000..15_000).contains(&flow.bytes)), "{flows:?}");
    assert!(flows[0].flow.contains(":0 >"), "the order stays: {flows:?}");
}

#[test]
fn more_bursts_than_are_kept_are_counted_and_the_largest_stay() {
    let at = (InterfaceId(1), Direction::Egress);
    let mut teller = BurstTeller::new(None, BOUNDS);
    teller.watch(at.0, "eth0", Some(LINK));
    for n in 0..5_000_u64 {
        teller.feed(at, (&buckets(n * 3, &[1_100_000 + n, 0, 0]), 0), &[], &Plain);
    }
    teller.finish(&Plain);
    let (records, more) = teller.close((Timestamp(0), Timestamp(10)), &|_: InterfaceId| None);
    assert_eq!((records.len(), more), (RECORDS_MAX, 5_000 - RECORDS_MAX as u64));
    assert!(records.iter().all(|r| r.bytes > 1_100_900));
    assert!(records.is_sorted_by_key(|r| r.burst_start));
    assert_eq!(teller.interfaces()[1].bursts, 5_000);
}

#[test]
fn what_has_no_ports_is_written_without_them() {
    let (key, _) = Plain.flow(7).expect("a flow");
    assert_eq!(text(&FlowKey { protocol: 1, ..key }), "icmp 10.0.0.1 > 10.0.0.2");
    assert_eq!(text(&FlowKey { protocol: 50, ..key }).split(' ').next_back(), Some("10.0.0.2"));
    assert_eq!(text(&FlowKey { kind: FlowKind::NotIp, dst_port: 0x0806, ..key }), "ethertype 0x0806");
}
