//! Any bytes at all as a DNS message: no panic, text that harms no terminal, no more than there is room for, and a message that
//! is cut says nothing else than the whole.
//!
//!     cargo +nightly fuzz run payload_dns -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_payload::parse::dns;

fuzz_target!(|bytes: &[u8]| {
    let Some(message) = dns(bytes) else { return };
    let exchange = message.exchange;
    assert!(exchange.name.len() <= 4 * 255 && exchange.name.bytes().all(|octet| octet.is_ascii_graphic()));
    assert!(exchange.addresses.len() <= bytes.len() / 14);
    assert_eq!(exchange.rcode.is_some(), message.is_response);
    if let Some(cut) = dns(&bytes[..bytes.len() / 2 + 6]) {
        assert_eq!((cut.id, cut.is_response), (message.id, message.is_response));
        assert!(exchange.addresses.starts_with(&cut.exchange.addresses));
    }
});
