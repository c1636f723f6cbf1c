//! Each key: what it takes, and what that means.

use super::{alternatives, one, read, rules};
use netrig_policy::words::{
    Action, Family, FlagTest, FragmentTest, Limit, LimitPer, LimitUnit, Mode, Protocol, Target, Unreadable, VlanTest,
};
use netrig_policy::{KEYS, KeyTable, PolicyKey};
use std::time::Duration;

/// A policy in which `key` is `value`, with all that must stand beside it.
fn policy_with(key: &PolicyKey, value: &str) -> String {
    let pair = format!("{} = {value}", key.name);
    let sets =
        "[[set]]\nname = \"blocklist\"\nfile = \"blocklist.txt\"\n[[set]]\nname = \"web\"\nentries = [80, 443]\n";
    let rule = |inside: &str| format!("{sets}[[rule]]\nid = \"r\"\nmatch = {{}}\n{inside}\n");
    let besides = |alternatives: &[(&str, &str)]| -> String {
        let others = alternatives.iter().filter(|(name, _)| *name != key.name);
        others.map(|(name, value)| format!("{name} = {value}\n")).collect()
    };
    match key.table {
        KeyTable::File if matches!(key.name, "set" | "rule") => pair,
        KeyTable::File => format!("{pair}\n{}", rule("action = \"drop\"")),
        KeyTable::Management => format!("[management]\n{pair}\n"),
        KeyTable::Set if key.name == "name" => format!("[[set]]\n{pair}\nentries = []\n"),
        KeyTable::Set => format!("[[set]]\nname = \"s\"\n{pair}\n"),
        KeyTable::Rule => {
            let others = besides(&[("id", "\"r\""), ("match", "{}"), ("action", "\"drop\"")]);
            format!("{sets}[[rule]]\n{pair}\n{others}")
        }
        KeyTable::Match => format!("{sets}[[rule]]\nid = \"r\"\naction = \"drop\"\nmatch = {{ {pair} }}\n"),
        KeyTable::Action => rule(&format!("action = {{ {pair} }}")),
        KeyTable::Limit => {
            let rate = if key.name.ends_with("per_second") { "" } else { "packets_per_second = 5, " };
            let per = if key.name == "sources" { ", per = \"src_addr\"" } else { "" };
            rule(&format!("action = {{ limit = {{ {rate}{pair}{per} }} }}"))
        }
        KeyTable::Per => rule(&format!("action = {{ limit = {{ packets_per_second = 5, per = {{ {pair} }} }} }}")),
        KeyTable::Redirect => rule(&format!("action = {{ redirect = {{ {pair} }} }}")),
        KeyTable::Sample => rule(&format!("action = {{ sample = {{ {pair} }} }}")),
        KeyTable::SynGuard => rule(&format!("action = {{ syn-guard = {{ {pair} }} }}")),
    }
}

#[test]
fn the_example_of_each_key_is_read_and_makes_a_difference() {
    for key in KEYS {
        let text = policy_with(key, key.example);
        let with = read(&text);
        let without = policy_with(key, "5").replace(&format!("{} = 5", key.name), "");
        if let Ok(without) = netrig_policy::read(&without, "policy.toml", &mut super::files) {
            assert!(with.policy != without.policy || with.sets != without.sets, "{} says nothing:\n{text}", key.path());
        }
    }
}

fn is_toml(default: &str) -> bool {
    matches!(default, "true" | "false") || default.starts_with(|c: char| c.is_ascii_digit() || "\"[".contains(c))
}

#[test]
fn a_default_is_what_holds_without_the_key() {
    for key in KEYS.iter().filter(|key| is_toml(key.default)) {
        let (Ok(with), Ok(without)) = (
            netrig_policy::read(&policy_with(key, key.default), "policy.toml", &mut super::files),
            netrig_policy::read(
                &policy_with(key, "5").replace(&format!("{} = 5", key.name), ""),
                "policy.toml",
                &mut super::files,
            ),
        ) else {
            continue;
        };
        assert_eq!(with.policy, without.policy, "the default of {}", key.path());
    }
}

#[test]
fn each_key_is_looked_at() {
    for key in KEYS {
        // No key takes a date.
        let errors = super::errors(&policy_with(key, "1979-05-27"));
        assert!(errors.contains(&format!("`{}` is 1979-05-27", key.name)), "{}: {errors}", key.path());
    }
}

