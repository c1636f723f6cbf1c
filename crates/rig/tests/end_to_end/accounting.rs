//! Nothing is lost: what is told adds up to what was sent, to what the kernel counted, and to what others saw.

use crate::support::{
    Rig, Stored, Street,
    traffic::{HEADERS_BYTES, udp_churn_with_rests},
    udp_churn, wait_for,
};
use netrig_model::{Direction, InterfaceStatus, Snapshot};
use netrig_testkit::require_root;
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

const UDP: u8 = 17;

fn status_of<'a>(snapshot: &'a Snapshot, iface: &str, direction: Direction) -> &'a InterfaceStatus {
    let found = snapshot.interfaces.iter().find(|i| i.iface == iface && i.direction == direction);
    found.unwrap_or_else(|| panic!("{iface} {direction:?} is not in the status"))
}

/// Packets and bytes that the ledger saw on `iface`, by direction.
fn seen(stored: &Stored, iface: &str, direction: Direction) -> (u64, u64) {
    let rows = stored.ledger.iter().filter(|r| r.iface.as_deref() == Some(iface) && r.direction == Some(direction));
    rows.fold((0, 0), |(packets, bytes), r| (packets + r.seen_packets, bytes + r.seen_bytes))
}

#[test]
fn tcp_in_super_packets_is_counted_as_on_the_wire_and_nothing_is_unaccounted() {
    require_root!();
    let street = Street::new("gso");
    let rig = Rig::start(&street.near, &["near0"]);
    let before = street.counters();
    street.iperf3("--time 1");
    let carried = street.counters() - before;
    let expected = [
        (Direction::Egress, carried.tx_packets, carried.tx_bytes),
        (Direction::Ingress, carried.rx_packets, carried.rx_bytes),
    ];
    // The stack's own units are what a software device counts. The picture may be some tenths of a second old.
    let snapshot = wait_for("the status has all that was carried", Duration::from_secs(5), || {
        let snapshot = rig.status();
        let all = expected.iter().all(|(direction, packets, bytes)| {
            let frames = status_of(&snapshot, "near0", *direction).counts.frames;
            (frames.packets, frames.bytes) == (*packets, *bytes)
        });
        all.then_some(snapshot)
    });
    for direction in Direction::BOTH {
        let status = status_of(&snapshot, "near0", direction);
        assert!(status.counts.seen.packets >= status.counts.frames.packets, "{status:?}");
        assert_eq!(status.unaccounted_packets, 0, "{status:?}");
    }
    let egress = status_of(&snapshot, "near0", Direction::Egress);
    assert!(
        egress.counts.seen.packets > 2 * carried.tx_packets,
        "TCP in bulk leaves in super-packets, each many packets on the wire: {egress:?}"
    );
    rig.stop().assert_balanced();
}

#[test]
fn without_offloads_every_byte_told_is_a_byte_of_the_interface_counters() {
    require_root!();
    let street = Street::new("plain");
    street.without_offloads();
    let before = street.counters();
    let rig = Rig::start(&street.near, &["near0"]);
    street.iperf3("--bytes 40M");
    street.iperf3("--bytes 10M --reverse");
    let carried = street.counters() - before;
    let stored = rig.stop();
    stored.assert_balanced();
    assert_eq!(seen(&stored, "near0", Direction::Egress), (carried.tx_packets, carried.tx_bytes));
    assert_eq!(seen(&stored, "near0", Direction::Ingress), (carried.rx_packets, carried.rx_bytes));
    let not_ip = stored.ledger.iter().fold((0, 0), |(p, b), r| (p + r.not_ip_packets, b + r.not_ip_bytes));
    let told = stored.sum("near0", |_| true);
    assert_eq!(told.0 + not_ip.0, carried.tx_packets + carried.rx_packets);
    assert_eq!(told.1 + not_ip.1, carried.tx_bytes + carried.rx_bytes);
    assert!(stored.ledger.iter().all(|r| r.unaccounted_packets.unwrap_or(0) == 0), "{:?}", stored.ledger);
}

