//! The relay, held against ping, tcpdump's kind of counting, and the sockets' own figures.

use netrig_testkit::{
    Connect, DelayRelay, End, Fate, Fates, NetNs, Nstat, Packet, Pair, Server, TcpInfo, require_root,
};
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ONE_WAY: Duration = Duration::from_millis(20);

/// The shortest and the mean round trip that ping sees, in milliseconds.
fn ping_ms(ns: &NetNs, to: impl Into<IpAddr>, count: u32) -> (f64, f64) {
    let out = ns.run(&format!("ping -q -i 0.01 -c {count} -W 2 {}", to.into()));
    // rtt min/avg/max/mdev = 40.1/40.2/40.9/0.1 ms
    let times = out.lines().find_map(|line| line.strip_prefix("rtt ")?.split(" = ").nth(1)).expect("ping's summary");
    let mut times = times.split('/').map(|time| time.parse().expect("a time"));
    (times.next().expect("the shortest"), times.next().expect("the mean"))
}

#[test]
fn the_delay_is_what_was_asked_for() {
    require_root!();
    let pair = Pair::with_relay("delay", ONE_WAY);
    for to in [IpAddr::from(Pair::RIGHT), IpAddr::from(Pair::RIGHT6)] {
        let (shortest, mean) = ping_ms(&pair.left, to, 30);
        println!("{to}: {shortest} ms, mean {mean} ms; {:?}", pair.relay().counts());
        assert!(shortest >= 40.0, "{to}: nothing is faster than the wire: {shortest} ms");
        // The shortest of thirty is the delay itself, however busy the machine is with other things.
        assert!(shortest < 41.0, "{to}: {shortest} ms");
    }
    let counts = pair.relay().counts();
    assert_eq!((counts.dropped, counts.lost), ([0, 0], 0));
    assert!(counts.passed[0] >= 60 && counts.passed[1] >= 60, "{counts:?}");
}

#[test]
fn what_is_dropped_is_what_the_test_says() {
    require_root!();
    let pair = Pair::with_relay("drop", Duration::from_millis(5));
    // A kernel looks for routers and neighbours in its own time: such packets are in no one's sum.
    let of_ping = |packet: &Packet<'_>| packet.bytes[0] >> 4 == 4;
    pair.relay().set(Fates::every(4, Fate::Drop, move |packet| of_ping(packet) && packet.from == End::Left));
    let out = pair.left.command("ping").args(["-q", "-i", "0.01", "-c", "40", "-W", "1", "10.55.0.2"]).output();
    let out = String::from_utf8(out.expect("ping").stdout).expect("text");
    assert!(out.contains("40 packets transmitted, 30 received, 25% packet loss"), "{out}");
    assert_eq!(pair.relay().counts().dropped, [10, 0]);
    let seen = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let counted = Arc::clone(&seen);
    pair.relay().set(Fates::each(Fate::Twice, move |packet| {
        counted[usize::from(packet.from == End::Right)].fetch_add(u64::from(of_ping(packet)), Ordering::Relaxed);
        of_ping(packet)
    }));
    // It ends with the first answer to its last request; by then the others have come three times more.
    let out = pair.left.run("ping -q -i 0.01 -c 10 10.55.0.2");
    assert!(out.contains("+27 duplicates") || out.contains("+28 duplicates"), "{out}");
    std::thread::sleep(Duration::from_millis(100));
    let seen = [0, 1].map(|end: usize| seen[end].load(Ordering::Relaxed));
    assert_eq!(seen, [10, 20], "requests arrive twice, and each is answered");
}

