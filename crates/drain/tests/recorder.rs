//! The flight recorder's programs by test run, and what is read of their rings.

use netrig_drain::recorder::{Cursors, Reach, Recorder, Recording};
use netrig_model::Direction;
use netrig_probes::recorder::{RecorderProbe, RecorderSizes, SNAPLENS};
use netrig_testkit::require_root;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const LOOPBACK: u32 = 1;
const ALL: (u64, u64) = (0, u64::MAX);

fn probe(slots: u32, snaplen: u32) -> RecorderProbe {
    let cpus = std::fs::read_to_string("/sys/devices/system/cpu/possible").expect("CPUs");
    let cpus = cpus.trim().rsplit(['-', ',']).next().and_then(|last| last.parse::<u32>().ok()).expect("a number") + 1;
    let mut probe = RecorderProbe::load(RecorderSizes { cpus, ifaces: 2, slots, snaplen }).expect("it loads");
    probe.admit(LOOPBACK).expect("a ring");
    probe
}

fn frame(len: usize, number: u8) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..len).map(|at| at as u8 ^ number).collect();
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    frame
}

fn read(recorder: &Recorder, cursors: &mut Cursors) -> (Recording, BTreeMap<u32, Reach>) {
    let (mut recording, mut reaches) = (Recording::default(), BTreeMap::new());
    recorder.read(cursors, ALL, &mut recording, &mut reaches);
    (recording, reaches)
}

#[test]
fn a_packet_of_any_length_is_recorded_with_its_first_octets() {
    require_root!();
    for snaplen in SNAPLENS {
        let probe = probe(65, snaplen);
        let recorder = Recorder::new(probe.memory());
        let mut cursors = Cursors::default();
        for len in (15..130).chain([223, 224, 225, 479, 480, 481, 1514, 3000]) {
            let frame = frame(len, len as u8);
            let way = if len % 2 == 0 { Direction::Ingress } else { Direction::Egress };
            probe.try_on(way, &frame, 1).unwrap_or_else(|error| panic!("{len}: {error}"));
            let (recording, _) = read(&recorder, &mut cursors);
            let [packet] = recording.packets[..] else { panic!("{len}: {recording:?}") };
            assert_eq!((packet.len as usize, packet.is_egress), (len, len % 2 == 1));
            assert_eq!((packet.ifindex, packet.tag, packet.is_gso), (LOOPBACK, None, false));
            assert_eq!(recording.octets(&packet), &frame[..len.min(snaplen as usize)], "{len} of {snaplen}");
        }
    }
}

#[test]
fn what_is_overwritten_is_counted_and_times_rise() {
    require_root!();
    let probe = probe(65, 96);
    let recorder = Recorder::new(probe.memory());
    let mut cursors = recorder.now();
    probe.try_on(Direction::Ingress, &frame(60, 0), 1000).expect("runs");
    let (recording, reaches) = read(&recorder, &mut cursors);
    let reach = reaches[&LOOPBACK];
    assert_eq!(reach.packets + reach.overwritten, 1000, "{reach:?}");
    assert!(reach.packets >= 65, "one CPU's ring at least: {reach:?}");
    assert_eq!(reach.whole_since_ns, Some(recording.packets[0].time_ns));
    assert!(recording.packets.windows(2).all(|two| two[0].time_ns <= two[1].time_ns || two[0].cpu != two[1].cpu));
    assert_eq!(recorder.totals().0, 1000);
    let (recording, reaches) = read(&recorder, &mut cursors);
    assert!(recording.packets.is_empty() && reaches.is_empty(), "nothing is told twice");
}

#[test]
fn no_packet_is_torn_while_the_kernel_goes_on_writing() {
    require_root!();
    let probe = probe(65, 480);
    let recorder = Recorder::new(probe.memory());
    let done = AtomicBool::new(false);
    let (mut seen, mut overwritten) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..200_u8 {
                // Every octet says which frame it is of.
                probe.try_on(Direction::Egress, &[number; 480], 3_000).expect("runs");
            }
            done.store(true, Ordering::Release);
        });
        let mut cursors = Cursors::default();
        while !done.load(Ordering::Acquire) {
            let (recording, reaches) = read(&recorder, &mut cursors);
            seen += recording.packets.len() as u64;
            overwritten += reaches.values().map(|reach| reach.overwritten).sum::<u64>();
            for packet in &recording.packets {
                let octets = recording.octets(packet);
                assert!(octets.iter().all(|octet| *octet == octets[0]), "{octets:?}");
            }
        }
    });
    assert!(seen > 1_000, "{seen} seen, {overwritten} overwritten");
}