#[test]
fn the_file_itself() {
    let policy = read("").policy;
    assert_eq!((policy.fragments, policy.persist, policy.management.auto), (Unreadable::Pass, false, true));
    assert!(policy.rules.is_empty() && policy.interfaces.is_empty() && policy.management.allow.is_empty());
    let policy = read("\u{feff}interfaces = \"eth0\"\r\nfragments = \"drop\"\r\npersist = true\r\n").policy;
    assert_eq!((policy.fragments, policy.persist), (Unreadable::Drop, true));
    assert_eq!(policy.interfaces, ["eth0"]);
    let policy = read("[management]\nauto = false\nallow = [\"10.0.0.0/8\", \"!10.0.0.0/9\", \"::1\"]\n").policy;
    assert!(!policy.management.auto);
    assert_eq!(policy.management.allow.v4.as_slice(), [(0x0a80_0000, 0x0aff_ffff)]);
    assert_eq!(policy.management.allow.v6.as_slice(), [(1, 1)]);
}

#[test]
fn a_rule_is_read_whole() {
    let text = "\n[[rule]]\nid = \"a.b_c-9\"\nmatch = {}\naction = \"pass\"\nmode = \"shadow\"\nttl = \"1h30m\"\n\
                comment = \"noise\"\nowner = \"netops\"\n\n[[rule]]\nid = \"b\"\nmatch = {}\naction = \"count\"\n";
    let rules = rules(text);
    assert_eq!((rules[0].id.as_str(), rules[0].line, rules[1].line), ("a.b_c-9", 2, 11));
    assert_eq!((&rules[0].action, rules[0].mode), (&Action::Pass, Mode::Shadow));
    assert_eq!(rules[0].ttl, Some(Duration::from_secs(5_400)));
    assert_eq!((rules[0].comment.as_deref(), rules[0].owner.as_deref()), (Some("noise"), Some("netops")));
    assert_eq!((rules[1].mode, rules[1].ttl, &rules[1].owner), (Mode::Enforce, None, &None));
    assert_eq!(rules[0].alternatives, [Default::default()]);
}

fn action(text: &str) -> Action {
    rules(&format!("[[rule]]\nid = \"r\"\nmatch = {{}}\naction = {text}\n")).swap_remove(0).action
}

#[test]
fn actions() {
    assert_eq!(action("\"drop\""), Action::Drop);
    assert_eq!(action("\"count\""), Action::Count);
    assert_eq!(action("\"sample\""), Action::Sample { one_in: 1 });
    assert_eq!(action("{ sample = {} }"), Action::Sample { one_in: 1 });
    assert_eq!(action("{ sample = { one_in = 100 } }"), Action::Sample { one_in: 100 });
    assert_eq!(action("\"syn-guard\""), Action::SynGuard { above_per_second: 1_000 });
    assert_eq!(action("{ syn-guard = { above_per_second = 0 } }"), Action::SynGuard { above_per_second: 0 });
    assert_eq!(action("{ redirect = { cpu = 2 } }"), Action::Redirect(Target::Cpu(2)));
    let eth1 = Action::Redirect(Target::Interface("eth1".to_owned()));
    assert_eq!(action("{ redirect = { interface = \"eth1\" } }"), eth1);
}

