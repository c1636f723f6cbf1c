//! What gets lost on its way through the host: queues that are full, routes and tables.

use crate::support::drops::send_datagrams;
use crate::support::{Rig, Since, wait_for};
use netrig_model::{Direction, DropClass, DropRecord, DropSource};
use netrig_testkit::{Connect, NetNs, Pair, Server, report_skipped, require_root};
use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

const PORT: u16 = 4548;
const COUNT: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(10);
/// Behind the right one, which does not know where.
const ASTRAY: Ipv4Addr = Ipv4Addr::new(10, 59, 0, 9);

/// What `tc -s` says that the interface's outermost discipline has dropped.
fn dropped_by_discipline(ns: &NetNs) -> u64 {
    let text = ns.run(&format!("tc -s -j qdisc show dev {}", Pair::IFACE));
    let json: serde_json::Value = serde_json::from_str(&text).expect("tc prints JSON");
    let all = json.as_array().expect("a list");
    let root = all.iter().find(|qdisc| qdisc["root"] == true).expect("a root");
    root["drops"].as_u64().expect("a count")
}

#[test]
fn a_queue_that_is_full() {
    require_root!();
    let pair = Pair::new("tbf");
    pair.left.run(&format!("tc qdisc replace dev {} root tbf rate 1mbit burst 4kb limit 20kb", Pair::IFACE));
    let rig = Rig::of_drops(&pair.left, Pair::IFACE);
    let to = (Pair::RIGHT, PORT);
    let from = pair.left.inside(|| send_datagrams(Pair::LEFT, to, COUNT, 1000));
    let full = dropped_by_discipline(&pair.left);
    assert!((1..COUNT).contains(&full), "as it was meant: {full}");
    let stored = rig.stop();
    let dropped = stored.dropped(&pair.left, "QDISC_DROP");
    assert_eq!((dropped.packets(), dropped.of_udp(from, to)), (full, full), "{dropped:#?}");
    dropped.assert_all(DropClass::Resource, Direction::Egress, Pair::IFACE);
    dropped.assert_own();
    dropped.assert_example();
    let told: u64 = stored.drops.iter().filter(|row| row.source == DropSource::Qdisc).map(|row| row.packets).sum();
    assert_eq!(told, full, "the discipline's own count");
}

#[test]
fn a_route_that_is_missing_on_the_way_out() {
    require_root!();
    let pair = Pair::new("noroute");
    let rig = Rig::of_drops(&pair.left, Pair::IFACE);
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
    let since = Since::now(&pair.left);
    pair.left.run("ip route del 10.55.0.0/24");
    client.write_all(b"nowhere to go").expect("it goes to the buffer");
    // It is tried again and again.
    wait_for("three are gone", PATIENCE, || (since.get("IpOutNoRoutes") >= 3).then_some(()));
    pair.left.run(&format!("ip route add 10.55.0.0/24 dev {} src {}", Pair::IFACE, Pair::LEFT));
    server.wait_received(13);
    let gone = since.get("IpOutNoRoutes");
    let stored = rig.stop();
    let dropped = stored.dropped(&pair.left, "IP_OUTNOROUTES");
    assert_eq!(dropped.packets(), gone, "{dropped:#?}");
    for row in &dropped.0 {
        assert_eq!((row.class, row.direction), (Some(DropClass::Error), Some(Direction::Egress)), "{row:#?}");
    }
    dropped.assert_place(&["__ip_queue_xmit", "ip_queue_xmit"]);
    drop(client);
}

#[test]
fn a_route_that_is_missing_for_what_is_to_be_forwarded() {
    require_root!();
    let pair = Pair::new("astray");
    pair.left.run(&format!("ip route add 10.59.0.0/24 via {}", Pair::RIGHT));
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let since = Since::now(&pair.right);
    let to = (ASTRAY, PORT);
    let from = pair.left.inside(|| send_datagrams(Pair::LEFT, to, COUNT, 100));
    wait_for("all have arrived", PATIENCE, || (since.get("IpExtInNoRoutes") == COUNT).then_some(()));
    let stored = rig.stop();
    let dropped = stored.dropped(&pair.right, "IP_INNOROUTES");
    assert_eq!((dropped.packets(), dropped.of_udp(from, to)), (COUNT, COUNT), "{dropped:#?}");
    dropped.assert_all(DropClass::Error, Direction::Ingress, Pair::IFACE);
    dropped.assert_example();
}

/// The most connections that are followed, of all namespaces where the kernel has one number for all; set back when dropped.
struct TrackingMax<'a> {
    ns: Option<&'a NetNs>,
    before: String,
}

const MAX_PATH: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

impl<'a> TrackingMax<'a> {
    /// None where that would be felt outside of the test.
    fn set(ns: &'a NetNs, max: u32) -> Option<Self> {
        let before = fs::read_to_string(MAX_PATH).ok()?;
        if ns.inside(|| fs::write(MAX_PATH, max.to_string())).is_ok() {
            return Some(Self { ns: Some(ns), before });
        }
        let followed = fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count").ok()?;
        if followed.trim() != "0" {
            return None;
        }
        fs::write(MAX_PATH, max.to_string()).ok()?;
        Some(Self { ns: None, before })
    }
}

impl Drop for TrackingMax<'_> {
    fn drop(&mut self) {
        let back = || fs::write(MAX_PATH, &self.before).expect("the limit can be set back");
        match self.ns {
            Some(ns) => ns.inside(back),
            None => back(),
        }
    }
}

/// `drop` of the namespace's connection tracking, all CPUs.
fn turned_away(ns: &NetNs) -> u64 {
    let text = ns.inside(|| fs::read_to_string("/proc/thread-self/net/stat/nf_conntrack")).expect("read the counters");
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let column = header.iter().position(|name| *name == "drop").expect("a column of drops");
    lines.map(|line| u64::from_str_radix(line[column], 16).expect("a number")).sum()
}

#[test]
fn a_table_of_connections_that_is_full() {
    require_root!();
    let pair = Pair::new("conntrack");
    pair.right.run_script(
        "nft add table ip walls; nft 'add chain ip walls in { type filter hook input priority 0; }'
         nft add rule ip walls in ct state new counter accept",
    );
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let before = turned_away(&pair.right);
    let Some(limit) = TrackingMax::set(&pair.right, 10) else {
        report_skipped("this host follows connections, and the kernel has one limit for all namespaces");
        return;
    };
    let to = (Pair::RIGHT, PORT);
    pair.left.inside(|| {
        // Each from a port of its own: a connection each.
        for _ in 0..200 {
            send_datagrams(Pair::LEFT, to, 1, 100);
        }
    });
    drop(limit);
    let full = turned_away(&pair.right) - before;
    assert!((100..200).contains(&full), "as it was meant: {full}");
    let stored = rig.stop();
    let dropped = stored.dropped(&pair.right, "NETFILTER_DROP");
    assert_eq!(dropped.packets(), full, "{dropped:#?}");
    dropped.assert_all(DropClass::Policy, Direction::Ingress, Pair::IFACE);
    // Not early_drop, which are connections that made room.
    let is_it = |row: &&DropRecord| row.source == DropSource::Table && row.reason == "nf_conntrack_drop";
    let told: Vec<_> = stored.drops.iter().filter(is_it).collect();
    assert_eq!(told.iter().map(|row| row.packets).sum::<u64>(), full, "the table's own count: {told:#?}");
    assert!(told.iter().all(|row| row.class == Some(DropClass::Resource)), "{told:#?}");
}