#[test]
fn an_interface_that_is_not_recorded_costs_a_look_and_leaves_nothing() {
    require_root!();
    let mut probe = probe(65, 96);
    probe.unwatch(LOOPBACK);
    let recorder = Recorder::new(probe.memory());
    let took = probe.try_on(Direction::Ingress, &frame(60, 0), 100).expect("runs");
    assert!(took < Duration::from_millis(1));
    assert_eq!(recorder.totals(), (0, 0));
    assert!(probe.admit(7).is_some() && probe.admit(8).is_some());
    assert_eq!(probe.admit(9), None, "there are two rings");
}

#[test]
#[ignore = "tells what a packet costs on this machine: run it on a quiet one, with --nocapture"]
fn what_a_packet_costs() {
    require_root!();
    for (snaplen, len) in [(96, 60), (96, 66), (96, 1514), (224, 1514), (480, 1514)] {
        let probe = probe(4096, snaplen);
        let run = |probe: &RecorderProbe| {
            let mut times: Vec<_> =
                (0..9).map(|_| probe.try_on(Direction::Ingress, &frame(len, 0), 1_000_000).expect("runs")).collect();
            times.sort();
            times[4]
        };
        let with = run(&probe);
        let mut without = probe;
        without.unwatch(LOOPBACK);
        println!("snaplen {snaplen}, {len} octets: {with:?}, of an interface without a ring {:?}", run(&without));
    }
}

/// As the flow probe's clock tells; the pace's own figures do not depend on it, for it is told in the same.
const NS_PER_TICK: u64 = 4_000_000;

#[test]
fn a_burst_after_quiet_is_recorded_whole_and_of_a_flood_an_even_part() {
    require_root!();
    let mut probe = probe(1024, 96);
    let recorder = Recorder::new(probe.memory());
    // What has been saved up since the machine started: half a ring.
    probe.set_pace(10_000, NS_PER_TICK);
    let mut cursors = recorder.now();
    probe.try_on(Direction::Ingress, &frame(60, 0), 500).expect("runs");
    let (recording, reaches) = read(&recorder, &mut cursors);
    assert_eq!((recording.packets.len(), recorder.left_out()), (500, 0), "{reaches:?}");
    // Some periods' worth at least, however fast this machine is.
    let many = 3_000_000;
    probe.try_on(Direction::Ingress, &frame(60, 1), many).expect("runs");
    let (total, left_out) = (recorder.totals().0, recorder.left_out());
    // What follows the latest that was recorded, on each CPU, is counted with the next one.
    let pending = u64::from(many) + 500 - total - left_out;
    assert!(pending < 100_000, "each packet is recorded or counted as left out: {total} + {left_out}, {pending} more");
    assert!(left_out > u64::from(many) / 2, "{left_out} of {many} were left out");
    let (recording, _) = read(&recorder, &mut cursors);
    let gaps: Vec<u64> = recording.packets.iter().map(|packet| packet.left_out.into()).collect();
    // The latest of the flood, once its rate is known: evenly spread.
    let late = &gaps[gaps.len() / 2..];
    assert!(late.iter().sum::<u64>() > late.len() as u64, "{late:?}");
}

#[test]
fn gaps_that_are_told_are_the_packets_that_were_left_out() {
    require_root!();
    let mut probe = probe(65_536, 96);
    let recorder = Recorder::new(probe.memory());
    probe.set_pace(250_000, NS_PER_TICK);
    let run = |many| probe.try_on(Direction::Egress, &frame(60, 0), many).expect("runs");
    // Until what has been saved up is used up, on whichever CPU this runs.
    for _ in 0..100 {
        run(100_000);
    }
    let (mut cursors, before) = (recorder.now(), recorder.left_out());
    assert!(before > 0, "a pace that leaves nothing out");
    run(1_000_000);
    let (recording, reaches) = read(&recorder, &mut cursors);
    assert_eq!(reaches[&LOOPBACK].overwritten, 0);
    let left_out = recorder.left_out() - before;
    // What lies before the first and after the last one is in no gap of this run.
    let widest = recording.packets.iter().map(|packet| u64::from(packet.left_out)).max().expect("packets");
    let told = reaches[&LOOPBACK].left_out;
    assert!(told.abs_diff(left_out) <= 4 * widest, "{told} of {left_out}, the widest gap {widest}");
    let all = recording.packets.len() as u64 + left_out;
    assert!(all.abs_diff(1_000_000) <= 4 * widest, "{all}, the widest gap {widest}");
}

#[test]
fn no_pace_records_all() {
    require_root!();
    let mut probe = probe(65, 96);
    let recorder = Recorder::new(probe.memory());
    probe.set_pace(10, NS_PER_TICK);
    probe.set_pace(0, NS_PER_TICK);
    probe.try_on(Direction::Ingress, &frame(60, 0), 200_000).expect("runs");
    assert_eq!((recorder.totals().0, recorder.left_out()), (200_000, 0));
}
