//! What `netrig connections` prints, as golden files; that each connection counts once, and that none is lost in the sums.

mod common;

use common::{START, WINDOW_NS, connection, golden, never_established};
use netrig_model::{ConnectionEnd, ConnectionRecord, Role, Side, TcpState};
use netrig_view::{
    Choice, GroupBy, Grouped, Grouper, Latest, Limits, RankedConnections, Ranking, Style, Sum, connection_table,
    group_line, record_line,
};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000;
const EVERYTHING: Choice = Choice { failed: false, open: false, slow_us: None };
const SLOW: Choice = Choice { slow_us: Some(100_000), ..EVERYTHING };
const FAILED: Choice = Choice { failed: true, ..EVERYTHING };

/// A host's five minutes: a web client, a database that refuses, a peer that is gone, a leak, a slow reader, and a server.
fn connections() -> Vec<ConnectionRecord> {
    let web = connection("10.0.0.1:43210", "192.0.2.80:443", 1, 4_200_000);
    let open = ConnectionRecord { end_reason: ConnectionEnd::Open, state: TcpState::Established, ended: None, ..web };
    let postgres = |id, end, took_us| ConnectionRecord {
        connection_id: id,
        process: Some("worker".to_owned()),
        pid: Some(812),
        container: Some("3f2a9c01b2d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e".to_owned()),
        ..never_established(end, took_us)
    };
    let server = ConnectionRecord {
        role: Some(Role::Server),
        process: Some("nginx".to_owned()),
        pid: Some(99),
        container: Some("nginx.service".to_owned()),
        ..connection("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:40000", "[2001:db8::2]:443", 6, 61 * SECOND)
    };
    vec![
        open.clone(),
        connection("10.0.0.1:43212", "192.0.2.80:443", 2, 180_000),
        postgres(3, ConnectionEnd::Refused, 312),
        ConnectionRecord { retransmits_syn: 6, ..postgres(4, ConnectionEnd::Timeout, 127 * SECOND) },
        ConnectionRecord {
            connection_id: 5,
            state: TcpState::CloseWait,
            duration_us: Some(400 * SECOND),
            close_wait_us: 300 * SECOND,
            process: Some("leaky".to_owned()),
            dst_name: Some("db.internal".to_owned()),
            ..open.clone()
        },
        ConnectionRecord {
            bytes_sent: 150_000_000,
            busy_us: 60 * SECOND,
            limited_receiver_us: 48 * SECOND,
            zero_windows_peer: 31,
            ..server.clone()
        },
        ConnectionRecord {
            connection_id: 7,
            end_reason: ConnectionEnd::Reset,
            state: TcpState::Established,
            reset_by: Some(Side::Local),
            reset_reason: Some("tcp_abort_on_close".to_owned()),
            ..server
        },
        ConnectionRecord {
            connection_id: 8,
            older_than_rig: true,
            duration_us: None,
            opened: None,
            connect_us: None,
            process: None,
            pid: None,
            role: None,
            ..open
        },
    ]
}

fn ranked(choice: Choice, top: usize) -> RankedConnections {
    let mut ranking = Ranking::new(choice, top);
    connections().into_iter().for_each(|r| ranking.add(r));
    ranking.finish()
}

fn table(choice: Choice, top: usize, width: Option<usize>) -> String {
    connection_table(&ranked(choice, top)).render(Style { width, color: false })
}

fn grouped(by: &str, top: Option<usize>) -> Grouped<ConnectionRecord> {
    let mut grouper = Grouper::new(GroupBy::parse(by).expect("columns"), Limits::default());
    connections().iter().for_each(|r| grouper.add(r));
    grouper.finish(top)
}

#[test]
fn connections_into_a_file() {
    golden("connections.txt", &table(EVERYTHING, 100, None));
}

#[test]
fn connections_on_terminals() {
    for width in [80, 120, 200] {
        let text = table(EVERYTHING, 100, Some(width));
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        golden(&format!("connections-{width}.txt"), &text);
    }
}

#[test]
fn healthy_connections_have_room_for_their_numbers_at_120() {
    let mut ranking = Ranking::new(EVERYTHING, 10);
    ranking.add(connection("10.0.0.1:43210", "192.0.2.80:443", 1, 4_200_000));
    golden(
        "connections-healthy-120.txt",
        &connection_table(&ranking.finish()).render(Style { width: Some(120), color: false }),
    );
}

#[test]
fn failed_connections() {
    golden("connections-failed.txt", &table(FAILED, 100, Some(120)));
}

