//! Of the host's network.

use super::Case;

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "NetrigResourceDropsRising",
        fault: &[(r#"netrig_drops_total{H,class="resource",reason="SOCKET_RCVBUFF"}"#, "0+30x120 4200+600x40")],
        // As much, but not more than ever; and more, of a class that costs nobody anything.
        healthy: &[
            (r#"netrig_drops_total{H,class="resource",reason="SOCKET_RCVBUFF"}"#, "0+600x160"),
            (r#"netrig_drops_total{H,class="harmless",reason="TCP_OLD_DATA"}"#, "0+30x120 60000+60000x40"),
        ],
        at: "150m",
        labels: &[("class", "resource")],
        summary: "web1:9798 drops more packets for want of resources than it did",
        description: "10 packets a second are dropped because a buffer, a queue or memory is full: more than three times the \
                      mean of the day before.",
    },
    Case {
        alert: "NetrigDropRatioHigh",
        fault: &[
            (r#"netrig_drops_total{H,class="resource",reason="SOCKET_RCVBUFF"}"#, "0+600x40"),
            (r#"netrig_drops_total{H,class="error",reason="IP_CSUM"}"#, "0+600x40"),
            (r#"netrig_interface_packets_total{H,iface="eth0",direction="ingress"}"#, "0+60000x40"),
        ],
        // The same share of what an idle host receives, and a busy host's ordinary ends.
        healthy: &[
            (r#"netrig_drops_total{H,class="resource",reason="SOCKET_RCVBUFF"}"#, "0+12x40"),
            (r#"netrig_drops_total{H,class="harmless",reason="TCP_OLD_DATA"}"#, "0+60000x40"),
            (r#"netrig_interface_packets_total{H,iface="eth0",direction="ingress"}"#, "0+600x40"),
        ],
        at: "30m",
        labels: &[],
        summary: "web1:9798 loses packets",
        description: "Packets dropped for want of resources or by error are 2% of what the host receives.",
    },
    Case {
        alert: "NetrigRetransmitsHigh",
        fault: &[
            (r#"netrig_tcp_retransmits_total{H,cause="fast"}"#, "0+120x40"),
            (r#"netrig_tcp_retransmits_total{H,cause="timeout"}"#, "0+60x40"),
            (r#"netrig_flow_packets_total{H,iface="eth0",direction="egress",transport="tcp"}"#, "0+6000x40"),
        ],
        // One lost packet of few, and as many lost of a thousand times as many.
        healthy: &[
            (r#"netrig_tcp_retransmits_total{H,cause="syn"}"#, "0+0x20 1+0x20"),
            (r#"netrig_flow_packets_total{H,iface="eth0",direction="egress",transport="tcp"}"#, "0+1x40"),
        ],
        at: "30m",
        labels: &[],
        summary: "TCP of web1:9798 sends much again",
        description: "3% of TCP's packets sent are sent again.",
    },
    Case {
        alert: "NetrigListenerDropping",
        fault: &[(r#"netrig_tcp_listener_drops_total{H,listener=":8080"}"#, "0+60x40")],
        healthy: &[(r#"netrig_tcp_listener_drops_total{H,listener=":8080"}"#, "0+0x25 200+0x15")],
        at: "30m",
        labels: &[("listener", ":8080")],
        summary: ":8080 on web1:9798 turns connections away",
        description: "The listener drops 1 connections or SYNs a second: clients see timeouts.",
    },
    Case {
        alert: "NetrigAcceptQueueFilling",
        fault: &[
            (r#"netrig_tcp_accept_queue{H,listener=":8080"}"#, "117+0x40"),
            (r#"netrig_tcp_accept_queue_capacity{H,listener=":8080"}"#, "130+0x40"),
        ],
        // Full at times; and one that may never have anybody wait.
        healthy: &[
            (r#"netrig_tcp_accept_queue{H,listener=":8080"}"#, "0+0x27 130 130 130 0+0x10"),
            (r#"netrig_tcp_accept_queue_capacity{H,listener=":8080"}"#, "130+0x40"),
            (r#"netrig_tcp_accept_queue{H,listener=":9"}"#, "0+0x40"),
            (r#"netrig_tcp_accept_queue_capacity{H,listener=":9"}"#, "0+0x40"),
        ],
        at: "30m",
        labels: &[("listener", ":8080")],
        summary: "The accept queue of :8080 on web1:9798 is nearly full",
        description: "90% of its places are taken by connections that nobody accepts.",
    },
    Case {
        alert: "NetrigBurstsSaturateLink",
        fault: &[
            (r#"netrig_burst_peak_bits_per_second{H,iface="eth0",direction="egress"}"#, "9500000000+0x40"),
            (r#"netrig_burst_peak_bits_per_second{H,iface="eth0",direction="ingress"}"#, "100000000+0x40"),
            (r#"netrig_interface_speed_bits_per_second{H,iface="eth0"}"#, "10000000000+0x40"),
        ],
        // Full for a few minutes; and an interface whose speed nobody knows.
        healthy: &[
            (
                r#"netrig_burst_peak_bits_per_second{H,iface="eth0",direction="egress"}"#,
                "3000000000+0x20 9900000000+0x9 3000000000+0x10",
            ),
            (r#"netrig_interface_speed_bits_per_second{H,iface="eth0"}"#, "10000000000+0x40"),
            (r#"netrig_burst_peak_bits_per_second{H,iface="veth1",direction="egress"}"#, "90000000000+0x40"),
        ],
        at: "30m",
        labels: &[("iface", "eth0"), ("direction", "egress")],
        summary: "eth0 of web1:9798 is full for milliseconds, every minute",
        description: "In the busiest millisecond of the last minute egress used 95% of the link, whatever its average says.",
    },
    Case {
        alert: "NetrigPolicyWaiting",
        fault: &[("netrig_policy_confirmation_seconds{H}", "0 0 300 240 180 120 60")],
        healthy: &[("netrig_policy_confirmation_seconds{H}", "0 0 0 240 0 0 0")],
        at: "5m",
        labels: &[],
        summary: "A policy on web1:9798 waits to be confirmed",
        description: "In 2m 0s the policy before it comes back.",
    },
    Case {
        alert: "NetrigPolicyPassedOver",
        fault: &[("netrig_policy_fell_back_packets_total{H}", "0+600x40")],
        healthy: &[("netrig_policy_fell_back_packets_total{H}", "0+0x27 50+0x13")],
        at: "30m",
        labels: &[],
        summary: "Packets pass web1:9798 without a policy",
        description: "10 packets a second meet no policy where there should be one, and pass: none is in force, or one that \
                      waited was not confirmed.",
    },
    Case {
        alert: "NetrigPolicyWarning",
        fault: &[("netrig_policy_warnings{H}", "0+0x10 2+0x30")],
        healthy: &[("netrig_policy_warnings{H}", "0+0x28 1 1 0+0x10")],
        at: "30m",
        labels: &[],
        summary: "Something is wrong with the policy of web1:9798",
        description: "The policy in force has 2 warnings, such as a set's file that vanished.",
    },
];
