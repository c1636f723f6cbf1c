use super::*;
use netrig_model::{Told, TunnelKind};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const SECOND: i64 = 1_000_000_000;

/// A row of the window that starts `second`; `n` chooses its flow.
fn row(second: i64, n: u32, bytes: u64) -> ReducedFlowRecord {
    ReducedFlowRecord {
        window_start: Timestamp(second * SECOND),
        window_end: Timestamp((second + 10) * SECOND),
        told: Told::Addresses,
        records: 1,
        host: Some("rig-1".into()),
        iface: Some(if n.is_multiple_of(3) { "eth0" } else { "eth1" }.into()),
        netns: Some(7),
        vlan: (n.is_multiple_of(11)).then_some(100),
        vlan_inner: None,
        protocol: if n.is_multiple_of(2) { 6 } else { 17 },
        transport: Some(if n.is_multiple_of(2) { "tcp" } else { "udp" }.into()),
        src_addr: Some(Ipv4Addr::from_bits(0x0a00_0000 + n * 7).into()),
        src_prefix: None,
        src_port: Some(30_000 + (n % 1000) as u16),
        dst_addr: Some(Ipv4Addr::from_bits(0xc0a8_0000 + n % 5).into()),
        dst_prefix: None,
        dst_port: Some(443),
        packets: bytes / 100,
        bytes,
        reverse_packets: bytes / 50,
        reverse_bytes: bytes / 3,
        tcp_flags: Some(1 << (n % 8)),
        reverse_tcp_flags: None,
        icmp_type: None,
        icmp_code: None,
        fragment: None,
        tunnel: (n.is_multiple_of(13)).then_some(TunnelKind::Vxlan),
        tunnel_id: (n.is_multiple_of(13)).then_some(n),
        sampling_rate: 1 + n % 2,
        packets_error: None,
        bytes_error: None,
        reverse_packets_error: None,
        reverse_bytes_error: None,
        process: Some(format!("p{}", n % 3)),
        container: None,
        dropped_packets: (n.is_multiple_of(4)).then_some(u64::from(n)),
        drop_reason: None,
        src_name: Some(format!("host-{n}")),
        dst_name: None,
    }
}

fn rows() -> impl Strategy<Value = Vec<ReducedFlowRecord>> {
    let one = (0..720i64, 0..400u32, 0..u64::MAX / 8).prop_map(|(window, n, bytes)| row(window * 10, n, bytes));
    prop::collection::vec(one, 0..300)
}

/// Sums that no level may change, of each interface, protocol and kind of tunnel.
fn sums(rows: &[ReducedFlowRecord]) -> BTreeMap<String, [u64; 6]> {
    let mut sums = BTreeMap::<_, [u64; 6]>::new();
    for row in rows {
        let all = sums.entry(format!("{:?} {} {:?}", row.iface, row.protocol, row.tunnel)).or_default();
        let dropped = row.dropped_packets.unwrap_or(0);
        let these = [row.packets, row.bytes, row.reverse_packets, row.reverse_bytes, dropped, row.records];
        all.iter_mut().zip(these).for_each(|(sum, add)| *sum = sum.wrapping_add(add));
    }
    sums
}

fn size(row: &ReducedFlowRecord) -> u64 {
    row.bytes + row.reverse_bytes
}

proptest! {
    #[test]
    fn sums_are_exact_at_every_level_whichever_way_it_is_made(rows in rows()) {
        let minutes = reduce_rows(Level::Minute, &rows);
        let hours = reduce_rows(Level::Hour, &rows);
        let hours_of_minutes = reduce_rows(Level::Hour, &minutes);
        for level in [&minutes, &hours, &hours_of_minutes] {
            prop_assert_eq!(sums(level), sums(&rows));
        }
        prop_assert_eq!(hours, hours_of_minutes);
    }

    #[test]
    fn reducing_again_changes_nothing_and_order_does_not_matter(rows in rows(), seed: u64) {
        let mut other = rows.clone();
        other.sort_by_key(|row| row.bytes ^ seed);
        for level in Level::ALL {
            let once = reduce_rows(level, &rows);
            prop_assert_eq!(&reduce_rows(level, &once), &once);
            prop_assert_eq!(&reduce_rows(level, &other), &once);
        }
    }

    #[test]
    fn rows_lie_within_what_was_there_and_within_their_period(rows in rows()) {
        for level in Level::ALL {
            let start = rows.iter().map(|r| r.window_start).min();
            let end = rows.iter().map(|r| r.window_end).max();
            for row in reduce_rows(level, &rows) {
                prop_assert!(Some(row.window_start) >= start && Some(row.window_end) <= end);
                prop_assert!(row.window_start < row.window_end);
                let period = row.window_start.0.div_euclid(level.period_ns());
                prop_assert_eq!((row.window_end.0 - 1).div_euclid(level.period_ns()), period);
            }
        }
    }
}

#[test]
fn minutes_forget_the_ports_of_clients_and_keep_those_of_services() {
    let mut client = row(0, 1, 10);
    let minutes = |rows: &[_]| reduce_rows(Level::Minute, rows);
    let again = ReducedFlowRecord { src_port: Some(40_000), ..client.clone() };
    let one = minutes(&[client.clone(), again]);
    assert_eq!((one.len(), one[0].src_port, one[0].dst_port, one[0].records), (1, None, Some(443), 2));
    // Joined in the middle: the server was seen first.
    (client.src_port, client.dst_port) = (Some(443), Some(50_000));
    assert_eq!((minutes(&[client.clone()])[0].src_port, minutes(&[client])[0].dst_port), (Some(443), None));
}

