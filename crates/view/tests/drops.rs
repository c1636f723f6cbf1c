//! What `netrig drops` prints, as golden files.

mod common;

use common::drops::{dropped, of_flow};
use common::golden;
use netrig_model::{Direction, DropClass, DropRecord, DropSource};
use netrig_view::{Dropped, GroupBy, Grouped, Grouper, Limits, Listing, Style, group_line, list_drops, record_line};

/// Two windows: a full receive buffer, broken checksums, a firewall, a reason of tomorrow, what is harmless, and the counters
/// beside.
fn records() -> Vec<DropRecord> {
    let (skb, udp) = (DropSource::Skb, "udp_queue_rcv_one_skb+0x2a3");
    let full = |packets, window| dropped(skb, "SOCKET_RCVBUFF", Some(DropClass::Resource), packets, window);
    let mut example = of_flow(full(9_000, 0), udp, "10.0.0.9:5353", "10.0.0.1:53", Some("named"));
    example.example = Some("45000054abcd40004011".to_owned());
    let elsewhere = DropRecord { iface: Some("veth7".to_owned()), ..full(600, 1) };
    let no_route = dropped(skb, "IP_OUTNOROUTES", Some(DropClass::Error), 12, 1);
    let rule = DropRecord {
        direction: Some(Direction::Egress),
        place: Some("nf_hook_slow+0x9c".to_owned()),
        ..dropped(skb, "NETFILTER_DROP", Some(DropClass::Policy), 44, 0)
    };
    vec![
        example,
        of_flow(full(2_000, 1), udp, "[2001:db8::9]:5353", "[2001:db8::1]:53", Some("named")),
        of_flow(full(400, 1), udp, "10.0.0.8:5353", "10.0.0.1:5300", Some("dnsmasq")),
        DropRecord { place: Some(udp.to_owned()), ..elsewhere },
        DropRecord { iface: None, direction: None, ..no_route },
        rule,
        DropRecord { place: Some("tomorrow_rcv+0x12".to_owned()), ..dropped(skb, "#212", None, 3, 1) },
        dropped(skb, "TCP_OLD_DATA", Some(DropClass::Harmless), 70, 0),
        dropped(skb, "SKB_CONSUMED", Some(DropClass::Harmless), 7, 1),
        dropped(DropSource::Device, "rx_missed_errors", Some(DropClass::Resource), 100_000, 1),
        dropped(DropSource::Socket, "SOCK_RCVQUEUE_FULL", Some(DropClass::Resource), 12_000, 1),
        dropped(DropSource::Device, "rx_nohandler", Some(DropClass::Harmless), 5, 1),
    ]
}

fn advice(_source: DropSource, reason: &str, _place: Option<&str>) -> Option<&'static str> {
    match reason {
        "SOCKET_RCVBUFF" => Some(
            "The receive buffer is full: its reader is too slow, or the buffer too small. Look with: ss -uampn; raise \
             net.core.rmem_max and SO_RCVBUF.",
        ),
        "rx_missed_errors" => Some("The device had no free descriptor: ethtool -G eth0 rx 4096."),
        _ => None,
    }
}

const USUAL: Listing = Listing { all: false, examples: false, top: None, advice };

fn listed(records: &[DropRecord], how: Listing, width: Option<usize>) -> String {
    let mut dropped = Dropped::default();
    records.iter().for_each(|r| dropped.add(r));
    let mut out = String::new();
    list_drops(&dropped, how, Style { width, color: false }, &mut |line| out += &format!("{line}\n"));
    out
}

fn grouped(by: &str) -> Grouped<DropRecord> {
    let mut grouper = Grouper::new(GroupBy::parse(by).expect("columns"), Limits::default());
    records().iter().for_each(|r| grouper.add(r));
    grouper.finish(None)
}

#[test]
fn the_worst_class_comes_first_with_what_to_do_about_it() {
    golden("drops.txt", &listed(&records(), USUAL, None));
    for width in [80, 120] {
        let text = listed(&records(), USUAL, Some(width));
        assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        golden(&format!("drops-{width}.txt"), &text);
    }
}

#[test]
fn all_rows_with_examples_or_the_first_of_them() {
    golden("drops-all.txt", &listed(&records(), Listing { all: true, examples: true, ..USUAL }, None));
    golden("drops-top.txt", &listed(&records(), Listing { top: Some(1), ..USUAL }, None));
}

#[test]
fn where_only_harmless_packets_were_dropped_that_is_said() {
    let harmless: Vec<_> = records().into_iter().filter(|r| r.reason == "TCP_OLD_DATA").collect();
    let want = "The kernel dropped 70 packets in 10s: 70 harmless\n\n\
                … and harmless: 70 packets of 1 reason; --all lists them\n";
    assert_eq!(listed(&harmless, USUAL, None), want);
}

#[test]
fn groups_and_records() {
    let by_source = grouped("source,class");
    golden("drop-groups.txt", &by_source.table().render(Style::default()));
    let lines: Vec<String> = by_source.groups.iter().map(|g| group_line(&by_source, g).expect("json") + "\n").collect();
    golden("drop-groups.jsonl", &lines.concat());
    golden("drop.jsonl", &(record_line(&records()[0]).expect("json") + "\n"));
    assert!(GroupBy::<DropRecord>::parse("reason,source").is_ok_and(|by| by.keeps_sources_apart()));
    assert!(GroupBy::<DropRecord>::parse("reason").is_ok_and(|by| !by.keeps_sources_apart()));
}

#[test]
fn reasons_and_places_are_bounded_and_what_is_left_out_is_counted() {
    let mut all = Dropped::default();
    for n in 0..1_500 {
        all.add(&dropped(DropSource::Skb, &format!("#{n}"), None, 1, 0));
    }
    assert_eq!((all.rows().len(), all.left_out()), (1_000, 500));
}
