//! What is measured: policies, sources, and what each may cost.

use super::sources::Draw;
use netrig_policy::words::{
    Action, Addresses, Family, Limit, LimitPer, LimitUnit, Management, Match, Mode, Policy, Protocol, Rule, Unreadable,
};
use netrig_policy::{Ranges, World};
use std::sync::Arc;

pub(crate) const MILLION: usize = 1_000_000;
const TEN_THOUSAND: usize = 10_000;
const UDP: u8 = 17;
const TCP: u8 = 6;
/// Rules of a policy that has more than its list.
const RULES: usize = 50;

/// What is done with sources of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// All that the list names is dropped.
    Drop,
    /// A bucket for each source; none is ever beyond its limit.
    Limit,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) is_ipv6: bool,
    /// Entries of the list, which are addresses only where there are few.
    pub(crate) entries: usize,
    pub(crate) does: Does,
    /// Beside the list, rules that match none of these packets.
    pub(crate) more_rules: bool,
    pub(crate) draw: Draw,
    /// Packets come from sources of the list.
    pub(crate) listed: bool,
    /// At most so many times what an empty program costs.
    pub(crate) ratio_max: Option<f64>,
}

impl Case {
    pub(crate) fn only_addresses(&self) -> bool {
        self.entries == TEN_THOUSAND
    }

    pub(crate) fn drops(&self) -> bool {
        self.listed && self.does == Does::Drop
    }
}

const DROP: Case = Case {
    name: "",
    is_ipv6: false,
    entries: MILLION,
    does: Does::Drop,
    more_rules: false,
    draw: Draw::Hot,
    listed: true,
    ratio_max: None,
};

/// In an order in which each list is made once.
pub(crate) const CASES: [Case; 13] = [
    Case { name: "drop, 10k, one", entries: TEN_THOUSAND, draw: Draw::One, ratio_max: Some(2.0), ..DROP },
    Case { name: "drop, 10k, hot", entries: TEN_THOUSAND, ratio_max: Some(2.0), ..DROP },
    Case { name: "drop, 10k, all", entries: TEN_THOUSAND, draw: Draw::All, ratio_max: Some(2.0), ..DROP },
    Case { name: "drop, 1M, hot", ratio_max: Some(2.2), ..DROP },
    Case { name: "drop, 1M, all", draw: Draw::All, ratio_max: Some(4.0), ..DROP },
    Case {
        name: "clean, 1M + 50 rules, one",
        more_rules: true,
        draw: Draw::One,
        listed: false,
        ratio_max: Some(1.6),
        ..DROP
    },
    Case { name: "clean, 1M + 50 rules, hot", more_rules: true, listed: false, ratio_max: Some(1.6), ..DROP },
    Case { name: "clean, 1M + 50 rules, all", more_rules: true, draw: Draw::All, listed: false, ..DROP },
    Case { name: "limit, 1M sources, all", does: Does::Limit, draw: Draw::All, ratio_max: Some(6.0), ..DROP },
    Case { name: "drop, 10k, all", is_ipv6: true, entries: TEN_THOUSAND, draw: Draw::All, ..DROP },
    Case { name: "drop, 1M, all", is_ipv6: true, draw: Draw::All, ..DROP },
    Case { name: "clean, 1M + 50 rules, hot", is_ipv6: true, more_rules: true, listed: false, ..DROP },
    Case { name: "limit, 1M sources, all", is_ipv6: true, does: Does::Limit, draw: Draw::All, ..DROP },
];

/// The policy of a case.
pub(crate) fn policy(case: &Case, list: &Arc<Addresses>) -> Policy {
    let of_list = Match { src: Some(Arc::clone(list)), ..Match::default() };
    let first = match case.does {
        Does::Drop => rule("list", of_list, Action::Drop),
        Does::Limit => rule("limit", Match::default(), Action::Limit(per_source())),
    };
    let mut rules = vec![first];
    if case.more_rules {
        rules.extend((1..RULES).map(other));
    }
    whole(rules)
}

/// Packets are counted in front of all else, so that none can get by unseen.
pub(crate) fn counting(list: &Arc<Addresses>) -> Policy {
    let of_list = Match { src: Some(Arc::clone(list)), ..Match::default() };
    whole(vec![rule("seen", Match::default(), Action::Count), rule("list", of_list, Action::Drop)])
}

fn whole(rules: Vec<Rule>) -> Policy {
    Policy {
        rules,
        fragments: Unreadable::Pass,
        persist: false,
        management: Management { auto: false, allow: Arc::default() },
        interfaces: Vec::new(),
    }
}

pub(crate) fn world() -> World {
    World { cpus: 2, ..World::default() }
}

fn rule(id: &str, criteria: Match, action: Action) -> Rule {
    Rule {
        id: id.into(),
        comment: None,
        owner: None,
        ttl: None,
        mode: Mode::Enforce,
        action,
        alternatives: vec![criteria],
        line: 1,
    }
}

fn per_source() -> Limit {
    Limit {
        unit: LimitUnit::Packets,
        per_second: MILLION as u64,
        burst: MILLION as u64,
        per: LimitPer::Source { v4_bits: 32, v6_bits: 128 },
        sources: 1 << 20,
    }
}

/// Rules of all kinds, so that all dimensions are looked into; none is for UDP to port 443.
fn other(number: usize) -> Rule {
    let port = 6000 + number as u16 * 10;
    let ports = |first: u16, last: u16| Some(Arc::new(Ranges::of(vec![(first, last)])));
    let protocol = |number: u8| Some(vec![Protocol { number, family: Family::Any }]);
    let near = Addresses { v4: Ranges::of(vec![(0xc000_0200, 0xc000_02ff)]), v6: Ranges::of(vec![(1 << 64, 2 << 64)]) };
    let criteria = match number % 5 {
        0 => Match {
            protocol: protocol(UDP),
            src_port: ports(port, port),
            length: Some(vec![512..=u32::MAX]),
            ..Match::default()
        },
        1 => Match { protocol: protocol(TCP), dst_port: ports(port, port + 3), ..Match::default() },
        2 => Match { protocol: protocol(UDP), dst_port: ports(port, port + 3), ..Match::default() },
        3 => Match {
            dst: Some(Arc::new(near)),
            protocol: protocol(UDP),
            dst_port: ports(port, port),
            ..Match::default()
        },
        _ => Match { protocol: protocol(1), icmp_type: Some(vec![number as u8..=number as u8]), ..Match::default() },
    };
    rule(&format!("other-{number}"), criteria, Action::Drop)
}
