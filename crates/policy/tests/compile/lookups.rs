//! Classes found in the tables are those of the sets, at every edge.

use crate::some;
use netrig_policy::tables::{PortClasses, Tables};
use netrig_policy::words::{Action, Addresses, Match};
use netrig_policy::{Key, Ranges, compile};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::IpAddr;
use std::sync::Arc;

/// Tables of one rule for each match.
fn tables(matches: Vec<Match>) -> Tables {
    let rules = matches.into_iter().enumerate().map(|(i, m)| some::rule(&format!("r{i}"), Action::Count, vec![m]));
    compile(&some::policy_of(rules.collect()), &some::world(Arc::default())).expect("few rows").tables
}

fn by_source(sets: &[Addresses]) -> Tables {
    tables(sets.iter().map(|set| Match { src: Some(Arc::new(set.clone())), ..Match::default() }).collect())
}

fn udp(src: IpAddr) -> Key {
    let (kind, ports) = (if src.is_ipv4() { 17 } else { 256 + 17 }, PortClasses::NONE);
    Key { kind, src: Some(src), dst: Some(src), src_port: ports, dst_port: ports }
}

/// The rules whose set an address is in, by the tables.
fn found(tables: &Tables, src: IpAddr) -> Vec<usize> {
    tables.candidates(&udp(src)).into_iter().map(|row| usize::from(tables.rows[row].rule) - 2).collect()
}

fn expected(sets: &[Addresses], src: IpAddr) -> Vec<usize> {
    let holds = |set: &Addresses| match src {
        IpAddr::V4(src) => set.contains_v4(src),
        IpAddr::V6(src) => set.contains_v6(src),
    };
    (0..sets.len()).filter(|i| holds(&sets[*i])).collect()
}

/// All addresses at which a set begins or ends, and their neighbours.
fn edges(sets: &[Addresses]) -> Vec<IpAddr> {
    let v4 = sets.iter().flat_map(|set| set.v4.as_slice()).flat_map(|(first, last)| [*first, *last]);
    let v4 = v4.flat_map(|at| [at.wrapping_sub(1), at, at.wrapping_add(1)]).map(|at| IpAddr::V4(at.into()));
    let v6 = sets.iter().flat_map(|set| set.v6.as_slice()).flat_map(|(first, last)| [*first, *last]);
    let v6 = v6.flat_map(|at| [at.wrapping_sub(1), at, at.wrapping_add(1), at ^ (1 << 64), at | u128::from(u64::MAX)]);
    v4.chain(v6.map(|at| IpAddr::V6(at.into()))).collect()
}

