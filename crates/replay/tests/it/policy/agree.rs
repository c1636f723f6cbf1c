//! The kernel against the model, on policies and frames at random.

use super::rig::{self, world};
use super::some::{packet, policy};
use netrig_policy::words::Policy;
use netrig_policy::{Slots, compile};
use proptest::collection::vec;
use proptest::prelude::*;

/// Frames that show as hexadecimal, and only a few of them.
struct Frames(Vec<Vec<u8>>);

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(3).try_for_each(|frame| writeln!(f, "{frame:02x?}"))?;
        write!(f, "{} frames", self.0.len())
    }
}

/// A policy of which only a few rules show, each on a line.
struct Rules(Policy);

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Policy { rules, fragments, management, .. } = &self.0;
        rules.iter().take(12).try_for_each(|rule| writeln!(f, "{rule:?}"))?;
        write!(f, "{} rules, fragments {fragments:?}, {management:?}", rules.len())
    }
}

/// As many of its rules as there are rows for.
fn that_compiles(mut policy: Policy) -> Rules {
    while compile(&policy, &world(&policy, &Slots::default())).is_err() {
        policy.rules.pop();
    }
    Rules(policy)
}

proptest! {
    // Each case loads a program, which takes some 200 ms; so many packets make up for few policies.
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn each_verdict_and_each_counter_is_as_the_model_has_it(
        policy in policy().prop_map(that_compiles),
        frames in vec(packet(), 300..500).prop_map(Frames),
    ) {
        if netrig_testkit::missing_rights().is_some() {
            return Ok(());
        }
        rig::agree(&policy.0, &frames.0).map_err(TestCaseError::fail)?;
    }
}
