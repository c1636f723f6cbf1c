//! Records to group and draw.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod bursts;
pub(crate) mod drops;
pub(crate) mod latency;
pub(crate) mod live;
pub(crate) mod requests;

use netrig_model::*;

pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000_000_000);
pub(crate) const WINDOW_NS: i64 = 10_000_000_000;

/// A flow of `bytes` in packets of 100, half of it answered, in window number `window`.
pub(crate) fn flow(src: &str, dst: &str, transport: &str, bytes: u64, window: i64) -> FlowRecord {
    let endpoint = |text: &str| match text.parse::<std::net::SocketAddr>() {
        Ok(both) => (Some(both.ip()), Some(both.port())),
        Err(_) => (Some(text.parse().expect("address")), None),
    };
    let ((src_addr, src_port), (dst_addr, dst_port)) = (endpoint(src), endpoint(dst));
    let protocol = match transport {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        _ => 253,
    };
    let window_start = START.plus_ns(window * WINDOW_NS);
    FlowRecord {
        window_start,
        window_end: window_start.plus_ns(WINDOW_NS),
        first_seen: START,
        last_seen: window_start.plus_ns(WINDOW_NS - 1),
        host: Some("lab".to_owned()),
        iface: Some("eth0".to_owned()),
        netns: None,
        vlan: None,
        vlan_inner: None,
        protocol,
        transport: transport_name(protocol).map(str::to_owned),
        src_addr,
        src_port,
        dst_addr,
        dst_port,
        packets: bytes / 100,
        bytes,
        reverse_packets: bytes / 200,
        reverse_bytes: bytes / 2,
        tcp_flags: (protocol == 6).then_some(0x1b),
        reverse_tcp_flags: (protocol == 6).then_some(0x12),
        icmp_type: (protocol == 1).then_some(8),
        icmp_code: (protocol == 1).then_some(0),
        dscp: Some(0),
        fragment: None,
        tunnel: None,
        tunnel_id: None,
        sampling_rate: 1,
        packets_error: Some(0),
        bytes_error: Some(0),
        reverse_packets_error: Some(0),
        reverse_bytes_error: Some(0),
        end_reason: EndReason::Active,
        process: None,
        pid: None,
        cgroup: None,
        container: None,
        dropped_packets: None,
        drop_reason: None,
        src_name: None,
        dst_name: None,
    }
}

/// A little network: two web clients, a resolver, a ping, something unknown, IPv6, VLANs, a tunnel and a fragment.
pub(crate) fn records() -> Vec<FlowRecord> {
    let mut all = vec![
        flow("10.0.0.1:43210", "192.0.2.80:443", "tcp", 5_000_000, 0),
        flow("10.0.0.1:43210", "192.0.2.80:443", "tcp", 7_000_000, 1),
        flow("10.0.0.2:50000", "192.0.2.80:443", "tcp", 123_456_000, 1),
        flow("10.0.0.2:5353", "192.0.2.53:53", "udp", 600, 0),
        flow("10.0.0.3", "10.0.0.1", "icmp", 9_800, 1),
        flow("10.0.0.9", "10.0.0.8", "?", 1_000, 1),
        flow("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:40000", "[2001:db8::2]:22", "tcp", 1_500_000_000, 1),
    ];
    all.push(FlowRecord { vlan: Some(100), vlan_inner: Some(7), ..flow("10.1.0.1:1", "10.1.0.2:2", "udp", 400, 0) });
    let tunnel = (Some(TunnelKind::Vxlan), Some(42));
    all.push(FlowRecord {
        tunnel: tunnel.0,
        tunnel_id: tunnel.1,
        ..flow("172.16.0.1:9", "172.16.0.2:9", "tcp", 2_000, 1)
    });
    all.push(FlowRecord { fragment: Some(true), ..flow("10.0.0.1", "10.0.0.2", "udp", 3_000, 1) });
    all
}

