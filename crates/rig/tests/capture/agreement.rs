//! Packet for packet what tcpdump sees beside it.

use crate::support::{Capture, Folder, count, packets, wait_for};
use netrig_testkit::{Connect, Pair, Server, require_root};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

/// Between the two taps' clock readings lies some work, and now and then the machine's other business.
const APART_NS: i128 = 50_000_000;
/// Longer than any packet.
const WHOLE: usize = 1 << 17;

/// Requests and answers, small and large, beside datagrams and pings that no filter here asks for.
fn traffic(pair: &Pair) {
    let server = Server::echo(&pair.right, (Pair::RIGHT, 0), Duration::ZERO);
    for size in [1, 100, 1400, 20_000] {
        let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
        client.write_all(&vec![b'x'; size]).expect("ask");
        let mut answer = vec![0; size];
        client.read_exact(&mut answer).expect("an answer");
    }
    pair.left.inside(|| {
        let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("a socket");
        for _ in 0..10 {
            socket.send_to(b"nobody is there", (Pair::RIGHT, 9)).expect("send");
        }
    });
    pair.left.run(&format!("ping -q -c 3 -i 0.01 {}", Pair::RIGHT));
    std::thread::sleep(Duration::from_millis(300));
}

/// Each packet of one file is in the other, at the same time.
#[track_caller]
fn assert_same(ours: &Path, theirs: &Path, octets_max: usize) {
    let by_octets = |file: &Path| {
        let mut all: BTreeMap<String, Vec<i128>> = BTreeMap::new();
        for (time, mut octets) in packets(file) {
            octets.truncate(2 * octets_max);
            all.entry(octets).or_default().push(time);
        }
        all
    };
    let (ours, theirs) = (by_octets(ours), by_octets(theirs));
    let lacking = |one: &BTreeMap<String, Vec<i128>>, other: &BTreeMap<String, Vec<i128>>| {
        let lacks = |octets: &&String| one.get(*octets).map(Vec::len) != other.get(*octets).map(Vec::len);
        one.keys().filter(lacks).cloned().collect::<Vec<_>>()
    };
    let differ = (lacking(&ours, &theirs), lacking(&theirs, &ours));
    assert!(differ.0.is_empty() && differ.1.is_empty(), "only we have, and only tcpdump has: {differ:#?}");
    let count = |all: &BTreeMap<String, Vec<i128>>| all.values().map(Vec::len).sum::<usize>();
    assert_eq!(count(&ours), count(&theirs));
    assert!(count(&ours) > 10, "there was something to see: {}", count(&ours));
    for (octets, times) in &ours {
        for (ours, theirs) in times.iter().zip(&theirs[octets]) {
            assert!((ours - theirs).abs() < APART_NS, "{} ns apart: {octets}", ours - theirs);
        }
    }
}

fn agrees(label: &str, arguments: &[&str], filter: &str, octets_max: usize) {
    let pair = Pair::new(label);
    let folder = Folder::new();
    let (ours, theirs) = (folder.file("ours.pcapng"), folder.file("theirs.pcap"));
    let (ours_word, theirs_word) = (ours.to_str().expect("text"), theirs.to_str().expect("text"));
    let tcpdump =
        Capture::tcpdump(&pair.left, &[&["-i", Pair::IFACE, "-w", theirs_word], arguments, &[filter]].concat());
    let capture = Capture::start(&pair.left, &[&["-i", Pair::IFACE, "-w", ours_word], arguments, &[filter]].concat());
    traffic(&pair);
    let ended = capture.stop().fine();
    // What it has not read yet when it is told to end it would throw away.
    wait_for("tcpdump has read as much", || (count(&theirs, "") >= count(&ours, "")).then_some(()));
    tcpdump.stop().fine();
    assert_same(&ours, &theirs, octets_max);
    let account = ended.account();
    account.assert_adds_up();
    assert_eq!(account.written, count(&ours, ""));
}

#[test]
fn of_one_connections_packets() {
    require_root!();
    agrees("agree-tcp", &[], &format!("tcp and host {}", Pair::RIGHT), WHOLE);
}

#[test]
fn of_all_that_passes() {
    require_root!();
    // Neighbours find each other by IPv6 whenever they like.
    agrees("agree-all", &[], "not ip6", WHOLE);
}

#[test]
fn of_their_first_octets() {
    require_root!();
    // Of 60 libpcap takes 58 in its immediate mode.
    agrees("agree-cut", &["-s", "60"], "ip", 58);
}

#[test]
fn of_what_looks_deep_into_packets() {
    require_root!();
    // Behind what lies in one piece, in packets that the kernel has merged.
    agrees("agree-deep", &[], "tcp[((tcp[12] & 0xf0) >> 2) + 1200] = 0x78 or icmp[icmptype] = icmp-echo", WHOLE);
}

#[test]
fn of_packets_with_a_tag_that_was_lifted_out() {
    require_root!();
    agrees_on_tags("agree-vlan", "vlan 7 and udp dst port 4000", 5);
}

#[test]
fn of_packets_with_and_without_a_tag_by_turns() {
    require_root!();
    agrees_on_tags("agree-tags", "ether src 02:00:00:00:00:01", 20);
}

fn agrees_on_tags(label: &str, filter: &str, packets_wanted: u64) {
    let pair = Pair::new(label);
    let folder = Folder::new();
    let (ours, theirs) = (folder.file("ours.pcapng"), folder.file("theirs.pcap"));
    let (ours_word, theirs_word) = (ours.to_str().expect("text"), theirs.to_str().expect("text"));
    let tcpdump = Capture::tcpdump(&pair.right, &["-i", Pair::IFACE, "-w", theirs_word, filter]);
    let capture = Capture::start(&pair.right, &["-i", Pair::IFACE, "-w", ours_word, filter]);
    // The kernel lifts the tag out before anybody looks.
    for number in 0..5 {
        for (tag, port) in [(Some(7), 4000_u16), (Some(7), 4001), (None, 4000), (Some(8), 4000)] {
            send_tagged(&pair, tag, port, number);
        }
    }
    std::thread::sleep(Duration::from_millis(300));
    let ended = capture.stop().fine();
    wait_for("tcpdump has read as much", || (count(&theirs, "") >= count(&ours, "")).then_some(()));
    tcpdump.stop().fine();
    assert_eq!(count(&ours, filter), packets_wanted, "{}", ended.said);
    assert_eq!(count(&theirs, filter), packets_wanted);
    let octets = |file: &Path| packets(file).into_iter().map(|(_, octets)| octets).collect::<Vec<_>>();
    assert_eq!(octets(&ours), octets(&theirs), "the tag is where it was on the wire");
}

/// Sends a frame, with a VLAN tag or without.
fn send_tagged(pair: &Pair, tag: Option<u16>, port: u16, number: u8) {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1]);
    if let Some(tag) = tag {
        frame.extend([0x81, 0]);
        frame.extend(tag.to_be_bytes());
    }
    frame.extend([8, 0, 0x45, 0, 0, 33, 0, number, 0, 0, 64, 17, 0, 0]);
    frame.extend(Pair::LEFT.octets());
    frame.extend(Pair::RIGHT.octets());
    frame.extend([0x10, 0, (port >> 8) as u8, port as u8, 0, 13, 0, 0]);
    frame.extend(b"tagge");
    netrig_testkit::send_frame(&pair.left, Pair::IFACE, &frame);
}
