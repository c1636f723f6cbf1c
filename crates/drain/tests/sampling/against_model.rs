//! Packet by packet, the programs choose as the model does.

use crate::model::Sampler;
use crate::run::{ACK, FIN, Packet, RST, Run, SYN, Sums, add};
use netrig_probes::flow::{FlowOptions, FlowSizes, SAMPLING_MAX};
use netrig_testkit::require_root;
use proptest::prelude::*;
use std::cell::RefCell;

/// Mixed traffic of a few flows, by a seed.
fn traffic(count: usize, seed: u64) -> Vec<Packet> {
    let mut random = fastrand(seed);
    let flags = [ACK, ACK | 8, ACK, SYN, SYN | ACK, FIN | ACK, RST, ACK, ACK, ACK];
    let packet = |n: u64| {
        let (flow, length) = (4000 + (n >> 8) as u16 % 40, 54 + (n >> 16) as u32 % 1460);
        let flags = (n & 1 == 0).then(|| flags[(n >> 32) as usize % flags.len()]);
        Packet { flow, length, flags, ipv6: n >> 2 & 3 == 0, rare: n >> 4 & 3 == 0 }
    };
    (0..count).map(|_| packet(random())).collect()
}

fn fastrand(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    }
}

/// What the model adds of a packet.
fn expect(expected: &mut Sums, sampler: &mut Sampler, packet: &Packet, one_in: u32) {
    let key = (packet.ipv6, packet.flow);
    let length = u64::from(packet.length);
    if one_in <= 1 || packet.is_certain() {
        add(expected, key, 1, length);
    } else if sampler.takes(one_in) {
        add(expected, key, one_in.into(), length * u64::from(one_in));
    }
}

#[test]
fn the_programs_choose_as_the_model_does() {
    require_root!();
    let run = RefCell::new(Run::new());
    let config = ProptestConfig { cases: 24, ..ProptestConfig::default() };
    let rates =
        prop::collection::vec(prop_oneof![Just(1_u32), Just(2), Just(64), 3_u32..200, Just(SAMPLING_MAX)], 1..5);
    proptest!(config, |(seed: u64, rates in rates)| {
        let mut run = run.borrow_mut();
        let mut sampler = Sampler::seeded(seed);
        let mut expected = run.told.clone();
        run.probe.seed_sampling(seed);
        for (n, one_in) in (0..).zip(rates) {
            run.probe.set_sampling(one_in);
            prop_assert_eq!(run.probe.sampling(), one_in);
            for packet in traffic(400, seed ^ n) {
                run.see(&packet);
                expect(&mut expected, &mut sampler, &packet, one_in);
            }
        }
        run.scan();
        prop_assert_eq!(&run.told, &expected);
        run.assert_balances();
    });
}

#[test]
fn both_parsers_and_full_tables_keep_the_account() {
    require_root!();
    for no_fast_path in [false, true] {
        let options = FlowOptions::replay(false, 4 << 20);
        let sizes = FlowSizes { slots4: 16, outbox4: 16, slots6: 16, outbox6: 16, ..options.sizes };
        let mut run = Run::with(&FlowOptions { sizes, no_fast_path, sampling: 4, ..options });
        for (n, packet) in traffic(20_000, 7).iter().enumerate() {
            run.see(packet);
            if n % 997 == 0 {
                run.scan();
            }
            if n == 12_000 {
                run.probe.set_sampling(9);
            }
        }
        run.scan();
        let counts = run.counts();
        assert_eq!(counts.seen.packets, 20_000);
        assert!(counts.overflow.packets > 1000 && counts.sampled_out.packets > 1000, "{counts:?}");
        assert!(counts.extrapolated.packets > 1000, "{counts:?}");
        run.assert_balances();
    }
}

#[test]
fn with_every_packet_looked_at_nothing_is_left_out_and_nothing_stands_for_more() {
    require_root!();
    let mut run = Run::new();
    for packet in traffic(2_000, 3) {
        run.see(&packet);
    }
    run.scan();
    let counts = run.counts();
    assert_eq!((counts.sampled_out.packets, counts.extrapolated.packets, counts.overflow.packets), (0, 0, 0));
    assert_eq!(run.told.values().map(|sum| sum.packets).sum::<u64>(), 2_000);
    run.assert_balances();
}
