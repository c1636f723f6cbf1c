//! Octets of strangers: nothing panics, and what is told fits what was given.

use crate::http2::frame;
use crate::made::{ASKED, dns_message, handshake, hello_body, labels, question, record, record_of};
use crate::quic::rfc_packets;
use netrig_payload::parse::{
    QuicInitials, client_hello, client_hello_cut, dns, hello_octets, http_request, http_request_cut, http_response,
    http_response_cut, http2_request, http2_request_cut, http2_status, next_record, server_answer, tls_alert,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Every parser, whatever the octets are.
fn read_all(octets: &[u8]) {
    if let Some(message) = dns(octets) {
        assert!(message.exchange.name.len() <= 4 * 255);
        assert!(message.exchange.addresses.len() <= octets.len() / 14);
    }
    _ = client_hello(octets);
    _ = client_hello_cut(octets);
    _ = server_answer(octets);
    _ = tls_alert(octets);
    _ = hello_octets(octets);
    _ = next_record(octets);
    _ = http_request(octets, true);
    _ = http_request_cut(octets, true);
    _ = http_response(octets);
    _ = http_response_cut(octets);
    _ = http2_request(octets);
    _ = http2_request_cut(octets);
    _ = http2_status(octets);
    let mut opening = QuicInitials::default();
    _ = opening.client(octets);
    _ = opening.client(octets);
    _ = opening.server(octets);
}

/// Whole messages of every kind.
fn messages() -> Vec<Vec<u8>> {
    let answers = [record(&ASKED, 1, 1, 60, &[192, 0, 2, 1]), record(&ASKED, 28, 1, 60, &[9; 16])];
    vec![
        dns_message(
            1,
            0x8180,
            &[question(&labels("a.example"), 1, 1)],
            [&answers, &[], &[record(&[0], 41, 512, 0, &[])]],
        ),
        record_of(22, &handshake(1, &hello_body("a.example"))),
        record_of(22, &handshake(2, &[&[3, 3][..], &[1; 32], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat())),
        b"GET http://a.example/p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello".to_vec(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: a\r\n b\r\n\r\n0\r\n\r\n".to_vec(),
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            &frame(4, 0, 0, &[])[..],
            &frame(1, 4, 1, &[0x82, 0x86, 0x84, 0x41, 1, 97]),
        ]
        .concat(),
        [frame(4, 0, 0, &[]), frame(1, 4, 1, &[0x88])].concat(),
        rfc_packets().concat().concat(),
    ]
}

#[test]
fn cut_at_every_octet() {
    for message in messages() {
        (0..=message.len()).for_each(|end| read_all(&message[..end]));
    }
}

proptest! {
    #[test]
    fn any_octets(octets in vec(any::<u8>(), 0..600)) {
        read_all(&octets);
    }

    #[test]
    fn any_octets_behind_a_beginning(which in any::<prop::sample::Index>(), keep in 0_usize..80, rest in vec(any::<u8>(), 0..600)) {
        let messages = messages();
        let message = which.get(&messages);
        read_all(&[&message[..keep.min(message.len())], &rest].concat());
    }

    #[test]
    fn mutated_messages(
        which in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut message = which.get(&messages()).clone();
        for (at, octet) in changes {
            *at.get_mut(&mut message) = octet;
        }
        read_all(&message);
    }
}
