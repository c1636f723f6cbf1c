//! The kernel's counters, held against what other tools read.

use netrig_host::{Counters, QueueCounts, counters, egress_queues, list};
use netrig_model::{Direction, KernelCounts, TrafficCounts};
use netrig_testkit::{NetNs, require_root};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// What `/proc/net/dev` says, by interface name and direction.
fn proc_net_dev(text: &str) -> Vec<(String, Direction, KernelCounts)> {
    let mut rows = Vec::new();
    for line in text.lines().skip(2) {
        let (name, numbers) = line.split_once(':').expect("a name and numbers");
        let n: Vec<u64> = numbers.split_whitespace().map(|n| n.parse().expect("a number")).collect();
        for (direction, at) in [(Direction::Ingress, 0), (Direction::Egress, 8)] {
            let traffic = TrafficCounts { bytes: n[at], packets: n[at + 1] };
            rows.push((name.trim().to_owned(), direction, KernelCounts { traffic, dropped: n[at + 3] }));
        }
    }
    rows
}

fn index(ns: &NetNs, name: &str) -> u32 {
    ns.inside(list).expect("list").iter().find(|i| i.name == name).expect("the interface").index
}

/// A pair of namespaces with 300 datagrams sent from one to the other.
fn some_traffic() -> (NetNs, NetNs) {
    let (left, right) = (NetNs::new("count-left"), NetNs::new("count-right"));
    left.veth_to("l0", &right, "r0");
    left.address("l0", "10.7.0.1/24");
    right.address("r0", "10.7.0.2/24");
    let _receiver = right.inside(|| UdpSocket::bind("10.7.0.2:4000").expect("bind"));
    let sender = left.inside(|| UdpSocket::bind("10.7.0.1:0").expect("bind"));
    for i in 0..300 {
        sender.send_to(&vec![0; i], "10.7.0.2:4000").expect("send");
    }
    (left, right)
}

#[test]
fn counters_are_those_of_proc_net_dev() {
    require_root!();
    let (left, right) = some_traffic();
    for (ns, name) in [(&left, "l0"), (&right, "r0")] {
        let at = index(ns, name);
        let deadline = Instant::now() + Duration::from_secs(10);
        // Stray packets (neighbour discovery) may fall between the two readings; then both are taken again.
        loop {
            let (ours, theirs): (Counters, String) = ns.inside(|| {
                let file = std::fs::read_to_string("/proc/thread-self/net/dev").expect("/proc");
                (counters().expect("counters"), file)
            });
            let differs = proc_net_dev(&theirs).into_iter().find(|(name, direction, counts)| {
                let at = index(ns, name);
                ours.get(&(at, *direction)) != Some(counts)
            });
            let Some(differs) = differs else {
                let sent =
                    ours[&(at, Direction::Egress)].traffic.packets + ours[&(at, Direction::Ingress)].traffic.packets;
                assert!(sent >= 300, "{name} counted {sent} packets");
                break;
            };
            assert!(Instant::now() < deadline, "netlink and /proc/net/dev differ: {differs:?}, {ours:?}");
        }
    }
}

#[test]
fn packets_a_queue_throws_away_are_told() {
    require_root!();
    let (left, _right) = some_traffic();
    let at = index(&left, "l0");
    let slow = ["tbf rate 8kbit burst 1600 limit 1600", "netem limit 10 delay 1s"];
    let replace = |queue| format!("tc qdisc replace dev l0 root {queue}");
    let mut made =
        slow.iter().map(|q| left.command("sh").args(["-c", &replace(q)]).output().expect("tc").status.success());
    if !made.any(|made| made) {
        return netrig_testkit::report_skipped("this kernel has no queue that is slow on purpose (tbf, netem)");
    }
    let before = left.inside(egress_queues).expect("queues")[&at];
    let sent_before = left.inside(counters).expect("counters")[&(at, Direction::Egress)].traffic.packets;
    let sender = left.inside(|| UdpSocket::bind("10.7.0.1:0").expect("bind"));
    for _ in 0..100 {
        // A full queue may be told to the sender, which is no failure of the test.
        let _ = sender.send_to(b"x", "10.7.0.2:4000");
    }
    let after = left.inside(egress_queues).expect("queues")[&at];
    let sent = left.inside(counters).expect("counters")[&(at, Direction::Egress)].traffic.packets - sent_before;
    let explained = u64::from(after.dropped_since(before)) + u64::from(after.waiting_packets) + sent;
    assert!(after.dropped_since(before) >= 10, "{before:?} {after:?}");
    assert!((100..110).contains(&explained), "100 packets are sent, waiting or dropped: {sent} sent, {after:?}");
}

#[test]
fn drops_are_counted_across_the_wrap_of_the_kernels_counter() {
    let counts = |dropped_packets| QueueCounts { waiting_packets: 0, dropped_packets };
    assert_eq!(counts(5).dropped_since(counts(u32::MAX)), 6);
}

/// Prints what a reading costs; asserts nothing about time, which is the machine's.
#[test]
fn a_thousand_interfaces_are_read_in_one_dump_each() {
    require_root!();
    let ns = NetNs::new("thousand");
    let lines: String = (0..500).map(|i| format!("link add v{i} type veth peer name w{i}\n")).collect();
    let path = std::env::temp_dir().join(format!("{}.batch", ns.name()));
    std::fs::write(&path, lines).expect("write");
    ns.run(&format!("ip -batch {}", path.display()));
    std::fs::remove_file(&path).expect("remove");
    ns.inside(|| {
        let time = |what: &str, read: &dyn Fn() -> usize| {
            let start = Instant::now();
            let found = (0..10).map(|_| read()).max();
            println!("{what}: {:?} for {found:?} entries", start.elapsed() / 10);
            found
        };
        assert_eq!(time("list", &|| list().expect("list").len()), Some(1_001));
        assert_eq!(time("counters", &|| counters().expect("counters").len()), Some(2_002));
        time("egress_queues", &|| egress_queues().expect("queues").len());
        time("reach", &|| netrig_host::reach().map_or(0, |_| 1));
    });
}
