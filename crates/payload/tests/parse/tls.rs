//! Hellos of TLS.

use crate::made::{extension, handshake, hello_body, record_of, server_body, with_length};
use netrig_payload::parse::{
    NextRecord, Read, ServerAnswer, client_hello, client_hello_cut, hello_octets, next_record, server_answer, tls_alert,
};

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

/// What a ServerHello has for its random when it is a HelloRetryRequest.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

fn hello() -> Vec<u8> {
    record_of(HANDSHAKE, &handshake(1, &hello_body("Www.Example.com")))
}

fn answer_of(octets: &[u8]) -> ServerAnswer {
    match server_answer(octets) {
        Read::Whole(answer) => answer,
        other => panic!("{other:?}"),
    }
}

fn server_hello(extensions: &[Vec<u8>], cipher: u16) -> Vec<u8> {
    record_of(HANDSHAKE, &handshake(2, &server_body([1; 32], cipher, extensions)))
}

#[test]
fn a_clients_hello() {
    let Read::Whole(hello) = client_hello(&hello()) else { panic!("not whole") };
    assert_eq!(hello.sni.as_deref(), Some("www.example.com"));
    assert_eq!(hello.alpn.as_deref(), Some("h2"));
    assert_eq!(hello.version.as_deref(), Some("TLS 1.3"));
    // Digests by sha256sum of `1301,1302,c02b` and `000d,002b,0033_0403,0804,0401`.
    assert_eq!(hello.ja4, "t13d0305h2_5559582ccdc4_703bc65e5b6f");
    assert_eq!((hello.session_id.len(), hello.offers_resumption, hello.ech), (32, false, false));
}

#[test]
fn a_hello_that_is_cut_anywhere_needs_more() {
    let whole = hello();
    for end in 0..whole.len() {
        assert_eq!(client_hello(&whole[..end]), Read::More, "cut at {end}");
    }
}

#[test]
fn a_hello_in_several_records_is_put_together() {
    let message = handshake(1, &hello_body("a.example"));
    let whole = client_hello(&record_of(HANDSHAKE, &message));
    for size in [1, 3, 100, 1000] {
        let records: Vec<u8> = message.chunks(size).flat_map(|part| record_of(HANDSHAKE, part)).collect();
        assert_eq!(client_hello(&records), whole, "records of {size} octets");
    }
}

#[test]
fn a_hello_whose_rest_never_comes_has_its_name() {
    let whole = hello();
    let cut = client_hello_cut(&whole[..300]).expect("the head");
    assert_eq!(cut.sni.as_deref(), Some("www.example.com"));
    assert_eq!((cut.version.as_deref(), cut.ja4.as_str()), (Some("TLS 1.3"), ""));
    assert_eq!(client_hello_cut(&whole[..20]), None);
    for end in 0..whole.len() {
        let cut = client_hello_cut(&whole[..end]);
        assert!(cut.is_none_or(|cut| cut.sni.is_none_or(|name| name == "www.example.com")));
    }
}

#[test]
fn what_a_client_offers_to_resume() {
    let body = |version: u16, session_id: &[u8], extensions: &[Vec<u8>]| {
        let ids = [&[session_id.len() as u8][..], session_id].concat();
        let tail = [&[0, 2, 0x13, 1, 1, 0][..], &with_length(&extensions.concat())].concat();
        let body = [&version.to_be_bytes()[..], &[0; 32], &ids, &tail].concat();
        match client_hello(&record_of(HANDSHAKE, &handshake(1, &body))) {
            Read::Whole(hello) => hello.offers_resumption,
            other => panic!("{other:?}"),
        }
    };
    assert!(!body(0x0303, &[], &[extension(35, &[])]));
    assert!(body(0x0303, &[], &[extension(35, &[1])]));
    assert!(body(0x0303, &[1], &[]));
    let supports_1_3 = extension(43, &[2, 3, 4]);
    assert!(!body(0x0303, &[1], std::slice::from_ref(&supports_1_3)));
    assert!(body(0x0303, &[1], &[supports_1_3, extension(41, &[0, 0])]));
}

#[test]
fn an_encrypted_hello_is_told_by_its_extension() {
    let tail = [&[0, 2, 0x13, 1, 1, 0][..], &with_length(&extension(0xfe0d, &[0; 8]))].concat();
    let body = [&[3, 3][..], &[0; 32], &[0], &tail].concat();
    let Read::Whole(hello) = client_hello(&record_of(HANDSHAKE, &handshake(1, &body))) else { panic!("not whole") };
    assert!(hello.ech);
    assert_eq!((hello.sni, hello.version.as_deref()), (None, Some("TLS 1.2")));
}

#[test]
fn a_malformed_extension_does_not_hide_the_others() {
    let sni = [&[0], &with_length(b"a.example")[..]].concat();
    let extensions = [extension(16, &[9]), extension(13, &[]), extension(0, &with_length(&sni))].concat();
    let tail = [&[0, 2, 0x13, 1, 1, 0][..], &with_length(&extensions)].concat();
    let body = [&[3, 3][..], &[0; 32], &[0], &tail].concat();
    let Read::Whole(hello) = client_hello(&record_of(HANDSHAKE, &handshake(1, &body))) else { panic!("not whole") };
    assert_eq!((hello.sni.as_deref(), hello.alpn), (Some("a.example"), None));
    assert!(hello.ja4.starts_with("t12d010300_"), "{}", hello.ja4);
}

