//! What is copied of a flow's first packet, and what is not.

use crate::packets::{ACK, PSH, tcp, udp};
use crate::runs::Run;
use netrig_testkit::require_root;

const HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

/// First octets of payload over TCP that are worth a copy.
const WANTED: &[&[u8]] = &[
    HELLO,
    &[0x16, 3, 3, 0, 122, 2, 0, 0],
    &[0x15, 3, 1, 0, 2, 2, 40],
    b"GET / HTTP/1.1\r\n",
    b"PUT /x HTTP/1.1\r\n",
    b"HEAD / HTTP/1.0\r\n",
    b"POST /a HTTP/1.1\r\n",
    b"PATCH /a HTTP/1.1\r\n",
    b"TRACE / HTTP/1.1\r\n",
    b"DELETE /a HTTP/1.1\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"CONNECT a:443 HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 404 Not Found\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    &[0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100],
    &[0, 0, 0, 4, 0, 0, 0, 0, 0],
    // Shorter than eight octets, as a first packet: what may become any of these.
    b"G",
    b"GET /",
    b"DELET",
    b"HTTP/1",
    b"PR",
    b"PRI * H",
    b"CONNECT",
    &[0x16],
    &[0x16, 3],
    &[0x16, 3, 1, 2],
];

/// And those that are not.
const UNWANTED: &[&[u8]] = &[
    &[0x17, 3, 3, 1, 0, 9, 9, 9, 9],
    &[0x16, 2, 1, 0, 5, 1, 1, 1],
    &[0x16, 3, 5, 0, 5, 1, 1, 1],
    &[0x15, 3, 1, 0, 3, 2, 40, 0],
    b"SSH-2.0-OpenSSH_9.9\r\n",
    b"GETS / HTTP/1.1\r\n",
    b"HTTP/2 200\r\n",
    b"OPTIONAL",
    b"CONNECTS",
    b"get / http/1.1\r\n",
    b"PRI * XTML",
    &[0, 0, 18, 4, 1, 0, 0, 0, 0],
    &[0, 0, 17, 4, 0, 0, 0, 0, 0],
    &[0, 0, 0, 0],
    b"X",
    b"GEX",
    &[0x16, 4],
    b"HTTP/2.",
];

#[test]
fn first_packets_over_tcp_are_known_by_their_first_octets() {
    require_root!();
    for mut run in Run::both() {
        for (is_ipv6, (port, payload)) in
            [false, true].into_iter().flat_map(|v6| (1000..).zip(WANTED).map(move |one| (v6, one)))
        {
            let packet = tcp((port, 8443), 77, payload);
            let packet = if is_ipv6 { packet.ipv6() } else { packet };
            assert_eq!(run.octets(&packet).as_deref(), Some(*payload), "{payload:?}");
        }
        for (port, payload) in (2000..).zip(UNWANTED) {
            assert_eq!(run.octets(&tcp((port, 8443), 77, payload)), None, "{payload:?}");
        }
        assert_eq!(run.counts().wanted, 2 * WANTED.len() as u64);
    }
}

#[test]
fn sequences_flags_and_lengths_are_told() {
    require_root!();
    for mut run in Run::both() {
        let told = run.see(&tcp((1, 2), 0xffff_fff0, &[HELLO, &[0; 900]].concat()).flags(ACK | PSH));
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].sequence, told[0].tcp_flags), (0xffff_fff0, ACK | PSH));
        assert_eq!((told[0].length, told[0].octets.len()), (911, 512));
        assert_eq!(told[0].key.src.to_string(), "10.0.0.1");
        assert_eq!(told[0].key.dst.to_string(), "192.0.2.1");
    }
}

/// Fast open: what a SYN carries has the number after the SYN's.
#[test]
fn what_a_syn_carries_comes_behind_it() {
    require_root!();
    for mut run in Run::both() {
        let told = run.see(&tcp((1, 2), 100, HELLO).flags(2));
        assert_eq!((told[0].sequence, told[0].octets.as_slice()), (101, HELLO));
    }
}

#[test]
fn dns_is_known_by_either_port() {
    require_root!();
    for mut run in Run::both() {
        let message = [9; 40];
        for ports in [(4000, 53), (53, 4000), (5353, 5353), (4000, 5353)] {
            for _ in 0..20 {
                assert_eq!(run.octets(&udp(ports, &message)).as_deref(), Some(&message[..]), "each of them");
            }
            assert_eq!(run.octets(&tcp(ports, 1, &message)).as_deref(), Some(&message[..]));
        }
        assert_eq!(run.octets(&udp((4000, 54), &message)), None);
        assert_eq!(run.octets(&udp((4000, 53), &[])), None, "nothing is nothing to copy");
        assert_eq!(run.copied(&udp((4000, 53), &[9; 1200])), Some(512));
    }
}

fn quic(first: u8, version: u32, length: usize) -> Vec<u8> {
    let mut payload = vec![first];
    payload.extend(version.to_be_bytes());
    payload.resize(length, 5);
    payload
}

#[test]
fn quic_initials_are_known_and_copied_whole() {
    require_root!();
    for mut run in Run::both() {
        for (port, (first, version)) in
            (1000..).zip([(0xc3, 1), (0xc0, 0xff00_001d), (0xcf, 0xff00_0022), (0xd1, 0x6b33_43cf)])
        {
            let payload = quic(first, version, 1350);
            assert_eq!(run.octets(&udp((port, 443), &payload)), Some(payload), "whole, though more than of others");
        }
        for (port, (first, version)) in (2000..).zip([
            (0xe3, 1),
            (0xd3, 1),
            (0x43, 1),
            (0xc3, 0),
            (0xc3, 2),
            (0xc3, 0x6b33_43cf),
            (0xc0, 0xff00_001c),
            (0xc0, 0xff00_0023),
        ]) {
            assert_eq!(run.octets(&udp((port, 443), &quic(first, version, 1200))), None, "{first:x} {version:x}");
        }
    }
}

#[test]
fn quic_is_over_with_its_first_short_header_or_after_eight_packets() {
    require_root!();
    let mut run = Run::new();
    let initial = quic(0xc3, 1, 1200);
    let mut see = |port, payload: &[u8]| run.octets(&udp((port, 443), payload)).is_some();
    assert!(see(1, &initial));
    assert!(!see(1, &quic(0xe3, 1, 100)), "a handshake packet");
    assert!(see(1, &initial));
    assert!(!see(1, &[0x41; 50]));
    assert!(!see(1, &initial));
    let seen: Vec<_> = (0..10).map(|_| see(2, &initial)).collect();
    assert_eq!(seen, [[true; 8].as_slice(), &[false; 2]].concat());
    let seen: Vec<_> = (0..10).map(|at| see(3, if at == 7 { &initial } else { &[0x41; 50] })).collect();
    assert_eq!(seen.iter().position(|told| *told), Some(7), "the eighth is the last that is looked at");
    let seen: Vec<_> = (0..10).map(|at| see(4, if at == 8 { &initial } else { &[0x41; 50] })).collect();
    assert!(!seen.contains(&true));
}

#[test]
fn other_protocols_are_not_looked_at() {
    require_root!();
    for mut run in Run::both() {
        let mut frame = udp((4000, 53), &[9; 40]).bytes();
        frame[23] = 136; // UDP-Lite
        assert!(run.see_frame(&frame, None, netrig_probes::flow::LinkKind::Ethernet).is_empty());
        frame[23] = 1;
        assert!(run.see_frame(&frame, None, netrig_probes::flow::LinkKind::Ethernet).is_empty());
    }
}
