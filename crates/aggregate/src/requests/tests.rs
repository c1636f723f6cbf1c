use super::*;
use crate::world::FlowEnds;
use netrig_model::{
    Address, Direction, DnsExchange, FlowKey, FlowKind, HttpExchange, InterfaceId, KernelOwner, Owner, RequestKind,
    TlsExchange,
};
use proptest::prelude::*;
use std::net::IpAddr;

const WINDOW: (Timestamp, Timestamp) = (Timestamp(100), Timestamp(200));

pub(super) fn request(what: Exchange) -> Request {
    let protocol = if matches!(what, Exchange::Dns(_) | Exchange::Quic(_)) { 17 } else { 6 };
    let key = FlowKey {
        src: Address::v4([10, 0, 0, 1]),
        dst: Address::v4([192, 0, 2, 1]),
        src_port: 40_000,
        dst_port: 53,
        iface: InterfaceId(1),
        protocol,
        kind: FlowKind::Ipv4,
        direction: Direction::Egress,
        vlan: None,
        vlan_inner: None,
        tunnel: None,
    };
    let (started, latency_ns) = (Timestamp(150), Some(5_000_000));
    Request { key, started, latency_ns, outcome: RequestOutcome::Answered, retries: 0, owner: None, what }
}

pub(super) fn dns(name: &str, rcode: &str) -> Request {
    let (name, qtype, rcode) = (name.into(), "A".into(), Some(rcode.into()));
    let addresses = vec![([192, 0, 2, 7].into(), 300), ([192, 0, 2, 8].into(), 300)];
    request(Exchange::Dns(DnsExchange { name, qtype, rcode, addresses, answers: Some(2), truncated: false }))
}

pub(super) fn http(host: &str, status: u16) -> Request {
    let (method, host) = (Some("GET".into()), Some(host.into()));
    request(Exchange::Http(HttpExchange { method, host, status: Some(status), ..HttpExchange::default() }))
}

pub(super) fn tls(sni: &str, alert: Option<&str>) -> Request {
    let (sni, version, cipher) = (Some(sni.into()), Some("TLS 1.3".into()), Some("TLS_AES_128_GCM_SHA256".into()));
    let alert = alert.map(str::to_owned);
    request(Exchange::Tls(TlsExchange { sni, version, cipher, alert, ..TlsExchange::default() }))
}

/// Ports below 50,000 are one process' connections, the others another's.
struct Here;

impl World for Here {
    fn iface_name(&self, iface: InterfaceId) -> Option<String> {
        Some(format!("eth{}", iface.0))
    }

    fn owner(&self, flow: &FlowEnds) -> Option<Owner> {
        let pid = if flow.src.1? < 50_000 { 1 } else { 2 };
        Some(Owner { process: Some("curl".into()), pid: Some(pid), ..Owner::default() })
    }

    fn name_of(&self, client: IpAddr, address: IpAddr, at: Timestamp) -> Option<String> {
        (address == IpAddr::from([192, 0, 2, 1])).then(|| format!("{address} for {client} at {}", at.0))
    }
}

pub(super) fn requests(records: usize) -> Requests {
    let host = Some("a-host".into());
    Requests::new(RequestConfig { host, netns: Some(4), records, slow_ns: 100_000_000, sampling_rate: 1 })
}

fn close(requests: &mut Requests) -> Vec<RequestRecord> {
    let mut open = Vec::new();
    requests.open(WINDOW, &Here, &mut |record| open.push(record));
    let mut closed = Vec::new();
    requests.close(WINDOW, &Here, &mut |record| closed.push(record));
    assert_eq!(open, closed, "looking shows what will be told");
    assert!(requests.is_empty());
    closed
}