/// Sends 200 KB over a relay of 10 ms with these fates, and returns the sender's and the receiver's own figures.
fn transfer(label: &str, fates: Fates) -> (TcpInfo, TcpInfo, Pair) {
    const OCTETS: usize = 200_000;
    let pair = Pair::with_relay(label, Duration::from_millis(10));
    for ns in [&pair.left, &pair.right] {
        ns.sysctl("net.ipv4.tcp_ecn", "1");
    }
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
    pair.relay().set(fates);
    client.write_all(&vec![7; OCTETS]).expect("send");
    server.wait_received(OCTETS as u64);
    // Until the last acknowledgement is back.
    std::thread::sleep(Duration::from_millis(50));
    let receiver = TcpInfo::of(&server.connections()[0]).expect("the server's socket");
    let sender = TcpInfo::of(&client).expect("the client's socket");
    assert_eq!(receiver.bytes_received, OCTETS as u64);
    assert_eq!(sender.bytes_acked, OCTETS as u64 + 1, "and the SYN");
    assert_eq!(pair.relay().counts().lost, 0);
    (sender, receiver, pair)
}

fn is_data(packet: &Packet<'_>) -> bool {
    packet.from == End::Left && packet.has_data()
}

#[test]
fn a_clean_transfer_repeats_nothing() {
    require_root!();
    let (sender, receiver, pair) = transfer("clean", Fates::all(Fate::Pass));
    assert_eq!((sender.retransmits, receiver.out_of_order, sender.duplicates_reported), (0, 0, 0));
    assert!(sender.rtt_us_min >= 20_000, "{sender:?}");
    assert_eq!(Nstat::of(&pair.left).get("TcpRetransSegs"), 0);
}

#[test]
fn a_lost_segment_is_sent_again_once() {
    require_root!();
    let (sender, receiver, pair) = transfer("lost", Fates::nth(&[20], Fate::Drop, is_data));
    assert_eq!(pair.relay().counts().dropped, [1, 0]);
    assert_eq!(sender.retransmits, 1);
    assert!(receiver.out_of_order > 0, "those behind it come first: {receiver:?}");
    let nstat = Nstat::of(&pair.left);
    assert_eq!(nstat.get("TcpRetransSegs"), 1);
    assert_eq!(nstat.get("TcpExtTCPFastRetrans") + nstat.get("TcpExtTCPLossProbes"), 1);
}

#[test]
fn a_lost_acknowledgement_makes_a_repetition_that_the_peer_says_it_did_not_need() {
    require_root!();
    // All but the handshake's, for so long that the sender has to try again.
    let mut until = None;
    let fates = Fates::new(move |packet| {
        let end = *until.get_or_insert_with(|| std::time::Instant::now() + Duration::from_millis(400));
        let dropped = packet.from == End::Right && std::time::Instant::now() < end;
        if dropped { Fate::Drop } else { Fate::Pass }
    });
    let (sender, _, pair) = transfer("spurious", fates);
    assert!(sender.retransmits > 0 && sender.duplicates_reported > 0, "{sender:?}");
    assert!(Nstat::of(&pair.left).get("TcpExtTCPDSACKRecv") > 0);
}

#[test]
fn a_late_segment_is_overtaken() {
    require_root!();
    let (_, receiver, pair) = transfer("late", Fates::nth(&[20], Fate::Late(Duration::from_millis(3)), is_data));
    assert!(receiver.out_of_order > 0, "{receiver:?}");
    assert_eq!(pair.relay().counts().dropped, [0, 0]);
}

#[test]
fn a_marked_segment_is_told_to_the_sender() {
    require_root!();
    let (sender, _, pair) = transfer("marked", Fates::nth(&[20], Fate::Marked, is_data));
    assert_eq!(sender.options & 8, 8, "ECN was agreed on: {sender:?}");
    assert_eq!(Nstat::of(&pair.right).get("IpExtInCEPkts"), 1);
    assert_eq!(Nstat::of(&pair.left).get("TcpExtTCPDeliveredCE"), i64::from(sender.delivered_ce));
    assert!(sender.delivered_ce > 0, "{sender:?}");
    assert_eq!(sender.retransmits, 0);
}

#[test]
fn a_relay_leaves_nothing() {
    require_root!();
    let (left, right) = (NetNs::new("left"), NetNs::new("right"));
    let has_wire = |ns: &NetNs| ns.run("ip -br link").contains("wire0");
    let relay = DelayRelay::new(&left, &right, "wire0", ONE_WAY);
    assert!(has_wire(&left) && has_wire(&right));
    drop(relay);
    assert!(!has_wire(&left) && !has_wire(&right));
}
