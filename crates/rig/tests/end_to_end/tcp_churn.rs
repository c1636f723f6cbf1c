//! Very many connections: each is told once, or counted as not told.

use crate::support::{Rig, Stored, alone, inode_of, wait_for};
use netrig_model::{ConnectionEnd, ConnectionRecord, Role, TcpStatus};
use netrig_testkit::{NetNs, require_root};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Listeners on several addresses: each has a range of clients' ports of its own.
fn listeners(ns: &NetNs, count: u8) -> Vec<(TcpListener, SocketAddr)> {
    let listen = |n: u8| ns.inside(|| TcpListener::bind((Ipv4Addr::new(127, 0, 0, n), 0))).expect("listen");
    let with_address = |listener: TcpListener| {
        let address = listener.local_addr().expect("a listener has an address");
        (listener, address)
    };
    (1..=count).map(listen).map(with_address).collect()
}

fn connect(to: &(TcpListener, SocketAddr)) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(to.1).expect("connect");
    let (accepted, _) = to.0.accept().expect("accept");
    (client, accepted)
}

/// The probe sees the whole host: so many connections of others may come or go between the readings of one picture's counts.
const OTHERS_MAX: u64 = 16;

/// Waits until each of so many connections and more, which came or were found open, has a place, or is told, or counted as
/// having found no place. Those that did may be found open later. The picture may be some tenths of a second old.
fn wait_accounted(rig: &Rig<'_>, opened: u64) -> TcpStatus {
    wait_for("opened + found open = told + in the table + untracked", PATIENCE, || {
        let now = rig.tcp();
        let ended: u64 = now.ended.iter().map(|(_, count)| count).sum();
        let in_table = now.table.entries - now.listeners.len() as u64;
        let come = now.opened.iter().sum::<u64>();
        let accounted = ended + in_table + now.table.untracked;
        (come >= opened && (come + now.table.adopted).abs_diff(accounted) <= OTHERS_MAX).then_some(now)
    })
}

/// The last records of one side of the connections to these listeners: each connection has one.
fn ends(stored: &Stored, listeners: &[(TcpListener, SocketAddr)], role: Role) -> Vec<ConnectionRecord> {
    let is_ours = |r: &ConnectionRecord| {
        listeners.iter().any(|(_, to)| (Some(to.ip()), Some(to.port())) == (r.dst_addr, r.dst_port))
    };
    let is_it = |r: &&ConnectionRecord| is_ours(r) && r.role == Some(role) && r.end_reason != ConnectionEnd::Open;
    let ends: Vec<_> = stored.connections.iter().filter(is_it).cloned().collect();
    let ids: HashSet<_> = ends.iter().map(|r| r.connection_id).collect();
    assert_eq!(ids.len(), ends.len(), "an id is one connection's");
    let keys: HashSet<_> = ends.iter().map(|r| (r.src_addr, r.src_port, r.dst_addr, r.dst_port, r.opened)).collect();
    assert_eq!(keys.len(), ends.len(), "no connection is told twice");
    ends
}