#[test]
fn a_request_is_told_with_all_that_is_known_of_it() {
    let mut all = requests(10);
    all.add(dns("a.example", "NOERROR"));
    let [record] = &close(&mut all)[..] else { panic!("one record") };
    assert_eq!((record.window_start, record.window_end, record.started), (WINDOW.0, WINDOW.1, Timestamp(150)));
    assert_eq!((record.iface.as_deref(), record.direction), (Some("eth1"), Some(Direction::Egress)));
    assert_eq!((record.host.as_deref(), record.netns, record.sampling_rate), (Some("a-host"), Some(4), 1));
    assert_eq!((record.kind, record.transport.as_deref()), (RequestKind::Dns, Some("udp")));
    assert_eq!((record.src_addr, record.src_port), (Some([10, 0, 0, 1].into()), Some(40_000)));
    assert_eq!((record.dst_addr, record.dst_port), (Some([192, 0, 2, 1].into()), Some(53)));
    assert_eq!((record.requests, record.latency_us, record.latency_us_max), (1, Some(5000), Some(5000)));
    assert_eq!((record.dns_name.as_deref(), record.dns_type.as_deref()), (Some("a.example"), Some("A")));
    assert_eq!((record.dns_addresses.as_deref(), record.dns_answers), (Some("192.0.2.7,192.0.2.8"), Some(2)));
    assert_eq!((record.process.as_deref(), record.pid), (Some("curl"), Some(1)));
    assert_eq!((record.src_name.as_deref(), record.dst_name.as_deref()), (None, Some("192.0.2.1 for 10.0.0.1 at 150")));
    assert_eq!((record.grpc, record.http_status, &record.tls_sni), (None, None, &None));
}

#[test]
fn of_many_that_take_turns_each_is_summed_with_its_like() {
    let mut all = requests(200);
    for n in 0..4000_u32 {
        all.add(http(&format!("{}.example", n % 400 / 2), 200));
    }
    let mut like = std::collections::BTreeMap::new();
    for record in close(&mut all) {
        *like.entry(record.http_host.expect("each has its row")).or_insert(0) += record.requests;
    }
    assert_eq!((like.len(), like.values().all(|requests| *requests == 20)), (200, true), "{like:?}");
}

#[test]
fn the_socket_s_owner_is_surer_than_the_connection_s() {
    let mut all = requests(10);
    let mut process = [0; 16];
    process[..4].copy_from_slice(b"dig\0");
    let owner = |pid| Some(KernelOwner { pid, process, cgroup: 0 });
    all.add(Request { owner: owner(77), ..dns("a.example", "NOERROR") });
    all.add(Request { owner: owner(0), ..dns("a.example", "NOERROR") });
    let records = close(&mut all);
    let owners: Vec<_> = records.iter().map(|r| (r.process.as_deref(), r.pid)).collect();
    assert_eq!(owners, [(Some("dig"), Some(77)), (Some("curl"), Some(1))]);
}

#[test]
fn what_failed_is_what_the_column_says() {
    let unanswered = |what| Request { outcome: RequestOutcome::Unanswered, latency_ns: None, ..what };
    let unknown = Request { outcome: RequestOutcome::Unknown, ..request(Exchange::Http(HttpExchange::default())) };
    for (what, failed) in [
        (dns("a", "NOERROR"), false),
        (dns("a", "NXDOMAIN"), true),
        (http("a", 399), false),
        (http("a", 400), true),
        (tls("a", None), false),
        (tls("a", Some("handshake_failure")), true),
        (unanswered(request(Exchange::Quic(TlsExchange::default()))), true),
        (unknown, false),
    ] {
        assert_eq!(has_failed(&what), failed, "{what:?}");
    }
}

