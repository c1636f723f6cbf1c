//! Bursts as they were sent: how long, how high, of whom; and what is no burst.

use crate::support::bursts::{BurstScene, assert_near, sent_and_told, sink};
use crate::support::this_process;
use netrig_model::{BurstRecord, BurstTrigger};
use netrig_testkit::{Datagrams, Pair, SentDatagrams, require_root};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MS: u64 = 1_000_000;
/// A sender that was held up for longer made something else: not as long as it seems, or two.
const PAUSE: Duration = Duration::from_micros(300);

fn five_milliseconds() -> Datagrams {
    Datagrams::to(sink()).times(2, SECOND)
}

/// Length, octets and height, by the sender's clock.
#[track_caller]
fn assert_shape(sent: &SentDatagrams, told: &BurstRecord) {
    assert_near("octets", told.bytes, sent.bytes(), 10);
    assert_near("length", told.duration_ns, sent.length_ns(), 10);
    let peak = sent.peak_bytes(told.bucket_ns) * 8 * (1_000 * MS / told.bucket_ns);
    assert_near("peak", told.peak_bits_per_second, peak, 10);
    let peak = told.peak_bits_per_second / 8 * told.bucket_ns / (1_000 * MS);
    assert!(told.series().contains(&peak), "{peak} in {}", told.series);
}

/// Where one that is known follows on another that is: the time between them, by the sender's clock.
#[track_caller]
fn assert_gaps(pairs: &[(SentDatagrams, BurstRecord)], told: &[BurstRecord]) {
    for pair in pairs.windows(2) {
        let [(earlier, first), (later, second)] = pair else { continue };
        let at = |record: &BurstRecord| told.iter().position(|each| each == record);
        let (Some(first), Some(at_second)) = (at(first), at(second)) else { panic!("{pair:?} is of {told:#?}") };
        if at_second == first + 1 {
            let gap_ns = later.first_ns() - earlier.first_ns() - earlier.length_ns();
            assert!(second.gap_ns.is_some_and(|told| told.abs_diff(gap_ns) < MS), "{:?}, {gap_ns}", second.gap_ns);
        }
    }
}