#[test]
fn what_differs_is_null_and_what_is_known_of_some_only_too() {
    let a = row(0, 1, 10);
    let b = ReducedFlowRecord { src_name: None, container: Some("c".into()), tcp_flags: Some(16), ..a.clone() };
    let one = reduce_rows(Level::Minute, &[a.clone(), b]).remove(0);
    assert_eq!((one.process, one.src_name, one.container), (a.process, None, None));
    assert_eq!(one.tcp_flags, Some(2 | 16));
}

#[test]
fn a_record_longer_than_a_minute_is_in_the_minute_of_its_start() {
    let long = ReducedFlowRecord { window_end: Timestamp(300 * SECOND), ..row(50, 1, 10) };
    let rows = reduce_rows(Level::Minute, &[long, row(60, 1, 10)]);
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].window_start.0, rows[0].window_end.0), (50 * SECOND, 300 * SECOND));
    assert_eq!((rows[1].window_start.0, rows[1].window_end.0), (60 * SECOND, 120 * SECOND));
}

#[test]
fn hours_keep_the_largest_whole_and_tell_networks_of_the_rest() {
    // Eight times as many flows as stay whole on one interface, each told in two windows.
    let flows: Vec<_> = (0..8 * 1000u32)
        .flat_map(|n| {
            let one = ReducedFlowRecord { iface: Some("eth0".into()), tunnel: None, ..row(10, n, 1000 + u64::from(n)) };
            [one.clone(), ReducedFlowRecord { window_start: Timestamp(0), ..one }]
        })
        .collect();
    let hours = reduce_rows(Level::Hour, &flows);
    let whole: Vec<_> = hours.iter().filter(|r| r.told == Told::Addresses).collect();
    assert_eq!(whole.len(), WHOLE_ROWS_MAX);
    for row in &whole {
        let flow: Vec<_> = flows.iter().filter(|f| f.src_addr == row.src_addr).collect();
        assert_eq!((size(row), row.records), (flow.iter().map(|f| size(f)).sum(), 2), "all of it");
        assert_eq!(row.src_name, flow[0].src_name);
    }
    let smallest = whole.iter().map(|r| size(r)).min();
    let larger = flows.chunks(2).filter(|both| Some(size(&both[0]) + size(&both[1])) > smallest).count();
    assert!(larger < WHOLE_ROWS_MAX, "{larger} flows are larger than the smallest kept whole");
    let networks: Vec<_> = hours.iter().filter(|r| r.told == Told::Prefixes).collect();
    assert!(networks.iter().all(|r| r.src_prefix == Some(24) && r.src_name.is_none()), "{networks:?}");
    assert!(networks.iter().all(|r| r.src_addr.is_some_and(|a| a.to_string().ends_with(".0"))));
    assert_eq!(sums(&hours), sums(&flows));
}

#[test]
fn rows_of_networks_are_bounded_and_the_rest_is_told_by_interface_and_protocol() {
    let flows: Vec<_> = (0..40_000u32)
        .map(|n| ReducedFlowRecord { src_addr: Some(Ipv4Addr::from_bits(n << 8).into()), ..row(0, n, 1000) })
        .collect();
    let hours = reduce_rows(Level::Hour, &flows);
    let count = |told| hours.iter().filter(|r| r.told == told).count();
    assert_eq!((count(Told::Addresses), count(Told::Prefixes)), (2 * WHOLE_ROWS_MAX, PREFIX_ROWS_MAX));
    assert!((1..=8).contains(&count(Told::Other)), "{}", count(Told::Other));
    for rest in hours.iter().filter(|r| r.told == Told::Other) {
        assert!(rest.iface.is_some() && rest.src_addr.is_none() && rest.dst_port.is_none() && rest.process.is_none());
    }
    assert_eq!(sums(&hours), sums(&flows));
}

#[test]
fn errors_of_sampling_add_up_as_their_squares_do() {
    let sampled = |error| ReducedFlowRecord { packets_error: Some(error), bytes_error: Some(0), ..row(0, 2, 6400) };
    let rows = reduce_rows(Level::Minute, &[sampled(3), sampled(4), sampled(1), row(0, 2, 100)]);
    let [one] = &rows[..] else { panic!("one flow: {rows:#?}") };
    // The root of 26, rounded up.
    assert_eq!((one.packets_error, one.bytes_error, one.reverse_packets_error), (Some(6), Some(0), None));
}

#[test]
fn the_report_finds_all_at_detail_and_what_a_level_forgets_is_not_found() {
    let flow = |n: u32| {
        let mut flow = netrig_model::FlowRecord::from(row(i64::from(n % 60) * 10, n, 1000 + u64::from(n)));
        flow.src_port = Some((n % 60_000) as u16 + 1024);
        flow
    };
    let flows: Vec<_> = (0..12_000).map(flow).collect();
    let all = report(&flows).expect("report");
    let found = |i: usize| all[i].recalls.iter().map(|r| (r.found, r.distinct_told == r.distinct)).collect::<Vec<_>>();
    assert_eq!(all.iter().map(|r| r.sum_error).collect::<Vec<_>>(), [0, 0, 0]);
    assert_eq!(found(0), [(100, true), (100, true), (100, true), (5, true), (2, true)]);
    assert_eq!(found(1), [(0, true), (100, true), (100, true), (5, true), (2, true)]);
    // The largest flow of each interface and hour are whole; who is small is only counted with its network.
    assert_eq!(found(2), [(0, false), (100, false), (100, false), (5, true), (2, true)]);
    assert!(all[1].bytes > all[2].bytes && all[2].rows < all[1].rows, "{all:?}");
}
