//! What `netrig policy show` and `netrig policy check` print, as golden files.

mod common;

use common::{START, golden};
use netrig_model::*;
use netrig_view::{
    CheckFinding, CheckRule, CheckSeverity, CheckedPolicy, Style, list_policy, list_policy_check, policy_rule_line,
};

const SECOND: i64 = 1_000_000_000;

fn rule(id: &str, action: PolicyAction, mode: PolicyMode, packets: u64) -> PolicyRuleStatus {
    PolicyRuleStatus { id: id.to_owned(), action, mode, packets, bytes: packets * 98, ..PolicyRuleStatus::default() }
}

/// `at_s` seconds after the policy was put in force.
fn status(at_s: i64) -> PolicyStatus {
    use PolicyAction::{Drop, Limit, Pass, Redirect, Sample};
    use PolicyMode::{Enforce, Shadow};
    let taken = START.plus_ns(at_s * SECOND);
    let from = |addr: &str, packets_estimated| PolicySource { addr: addr.parse().expect("address"), packets_estimated };
    let ns = |s: i64| Some(START.plus_ns(s * SECOND));
    let packets = at_s.unsigned_abs();
    PolicyStatus {
        taken,
        in_force: Some(PolicyInForce {
            file: "/etc/netrig/policy.toml".to_owned(),
            since: START,
            confirm_until: ns(30),
            ..PolicyInForce::default()
        }),
        interfaces: vec![
            PolicyInterface {
                iface: "eth0".to_owned(),
                asked: "xdp-native".to_owned(),
                hook: "xdp-native".to_owned(),
                dropped: TrafficCounts { packets: 1_234, bytes: 1_234 * 98 },
                ..PolicyInterface::default()
            },
            PolicyInterface {
                iface: "veth7".to_owned(),
                asked: "xdp-native".to_owned(),
                hook: "xdp-generic".to_owned(),
                detail: "veth: Peer MTU is too large to set XDP".to_owned(),
                redirected: TrafficCounts { packets: 7, bytes: 686 },
                ..PolicyInterface::default()
            },
        ],
        rules: vec![
            PolicyRuleStatus { last_hit: Some(taken), ..rule("netrig:always", Pass, Enforce, 40 + packets) },
            PolicyRuleStatus { last_hit: ns(1), ..rule("netrig:management", Pass, Enforce, 17) },
            PolicyRuleStatus {
                comment: Some("noise from the lab".to_owned()),
                owner: Some("netops".to_owned()),
                expires: ns(3600),
                over_packets: 90 * packets,
                last_hit: ns(at_s - 3),
                top_sources: vec![from("10.77.0.3", 640), from("2001:db8::7", 16)],
                ..rule("no-ping-from-lab", Drop, Shadow, 90 * packets)
            },
            PolicyRuleStatus {
                over_packets: 1_234,
                last_hit: ns(at_s - 1),
                ..rule("dns-limit", Limit, Enforce, 1_000_000)
            },
            PolicyRuleStatus { expires: ns(5), ..rule("look", Sample, Enforce, 0) },
            rule("to-the-scrubber", Redirect, Enforce, 7),
        ],
        warnings: vec!["blocklist.txt is gone; its 12 entries of before stay in force".to_owned()],
        events_lost: 0,
        limit_sources_lost: 8,
        fell_back_packets: 21,
    }
}

fn shown(status: &PolicyStatus, before: Option<&PolicyStatus>, width: Option<usize>) -> String {
    let mut out = String::new();
    list_policy(status, before, Style { width, color: false }, &mut |line| out += &format!("{line}\n"));
    out
}

#[test]
fn what_is_in_force_and_what_it_did() {
    golden("policy.txt", &shown(&status(12), None, None));
    golden("policy-rates.txt", &shown(&status(12), Some(&status(10)), Some(120)));
    golden("policy-80.txt", &shown(&status(12), Some(&status(10)), Some(80)));
}

#[test]
fn a_policy_that_was_not_confirmed_says_so_and_none_too() {
    assert!(shown(&status(31), None, None).contains("It was not confirmed in time"));
    let none = PolicyStatus { taken: START, ..PolicyStatus::default() };
    assert_eq!(shown(&none, None, Some(80)), "No policy is in force: everything passes.\n");
}

#[test]
fn a_rule_as_json() {
    golden("policy-rule.jsonl", &(policy_rule_line(&status(12).rules[2]).expect("a line") + "\n"));
}

fn checked() -> CheckedPolicy {
    let rule = |line, id: &str, action: &str, rows| CheckRule {
        line,
        id: id.to_owned(),
        action: action.to_owned(),
        mode: "enforce".to_owned(),
        rows,
        ..CheckRule::default()
    };
    let finding = |severity, line, rule: &str, message: &str| CheckFinding {
        severity,
        line,
        rule: rule.to_owned(),
        message: message.to_owned(),
    };
    let comment = Some("noise from the lab, until they have found out where it comes from".to_owned());
    let lab = rule(Some(12), "no-ping-from-lab", "drop", 1);
    CheckedPolicy {
        file: "policy.toml".to_owned(),
        rules: vec![
            rule(None, "netrig:always", "pass", 0),
            rule(None, "netrig:management", "pass", 1),
            CheckRule { mode: "shadow".to_owned(), ttl_ns: Some(3600 * SECOND), comment, ..lab },
            rule(Some(20), "dns-limit", "limit", 3),
            rule(Some(31), "no-tcp", "drop", 1),
        ],
        findings: vec![
            finding(
                CheckSeverity::Notice,
                20,
                "dns-limit",
                "`no-ping-from-lab` (line 12) decides first about some of what it asks for: drop",
            ),
            finding(
                CheckSeverity::Refused,
                31,
                "no-tcp",
                "it would drop packets of 192.0.2.7 port 50000 to port 22: this machine is being managed over that \
                 connection. Take that out of the rule with \"!192.0.2.7\" in its src",
            ),
        ],
        memory: vec![
            ("source addresses".to_owned(), 4_718_592),
            ("ports".to_owned(), 262_152),
            ("limits' sources".to_owned(), 0),
            ("rows and rules".to_owned(), 704),
        ],
        hot_ns: 21.4,
        cold_ns: 78.4,
    }
}

fn check(policy: &CheckedPolicy, width: Option<usize>) -> String {
    let mut out = String::new();
    list_policy_check(policy, Style { width, color: false }, &mut |line| out += &format!("{line}\n"));
    out
}

#[test]
fn a_check_shows_order_findings_memory_and_cost() {
    golden("policy-check.txt", &check(&checked(), None));
    golden("policy-check-80.txt", &check(&checked(), Some(80)));
}

#[test]
fn a_policy_about_which_nothing_is_odd_says_so() {
    let text = check(&CheckedPolicy { findings: Vec::new(), ..checked() }, None);
    assert!(text.starts_with("policy.toml: 3 rules; nothing is odd about them.\n"), "{text}");
    assert!(!text.contains("SEVERITY"));
}
