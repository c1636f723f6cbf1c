//! Lines of packets that mean no good.

use crate::captures::{captures, frames};
use netrig_capture::{Interface, InterfaceNumber, LinkType, Owner, Packet, Verdict, Zone, push_line};
use netrig_model::Timestamp;
use proptest::prelude::*;
use std::sync::LazyLock;

/// A few packets of each capture, to be spoilt.
static FRAMES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let frames = captures().into_iter().flat_map(|path| frames(&path).into_iter().take(20));
    frames.map(|frame| frame.octets).collect()
});

fn line(octets: &[u8], original: u32, link: LinkType) -> String {
    let interface = Interface { name: "e\u{1b}[31m".into(), link, ..Interface::default() };
    let packet = Packet { original, ..Packet::whole(Timestamp(0), InterfaceNumber(0), octets) };
    let mut line = String::new();
    push_line(&mut line, &packet, &interface, &Zone::utc());
    line
}

fn is_a_line(line: &str) -> bool {
    !line.contains(|c: char| c.is_control()) && line.len() < 2000
}

proptest! {
    #[test]
    fn any_octets_are_a_line(octets in prop::collection::vec(any::<u8>(), 0..300), original in any::<u32>()) {
        for link in [LinkType::Ethernet, LinkType::Raw] {
            prop_assert!(is_a_line(&line(&octets, original, link)));
        }
    }

    #[test]
    fn spoilt_packets_are_a_line(
        which in any::<prop::sample::Index>(),
        cut in 0..200_usize,
        spoilt in prop::collection::vec((0..120_usize, any::<u8>()), 0..6),
        original in any::<u32>(),
    ) {
        let mut octets = which.get(&FRAMES).clone();
        octets.truncate(cut);
        for (at, octet) in spoilt {
            if let Some(place) = octets.get_mut(at) {
                *place = octet;
            }
        }
        prop_assert!(is_a_line(&line(&octets, original, LinkType::Ethernet)));
        prop_assert!(is_a_line(&line(octets.get(14..).unwrap_or_default(), original, LinkType::Raw)));
    }
}

#[test]
fn names_others_chose_are_harmless() {
    let packet = Packet {
        owner: Some(Owner { pid: 1, process: "a\u{1b}[2J\n", container: Some("b\r") }),
        verdict: Some(Verdict::Dropped("NO_SOCKET")),
        note: Some("at tcp_v4_rcv+0x1f\0"),
        ..Packet::whole(Timestamp(1), InterfaceNumber(0), &[])
    };
    let mut line = String::new();
    push_line(&mut line, &packet, &Interface { name: "eth0".into(), ..Interface::default() }, &Zone::utc());
    assert_eq!(
        line,
        "00:00:00.000000001 eth0 ?   [|ether] a?[2J?[1] container=b? dropped: NO_SOCKET at tcp_v4_rcv+0x1f?"
    );
}

#[test]
fn packets_in_packets_without_end_come_to_an_end() {
    // IPv4 in IPv4 in IPv4: each header says that another follows.
    let header = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let line = line(&header.repeat(1000), 0, LinkType::Raw);
    assert!(line.ends_with("IPv4, length 19900"), "{line}");
    let line = self::line(&[&[2; 12][..], &[0x81, 0, 0, 5].repeat(1000)].concat(), 0, LinkType::Ethernet);
    assert!(line.len() < 300 && line.ends_with("vlan 5, ethertype 0x8100, length 3966"), "{line}");
    let fixed = [0x60, 0, 0, 0, 0, 0, 60, 64].into_iter().chain([0; 32]);
    let options: Vec<u8> = fixed.chain([60, 0, 1, 4, 0, 0, 0, 0].repeat(5000)).collect();
    let line = self::line(&options, 0, LinkType::Raw);
    assert!(line.len() < 300 && line.contains("DSTOPT DSTOPT ... "), "{line}");
}