#[test]
fn a_burst_of_five_milliseconds_is_told_as_it_was_sent() {
    require_root!();
    let pair = Pair::new("burst-out");
    let scene = BurstScene::outgoing(&pair, "");
    // Half of it is the first one's.
    let datagrams = five_milliseconds().of_flows(&[9, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    let (pairs, told) = sent_and_told(&pair, &scene, &datagrams, PAUSE);
    for (sent, told) in &pairs {
        assert_shape(sent, told);
        assert_eq!(told.trigger, BurstTrigger::TimesMean);
        assert_eq!((told.ce_packets, told.retransmits), (0, Some(0)));
        let top = &told.top_flows()[0];
        let (source, _) = sent.flows[0];
        assert_eq!(top.flow, format!("udp 10.55.0.1:{} > 10.57.0.9:9999", source.port()), "{sent:?} as {told:?}");
        assert_eq!(top.process, this_process().0);
    }
    // By samples: good for the order of flows, and on the average for their octets.
    let estimated: u64 = pairs.iter().map(|(_, told)| told.top_flows()[0].bytes).sum();
    let largest: u64 = pairs.iter().map(|(sent, _)| u64::from(sent.flows[0].1) * sent.frame_bytes).sum();
    assert_near("octets of the largest flows", estimated, largest, 25);
    let flows: u64 = pairs.iter().map(|(_, told)| told.flows).sum();
    assert_near("flows", flows, 10 * pairs.len() as u64, 10);
    assert_gaps(&pairs, &told);

    let interface = scene.interface();
    assert_eq!(interface.bursts, told.len() as u64);
    assert_eq!(interface.burst_bytes, told.iter().map(|burst| burst.bytes).sum::<u64>());
    assert_eq!((interface.durations.count(), interface.gaps.count()), (interface.bursts, interface.bursts - 1));
    let highest = told.iter().map(|burst| burst.peak_bits_per_second).max();
    assert_eq!(Some(interface.peak_bits_per_second), highest, "of the last minute");
    assert_eq!(interface.buckets_lost, 0);
    assert_eq!(scene.rig.stop().bursts.len(), told.len(), "what was told is stored");
}

#[test]
fn many_equal_flows_are_not_told_as_a_few_large_ones() {
    require_root!();
    let pair = Pair::new("burst-many");
    let scene = BurstScene::outgoing(&pair, "");
    let datagrams = five_milliseconds().of_flows(&[1; 60]);
    let (pairs, _) = sent_and_told(&pair, &scene, &datagrams, PAUSE);
    let told = pairs.iter().map(|(_, told)| told.top_flows());
    let largest: u64 = told.map(|flows| flows.first().map_or(0, |flow| flow.bytes)).sum();
    // Four or five datagrams each. The largest of what samples say of sixty was four times as much.
    let truth: u64 = pairs.iter().map(|(sent, _)| sent.bytes() / 60).sum();
    assert!(largest < 2 * truth && largest * 2 > truth, "{largest} is told, {truth} is true: {pairs:#?}");
}

#[test]
fn a_burst_is_told_the_same_where_it_arrives() {
    require_root!();
    let pair = Pair::new("burst-in");
    let scene = BurstScene::incoming(&pair, "");
    for (sent, told) in sent_and_told(&pair, &scene, &five_milliseconds().of_flows(&[1, 1]), PAUSE).0 {
        assert_shape(&sent, &told);
        assert_eq!(told.retransmits, None);
    }
}

#[test]
fn the_same_load_sent_smoothly_is_no_burst() {
    require_root!();
    let pair = Pair::new("burst-none");
    let scene = BurstScene::outgoing(&pair, "");
    // Four times what the bursts above are on the average: enough of it passes in a second for a burst.
    let sent = pair.left.inside(|| Datagrams::to(sink()).count(4_000).within(4 * SECOND).send());
    let told = scene.told();
    let of_these = told.iter().filter(|burst| burst.bytes > sent[0].bytes() / 100);
    assert_eq!(of_these.collect::<Vec<_>>(), Vec::<&BurstRecord>::new());
    let mean = sent[0].bytes() * 8 * 1_000 * MS / sent[0].length_ns();
    let interface = scene.interface();
    assert!(
        interface.mean_bits_per_second <= mean && interface.mean_bits_per_second * 3 > mean,
        "{interface:?}, {mean}"
    );
}

#[test]
fn a_millisecond_is_told_by_finer_buckets() {
    require_root!();
    let pair = Pair::new("burst-fine");
    let scene = BurstScene::outgoing(&pair, "bucket = \"100us\"");
    let datagrams = five_milliseconds().count(100).within(Duration::from_millis(1));
    assert_eq!(scene.status().bucket_ns, MS / 10);
    for (sent, told) in sent_and_told(&pair, &scene, &datagrams, PAUSE / 4).0 {
        assert_near("octets", told.bytes, sent.bytes(), 10);
        assert_near("length", told.duration_ns, sent.length_ns(), 10);
    }
}

#[test]
fn what_keeps_a_link_busy_is_told_for_as_long_as_it_does() {
    require_root!();
    let pair = Pair::new("burst-link");
    // A veth pair says that it is a link of 10 Gbit/s.
    let scene = BurstScene::outgoing(&pair, "link_share = \"1%\"");
    let datagrams = Datagrams::to(sink()).count(40_000).within(2 * SECOND);
    let sent = pair.left.inside(|| datagrams.send());
    let told = scene.told();
    let link = scene.interface().link_bits_per_second;
    assert_eq!(link, Some(10_000_000_000));
    let of_link: Vec<_> = told.iter().filter(|burst| burst.trigger == BurstTrigger::LinkShare).collect();
    let bytes: u64 = of_link.iter().map(|burst| burst.bytes).sum();
    // A sender that is held up leaves buckets with less than the share: they are no burst's, and what is near it may be.
    let share = link.unwrap_or(0) / 8 / 100 / (1_000 * MS / scene.status().bucket_ns);
    let busy = |least| sent[0].bytes_of_buckets(scene.status().bucket_ns, least);
    let (surely, perhaps) = (busy(share * 5 / 4), busy(share / 2));
    assert!(surely > 0, "this machine is too busy: {} octets in {} ns", sent[0].bytes(), sent[0].length_ns());
    let bounds = surely - surely * 15 / 100..=perhaps + perhaps * 15 / 100;
    assert!(bounds.contains(&bytes), "{bytes} octets are told, {surely} to {perhaps} are true: {told:#?}");
    assert!(of_link.iter().all(|burst| burst.duration_ns <= 1_000 * MS), "a second is as long as one can be");
}