#[test]
fn limits() {
    let limit = |inside: &str| match action(&format!("{{ limit = {{ {inside} }} }}")) {
        Action::Limit(limit) => limit,
        other => panic!("{other:?}"),
    };
    let plain = limit("packets_per_second = 1000");
    let rule = Limit { unit: LimitUnit::Packets, per_second: 1_000, burst: 100, per: LimitPer::Rule, sources: 65_536 };
    assert_eq!(plain, rule);
    assert_eq!(limit("packets_per_second = 5").burst, 1);
    assert_eq!(limit("packets_per_second = 5, burst = 200").burst, 200);
    let bytes = limit("bytes_per_second = \"10MB\"");
    assert_eq!((bytes.unit, bytes.per_second, bytes.burst), (LimitUnit::Bytes, 10_000_000, 1_000_000));
    assert_eq!(limit("bytes_per_second = 1000").burst, 65_536);
    assert_eq!(limit("bytes_per_second = 1000, burst = \"2KiB\"").burst, 2_048);
    let per = |inside: &str| match limit(&format!("packets_per_second = 5, per = {inside}, sources = 9")) {
        Limit { per: LimitPer::Source { v4_bits, v6_bits }, sources: 9, .. } => (v4_bits, v6_bits),
        other => panic!("{other:?}"),
    };
    assert_eq!(per("\"src_addr\""), (32, 128));
    assert_eq!(per("\"src/24\""), (24, 64));
    assert_eq!(per("{ v4 = 24, v6 = 56 }"), (24, 56));
    assert_eq!(per("{ v4 = 8 }"), (8, 64));
    assert_eq!(per("{ v6 = 48 }"), (32, 48));
    assert_eq!(limit("packets_per_second = 5, per = \"rule\"").per, LimitPer::Rule);
}

#[test]
fn protocols_and_flags() {
    let protocol = |number, family| Protocol { number, family };
    let read = one("{ protocol = [\"udp\", \"icmp\", 47, \"tcp\", \"47\", 6, \"icmpv6\"] }").protocol;
    let want = [
        protocol(1, Family::V4),
        protocol(6, Family::Any),
        protocol(17, Family::Any),
        protocol(47, Family::Any),
        protocol(58, Family::V6),
    ];
    assert_eq!(read.as_deref(), Some(&want[..]));
    let read = one("{ tcp_flags = [\"syn,!ack\", \"fin , rst\", \"syn,!ack\", \"!psh,!urg,ece,cwr\"] }").tcp_flags;
    let test = |mask, value| FlagTest { mask, value };
    assert_eq!(read.as_deref(), Some(&[test(5, 5), test(18, 2), test(0xe8, 0xc0)][..]));
}

#[test]
fn lengths_vlans_fragments() {
    let read = one("{ length = [64, \"64-128\", \">1500\", \"<=10\", \"129\"] }").length;
    assert_eq!(read.as_deref(), Some(&[0..=10, 64..=129, 1_501..=u32::MAX][..]));
    assert_eq!(one("{ length = \"<61\" }").length.as_deref(), Some(&[0..=60][..]));
    assert_eq!(one("{ length = \">= 61\" }").length.as_deref(), Some(&[61..=u32::MAX][..]));
    let read = one("{ vlan = [\"none\", 5, \"100-199\", 6] }").vlan;
    assert_eq!(read.as_deref(), Some(&[VlanTest::Untagged, VlanTest::Ids(5..=6), VlanTest::Ids(100..=199)][..]));
    for (text, test) in [
        ("true", FragmentTest::Any),
        ("false", FragmentTest::Whole),
        ("\"first\"", FragmentTest::First),
        ("\"later\"", FragmentTest::Later),
    ] {
        assert_eq!(one(&format!("{{ fragment = {text} }}")).fragment, Some(test));
    }
}

#[test]
fn below_ip() {
    assert_eq!(
        one("{ iface = [\"eth1\", \"eth0\", \"eth1\"] }").iface,
        Some(vec!["eth0".to_owned(), "eth1".to_owned()])
    );
    assert_eq!(one("{ ethertype = [0x88cc, \"arp\", \"0x88cc\"] }").ethertype, Some(vec![0x0806, 0x88cc]));
    let read = one("{ src_mac = \"02:00:00:aa:BB:cc\", dst_mac = [\"ff:ff:ff:ff:ff:ff\"] }");
    assert_eq!(read.src_mac, Some(vec![[2, 0, 0, 0xaa, 0xbb, 0xcc]]));
    assert_eq!(read.dst_mac, Some(vec![[0xff; 6]]));
}

