//! QUIC: the RFCs' packets, and hellos in pieces.

use crate::made::{handshake, hello_body, server_body};
use crate::seal::{Keys, crypto, initial};
use netrig_payload::parse::{QuicInitials, QuicRead};

const ID: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];
const CLIENT: Keys<'_> = Keys { label: "client in", id: ID };
const SERVER: Keys<'_> = Keys { label: "server in", id: ID };
const CLIENTS_ID: &[u8] = &[7, 7, 7];

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

pub(crate) fn rfc_packets() -> [[Vec<u8>; 2]; 2] {
    let version_1 = [include_str!("vectors/rfc9001_client.hex"), include_str!("vectors/rfc9001_server.hex")];
    let version_2 = [include_str!("vectors/rfc9369_client.hex"), include_str!("vectors/rfc9369_server.hex")];
    [version_1.map(unhex), version_2.map(unhex)]
}

fn sni(read: &QuicRead) -> Option<&str> {
    match read {
        QuicRead::Client(hello) => hello.sni.as_deref(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_rfcs_packets_are_read() {
    for [client, server] in rfc_packets() {
        let mut opening = QuicInitials::default();
        assert_eq!(opening.server(&server), QuicRead::No, "without the client's packet there are no keys");
        let QuicRead::Client(hello) = opening.client(&client) else { panic!("no hello") };
        assert_eq!((hello.sni.as_deref(), hello.version.as_deref()), (Some("example.com"), Some("TLS 1.3")));
        assert_eq!(hello.alpn.as_deref(), Some("alpn"));
        // Digests by sha256sum.
        assert_eq!(hello.ja4, "q13d0211an_62ed6f6ca7ad_4d634acda6c0");
        assert_eq!(opening.client(&client), QuicRead::More, "told once");
        let QuicRead::Server(answer) = opening.server(&server) else { panic!("no answer") };
        assert_eq!(answer.cipher.as_deref(), Some("TLS_AES_128_GCM_SHA256"));
        assert_eq!(answer.version.as_deref(), Some("TLS 1.3"));
    }
}

#[test]
fn a_server_may_go_on_in_the_other_version() {
    let [[client, _], _] = rfc_packets();
    let [_, [_, server]] = rfc_packets();
    let mut opening = QuicInitials::default();
    assert!(matches!(opening.client(&client), QuicRead::Client(_)));
    assert!(matches!(opening.server(&server), QuicRead::Server(_)));
}

#[test]
fn a_hello_is_put_together_from_pieces_in_any_order() {
    let message = handshake(1, &hello_body("quic.example"));
    let frames = |pieces: &[(usize, usize)]| {
        let frames = pieces.iter().map(|(from, to)| [&[0, 1], &crypto(*from, &message[*from..*to])[..]].concat());
        frames.collect::<Vec<_>>().concat()
    };
    let last = message.len();
    let first = initial(CLIENT, ID, 0, &frames(&[(900, last), (3, 40), (100, 400)]));
    let second = initial(CLIENT, ID, 1, &frames(&[(350, 900), (30, 120), (0, 3), (0, 10)]));
    for order in [[&first, &second], [&second, &first]] {
        let mut opening = QuicInitials::default();
        assert_eq!(opening.client(order[0]), QuicRead::More);
        assert_eq!(opening.client(order[0]), QuicRead::More, "sent again");
        assert_eq!(sni(&opening.client(order[1])), Some("quic.example"));
    }
    let mut opening = QuicInitials::default();
    assert_eq!(sni(&opening.client(&[first, second].concat())), Some("quic.example"), "in one datagram");
}

#[test]
fn a_retry_changes_the_keys() {
    let message = handshake(1, &hello_body("quic.example"));
    let retried_id: &[u8] = b"\xaa\xbb\xcc\xdd";
    let retry = [&[0xf0, 0, 0, 0, 1, 3][..], CLIENTS_ID, &[4], retried_id, b"token", &[0; 16]].concat();
    let mut opening = QuicInitials::default();
    assert!(matches!(opening.client(&initial(CLIENT, ID, 0, &crypto(0, &message))), QuicRead::Client(_)));
    assert_eq!(opening.server(&retry), QuicRead::No);
    let again = initial(Keys { id: retried_id, ..CLIENT }, retried_id, 1, &crypto(0, &message));
    assert_eq!(opening.client(&again), QuicRead::More);
    let answer = crypto(0, &handshake(2, &server_body([1; 32], 0x1302, &[])));
    assert_eq!(opening.server(&initial(SERVER, CLIENTS_ID, 0, &answer)), QuicRead::No, "the old keys");
    let answer = initial(Keys { id: retried_id, ..SERVER }, CLIENTS_ID, 0, &answer);
    assert!(matches!(opening.server(&answer), QuicRead::Server(_)));
}

#[test]
fn the_clients_next_packets_keep_the_keys_under_the_servers_id() {
    let message = handshake(1, &hello_body("quic.example"));
    let mut opening = QuicInitials::default();
    assert_eq!(opening.client(&initial(CLIENT, ID, 0, &crypto(0, &message[..500]))), QuicRead::More);
    let next = initial(CLIENT, b"server", 1, &crypto(500, &message[500..]));
    assert_eq!(sni(&opening.client(&next)), Some("quic.example"));
}

#[test]
fn a_refusal_has_its_word() {
    let refused = |code: u16| {
        let mut opening = QuicInitials::default();
        let hello = crypto(0, &handshake(1, &hello_body("quic.example")));
        assert!(matches!(opening.client(&initial(CLIENT, ID, 0, &hello)), QuicRead::Client(_)));
        let acknowledgement = [2, 0, 0, 0, 0];
        let close = [&acknowledgement[..], &[0x1c], &(0x4000 | code).to_be_bytes(), &[6, 0]].concat();
        match opening.server(&initial(SERVER, CLIENTS_ID, 0, &close)) {
            QuicRead::Server(answer) => answer.alert.expect("an alert"),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(0x178), "no_application_protocol");
    assert_eq!(refused(0x2), "connection_refused");
    assert_eq!(refused(0x33), "quic_0x33");
}

#[test]
fn what_waits_is_bounded() {
    let mut opening = QuicInitials::default();
    // Far more pieces apart from each other than are kept, and pieces far away.
    let frames: Vec<u8> = (0..200).flat_map(|piece| crypto(100 + piece * 10, &[0; 4])).collect();
    assert_eq!(opening.client(&initial(CLIENT, ID, 0, &frames)), QuicRead::More);
    assert_eq!(opening.client(&initial(CLIENT, ID, 1, &crypto(16_300, &[0; 100]))), QuicRead::More);
    let message = handshake(1, &hello_body("quic.example"));
    assert_eq!(sni(&opening.client(&initial(CLIENT, ID, 2, &crypto(0, &message)))), Some("quic.example"));
}

#[test]
fn what_is_not_an_initial_is_refused() {
    let [[client, _], _] = rfc_packets();
    let mut opening = QuicInitials::default();
    let mut forged = client.clone();
    *forged.last_mut().expect("octets") ^= 1;
    let mut unknown = client.clone();
    unknown[1..5].copy_from_slice(&[0x5a, 0x5a, 0x5a, 0x5a]);
    let short = [&[0x40][..], &[9; 60]].concat();
    for datagram in [&forged[..], &unknown, &short, &[], &client[..client.len() - 1]] {
        assert_eq!(opening.client(datagram), QuicRead::No);
    }
}
