//! The policies' picture.

use super::counts;
use netrig_model::*;

pub(crate) fn rule(id: &str, action: PolicyAction, mode: PolicyMode, packets: u64) -> PolicyRuleStatus {
    let removes = !matches!(action, PolicyAction::Pass | PolicyAction::Count | PolicyAction::Sample);
    let over_packets = if removes { packets / 2 } else { 0 };
    PolicyRuleStatus {
        id: id.to_owned(),
        action,
        mode,
        packets,
        bytes: packets * 98,
        over_packets,
        over_bytes: over_packets * 98,
        ..PolicyRuleStatus::default()
    }
}

pub(crate) fn status() -> PolicyStatus {
    use PolicyAction::{Drop, Limit, Pass, Sample};
    use PolicyMode::{Enforce, Shadow};
    let taken = Timestamp(1_700_000_123_500_000_000);
    let on = |iface: &str, hook: &str, dropped, redirected| PolicyInterface {
        iface: iface.to_owned(),
        asked: "driver".to_owned(),
        hook: hook.to_owned(),
        dropped: counts(dropped, dropped * 98),
        redirected: counts(redirected, redirected * 98),
        ..PolicyInterface::default()
    };
    PolicyStatus {
        taken,
        in_force: Some(PolicyInForce {
            file: "/etc/netrig/policy.toml".to_owned(),
            confirm_until: Some(taken.plus_ns(12_500_000_000)),
            rows: 9,
            bytes: 3_145_728,
            ..PolicyInForce::default()
        }),
        interfaces: vec![on("eth0", "xdp-native", 44, 2), on("odd\"\\name", "", 1, 0)],
        rules: vec![
            rule("netrig:always", Pass, Enforce, 40),
            rule("netrig:management", Pass, Enforce, 17),
            rule("no-ping-from-lab", Drop, Shadow, 90),
            rule("dns-limit", Limit, Enforce, 1000),
            rule("look", Sample, Enforce, 3),
        ],
        warnings: vec!["blocklist.txt is gone; its 12 entries of before stay in force".to_owned()],
        events_lost: 6,
        limit_sources_lost: 8,
        fell_back_packets: 21,
    }
}
