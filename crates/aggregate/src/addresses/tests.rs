use super::*;
use netrig_model::{
    Address, CONNECTION_COLUMNS, Column, ColumnType, Direction, DnsExchange, FlowKey, FlowKind, InterfaceId,
};
use proptest::prelude::*;
use std::net::Ipv4Addr;

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
const STUB: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fn s(seconds: i64) -> Timestamp {
    Timestamp(seconds * SECOND_NS)
}

fn answer(client: IpAddr, name: &str, addresses: &[IpAddr], ttl_s: u32, at: Timestamp) -> Request {
    let addresses = addresses.iter().map(|address| (*address, ttl_s)).collect();
    let what = DnsExchange { name: name.into(), addresses, ..DnsExchange::default() };
    let key = FlowKey {
        src: client.into(),
        dst: Address::v4([192, 0, 2, 53]),
        src_port: 40_000,
        dst_port: 53,
        iface: InterfaceId(1),
        protocol: 17,
        kind: if client.is_ipv6() { FlowKind::Ipv6 } else { FlowKind::Ipv4 },
        direction: Direction::Egress,
        vlan: None,
        vlan_inner: None,
        tunnel: None,
    };
    let (latency_ns, outcome, what) = (Some(1_000_000), RequestOutcome::Answered, Exchange::Dns(what));
    Request { key, started: at.plus_ns(-1_000_000), latency_ns, outcome, retries: 0, owner: None, what }
}

fn names(entries: usize) -> AddressNames {
    AddressNames::new(AddressBounds { entries, octets: 1 << 20 })
}

#[test]
fn a_client_s_own_answer_goes_before_anyone_s() {
    let mut all = names(100);
    all.learn(&answer(CLIENT, "own.example", &[SERVER], 300, s(10)));
    all.learn(&answer(STUB, "other.example", &[SERVER], 300, s(20)));
    assert_eq!(all.name(CLIENT, SERVER, s(30)), Some("own.example"));
    assert_eq!(all.name([10, 0, 0, 2].into(), SERVER, s(30)), Some("other.example"), "behind a resolver of this host");
    assert_eq!(all.name(CLIENT, CLIENT, s(30)), None);
}

#[test]
fn a_flow_has_the_name_that_held_when_it_began() {
    let mut all = names(100);
    all.learn(&answer(CLIENT, "old.example", &[SERVER], 300, s(100)));
    all.learn(&answer(CLIENT, "new.example", &[SERVER], 300, s(200)));
    let name = |at| all.name(CLIENT, SERVER, at);
    assert_eq!(name(s(99)), None, "nobody knew a name yet");
    assert_eq!((name(s(100)), name(s(199))), (Some("old.example"), Some("old.example")));
    assert_eq!((name(s(200)), name(s(500))), (Some("new.example"), Some("new.example")));
    assert_eq!(name(s(501)), None, "it held no longer");
    assert_eq!(name(s(100).plus_ns(-5_000_000)), Some("old.example"), "clocks of flows are coarse");
}

#[test]
fn a_name_holds_a_minute_at_least_and_an_hour_at_most() {
    for (ttl_s, holds_s) in [(0, 60), (300, 300), (86_400, 3600)] {
        let mut all = names(100);
        all.learn(&answer(CLIENT, "a.example", &[SERVER], ttl_s, s(0)));
        let name = |at| all.name(CLIENT, SERVER, at).is_some();
        assert_eq!((name(s(holds_s)), name(s(holds_s + 1))), (true, false), "{ttl_s}");
    }
}

#[test]
fn a_name_that_is_told_again_holds_on() {
    let mut all = names(100);
    for at in [0, 50, 100, 150] {
        all.learn(&answer(CLIENT, "a.example", &[SERVER], 60, s(at)));
    }
    assert_eq!(all.name(CLIENT, SERVER, s(10)), Some("a.example"));
    assert_eq!(all.name(CLIENT, SERVER, s(210)), Some("a.example"));
    assert_eq!(all.octets, 2 * "a.example".len());
}

#[test]
fn what_goes_on_keeps_its_name_and_what_nobody_asks_for_is_forgotten() {
    let other = IpAddr::from([192, 0, 2, 10]);
    let mut all = names(100);
    all.learn(&answer(CLIENT, "a.example", &[SERVER, other], 60, s(0)));
    for hour in 1..10 {
        assert_eq!(all.name(CLIENT, SERVER, s(30)), Some("a.example"), "hour {hour}");
        all.forget(s(hour * 3500));
    }
    assert_eq!((all.name(CLIENT, other, s(30)), all.len()), (None, 2));
    all.forget(s(100_000));
    assert_eq!((all.len(), all.octets, all.queue.len()), (0, 0, 0));
}

