//! What requests cost: nanoseconds of CPU time per request added, told and learned from, and per flow named; bytes of memory.
//!
//! `cargo run --release -p netrig-aggregate --example request_cost [REQUESTS]`: so many in each window of ten seconds.

use netrig_aggregate::{AddressBounds, AddressNames, FlowEnds, RequestConfig, Requests, World};
use netrig_model::{
    Address, Direction, DnsExchange, Exchange, FlowKey, FlowKind, HttpExchange, InterfaceId, Owner, Request,
    RequestOutcome, Timestamp,
};
use std::hint::black_box;
use std::net::IpAddr;

const WINDOW_NS: i64 = 10_000_000_000;
const CLIENT: [u8; 4] = [10, 0, 0, 1];

struct Here(AddressNames);

impl World for Here {
    fn iface_name(&self, _: InterfaceId) -> Option<String> {
        Some("eth0".into())
    }

    fn owner(&self, _: &FlowEnds) -> Option<Owner> {
        Some(Owner { process: Some("curl".into()), pid: Some(4711), ..Owner::default() })
    }

    fn name_of(&self, client: IpAddr, address: IpAddr, at: Timestamp) -> Option<String> {
        self.0.name(client, address, at).map(str::to_owned)
    }
}

fn main() {
    let many: u32 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(200_000);
    let config = RequestConfig {
        host: Some("a-host".into()),
        netns: Some(1),
        records: 10_000,
        slow_ns: 100_000_000,
        sampling_rate: 1,
    };
    let mut requests = Requests::new(config);
    let mut here = Here(AddressNames::new(AddressBounds::default()));
    for window in 0..5_i64 {
        let start = Timestamp(1_700_000_000_000_000_000 + window * WINDOW_NS);
        let all: Vec<_> = (0..many).map(|n| request(n, start)).collect();
        let learning = cpu_ns();
        all.iter().for_each(|request| here.0.learn(black_box(request)));
        let learn_ns = (cpu_ns() - learning) as f64 / f64::from(many);
        let adding = cpu_ns();
        all.into_iter().for_each(|request| requests.add(black_box(request)));
        let add_ns = (cpu_ns() - adding) as f64 / f64::from(many);
        let (rows, bytes) = (requests.len(), requests.bytes());
        let telling = cpu_ns();
        requests.close((start, start.plus_ns(WINDOW_NS)), &here, &mut |record| drop(black_box(record)));
        let tell_ns = (cpu_ns() - telling) as f64;
        let naming = cpu_ns();
        let named = (0..many).filter(|n| is_named(&here, black_box(*n), start)).count();
        let name_ns = (cpu_ns() - naming) as f64 / f64::from(many);
        let tallying = cpu_ns();
        let tallies = black_box(requests.tallies()).len();
        let tally_us = (cpu_ns() - tallying) / 1000;
        println!(
            "window {window}: learn {learn_ns:.0} ns, add {add_ns:.0} ns, close {:.0} ns a request: {:.2} % of a core; \
             {rows} rows at {:.0} ns, {bytes} bytes; {tallies} tallies in {tally_us} µs; {} names, {} bytes; {named} \
             flows have names at {name_ns:.0} ns",
            tell_ns / f64::from(many),
            (learn_ns + add_ns) * f64::from(many) / WINDOW_NS as f64 * 100.0 + tell_ns / WINDOW_NS as f64 * 100.0,
            tell_ns / rows as f64,
            here.0.len(),
            here.0.bytes(),
        );
    }
}

/// The two ends of a flow, of which one in three was looked up.
fn is_named(here: &Here, n: u32, at: Timestamp) -> bool {
    let (client, server) = (IpAddr::from(CLIENT), IpAddr::from((0x0b00_0000 | (n % 90_000)).to_be_bytes()));
    let at = at.plus_ns(WINDOW_NS);
    here.name_of(client, server, at).is_some() | here.name_of(server, client, at).is_some()
}

/// Half DNS of many names, half HTTP to few hosts and many clients.
fn request(n: u32, start: Timestamp) -> Request {
    let what = if n.is_multiple_of(2) {
        let address = IpAddr::from((0x0b00_0000 | (n % 30_000)).to_be_bytes());
        Exchange::Dns(DnsExchange {
            name: format!("host-{}.zone.example.org", n % 30_000),
            qtype: "A".into(),
            rcode: Some(if n.is_multiple_of(50) { "NXDOMAIN" } else { "NOERROR" }.into()),
            addresses: vec![(address, 300)],
            answers: Some(1),
            truncated: false,
        })
    } else {
        Exchange::Http(HttpExchange {
            version: Some("1.1"),
            method: Some("GET".into()),
            host: Some(format!("service-{}.example.org", n % 40)),
            path: Some(format!("/v1/items/{}", n % 1000)),
            status: Some(if n.is_multiple_of(97) { 503 } else { 200 }),
            grpc: false,
        })
    };
    let key = FlowKey {
        src: Address::v4(CLIENT),
        dst: Address::v4([192, 0, 2, (n % 7) as u8]),
        src_port: 1024 + (n % 60_000) as u16,
        dst_port: if n.is_multiple_of(2) { 53 } else { 80 },
        iface: InterfaceId(1),
        protocol: if n.is_multiple_of(2) { 17 } else { 6 },
        kind: FlowKind::Ipv4,
        direction: Direction::Egress,
        vlan: None,
        vlan_inner: None,
        tunnel: None,
    };
    Request {
        key,
        started: start.plus_ns(i64::from(n) * 1000),
        latency_ns: Some(u64::from(n % 10_007) * 9_000),
        outcome: RequestOutcome::Answered,
        retries: 0,
        owner: None,
        what,
    }
}

/// What this process has spent so far, as the kernel tells it at its last tick.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}