/// The tables are as they are documented.
fn well_formed(tables: &Tables) {
    for classes in [&tables.src, &tables.dst] {
        let count = classes.sets.len() / tables.words.max(1);
        let (v4, v6) = (&classes.v4, &classes.v6);
        assert!((16..=20).contains(&v4.index_bits));
        if !v4.index.is_empty() {
            assert_eq!(v4.index.len(), (1 << v4.index_bits) + 1);
            assert_eq!(*v4.index.last().expect("ends") as usize, v4.entries.len());
            for part in v4.index.windows(2) {
                let entries = &v4.entries[part[0] as usize..part[1] as usize];
                assert_eq!(entries[0] >> 16, 0, "a part begins at 0");
                assert!(entries.windows(2).all(|w| w[0] >> 16 < w[1] >> 16 && w[0] & 0xffff != w[1] & 0xffff));
                assert!(entries.iter().all(|entry| ((entry & 0xffff) as usize) < count));
            }
        }
        if !v6.index.is_empty() {
            assert_eq!((v6.index.len(), v6.index[65536] as usize), (65537, v6.upper.len()));
            assert_eq!((v6.upper.len(), v6.lower.len()), (v6.upper_class.len(), v6.lower_class.len()));
            assert_eq!(*v6.deeper.last().expect("ends") as usize, v6.lower.len());
            assert!(v6.upper.is_sorted_by(|a, b| a < b), "{:x?}", v6.upper);
            for (part, begins) in v6.index.windows(2).enumerate() {
                assert_eq!(v6.upper[begins[0] as usize], (part as u64) << 48);
                assert!(begins[0] < begins[1]);
            }
            for within in v6.deeper.windows(2) {
                let lower = &v6.lower[within[0] as usize..within[1] as usize];
                assert_eq!(lower[0], 0);
                assert!(lower.len() > 1 && lower.is_sorted_by(|a, b| a < b));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn addresses_are_found_in_the_sets_they_are_in(
        sets in vec(some::addresses(), 1..6),
        v4 in vec(some::v4(), 20),
        v6 in vec(some::v6(), 20),
    ) {
        let tables = by_source(&sets);
        well_formed(&tables);
        let v4 = v4.into_iter().map(|at| IpAddr::V4(at.into()));
        let v6 = v6.into_iter().map(|at| IpAddr::V6(at.into()));
        for at in edges(&sets).into_iter().chain(v4).chain(v6) {
            prop_assert_eq!(found(&tables, at), expected(&sets, at), "{}", at);
        }
    }

    #[test]
    fn ports_are_found_in_the_sets_they_are_in(sets in vec(some::ports(), 1..6), drop in any::<bool>()) {
        let one = |ports: &Ranges<u16>| Match { dst_port: Some(Arc::new(ports.clone())), ..Match::default() };
        let action = if drop { Action::Drop } else { Action::Count };
        let rules = sets.iter().enumerate().map(|(i, set)| some::rule(&format!("r{i}"), action.clone(), vec![one(set)]));
        let mut policy = some::policy_of(rules.collect());
        policy.fragments = netrig_policy::words::Unreadable::Drop;
        let tables = compile(&policy, &some::world(Arc::default())).expect("few rows").tables;
        let found = |port: usize| {
            let key = Key { dst_port: port, ..udp("192.0.2.1".parse().expect("an address")) };
            tables.candidates(&key).into_iter().map(|row| usize::from(tables.rows[row].rule) - 2).collect::<Vec<_>>()
        };
        for port in 0..=u16::MAX {
            let expected: Vec<_> = (0..sets.len()).filter(|i| sets[*i].contains(port)).collect();
            prop_assert_eq!(found(port.into()), expected, "{}", port);
        }
        if tables.dst_port.used {
            prop_assert_eq!(found(PortClasses::NONE), (0..sets.len()).filter(|i| sets[*i].as_slice() == [(0, 65535)]).collect::<Vec<_>>());
            let unread = found(PortClasses::UNREADABLE);
            let some: Vec<_> = (0..sets.len()).filter(|i| !sets[*i].is_empty()).collect();
            prop_assert!(if drop { unread == some } else { unread.len() < some.len() }, "{:?}", unread);
        }
    }
}

/// Many entries in few upper parts, and many upper parts with few.
#[test]
fn dense_and_sparse_sets_are_found_whole() {
    let dense = |step: u32| (0..200_000).map(|i| 0x0a00_0000 + i * step).map(|at| (at, at)).collect();
    for step in [2, 3, 64, 9973] {
        let v6 = (0..50_000_u128)
            .map(|i| (0x2001_0db8 << 96) + ((i * u128::from(step)) << 62))
            .map(|at| (at, at + 5))
            .collect();
        let sets = [Addresses { v4: Ranges::of(dense(step)), v6: Ranges::of(v6) }];
        let tables = by_source(&sets);
        well_formed(&tables);
        for at in edges(&sets) {
            assert_eq!(found(&tables, at), expected(&sets, at), "{at}");
        }
    }
}

/// What everybody asks for costs no look: all addresses of one family are a matter of the kind.
#[test]
fn a_set_of_a_whole_family_needs_no_dimension() {
    let all4 = Addresses { v4: Ranges::of(vec![(0, u32::MAX)]), v6: Ranges::default() };
    let all = Addresses { v6: Ranges::of(vec![(0, u128::MAX)]), ..all4.clone() };
    let tables = by_source(&[all4, all]);
    assert!(!tables.src.used && tables.src.sets.is_empty());
    assert_eq!(found(&tables, "192.0.2.1".parse().expect("an address")), [0, 1]);
    assert_eq!(found(&tables, "2001:db8::1".parse().expect("an address")), [1]);
    let not_ip = Key { kind: 512, src: None, dst: None, ..udp("0.0.0.0".parse().expect("an address")) };
    assert!(tables.candidates(&not_ip).is_empty());
}

#[test]
fn a_set_that_many_rules_share_is_walked_once() {
    let v4 = (0..1_000_000_u32).map(|i| i.wrapping_mul(2_654_435_761) & !0xff).map(|at| (at, at | 0x7f)).collect();
    let set = Arc::new(Addresses { v4: Ranges::of(v4), v6: Ranges::default() });
    let tables = tables((0..300).map(|_| Match { src: Some(Arc::clone(&set)), ..Match::default() }).collect());
    assert_eq!((tables.words, tables.src.sets.len()), (5, 10), "in it, or not");
    assert!(tables.memory().total() < 16 << 20, "{}", tables.memory());
    assert!(tables.cost().cold_ns > tables.cost().hot_ns);
}
