//! What must hold of policies' metrics for any snapshot.

mod common;

use common::{policy, snapshot, sums};
use netrig_metrics::{Caps, Exporter, Exposition};
use netrig_model::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const PACKETS: (&str, &[&str]) = ("netrig_policy_packets_total", &["rule", "action", "mode"]);
const REMOVED: (&str, &[&str]) = ("netrig_policy_removed_packets_total", &["rule", "action", "mode"]);

/// Rules by id, each once.
fn rules() -> impl Strategy<Value = Vec<PolicyRuleStatus>> {
    let of = (prop::sample::select(PolicyAction::ALL), prop::sample::select(PolicyMode::ALL), 0..1_000_000_u64);
    prop::collection::btree_map(0..12_u8, of, 0..12).prop_map(|rules| {
        let rule = |(id, (action, mode, packets))| policy::rule(&format!("rule-{id}"), action, mode, packets);
        rules.into_iter().map(rule).collect()
    })
}

fn with(rules: Vec<PolicyRuleStatus>) -> Snapshot {
    Snapshot { policy: Some(PolicyStatus { rules, ..policy::status() }), ..snapshot() }
}

fn capped(policy_rules: usize) -> Exporter {
    Exporter::with_caps(Caps { policy_rules: policy_rules + 2, ..Caps::default() })
}

fn text(exporter: &mut Exporter, snapshot: &Snapshot) -> String {
    common::text(exporter.render(snapshot, Exposition::Prometheus))
}

proptest! {
    #[test]
    fn the_cap_changes_no_sum_of_an_action_and_mode(rules in rules(), cap in 0..6_usize) {
        let [few, whole] = [cap, 1000].map(|cap| text(&mut capped(cap), &with(rules.clone())));
        for (metric, labels) in [PACKETS, REMOVED] {
            let of = |text| sums(text, metric, &["action", "mode"]);
            prop_assert_eq!(of(&few), of(&whole));
            let named = sums(&few, metric, labels).into_keys().filter(|labels| labels[0] != "other").count();
            prop_assert!(named <= cap);
        }
    }

    #[test]
    fn no_series_goes_backwards_whatever_becomes_of_rules(pictures in prop::collection::vec(rules(), 1..6)) {
        let mut exporter = capped(3);
        let mut before = BTreeMap::new();
        for rules in pictures {
            let text = text(&mut exporter, &with(rules));
            for (metric, labels) in [PACKETS, REMOVED] {
                let now = sums(&text, metric, labels);
                for (series, value) in before.insert(metric, now.clone()).unwrap_or_default() {
                    prop_assert!(now.get(&series).is_some_and(|v| *v >= value), "{} {:?}", metric, series);
                }
            }
        }
    }
}

#[test]
fn a_rule_that_is_put_in_force_begins_a_series_of_its_own() {
    let mut exporter = Exporter::default();
    let of = |mode, packets| with(vec![policy::rule("r", PolicyAction::Drop, mode, packets)]);
    text(&mut exporter, &of(PolicyMode::Shadow, 90));
    let text = text(&mut exporter, &of(PolicyMode::Enforce, 100));
    let modes = sums(&text, PACKETS.0, &["mode"]);
    assert_eq!(modes.into_values().collect::<Vec<_>>(), [10.0, 90.0], "enforce, shadow");
}

#[test]
fn a_rule_that_went_and_came_again_goes_on() {
    let mut exporter = Exporter::default();
    let of = |packets| with(vec![policy::rule("r", PolicyAction::Drop, PolicyMode::Enforce, packets)]);
    text(&mut exporter, &of(90));
    text(&mut exporter, &with(Vec::new()));
    let text = text(&mut exporter, &of(5));
    assert_eq!(sums(&text, PACKETS.0, &["rule"]).into_values().collect::<Vec<_>>(), [95.0]);
}

#[test]
fn built_in_rules_have_their_names_beside_a_flood_of_others() {
    let others = (0..1022).map(|n| policy::rule(&format!("r{n}"), PolicyAction::Drop, PolicyMode::Enforce, 1000 + n));
    let built_in =
        ["netrig:always", "netrig:management"].map(|id| policy::rule(id, PolicyAction::Pass, PolicyMode::Enforce, 1));
    let text = text(&mut Exporter::default(), &with(built_in.into_iter().chain(others).collect()));
    let rules = sums(&text, PACKETS.0, &["rule"]);
    assert_eq!(rules.len(), 256 + 1, "with other");
    assert!(rules.contains_key(&vec!["netrig:always".to_owned()]));
}

#[test]
fn a_rig_without_the_probe_has_no_policy_metrics() {
    let text = netrig_metrics::render(&Snapshot { policy: None, ..snapshot() });
    assert!(!text.contains("netrig_policy"));
}