#[test]
fn beyond_the_bound_those_alike_are_one_and_what_is_notable_stays() {
    let mut all = requests(2);
    for port in 0..10 {
        let mut one = http("a.example", 200);
        one.key.src_port = 40_000 + port;
        one.started = Timestamp(160 - i64::from(port));
        one.latency_ns = Some(1_000_000 * u64::from(port));
        one.retries = 1;
        all.add(one);
    }
    all.add(http("a.example", 500));
    all.add(Request { latency_ns: Some(100_000_000), ..http("a.example", 200) });
    all.add(http("a.example", 501));
    let records = close(&mut all);
    let told: Vec<_> = records.iter().map(|r| (r.requests, r.src_port, r.http_status)).collect();
    let (ok, port) = (Some(200), Some(40_000));
    let expected = [(1, port, ok), (1, Some(40_001), ok), (8, None, ok), (1, port, Some(500)), (1, port, ok)];
    assert_eq!(told[..5], expected);
    assert_eq!(told[5], (1, port, Some(501)), "a row of its own, for there is no other like it");
    let folded = &records[2];
    assert_eq!((folded.started, folded.retries), (Timestamp(151), 8));
    assert_eq!((folded.latency_us, folded.latency_us_max), (Some(5500), Some(9000)));
    assert_eq!((folded.process.as_deref(), folded.pid, folded.failed), (Some("curl"), Some(1), false));
}

#[test]
fn of_several_only_what_they_have_in_common_is_told() {
    let mut all = requests(1);
    all.add(http("first.example", 200));
    let (mut one, mut other) = (tls("a.example", None), tls("a.example", None));
    other.key.src_port = 55_000;
    other.key.iface = InterfaceId(2);
    for (each, ja4) in [(&mut one, "one"), (&mut other, "other")] {
        let Exchange::Tls(tls) = &mut each.what else { unreachable!() };
        (tls.ja4, tls.alpn) = (Some(ja4.into()), Some("h2".into()));
    }
    all.add(one.clone());
    all.add(other);
    all.add(one);
    let records = close(&mut all);
    let row = &records[1];
    assert_eq!((row.requests, &row.iface, row.direction), (3, &None, Some(Direction::Egress)));
    assert_eq!((&row.tls_ja4, row.tls_alpn.as_deref(), row.tls_sni.as_deref()), (&None, Some("h2"), Some("a.example")));
    assert_eq!(row.tls_cipher.as_deref(), Some("TLS_AES_128_GCM_SHA256"));
    assert_eq!(
        (row.process.as_deref(), row.pid),
        (Some("curl"), Some(1)),
        "the first and the latest are of one process"
    );
}

#[test]
fn of_several_processes_the_id_is_not_told() {
    let mut all = requests(1);
    all.add(http("first.example", 200));
    for port in [40_000, 55_000] {
        let mut one = http("a.example", 200);
        one.key.src_port = port;
        all.add(one);
    }
    let row = &close(&mut all)[1];
    assert_eq!((row.requests, row.process.as_deref(), row.pid), (2, Some("curl"), None));
}

#[test]
fn a_flood_without_likeness_has_a_row_for_each_kind_and_outcome() {
    let mut all = requests(10);
    for n in 0..1000 {
        all.add(dns(&format!("{n}.example"), "NOERROR"));
        all.add(Request { latency_ns: None, ..dns(&format!("{n}.example"), "NXDOMAIN") });
    }
    let records = close(&mut all);
    assert_eq!(records.len(), 4 * 10 + 2);
    assert_eq!(records.iter().map(|r| r.requests).sum::<u64>(), 2000);
    let coarse = &records[40..];
    assert_eq!(coarse.iter().map(|r| r.failed).collect::<Vec<_>>(), [false, true]);
    assert!(coarse.iter().all(|r| r.src_addr.is_none() && r.dns_name.is_none() && r.dns_rcode.is_none()));
    assert_eq!(coarse.iter().map(|r| r.latency_us).collect::<Vec<_>>(), [Some(5000), None]);
}

#[test]
fn long_texts_take_the_room_of_several() {
    let mut all = requests(100);
    for n in 0..400 {
        all.add(http(&format!("{n}.{}", "x".repeat(4000)), 200));
    }
    let bytes = all.bytes();
    assert!(bytes < 1 << 20, "{bytes}");
    let records = close(&mut all);
    assert!(records.len() < 50, "{}", records.len());
    assert_eq!(records.iter().map(|r| r.requests).sum::<u64>(), 400);
}