#[test]
fn a_hundred_thousand_flows_are_told_to_the_last_packet() {
    require_root!();
    const FLOWS: u32 = 100_000;
    const OUTBOX: u64 = 32_768;
    let street = Street::new("churn");
    let rig = Rig::start(&street.near, &["near0"]);
    // Whoever asks for the status has the outboxes emptied: each has room for what is sent in between, however slow the machine.
    let (rests, resting) = mpsc::channel();
    let (goes_on, going_on) = mpsc::channel();
    let churn = move || {
        let mut rest = || {
            rests.send(()).expect("somebody asks");
            going_on.recv().expect("it goes on");
        };
        udp_churn_with_rests(FLOWS, 3, 100, (OUTBOX / 2, &mut rest))
    };
    let sent = std::thread::scope(|scope| {
        let near = &street.near;
        let sender = scope.spawn(move || near.inside(churn));
        for () in resting {
            drop(rig.status());
            goes_on.send(()).expect("the sender waits");
        }
        sender.join().expect("the sender")
    });
    let snapshot = rig.status();
    let egress = status_of(&snapshot, "near0", Direction::Egress);
    assert_eq!(egress.unaccounted_packets, 0, "{egress:?}");
    let stored = rig.stop();
    stored.assert_balanced();
    let overflow: u64 = stored.ledger.iter().map(|r| r.overflow_packets).sum();
    let (packets, bytes) = stored.sum("near0", |f| f.protocol == UDP);
    assert_eq!(overflow, 0, "the default memory holds {FLOWS} flows and more: {:#?}", stored.ledger);
    assert_eq!(packets, sent);
    assert_eq!(bytes, sent * (HEADERS_BYTES + 100));
    let keys: BTreeMap<_, u64> =
        stored.flows.iter().filter(|f| f.protocol == UDP).fold(BTreeMap::new(), |mut sums, f| {
            *sums.entry((f.src_port, f.dst_addr, f.dst_port)).or_default() += f.packets;
            sums
        });
    assert_eq!(keys.len(), FLOWS as usize);
    assert!(keys.values().all(|packets| *packets == 3), "every flow had three packets");
}

#[test]
fn a_small_memory_loses_keys_but_no_totals() {
    require_root!();
    let street = Street::new("small");
    let config = "[rig]\ninterfaces = [\"near0\"]\nwindow = \"1s\"\nmemory = \"16MiB\"\n";
    let rig = Rig::start_with(&street.near, config);
    let sent = street.near.inside(|| udp_churn(150_000, 2, 10));
    let stored = rig.stop();
    stored.assert_balanced();
    let overflow: u64 = stored.ledger.iter().map(|r| r.overflow_packets).sum();
    let (told, _) = stored.sum("near0", |f| f.protocol == UDP);
    assert_eq!(told + overflow, sent);
}

#[test]
fn tcpdump_saw_the_same_flows() {
    require_root!();
    let street = Street::new("dump");
    street.without_offloads();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("seen.pcap").display().to_string();
    let rig = Rig::start(&street.near, &["near0"]);
    let mut dump = street.near.spawn(&format!("tcpdump -i near0 -Z root -B 16384 -s 128 -U -w {file} -c 100000"));
    wait_for("tcpdump's file", Duration::from_secs(10), || {
        std::fs::metadata(&file).is_ok_and(|m| m.len() > 0).then_some(())
    });
    street.iperf3("--bytes 2M");
    street.near.run("ping -q -c 3 -i 0.2 10.77.0.2");
    // Its buffer is flushed a packet at a time (-U); the last ones get the time to arrive.
    std::thread::sleep(Duration::from_secs(2));
    assert!(dump.is_running(), "tcpdump reached its limit");
    drop(dump);
    let live = by_conversation(&rig.stop().flows);
    let lines = Rig::ask_alone(&["replay", &file, "--json"]);
    let replayed: Vec<_> = lines.lines().map(|l| serde_json::from_str(l).expect("a flow record")).collect();
    assert_eq!(live, by_conversation(&replayed));
}

type Conversation = (u8, Option<std::net::IpAddr>, Option<u16>, Option<std::net::IpAddr>, Option<u16>);

fn by_conversation(flows: &[netrig_model::FlowRecord]) -> BTreeMap<Conversation, [u64; 4]> {
    flows.iter().fold(BTreeMap::new(), |mut sums, f| {
        let sum = sums.entry((f.protocol, f.src_addr, f.src_port, f.dst_addr, f.dst_port)).or_insert([0; 4]);
        for (total, part) in sum.iter_mut().zip([f.packets, f.bytes, f.reverse_packets, f.reverse_bytes]) {
            *total += part;
        }
        sums
    })
}