#[test]
fn what_means_no_host_has_no_name() {
    let mut all = names(100);
    let none: [IpAddr; 5] = [
        Ipv4Addr::LOCALHOST.into(),
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv4Addr::BROADCAST.into(),
        [224, 0, 0, 251].into(),
        std::net::Ipv6Addr::LOCALHOST.into(),
    ];
    all.learn(&answer(CLIENT, "blocked.example", &none, 60, s(0)));
    let unanswered = RequestOutcome::Unanswered;
    all.learn(&Request { outcome: unanswered, ..answer(CLIENT, "a.example", &[SERVER], 60, s(0)) });
    assert!(all.is_empty());
}

#[test]
fn what_is_asked_for_stays_when_others_must_make_room() {
    let mut all = names(20);
    all.learn(&answer(CLIENT, "a.example", &[SERVER], 60, s(0)));
    for n in 1..200_u8 {
        assert_eq!(all.name(CLIENT, SERVER, s(1)), Some("a.example"), "{n}");
        all.learn(&answer(CLIENT, "b.example", &[[10, 9, 9, n].into()], 60, s(n.into())));
        assert!(all.len() <= 20);
    }
    assert_eq!(all.evicted(), 2 * 200 - 20);
}

#[test]
fn a_connection_has_the_names_of_its_ends() {
    let mut all = names(20);
    all.learn(&answer(CLIENT, "a.example", &[SERVER], 60, s(0)));
    let mut record = connection();
    (record.src_addr, record.dst_addr, record.opened) = (Some(CLIENT), Some(SERVER), Some(s(30)));
    all.name_connection(&mut record);
    assert_eq!((&record.src_name, record.dst_name.as_deref()), (&None, Some("a.example")));
    let mut older = ConnectionRecord { opened: None, dst_name: None, ..record };
    all.name_connection(&mut older);
    assert_eq!(older.dst_name, None, "nobody knows when it began");
}

/// What every record must have, and nothing else.
fn connection() -> ConnectionRecord {
    let of = |column: &Column| match (column.name, column.kind) {
        ("state", _) => "established".into(),
        ("end_reason", _) => "open".into(),
        (_, ColumnType::TimestampNs) => "2023-11-14T22:13:20Z".into(),
        (_, ColumnType::Bool) => false.into(),
        _ => 0.into(),
    };
    let required = CONNECTION_COLUMNS.iter().filter(|column| !column.nullable);
    let required: serde_json::Map<_, _> = required.map(|column| (column.name.to_owned(), of(column))).collect();
    serde_json::from_value(required.into()).expect("required columns are enough")
}

proptest! {
    #[test]
    fn it_stays_within_its_bounds_and_forgets_all(
        entries in 0..40_usize,
        octets in 0..300_usize,
        answers in prop::collection::vec((0..4_u8, "[a-c]{1,40}", prop::collection::vec(0..30_u8, 0..5), any::<u32>(), 0..9000_i64), 0..80),
    ) {
        let mut all = AddressNames::new(AddressBounds { entries, octets });
        for (client, name, addresses, ttl_s, at) in answers {
            let client = IpAddr::from([10, 0, 0, client]);
            let addresses: Vec<_> = addresses.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect();
            all.learn(&answer(client, &name, &addresses, ttl_s, s(at)));
            if let Some(known) = addresses.first().and_then(|address| all.name(client, *address, s(at))) {
                prop_assert!(!known.is_empty());
            }
            prop_assert!(all.len() <= entries && all.octets <= octets);
            prop_assert_eq!(all.octets, all.entries.values().map(Entry::octets).sum::<usize>());
            prop_assert_eq!(all.queue.len(), all.len());
        }
        all.forget(s(1_000_000));
        prop_assert_eq!((all.len(), all.octets, all.queue.len()), (0, 0, 0));
    }
}

#[test]
fn hosts_that_share_an_address_are_told_apart_by_what_is_asked_for() {
    let mut all = names(100);
    all.learn(&answer(CLIENT, "one.example", &[SERVER], 300, s(10)));
    all.learn(&answer(CLIENT, "two.example", &[SERVER], 300, s(11)));
    all.learn(&answer(CLIENT, "three.example", &[SERVER], 300, s(20).plus_ns(5_000_000)));
    assert_eq!(all.name(CLIENT, SERVER, s(20)), Some("two.example"), "not by what is told a moment later");
    let knows = |name| all.knows_as(CLIENT, SERVER, s(20), name);
    assert!(knows("one.example") && knows("Two.Example") && knows("three.example"));
    assert!(!knows("proxy.example") && !all.knows_as(CLIENT, CLIENT, s(20), "one.example"));
    assert!(!all.knows_as(CLIENT, SERVER, s(1), "one.example"), "nobody had asked yet");
}
