//! Any bytes at all as the beginning of a TLS stream: no panic, and what is whole needed no more than there was: cut, it needs more.
//!
//!     cargo +nightly fuzz run payload_tls -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_payload::parse::{
    NextRecord, Read, client_hello, client_hello_cut, hello_octets, next_record, server_answer, tls_alert,
};

fuzz_target!(|bytes: &[u8]| {
    let cut = &bytes[..bytes.len() / 2];
    let read = client_hello(bytes);
    if let Read::Whole(hello) = &read {
        assert!(hello.ja4.len() == 36 || !hello.ja4.is_ascii(), "{}", hello.ja4);
        assert!(hello.session_id.len() <= 32);
        let cut = client_hello(cut);
        assert!(cut == Read::More || cut == read);
        assert!(client_hello_cut(bytes).is_some());
        assert!(hello_octets(bytes).is_some_and(|octets| octets > 5));
    }
    if let Some(hello) = client_hello_cut(cut) {
        assert!(hello.sni.is_none_or(|name| !name.contains(char::is_control)));
    }
    if let Read::Whole(answer) = server_answer(bytes) {
        assert!(answer.cipher.is_some() || answer.alert.is_some());
        assert_eq!(answer.alert, tls_alert(bytes));
    }
    match next_record(bytes) {
        Some(NextRecord::Other { octets }) => assert!(octets >= 5),
        Some(NextRecord::Alert(word)) => assert_eq!(Some(word), tls_alert(bytes)),
        Some(NextRecord::Data) | None => {}
    }
});