#[test]
fn other_bounds_hold_from_the_next_window_on() {
    let mut all = requests(1);
    all.configure(3, 1);
    for _ in 0..2 {
        (0..3).for_each(|_| all.add(Request { latency_ns: None, ..http("a.example", 200) }));
        close(&mut all);
    }
    (0..3).for_each(|_| all.add(Request { latency_ns: None, ..http("a.example", 200) }));
    assert_eq!(close(&mut all).len(), 3);
}

fn any_request() -> impl Strategy<Value = Request> {
    let what = prop_oneof![
        ((0..5_u8), (0..3_u8)).prop_map(|(name, rcode)| dns(&format!("{name}.example"), &format!("R{rcode}"))),
        ((0..5_u8), prop::sample::select(vec![200, 302, 404, 503]))
            .prop_map(|(h, status)| http(&h.to_string(), status)),
        (0..5_u8, prop::option::of(Just("internal_error"))).prop_map(|(sni, alert)| tls(&sni.to_string(), alert)),
    ];
    let outcome = prop::sample::select(RequestOutcome::ALL.to_vec());
    let numbers = (any::<u16>(), any::<u8>(), any::<u32>(), any::<i64>(), prop::option::of(any::<u64>()));
    (what, outcome, numbers).prop_map(|(mut request, outcome, (port, last, retries, started, latency_ns))| {
        request.outcome = outcome;
        request.key.src_port = port;
        request.key.dst = Address::v4([192, 0, 2, last % 3]);
        request.key.direction = Direction::BOTH[usize::from(last % 2)];
        (request.retries, request.started, request.latency_ns) = (retries, Timestamp(started), latency_ns);
        request
    })
}

proptest! {
    #[test]
    fn rows_stand_for_every_request_exactly(
        records in 0..6_usize,
        windows in prop::collection::vec(prop::collection::vec(any_request(), 0..60), 1..4),
    ) {
        let mut all = requests(records);
        let mut sums = (0, 0, 0);
        for window in &windows {
            window.iter().for_each(|request| all.add(request.clone()));
            let told = close(&mut all);
            prop_assert!(told.len() <= 4 * records + 30);
            prop_assert_eq!(told.iter().map(|r| r.requests).sum::<u64>(), window.len() as u64);
            let retries: u64 = window.iter().map(|r| u64::from(r.retries)).sum();
            prop_assert_eq!(told.iter().map(|r| r.retries).sum::<u64>(), retries);
            for kind in RequestKind::ALL {
                for outcome in RequestOutcome::ALL {
                    let asked = window.iter().filter(|r| r.what.kind() == *kind && r.outcome == *outcome);
                    let of = told.iter().filter(|r| r.kind == *kind && r.outcome == *outcome);
                    let (mut count, mut failed) = (0, 0);
                    asked.for_each(|r| (count, failed) = (count + 1, failed + u64::from(has_failed(r))));
                    prop_assert_eq!(of.clone().map(|r| r.requests).sum::<u64>(), count);
                    prop_assert_eq!(of.filter(|r| r.failed).map(|r| r.requests).sum::<u64>(), failed);
                    sums.1 += failed;
                }
            }
            sums.0 += window.len() as u64;
            sums.2 += retries;
            let longest = window.iter().filter_map(|r| r.latency_ns).max().map(|ns| ns / 1000);
            prop_assert_eq!(told.iter().filter_map(|r| r.latency_us_max).max(), longest);
            prop_assert_eq!(told.iter().map(|r| r.started).min(), window.iter().map(|r| r.started).min());
        }
        let tallies = all.tallies();
        let of = |f: fn(&netrig_model::RequestSums) -> u64| tallies.iter().map(|tally| f(&tally.sums)).sum::<u64>();
        prop_assert_eq!((of(|s| s.requests), of(|s| s.failed), of(|s| s.retries)), sums);
    }
}
