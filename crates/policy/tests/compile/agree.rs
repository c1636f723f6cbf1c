//! The tables decide as the words do.

use crate::some;
use crate::subject::{by_tables, by_words, is_from};
use netrig_policy::compile;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn tables_decide_as_the_policy_says(policy in some::policy(70), packets in vec(some::packet(), 80)) {
        let allow = Arc::clone(&policy.management.allow);
        let world = some::world(Arc::clone(&allow));
        let tables = compile(&policy, &world).expect("few rows, known names").tables;
        for packet in &packets {
            let allowed = is_from(packet, &allow);
            prop_assert_eq!(by_tables(&tables, &world, packet), by_words(&policy, allowed, packet), "{:?}", packet);
        }
    }
}

/// What the test above draws does match: else it would agree about nothing.
#[test]
fn random_packets_meet_random_rules() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut matched, mut unread, mut rows) = (0, 0, 0);
    for _ in 0..100 {
        let policy = some::policy(70).new_tree(&mut runner).expect("a policy").current();
        let packets = vec(some::packet(), 80).new_tree(&mut runner).expect("packets").current();
        let tables = compile(&policy, &some::world(Arc::default())).expect("few rows, known names").tables;
        rows = rows.max(tables.rows.len());
        let all: Vec<_> = packets.iter().flat_map(|packet| by_words(&policy, false, packet)).collect();
        matched += all.len();
        unread += all.iter().filter(|(_, unread)| *unread).count();
    }
    assert!(matched > 3000 && unread > 30 && rows > 64, "{matched} matches, {unread} unread, {rows} rows");
}
