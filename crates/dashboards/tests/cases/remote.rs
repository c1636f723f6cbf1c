//! Of what the rig sends itself.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "NetrigRemoteWriteQueueFilling",
        fault: &[
            ("netrig_remote_write_queue_samples{H}", "600+0x40"),
            ("netrig_remote_write_queue_capacity_samples{H}", "1000+0x40"),
        ],
        healthy: &[
            ("netrig_remote_write_queue_samples{H}", "0+0x24 900 900 900 0+0x20"),
            ("netrig_remote_write_queue_capacity_samples{H}", "1000+0x40"),
        ],
        at: "30m",
        labels: &[],
        summary: "What web1:9798 sends to its server of metrics piles up",
        description: "60% of its queue are taken: the server does not take them as fast as they come, and what finds no room \
                      will be given up.",
    },
    Case {
        alert: "NetrigRemoteWriteLosing",
        fault: &[(r#"netrig_remote_write_samples_total{H,outcome="dropped"}"#, "0+600x40")],
        healthy: &[
            (r#"netrig_remote_write_samples_total{H,outcome="sent"}"#, "0+6000x40"),
            (r#"netrig_remote_write_samples_total{H,outcome="rejected"}"#, "0+0x25 50+0x15"),
        ],
        at: "30m",
        labels: &[("outcome", "dropped")],
        summary: "Samples of web1:9798 do not reach the server of metrics",
        description: "10 samples a second are dropped.",
    },
    Case {
        alert: "NetrigRemoteWriteStalled",
        fault: &[("netrig_remote_write_last_success_timestamp_seconds{H}", "0+60x10 600+0x30")],
        healthy: &[("netrig_remote_write_last_success_timestamp_seconds{H}", "0+60x40")],
        at: "30m",
        labels: &[],
        summary: "The server of metrics takes nothing from web1:9798",
        description: "It last took something 20m 0s ago.",
    },
];