#[test]
fn slow_connections() {
    golden("connections-slow.txt", &table(SLOW, 100, Some(120)));
}

#[test]
fn the_first_and_what_the_rest_comes_to() {
    golden("connections-top.txt", &table(EVERYTHING, 2, None));
}

#[test]
fn groups_of_connections() {
    golden("connection-groups.txt", &grouped("dst_addr,dst_port", Some(2)).table().render(Style::default()));
}

#[test]
fn groups_of_connections_as_json() {
    let grouped = grouped("process,end_reason", None);
    let lines: Vec<String> = grouped.groups.iter().map(|g| group_line(&grouped, g).expect("json") + "\n").collect();
    golden("connection-groups.jsonl", &lines.concat());
}

#[test]
fn records_as_json() {
    golden("connection.jsonl", &(record_line(&connections()[6]).expect("json") + "\n"));
}

#[test]
fn groups_can_be_ordered_by_what_they_lost() {
    let mut grouper = Grouper::new(GroupBy::<ConnectionRecord>::parse("process").expect("columns"), Limits::default())
        .ordered_by(|sums| sums.lost_us);
    connections().iter().for_each(|r| grouper.add(r));
    let grouped = grouper.finish(None);
    let names: Vec<String> = grouped.groups.iter().flat_map(|g| grouped.fields(g)).map(|f| grouped.text(f)).collect();
    assert_eq!(names, ["leaky", "worker", "nginx", "", "curl"]);
}

#[test]
fn a_containers_id_is_twelve_digits_and_a_units_name_whole() {
    let text = table(EVERYTHING, 100, None);
    assert!(text.contains(" 3f2a9c01b2d4 ") && text.contains(" nginx.service "), "{text}");
}

fn latest(records: &[ConnectionRecord], open_max: usize) -> (Vec<ConnectionRecord>, u64) {
    let mut out = Vec::new();
    let mut latest = Latest::new(open_max);
    for record in records {
        latest.add(record.clone(), &mut |r| out.push(r));
    }
    let left_out = latest.finish(&mut |r| out.push(r));
    (out, left_out)
}

/// The record of window number `window`.
fn at(r: &ConnectionRecord, window: i64, end_reason: ConnectionEnd) -> ConnectionRecord {
    let window_start = START.plus_ns(window * WINDOW_NS);
    let window_end = window_start.plus_ns(WINDOW_NS);
    let sent = r.bytes_sent + u64::try_from(window).expect("positive");
    ConnectionRecord { window_start, window_end, last_seen: window_end, bytes_sent: sent, end_reason, ..r.clone() }
}

#[test]
fn only_the_latest_record_counts() {
    use ConnectionEnd::{Closed, Evicted, Open};
    let a = connection("10.0.0.1:1", "10.0.0.2:2", 1, SECOND);
    let b = connection("10.0.0.1:3", "10.0.0.2:2", 2, SECOND);
    let records = [at(&a, 0, Open), at(&b, 0, Open), at(&a, 1, Open), at(&b, 1, Evicted), at(&a, 2, Closed)];
    let want = vec![at(&a, 2, Closed), at(&b, 1, Evicted)];
    assert_eq!(latest(&records, 10), (want, 0));
    let back = [at(&b, 1, Evicted), at(&b, 2, Open)];
    assert_eq!(latest(&back, 10), (vec![at(&b, 2, Open)], 0), "evicted, and found again");
}

#[test]
fn an_id_used_again_by_another_run_is_another_connection() {
    use ConnectionEnd::Open;
    let (a, b) = (connection("10.0.0.1:1", "10.0.0.2:2", 1, SECOND), connection("10.0.0.1:7", "10.0.0.2:2", 1, SECOND));
    assert_eq!(latest(&[at(&a, 0, Open), at(&b, 1, Open)], 10).0.len(), 2);
    let other_host = ConnectionRecord { host: Some("lab2".to_owned()), ..a.clone() };
    assert_eq!(latest(&[at(&a, 0, Open), at(&other_host, 1, Open)], 10).0.len(), 2);
    // Who began can become known only later.
    let turned = connection("10.0.0.2:2", "10.0.0.1:1", 1, SECOND);
    assert_eq!(latest(&[at(&a, 0, Open), at(&turned, 1, Open)], 10).0, [at(&turned, 1, Open)]);
}