#[test]
fn fifty_thousand_brief_connections_are_told_each_once() {
    require_root!();
    const CONNECTIONS: u64 = 50_000;
    let _alone = alone();
    let ns = NetNs::new("tcpchurn");
    let listeners = listeners(&ns, 4);
    let rig = Rig::of_tcp(&ns);
    let before = rig.tcp();
    let sent: u64 = ns.inside(|| {
        let each = |n: u64| {
            let (mut client, mut accepted) = connect(&listeners[n as usize % listeners.len()]);
            let bytes = 1 + n % 100;
            client.write_all(&[1; 100][..bytes as usize]).expect("send");
            drop(client);
            accepted.read_to_end(&mut Vec::with_capacity(128)).expect("read to the end");
            bytes
        };
        (0..CONNECTIONS).map(each).sum()
    });
    // Whoever asks meanwhile has all of them, from the store and from memory.
    let sums = rig.ask(&["connections", "--since", "1h", "--by", "dst_port,role", "--json"]);
    let after = wait_accounted(&rig, 2 * CONNECTIONS);
    let stored = rig.stop();
    let untracked = after.table.untracked - before.table.untracked;
    let evicted = after.table.evicted - before.table.evicted;
    for role in [Role::Client, Role::Server] {
        let ends = ends(&stored, &listeners, role);
        let missing = CONNECTIONS - ends.len() as u64;
        assert!(missing <= untracked, "{missing} {role:?}s are not told, {untracked} are counted so");
        // Where the rig was held up for long, the stalest have made room.
        let made_room = ends.iter().filter(|r| r.end_reason == ConnectionEnd::Evicted).count() as u64;
        assert!(made_room <= evicted, "{made_room} {role:?}s have made room, {evicted} are counted so");
        let in_order = |r: &&ConnectionRecord| matches!(r.end_reason, ConnectionEnd::Closed | ConnectionEnd::Evicted);
        let otherwise: Vec<_> = ends.iter().filter(|r| !in_order(r)).take(3).collect();
        assert!(otherwise.is_empty(), "not all ended in good order: {otherwise:#?}");
        let bytes = |r: &ConnectionRecord| if role == Role::Client { r.bytes_sent } else { r.bytes_received };
        let told: u64 = ends.iter().map(bytes).sum();
        let cut_short = missing + made_room;
        assert!(told <= sent && sent - told <= cut_short * 100, "{told} of {sent} octets, {cut_short} not told whole");
        let sum_of = |(_, to): &(TcpListener, SocketAddr)| {
            let mut sums = sums.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).expect("json"));
            let is_it = |sum: &serde_json::Value| {
                sum["dst_port"].as_u64() == Some(to.port().into()) && sum["role"].as_str() == Some(role.as_str())
            };
            sums.find(is_it).and_then(|sum| sum["connections"].as_u64()).expect("a sum")
        };
        let summed: u64 = listeners.iter().map(sum_of).sum();
        assert_eq!(summed, ends.len() as u64, "store and live together");
    }
}

#[test]
fn a_full_table_evicts_counts_and_goes_on() {
    require_root!();
    let ns = NetNs::new("tcpfull");
    let listeners = listeners(&ns, 2);
    let config = "[rig]\ninterfaces = [\"lo\"]\nwindow = \"1s\"\nmemory = \"16MiB\"\n";
    let rig = Rig::start_with(&ns, config);
    let before = rig.tcp();
    let capacity = before.table.capacity;
    assert!((500..5000).contains(&capacity), "room for {capacity}: this test holds more open");
    let pairs = capacity as usize * 3 / 4;
    let held: Vec<_> = ns.inside(|| (0..pairs).map(|n| connect(&listeners[n % listeners.len()])).collect());
    let full = wait_accounted(&rig, 2 * pairs as u64);
    let (evicted, untracked) =
        (full.table.evicted - before.table.evicted, full.table.untracked - before.table.untracked);
    let opened = full.opened.iter().sum::<u64>() - before.opened.iter().sum::<u64>();
    assert!(evicted + untracked > 0, "{opened} do not fit into {capacity}");
    // Who comes now is told again, once the stalest have made room.
    let late = wait_for("a new connection is told", PATIENCE, || {
        let (client, accepted) = ns.inside(|| connect(&listeners[0]));
        let port = client.local_addr().expect("a socket has an address").port();
        let told = rig.connections();
        let ours = |r: &&ConnectionRecord| r.netns == Some(inode_of(&ns)) && r.src_port == Some(port);
        (told.iter().filter(ours).filter(|r| r.end_reason == ConnectionEnd::Open).count() == 2)
            .then_some((client, accepted))
    });
    let after = wait_accounted(&rig, 2 * pairs as u64 + 2);
    drop((held, late));
    wait_for("they are closed", PATIENCE, || (rig.tcp().table.entries < capacity / 4).then_some(()));
    let stored = rig.stop();
    let evicted_here =
        |role| ends(&stored, &listeners, role).iter().filter(|r| r.end_reason == ConnectionEnd::Evicted).count();
    let told_evicted = (evicted_here(Role::Client) + evicted_here(Role::Server)) as u64;
    assert!(told_evicted > 0, "who made room is told: {:?}", after.table);
    // Whatever was not told is counted.
    let told = ends(&stored, &listeners, Role::Client).len() + ends(&stored, &listeners, Role::Server).len();
    let missing = 2 * (pairs as u64 + 1) - (told as u64).min(2 * (pairs as u64 + 1));
    assert!(missing <= after.table.untracked, "{missing} are not told; {:?}", after.table);
}
