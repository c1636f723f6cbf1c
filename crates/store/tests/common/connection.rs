//! A connection for tests, of this crate and of others: `#[path]` brings it there.

use netrig_model::{ConnectionEnd, ConnectionRecord, Role, Side, TcpState, Timestamp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The connection number `n` of a window: plain, and told apart by its id, which is `n`. Those that are multiples of 7 go on,
/// those of 11 were refused, those of 13 came to this host as IPv6; the others are clients' that have ended.
pub(crate) fn connection(window: (Timestamp, Timestamp), n: u64) -> ConnectionRecord {
    let low = (n % 60_000) as u16;
    let (open, refused, server) =
        (n.is_multiple_of(7), n.is_multiple_of(11) && !n.is_multiple_of(7), n.is_multiple_of(13));
    let host = |net: u16, low: u16| -> IpAddr {
        let [high_byte, low_byte] = low.to_be_bytes();
        if server {
            Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, low).into()
        } else {
            Ipv4Addr::new(10, net as u8, high_byte, low_byte).into()
        }
    };
    let opened = window.0.plus_ns(1_000_000 + (n as i64 % 1000) * 1_000_000);
    let connect_us = 180 + n % 700;
    let life_us = if refused { connect_us } else { 3_000 + n % 40_000 };
    let ended = opened.plus_ns(life_us as i64 * 1000);
    let told = |value: u64| if refused { 0 } else { value };
    ConnectionRecord {
        window_start: window.0,
        window_end: window.1,
        host: Some("rig-1".into()),
        netns: Some(4_026_531_840),
        connection_id: n,
        role: Some(if server { Role::Server } else { Role::Client }),
        src_addr: Some(host(1, low)),
        src_port: Some(32_768 + (n * 37 % 28_000) as u16),
        dst_addr: Some(host(2, low % 61)),
        dst_port: Some([443, 5432, 80, 8443][(n % 4) as usize]),
        opened: Some(opened),
        established: (!refused).then(|| opened.plus_ns(connect_us as i64 * 1000)),
        ended: (!open).then_some(ended),
        last_seen: if open { window.1 } else { ended },
        state: match (open, refused) {
            (true, _) => TcpState::Established,
            (_, true) => TcpState::SynSent,
            _ => TcpState::LastAck,
        },
        end_reason: match (open, refused) {
            (true, _) => ConnectionEnd::Open,
            (_, true) => ConnectionEnd::Refused,
            _ => ConnectionEnd::Closed,
        },
        error: refused.then(|| "ECONNREFUSED".into()),
        closed_by: (!open && !refused).then_some(Side::Peer),
        reset_by: refused.then_some(Side::Peer),
        reset_reason: None,
        duration_us: Some(life_us),
        connect_us: (!refused).then_some(connect_us),
        syn_sent_us: if server { 0 } else { connect_us },
        syn_recv_us: 0,
        established_us: told(life_us - connect_us),
        fin_wait1_us: 0,
        fin_wait2_us: 0,
        close_wait_us: told(n % 50),
        closing_us: 0,
        last_ack_us: told(n % 300),
        rtt_samples: told(3 + n % 5),
        rtt_us_min: (!refused).then_some(150 + (n % 90) as u32),
        rtt_us_mean: (!refused).then_some(300 + (n % 190) as u32),
        rtt_us_max: (!refused).then_some(900 + (n % 1_900) as u32),
        rtt_pure_samples: told(2),
        rtt_pure_us_min: (!refused).then_some(150 + (n % 90) as u32),
        rtt_pure_us_mean: (!refused).then_some(200 + (n % 90) as u32),
        srtt_us: (!refused).then_some(310 + (n % 190) as u32),
        rttvar_us: (!refused).then_some(70 + (n % 190) as u32),
        kernel_rtt_us_min: (!refused).then_some(150 + (n % 90) as u32),
        cwnd_segments: (!refused).then_some(10),
        mss_bytes: (!refused).then_some(1448),
        bytes_sent: told(n * 611 + 40),
        bytes_received: told(n * 97),
        segments_sent: told(6 + n % 40),
        segments_received: told(5 + n % 40),
        retransmits: u64::from(n.is_multiple_of(41)),
        retransmits_timeout: u64::from(n.is_multiple_of(41)),
        retransmits_fast: 0,
        retransmits_tlp: 0,
        retransmits_syn: 0,
        retransmits_syn_ack: 0,
        retransmits_spurious: 0,
        out_of_order: u64::from(n.is_multiple_of(97)),
        zero_windows_local: 0,
        zero_windows_peer: 0,
        ecn: Some(false),
        ce_marks: 0,
        busy_us: told(n % 2_000),
        limited_receiver_us: 0,
        limited_send_buffer_us: 0,
        limited_network_us: told(n % 2_000),
        older_than_rig: false,
        sampling_rate: 1,
        process: Some(if server { "nginx" } else { "curl" }.into()),
        pid: Some(4_000 + (n % 30) as u32),
        cgroup: Some("/system.slice/demo.service".into()),
        container: Some("demo.service".into()),
        src_name: None,
        dst_name: None,
    }
}

/// Connections `from..to` of a window.
pub(crate) fn connections(window: (Timestamp, Timestamp), from: u64, to: u64) -> Vec<ConnectionRecord> {
    (from..to).map(|n| connection(window, n)).collect()
}