/// Compares with a golden file; `NETRIG_BLESS=1` rewrites it.
pub(crate) fn golden(file: &str, got: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("NETRIG_BLESS").is_some() {
        std::fs::write(&path, got).expect("write golden file");
    }
    let want = std::fs::read_to_string(&path).expect("golden file; NETRIG_BLESS=1 writes it");
    assert_eq!(got, want, "{file} differs; NETRIG_BLESS=1 rewrites it");
}

/// A client's connection that lived for `duration_us` and closed well, after a handshake of 12 ms.
pub(crate) fn connection(src: &str, dst: &str, id: u64, duration_us: u64) -> ConnectionRecord {
    let (src, dst): (std::net::SocketAddr, std::net::SocketAddr) =
        (src.parse().expect("address"), dst.parse().expect("address"));
    let ended = START.plus_ns(i64::try_from(duration_us).expect("short") * 1000);
    ConnectionRecord {
        window_start: START,
        window_end: START.plus_ns(WINDOW_NS),
        host: Some("lab".to_owned()),
        netns: Some(4_026_531_840),
        connection_id: id,
        role: Some(Role::Client),
        src_addr: Some(src.ip()),
        src_port: Some(src.port()),
        dst_addr: Some(dst.ip()),
        dst_port: Some(dst.port()),
        opened: Some(START),
        established: Some(START.plus_ns(12_000_000)),
        ended: Some(ended),
        last_seen: ended,
        state: TcpState::TimeWait,
        end_reason: ConnectionEnd::Closed,
        error: None,
        closed_by: Some(Side::Local),
        reset_by: None,
        reset_reason: None,
        duration_us: Some(duration_us),
        connect_us: Some(12_000),
        syn_sent_us: 12_000,
        syn_recv_us: 0,
        established_us: duration_us.saturating_sub(12_000),
        fin_wait1_us: 0,
        fin_wait2_us: 0,
        close_wait_us: 0,
        closing_us: 0,
        last_ack_us: 0,
        rtt_samples: 10,
        rtt_us_min: Some(12_000),
        rtt_us_mean: Some(13_000),
        rtt_us_max: Some(20_000),
        rtt_pure_samples: 0,
        rtt_pure_us_min: None,
        rtt_pure_us_mean: None,
        srtt_us: Some(13_000),
        rttvar_us: Some(2_000),
        kernel_rtt_us_min: Some(12_000),
        cwnd_segments: Some(10),
        mss_bytes: Some(1448),
        bytes_sent: 12_000,
        bytes_received: 340_000,
        segments_sent: 200,
        segments_received: 300,
        retransmits: 0,
        retransmits_timeout: 0,
        retransmits_fast: 0,
        retransmits_tlp: 0,
        retransmits_syn: 0,
        retransmits_syn_ack: 0,
        retransmits_spurious: 0,
        out_of_order: 0,
        zero_windows_local: 0,
        zero_windows_peer: 0,
        ecn: Some(false),
        ce_marks: 0,
        busy_us: 0,
        limited_receiver_us: 0,
        limited_send_buffer_us: 0,
        limited_network_us: 0,
        older_than_rig: false,
        sampling_rate: 1,
        process: Some("curl".to_owned()),
        pid: Some(4242),
        cgroup: None,
        container: None,
        src_name: None,
        dst_name: None,
    }
}

/// Of a connection that was never established: nothing is known but how long it tried.
pub(crate) fn never_established(end: ConnectionEnd, took_us: u64) -> ConnectionRecord {
    ConnectionRecord {
        established: None,
        state: TcpState::SynSent,
        end_reason: end,
        closed_by: None,
        connect_us: None,
        syn_sent_us: took_us,
        established_us: 0,
        rtt_samples: 0,
        rtt_us_min: None,
        rtt_us_mean: None,
        rtt_us_max: None,
        srtt_us: None,
        rttvar_us: None,
        kernel_rtt_us_min: None,
        bytes_sent: 0,
        bytes_received: 0,
        segments_sent: 1,
        segments_received: 0,
        ..connection("10.0.0.1:43210", "10.0.0.2:5432", 1, took_us)
    }
}
