//! Rings that are full, go round, and are read late.

use crate::packets::udp;
use crate::runs::{Run, options};
use netrig_drain::PayloadDrain;
use netrig_model::Timestamp;
use netrig_probes::flow::{FlowHook, FlowOptions, FlowProbe, LinkKind};
use netrig_probes::payload::PayloadOptions;
use netrig_probes::wire::payload_record;
use netrig_testkit::require_root;

#[test]
fn every_form_of_the_programs_is_accepted() {
    require_root!();
    let payload = Some(PayloadOptions::default());
    for tunnels in [false, true] {
        for options in [
            FlowOptions { payload: payload.clone(), tunnels, ..FlowOptions::live(8 << 20) },
            FlowOptions { payload: payload.clone(), tunnels, hook: FlowHook::Xdp, ..FlowOptions::live(8 << 20) },
            FlowOptions { payload: payload.clone(), ..FlowOptions::replay(tunnels, 8 << 20) },
        ] {
            assert!(FlowProbe::load(&options).expect("load").payload().is_some());
        }
    }
    assert!(FlowProbe::load(&FlowOptions::live(8 << 20)).expect("load").payload().is_none());
}

fn small_ring() -> FlowOptions {
    let payload = PayloadOptions { ring_octets: 1 << 16, ..options().payload.expect("it is on") };
    FlowOptions { payload: Some(payload), ..options() }
}

#[test]
fn a_full_ring_counts_what_it_loses_and_goes_on_when_it_is_read() {
    require_root!();
    let mut run = Run::with(&small_ring());
    let each = size_of::<payload_record>() + 496;
    let fit = (1 << 16) / each;
    let message = |number: u32| [&number.to_be_bytes()[..], &[7; 492]].concat();
    let mut sent = 0;
    let mut lost = 0;
    for round in 0..5 {
        let first = sent;
        for _ in 0..fit + 20 {
            run.send(&udp((4000, 53), &message(sent)).bytes(), None, LinkKind::Ethernet);
            sent += 1;
        }
        assert!(run.fill() > 0.97, "round {round}: {}", run.fill());
        let told = run.take();
        // Where the ring goes round within, the rest before its end has no room for a whole one.
        assert!((fit - 1..=fit).contains(&told.len()), "{} of {fit}", told.len());
        for (number, one) in (first..).zip(&told) {
            assert_eq!(one.octets, message(number), "in order and whole");
        }
        lost += fit as u64 + 20 - told.len() as u64;
        let counts = run.counts();
        assert_eq!((counts.wanted, counts.lost), (u64::from(sent), lost));
        assert_eq!(counts.wanted, counts.copied + counts.lost);
        assert!(run.fill().abs() < f64::EPSILON);
    }
}

#[test]
fn how_full_a_ring_was_is_known_when_it_has_been_emptied() {
    require_root!();
    let mut run = Run::with(&small_ring());
    assert!(run.fullest().abs() < f64::EPSILON);
    let most = |run: &mut Run, packets: usize| {
        for _ in 0..packets {
            run.send(&udp((4000, 53), &[7; 496]).bytes(), None, LinkKind::Ethernet);
        }
        run.take();
        run.fullest()
    };
    let each = (size_of::<payload_record>() + 496) as f64 / f64::from(1 << 16);
    assert!((most(&mut run, 50) - 50.0 * each).abs() < 0.001);
    assert!((most(&mut run, 9) - 50.0 * each).abs() < 0.001, "the most of the window");
    run.end_window();
    assert!((most(&mut run, 20) - 50.0 * each).abs() < 0.001, "and of the one before");
    run.end_window();
    assert!((run.fullest() - 20.0 * each).abs() < 0.001, "{} of {each}", run.fullest());
    assert!(most(&mut run, 200) > 0.97, "it was full");
}

#[test]
fn a_ring_goes_round_with_records_of_all_lengths() {
    require_root!();
    let mut run = Run::with(&small_ring());
    let mut sent = Vec::new();
    for number in 0..3_000_usize {
        let message: Vec<u8> = (0..1 + number * 37 % 511).map(|at| (number + at) as u8).collect();
        run.send(&udp((4000, 53), &message).bytes(), None, LinkKind::Ethernet);
        sent.push(message);
        if number % 40 == 39 {
            let told: Vec<_> = run.take().into_iter().map(|one| one.octets).collect();
            assert_eq!(told, sent, "before {number}");
            sent.clear();
        }
    }
    assert_eq!(run.counts().lost, 0);
}

#[test]
fn a_drain_that_comes_later_goes_on_where_the_ring_was_left() {
    require_root!();
    let mut probe = FlowProbe::load(&options()).expect("load");
    let memory = probe.payload().expect("it is on");
    let mut send = |port| {
        let data = udp((port, 53), &[1; 30]).bytes();
        let frame = netrig_probes::flow::Frame {
            data: &data,
            wire_len: data.len() as u32,
            link: LinkKind::Ethernet,
            iface: netrig_model::InterfaceId(1),
            direction: netrig_model::Direction::Egress,
        };
        probe.replay(1, &frame).expect("replay");
    };
    let take = |drain: &mut PayloadDrain| {
        let mut ports = Vec::new();
        drain.take_all(Timestamp(0), &mut |segment| ports.push(segment.key.src_port));
        ports
    };
    let mut drain = PayloadDrain::new(memory.clone());
    (1..4).for_each(&mut send);
    assert_eq!(take(&mut drain), [1, 2, 3]);
    (4..6).for_each(&mut send);
    assert_eq!(take(&mut PayloadDrain::new(memory)), [4, 5]);
}