#[test]
fn names_of_icmp_types_are_of_the_family_that_the_protocol_says() {
    let types = |text: &str| -> Vec<_> {
        let all = alternatives(text).into_iter();
        all.map(|m| (m.protocol.map(|p| p.iter().map(|p| p.number).collect::<Vec<_>>()), m.icmp_type)).collect()
    };
    let only = |n: u8| Some(vec![n..=n]);
    assert_eq!(types("{ icmp_type = 8 }"), [(None, only(8))]);
    assert_eq!(types("{ icmp_type = [8, \"9-12\"] }"), [(None, Some(vec![8..=12]))]);
    assert_eq!(types("{ icmp_type = \"echo-request\", protocol = \"icmp\" }"), [(Some(vec![1]), only(8))]);
    assert_eq!(types("{ icmp_type = \"echo-request\", protocol = [\"icmpv6\"] }"), [(Some(vec![58]), only(128))]);
    let both = [(Some(vec![1]), only(8)), (Some(vec![58]), only(128))];
    assert_eq!(types("{ icmp_type = \"echo-request\" }"), both);
    assert_eq!(types("{ icmp_type = \"echo-request\", protocol = [\"icmp\", \"icmpv6\", \"tcp\"] }"), both);
    assert_eq!(types("{ icmp_type = \"packet-too-big\" }"), [(Some(vec![58]), only(2))]);
    // What stands around an alternative says it too.
    assert_eq!(types("{ protocol = \"icmp\", any = [{ icmp_type = \"echo-reply\" }] }"), [(Some(vec![1]), only(0))]);
    assert_eq!(types("{ protocol = [1], icmp_type = 3 }"), [(Some(vec![1]), only(3))]);
}

#[test]
fn any_is_one_of_its_tables_with_what_stands_beside_it() {
    let all = alternatives(
        "{ protocol = [\"tcp\", \"udp\"], dst_port = 53, any = [{ src = \"10.0.0.1\" }, { protocol = \"udp\", any = [{ vlan = 5 }, { length = 64 }] }] }",
    );
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|m| m.dst_port.as_ref().is_some_and(|ports| ports.as_slice() == [(53, 53)])));
    assert_eq!(all[0].protocol.as_ref().map(Vec::len), Some(2));
    assert_eq!(
        (all[1].protocol.as_ref().map(Vec::len), all[1].src.is_some(), all[1].vlan.is_some()),
        (Some(1), false, true)
    );
    assert_eq!((all[2].length.is_some(), all[2].vlan.is_some()), (true, false));
    let all = alternatives("{ src = \"10.0.0.0/8\", any = [{ src = \"10.1.0.0/16\" }, {}] }");
    let first = |at: usize| all[at].src.as_ref().map(|set| set.v4.as_slice().to_vec());
    assert_eq!(first(0), Some(vec![(0x0a01_0000, 0x0a01_ffff)]));
    assert_eq!(first(1), Some(vec![(0x0a00_0000, 0x0aff_ffff)]));
    let flags = one("{ tcp_flags = [\"syn\", \"ack\"], any = [{ tcp_flags = [\"!ack\", \"rst\"] }] }").tcp_flags;
    let test = |mask, value| FlagTest { mask, value };
    assert_eq!(flags.as_deref(), Some(&[test(6, 6), test(18, 2), test(20, 20)][..]));
    let part = one("{ fragment = true, any = [{ fragment = \"later\" }] }").fragment;
    assert_eq!(part, Some(FragmentTest::Later));
    let family = one("{ protocol = 1, any = [{ protocol = [\"icmp\", \"tcp\"] }] }").protocol;
    assert_eq!(family, Some(vec![Protocol { number: 1, family: Family::V4 }]));
}

#[test]
fn alternatives_are_bounded() {
    let match_of = |count: usize| format!("{{ any = [{}] }}", "{ vlan = 5 }, ".repeat(count));
    assert_eq!(alternatives(&match_of(1_024)).len(), 1_024);
    let text = format!("[[rule]]\nid = \"r\"\naction = \"drop\"\nmatch = {}\n", match_of(1_025));
    let errors = super::errors(&text);
    assert!(errors.contains("`match` has more than 1024 alternatives: write several rules, or a set"), "{errors}");
}

#[test]
fn rules_are_bounded() {
    let rules = |count: usize| -> String {
        (0..count).map(|i| format!("[[rule]]\nid = \"r{i}\"\nmatch = {{}}\naction = \"count\"\n")).collect()
    };
    assert_eq!(read(&rules(1_022)).policy.rules.len(), 1_022);
    let errors = super::errors(&rules(1_024));
    assert_eq!(
        errors.lines().next(),
        Some("policy.toml, line 4089, column 1: this rule is one too many: a policy has at most 1022")
    );
}