#[test]
fn a_servers_hello() {
    let versions = extension(43, &[3, 4]);
    let answer = answer_of(&server_hello(&[versions.clone(), extension(41, &[0, 0])], 0x1301));
    assert_eq!(answer.version.as_deref(), Some("TLS 1.3"));
    assert_eq!(answer.cipher.as_deref(), Some("TLS_AES_128_GCM_SHA256"));
    assert_eq!((answer.took_psk, answer.is_retry, answer.alert), (true, false, None));
    assert_eq!(answer.session_id, [5, 6]);
    let answer = answer_of(&server_hello(&[extension(16, &with_length(b"\x08http/1.1"))], 0xeeee));
    assert_eq!((answer.version.as_deref(), answer.cipher.as_deref()), (Some("TLS 1.2"), Some("0xeeee")));
    assert_eq!(answer.alpn.as_deref(), Some("http/1.1"));
    let retry = record_of(HANDSHAKE, &handshake(2, &server_body(RETRY, 0x1302, &[versions])));
    assert!(answer_of(&retry).is_retry);
}

#[test]
fn a_servers_hello_among_other_messages() {
    let message = handshake(2, &server_body([1; 32], 0xc02f, &[]));
    let flight = record_of(HANDSHAKE, &[message, handshake(11, &[0; 3000])].concat());
    assert_eq!(answer_of(&flight).cipher.as_deref(), Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
    // The certificate's end is not needed.
    assert_eq!(server_answer(&flight[..200]), server_answer(&flight));
    assert_eq!(server_answer(&flight[..30]), Read::More);
}

#[test]
fn alerts_have_their_words() {
    let fatal = record_of(ALERT, &[2, 40]);
    assert_eq!(answer_of(&fatal).alert.as_deref(), Some("handshake_failure"));
    assert_eq!(answer_of(&fatal).version, None);
    let warning = record_of(ALERT, &[1, 112]);
    assert_eq!(server_answer(&warning), Read::More);
    let warned = answer_of(&[warning, server_hello(&[], 0xc02f)].concat());
    assert!(warned.cipher.is_some() && warned.alert.is_none());
    let behind = answer_of(&[server_hello(&[], 0xc02f), record_of(ALERT, &[2, 200])].concat());
    assert_eq!((behind.cipher.is_some(), behind.alert.as_deref()), (true, Some("200")));
    let half = &server_hello(&[], 0xc02f)[..40];
    let half = record_of(HANDSHAKE, &half[5..]);
    assert_eq!(answer_of(&[half, fatal.clone()].concat()).alert.as_deref(), Some("handshake_failure"));
    // A client that does not like the certificate.
    assert_eq!(tls_alert(&[hello(), record_of(ALERT, &[2, 48])].concat()).as_deref(), Some("unknown_ca"));
    // Encrypted ones say nothing.
    assert_eq!(tls_alert(&[hello(), record_of(ALERT, &[2; 26])].concat()), None);
}

#[test]
fn what_comes_behind_a_hello_is_found_and_read() {
    let message = handshake(1, &hello_body("a.example"));
    for size in [1, 3, 100, 5000] {
        let records: Vec<u8> = message.chunks(size).flat_map(|part| record_of(HANDSHAKE, part)).collect();
        let behind = [&records[..], &record_of(20, &[1])].concat();
        assert_eq!(hello_octets(&behind), Some(records.len()), "records of {size} octets");
        assert_eq!(hello_octets(&records[..records.len() - 1]), None, "records of {size} octets");
    }
    let alert = record_of(ALERT, &[2, 48]);
    assert_eq!(next_record(&alert), Some(NextRecord::Alert("unknown_ca".to_owned())));
    assert!((0..alert.len()).all(|end| next_record(&alert[..end]).is_none()));
    for (record, octets) in
        [(record_of(ALERT, &[1, 48]), 7), (record_of(20, &[1]), 6), (record_of(HANDSHAKE, &[16; 70]), 75)]
    {
        assert_eq!(next_record(&record), Some(NextRecord::Other { octets }));
        assert_eq!(next_record(&[&record[..], &alert].concat()), Some(NextRecord::Other { octets }));
    }
    assert_eq!(next_record(&record_of(HANDSHAKE, &[16; 70])[..20]), Some(NextRecord::Other { octets: 75 }));
    assert_eq!(next_record(&record_of(23, &[2, 48])), Some(NextRecord::Data));
    assert_eq!(next_record(b"GET / HTTP/1.0"), Some(NextRecord::Data));
}

#[test]
fn what_is_not_a_hello_is_refused() {
    let server = server_hello(&[], 0xc02f);
    let wrong_version = [&[22, 4, 1, 0, 5][..], &[1, 0, 0, 1, 0]].concat();
    let too_long = [&[22, 3, 1, 0xff, 0xff][..], &[1, 0, 0, 1]].concat();
    let ssl_2 = [&[0x80, 0x2e, 1, 0, 2][..], &[0; 40]].concat();
    for octets in [&server[..], &wrong_version, &too_long, &ssl_2, &record_of(23, &[0; 40]), b"GET / HTTP/1.1\r\n\r\n"]
    {
        assert_eq!(client_hello(octets), Read::No, "{octets:02x?}");
    }
    assert_eq!(server_answer(&hello()), Read::No);
    assert_eq!(server_answer(&record_of(HANDSHAKE, &handshake(2, &[3; 10]))), Read::No);
    assert_eq!(server_answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Read::No);
}