#[test]
fn open_connections_beyond_the_bound_are_counted() {
    use ConnectionEnd::{Closed, Open};
    let all: Vec<_> = (1..=3).map(|id| connection("10.0.0.1:1", "10.0.0.2:2", id, SECOND)).collect();
    let mut records: Vec<_> = all.iter().map(|r| at(r, 0, Open)).collect();
    records.extend([at(&all[0], 1, Open), at(&all[2], 1, Open)]);
    let (kept, left_out) = latest(&records, 2);
    assert_eq!((kept.iter().map(|r| r.connection_id).collect::<Vec<_>>(), left_out), (vec![2, 1], 2));
    // The end of one makes room, and the end of what was left out is told.
    records.extend([at(&all[0], 2, Closed), at(&all[2], 2, Closed)]);
    let (kept, _) = latest(&records, 2);
    assert_eq!(kept.iter().map(|r| r.connection_id).collect::<Vec<_>>(), [1, 3, 2]);
}

fn any_records() -> impl Strategy<Value = Vec<ConnectionRecord>> {
    let end = prop::sample::select(&[ConnectionEnd::Closed, ConnectionEnd::Refused, ConnectionEnd::Reset][..]);
    let one = (0..6u64, 0..4u16, 0..1_000_000u64, 1..5i64, prop::option::of(end));
    prop::collection::vec(one, 0..40).prop_map(|all| {
        let mut records = Vec::new();
        for (id, (peer, port, bytes, windows, end)) in all.into_iter().enumerate() {
            let dst = format!("10.0.1.{peer}:{port}");
            let mut r = connection("10.0.0.1:1000", &dst, id as u64, bytes);
            r.limited_receiver_us = bytes % 7 * 50_000;
            r.bytes_sent = bytes;
            for window in 0..windows - 1 {
                records.push(at(&r, window, ConnectionEnd::Open));
            }
            records.push(at(&r, windows - 1, end.unwrap_or(ConnectionEnd::Open)));
        }
        records
    })
}

proptest! {
    #[test]
    fn the_order_records_come_in_changes_nothing(records in any_records(), seed in any::<u64>()) {
        let mut shuffled = records.clone();
        for i in 0..shuffled.len() {
            shuffled.swap(i, (seed as usize).wrapping_mul(i + 1) % records.len());
        }
        let sorted = |records: &[ConnectionRecord]| {
            let mut out = latest(records, usize::MAX).0;
            out.sort_by_key(|r| r.connection_id);
            out
        };
        // An open record that comes after its connection's end must not bring it back; one that comes before goes.
        prop_assert_eq!(sorted(&records), sorted(&shuffled));
    }

    #[test]
    fn nothing_is_lost_by_ranking(records in any_records(), top in 0..30usize) {
        let (all, _) = latest(&records, usize::MAX);
        for choice in [EVERYTHING, SLOW, FAILED, Choice { open: true, ..EVERYTHING }] {
            let mut ranking = Ranking::new(choice, top);
            let mut every = Ranking::new(choice, usize::MAX);
            for r in &all {
                ranking.add(r.clone());
                every.add(r.clone());
            }
            let (ranked, every) = (ranking.finish(), every.finish());
            let wanted = all.iter().filter(|r| choice.wants(r)).count();
            prop_assert_eq!(every.connections.len(), wanted);
            prop_assert_eq!(&ranked.connections[..], &every.connections[..top.min(wanted)]);
            prop_assert_eq!(ranked.rest.connections, (wanted - ranked.connections.len()) as u64);
            let bytes = |of: &[ConnectionRecord]| of.iter().map(|r| r.bytes_sent).sum::<u64>();
            prop_assert_eq!(bytes(&ranked.connections) + ranked.rest.bytes_sent, bytes(&every.connections));
        }
    }

    #[test]
    fn sums_are_those_of_the_connections(records in any_records(), groups_max in 1..50usize) {
        let (all, _) = latest(&records, usize::MAX);
        let mut grouper = Grouper::new(GroupBy::parse("dst_addr,dst_port").expect("columns"), Limits { groups_max, ..Limits::default() });
        all.iter().for_each(|r| grouper.add(r));
        let grouped = grouper.finish(Some(5));
        let mut sum = grouped.rest;
        grouped.groups.iter().for_each(|g| sum.add(&g.sums));
        prop_assert_eq!(sum.connections, all.len() as u64);
        prop_assert_eq!(sum.failed, all.iter().filter(|r| r.end_reason.is_failure()).count() as u64);
        prop_assert_eq!(sum.bytes_sent, all.iter().map(|r| r.bytes_sent).sum::<u64>());
        prop_assert!(grouped.groups.is_sorted_by_key(|g| std::cmp::Reverse(g.sums.connections)));
    }
}
