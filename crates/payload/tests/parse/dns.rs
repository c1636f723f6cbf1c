//! DNS messages.

use crate::made::{ASKED, dns_message, labels, question, record};
use netrig_payload::parse::{DnsMessage, dns};

const QUERY: u16 = 0x0100;
const RESPONSE: u16 = 0x8180;
const MULTICAST_RESPONSE: u16 = 0x8400;
const IN: u16 = 1;
const MULTICAST_IN: u16 = 0x8001;

fn read(octets: &[u8]) -> DnsMessage {
    dns(octets).expect("a message")
}

/// `www.example.com A`: an alias, two addresses, a code of EDNS.
fn answer() -> Vec<u8> {
    let records = [
        record(&ASKED, 5, IN, 60, &labels("cdn.example.net")),
        record(&labels("cdn.example.net"), 1, IN, 300, &[192, 0, 2, 1]),
        record(&labels("cdn.example.net"), 28, IN, 301, &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    let glue =
        [record(&labels("ns.example.net"), 1, IN, 9, &[192, 0, 2, 53]), record(&[0], 41, 1232, 0x0100_0000, &[])];
    dns_message(7, RESPONSE, &[question(&labels("www.example.com"), 1, IN)], [&records, &[], &glue])
}

#[test]
fn a_question() {
    let message = read(&dns_message(0xbeef, QUERY, &[question(&labels("WWW.Example.COM"), 65, IN)], [&[], &[], &[]]));
    assert_eq!((message.id, message.is_response), (0xbeef, false));
    assert_eq!((message.exchange.name.as_str(), message.exchange.qtype.as_str()), ("www.example.com", "HTTPS"));
    assert_eq!((message.exchange.rcode, message.exchange.answers), (None, None));
}

#[test]
fn an_answer_has_its_own_addresses_and_not_the_glue() {
    let message = read(&answer());
    assert!(message.is_response);
    let exchange = message.exchange;
    assert_eq!(exchange.rcode.as_deref(), Some("BADVERS"));
    assert_eq!(exchange.answers, Some(3));
    let expected = [("192.0.2.1".parse().expect("v4"), 300), ("2001:db8::1".parse().expect("v6"), 301)];
    assert_eq!(exchange.addresses, expected);
}

#[test]
fn codes_and_types_have_their_words() {
    let code = |flags: u16| {
        let octets = dns_message(1, 0x8000 | flags, &[question(&labels("a"), 65_534, IN)], [&[], &[], &[]]);
        let exchange = read(&octets).exchange;
        assert_eq!(exchange.qtype, "TYPE65534");
        (exchange.rcode.expect("a code"), exchange.truncated)
    };
    assert_eq!(code(0), ("NOERROR".to_owned(), false));
    assert_eq!(code(3), ("NXDOMAIN".to_owned(), false));
    assert_eq!(code(0x0202), ("SERVFAIL".to_owned(), true));
    assert_eq!(code(12), ("RCODE12".to_owned(), false));
}

#[test]
fn odd_octets_in_names_survive_escaped() {
    let name = b"\x06a.b\\ \x07\x05\xc3\xa9(@;\x00";
    let message = read(&dns_message(1, QUERY, &[question(name, 16, IN)], [&[], &[], &[]]));
    assert_eq!(message.exchange.name, "a\\.b\\\\\\032\\007.\\195\\169(@;");
    let root = read(&dns_message(1, QUERY, &[question(&[0], 2, IN)], [&[], &[], &[]]));
    assert_eq!(root.exchange.name, ".");
}

#[test]
fn the_longest_name_is_read() {
    let name =
        labels(&[&"a".repeat(63), &"b".repeat(63), &"c".repeat(63), &"d".repeat(61)].map(String::as_str).join("."));
    assert_eq!(name.len(), 255);
    assert_eq!(read(&dns_message(1, QUERY, &[question(&name, 1, IN)], [&[], &[], &[]])).exchange.name.len(), 253);
}

#[test]
fn multicast_says_more_in_the_class() {
    let asked = [question(&labels("printer.local"), 28, MULTICAST_IN), question(&labels("other.local"), 1, IN)];
    let message = read(&dns_message(0, 0, &asked, [&[], &[], &[]]));
    assert_eq!((message.exchange.name.as_str(), message.exchange.qtype.as_str()), ("printer.local", "AAAA"));
    let told = [
        record(&labels("printer.local"), 1, MULTICAST_IN, 120, &[192, 0, 2, 7]),
        record(&labels("other.local"), 1, MULTICAST_IN, 120, &[192, 0, 2, 8]),
    ];
    let message = read(&dns_message(0, MULTICAST_RESPONSE, &[], [&told, &[], &[]]));
    assert_eq!((message.exchange.name.as_str(), message.exchange.qtype.as_str()), ("printer.local", "A"));
    assert_eq!(message.exchange.addresses, [("192.0.2.7".parse().expect("v4"), 120)]);
}

#[test]
fn a_server_may_refuse_without_the_question() {
    let message = read(&dns_message(5, 0x8001, &[], [&[], &[], &[]]));
    assert_eq!((message.exchange.name.as_str(), message.exchange.rcode.as_deref()), ("", Some("FORMERR")));
}

#[test]
fn an_update_is_read_by_its_zone() {
    let zone = [question(&labels("example.com"), 6, IN)];
    let added = [record(&labels("new.example.com"), 1, IN, 60, &[192, 0, 2, 9])];
    let message = read(&dns_message(6, 0x2800, &zone, [&[], &added, &[]]));
    assert_eq!((message.exchange.name.as_str(), message.exchange.qtype.as_str()), ("example.com", "SOA"));
}

#[test]
fn a_cut_answer_is_read_as_far_as_it_goes() {
    let whole = answer();
    let question_end = 12 + labels("www.example.com").len() + 4;
    let mut told = 0;
    for end in 0..whole.len() {
        let Some(message) = dns(&whole[..end]) else {
            assert!(end < question_end, "cut at {end}");
            continue;
        };
        assert!(end >= question_end);
        assert_eq!((message.id, message.exchange.name.as_str()), (7, "www.example.com"));
        assert_eq!(message.exchange.answers, Some(3));
        assert!(message.exchange.addresses.len() >= told, "more octets, less told");
        told = message.exchange.addresses.len();
    }
    assert_eq!(told, 2);
}

#[test]
fn what_is_not_dns_is_refused() {
    let no_question = dns_message(5, QUERY, &[], [&[], &[], &[]]);
    let nothing_told = dns_message(5, RESPONSE, &[], [&[], &[], &[]]);
    let mut too_many = dns_message(5, QUERY, &[question(&labels("a"), 1, IN)], [&[], &[], &[]]);
    too_many[6..8].fill(0xff);
    let unknown_opcode = dns_message(5, 0x7800, &[question(&labels("a"), 1, IN)], [&[], &[], &[]]);
    let loops = dns_message(5, QUERY, &[question(&ASKED, 1, IN)], [&[], &[], &[]]);
    for octets in
        [no_question, nothing_told, too_many, unknown_opcode, loops, Vec::new(), b"GET / HTTP/1.1\r\n\r\n".to_vec()]
    {
        assert_eq!(dns(&octets), None, "{octets:02x?}");
    }
}
