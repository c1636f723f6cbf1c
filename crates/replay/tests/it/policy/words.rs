//! Policies written down briefly.

use netrig_policy::Ranges;
use netrig_policy::words::Family;
use netrig_policy::words::{
    Action, Addresses, FlagTest, Limit, LimitPer, LimitUnit, Management, Match, Mode, Policy, Protocol, Rule,
    Unreadable,
};
use std::net::IpAddr;
use std::sync::Arc;

/// Addresses and prefixes.
pub(crate) fn addresses(texts: &[&str]) -> Arc<Addresses> {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for text in texts {
        let (address, bits) = text.split_once('/').map_or((*text, None), |(address, bits)| (address, Some(bits)));
        let bits = bits.map(|bits| bits.parse::<u32>().expect("bits"));
        match address.parse().expect("an address") {
            IpAddr::V4(address) => v4.push(block4(address.into(), 32 - bits.unwrap_or(32))),
            IpAddr::V6(address) => v6.push(block6(address.into(), 128 - bits.unwrap_or(128))),
        }
    }
    Arc::new(Addresses { v4: Ranges::of(v4), v6: Ranges::of(v6) })
}

/// All addresses that differ in nothing but so many lower bits.
pub(crate) fn block4(at: u32, bits: u32) -> (u32, u32) {
    let lower = u32::MAX.checked_shr(32 - bits).unwrap_or(0);
    (at & !lower, at | lower)
}

/// The same of IPv6.
pub(crate) fn block6(at: u128, bits: u32) -> (u128, u128) {
    let lower = u128::MAX.checked_shr(128 - bits).unwrap_or(0);
    (at & !lower, at | lower)
}

pub(crate) fn ports(ranges: &[(u16, u16)]) -> Option<Arc<Ranges<u16>>> {
    Some(Arc::new(Ranges::of(ranges.to_vec())))
}

pub(crate) fn from(texts: &[&str]) -> Match {
    Match { src: Some(addresses(texts)), ..Match::default() }
}

pub(crate) fn to_port(port: u16) -> Match {
    Match { dst_port: ports(&[(port, port)]), ..Match::default() }
}

pub(crate) fn protocol(number: u8) -> Match {
    Match { protocol: Some(vec![Protocol { number, family: Family::Any }]), ..Match::default() }
}

pub(crate) fn flags(mask: u8, value: u8) -> Match {
    Match { tcp_flags: Some(vec![FlagTest { mask, value }]), ..Match::default() }
}

pub(crate) fn everything() -> Match {
    Match::default()
}

pub(crate) fn limit(unit: LimitUnit, burst: u64, per: LimitPer) -> Limit {
    Limit { unit, per_second: 1, burst, per, sources: 4096 }
}

pub(crate) const PER_ADDRESS: LimitPer = LimitPer::Source { v4_bits: 32, v6_bits: 128 };

/// One that enforces.
pub(crate) fn rule(id: &str, action: Action, alternatives: impl Into<Vec<Match>>) -> Rule {
    Rule {
        id: id.to_owned(),
        comment: None,
        owner: None,
        ttl: None,
        mode: Mode::Enforce,
        action,
        alternatives: alternatives.into(),
        line: 1,
    }
}

pub(crate) fn shadow(id: &str, action: Action, alternatives: impl Into<Vec<Match>>) -> Rule {
    Rule { mode: Mode::Shadow, ..rule(id, action, alternatives) }
}

pub(crate) fn policy(rules: impl Into<Vec<Rule>>) -> Policy {
    Policy {
        rules: rules.into(),
        fragments: Unreadable::Pass,
        persist: false,
        management: Management { auto: false, allow: Arc::default() },
        interfaces: Vec::new(),
    }
}
