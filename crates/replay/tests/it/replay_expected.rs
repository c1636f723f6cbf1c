//! The real captures through the real programs: what an independent reader found in them.

use crate::expected::{self, Flows};
use crate::replayed::{options, replayed_file};
use netrig_replay::ReplayOptions;

#[test]
fn real_captures_give_the_expected_flows() {
    netrig_testkit::require_root!();
    for expected in expected::all() {
        let name = expected.path.display();
        let got = replayed_file(&expected.path, &options());
        assert!(got.broken.is_none(), "{name}: {:?}", got.broken);
        assert_eq!((got.summary.read.packets, got.summary.read.bytes), (expected.packets, expected.bytes), "{name}");
        assert_eq!(got.summary.faults, [0; 3], "{name}");
        let (outer, inner) = expected::from_sums(&got.sums());
        assert_eq!(outer, expected.outer, "{name}");
        assert_eq!(inner, expected.inner, "{name}");
    }
}

#[test]
fn without_tunnels_only_outer_flows_are_told() {
    netrig_testkit::require_root!();
    for expected in expected::all() {
        let got = replayed_file(&expected.path, &ReplayOptions::default());
        assert_eq!(expected::from_sums(&got.sums()), (expected.outer, Flows::default()), "{}", expected.path.display());
    }
}

#[test]
fn the_side_seen_first_is_the_source() {
    netrig_testkit::require_root!();
    for expected in expected::all() {
        let got = replayed_file(&expected.path, &options());
        for first in &expected.first {
            let (from, to) = ((first.0, first.1), (first.2, first.3));
            let record = got.records.iter().find(|r| {
                let port = |p: Option<u16>| p.unwrap_or_default();
                let ends = (r.src_addr.map(|a| (a, port(r.src_port))), r.dst_addr.map(|a| (a, port(r.dst_port))));
                let both = [(Some(from), Some(to)), (Some(to), Some(from))];
                r.tunnel.is_none() && r.protocol == first.4 && both.contains(&ends)
            });
            let record = record.unwrap_or_else(|| panic!("{}: no record of {first:?}", expected.path.display()));
            assert_eq!(record.src_addr, Some(from.0), "{}: {first:?}", expected.path.display());
        }
    }
}
