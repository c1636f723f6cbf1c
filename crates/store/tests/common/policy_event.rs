//! A policy event's record for tests, of this crate and of others: `#[path]` brings it there.

use netrig_model::{PolicyAction, PolicyEventRecord, PolicyMode, PolicyVerdict, Timestamp};
use std::net::Ipv4Addr;

/// The record number `n` of a window: plain, and told apart by its length, which is `n` + 60. Every fourth is not IP.
pub(crate) fn policy_event(window: (Timestamp, Timestamp), n: u64) -> PolicyEventRecord {
    let (rule, action) = [
        ("dns-limit", PolicyAction::Limit),
        ("no-ping-from-lab", PolicyAction::Drop),
        ("look", PolicyAction::Sample),
        ("lldp", PolicyAction::Count),
    ][(n % 4) as usize];
    let mode = if n % 4 == 1 { PolicyMode::Shadow } else { PolicyMode::Enforce };
    let ip = n % 4 != 3;
    let udp = n.is_multiple_of(4);
    PolicyEventRecord {
        window_start: window.0,
        window_end: window.1,
        time: window.0.plus_ns((n as i64 * 7_919_333) % (window.1.0 - window.0.0)),
        host: Some("rig-1".into()),
        iface: Some(if n.is_multiple_of(2) { "eth0" } else { "eth1" }.into()),
        rule: rule.into(),
        action,
        mode,
        verdict: PolicyVerdict::of(action, mode, n.is_multiple_of(8) || action == PolicyAction::Drop),
        src_addr: ip.then(|| Ipv4Addr::new(10, 77, 0, (n % 61) as u8).into()),
        src_port: udp.then_some(32_768 + (n * 37 % 28_000) as u16),
        dst_addr: ip.then(|| Ipv4Addr::new(10, 1, 0, 1).into()),
        dst_port: udp.then_some(53),
        protocol: ip.then_some(if udp { 17 } else { 1 }),
        transport: ip.then(|| if udp { "udp" } else { "icmp" }.into()),
        ethertype: Some(if ip { 0x0800 } else { 0x88cc }),
        length: 60 + n as u32,
        octets: Some(format!("0200000000010200000000020800{n:016x}")),
    }
}

/// Records `from..to` of a window.
pub(crate) fn policy_events(window: (Timestamp, Timestamp), from: u64, to: u64) -> Vec<PolicyEventRecord> {
    (from..to).map(|n| policy_event(window, n)).collect()
}
