//! Any bytes at all as the head of an HTTP/1 message: no panic, a head no longer than what there is, and cut it needs more.
//!
//!     cargo +nightly fuzz run payload_http -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_payload::parse::{Read, http_request, http_request_cut, http_response, http_response_cut};

fuzz_target!(|bytes: &[u8]| {
    if let Read::Whole(request) = http_request(bytes, true) {
        assert!((1..=bytes.len()).contains(&request.head_len));
        assert!(!request.method.is_empty() && !request.path.contains(char::is_control));
        assert!(request.host.is_none_or(|host| !host.is_empty() && !host.contains(char::is_control)));
        assert_eq!(http_request(&bytes[..request.head_len - 1], true), Read::More);
    }
    if let Read::Whole(response) = http_response(bytes) {
        assert!((1..=bytes.len()).contains(&response.head_len) && response.status < 1000);
        assert_eq!(http_response(&bytes[..response.head_len - 1]), Read::More);
    }
    if let Some(request) = http_request_cut(bytes, true) {
        assert_eq!(request.head_len, bytes.len());
    }
    _ = http_response_cut(bytes);
});
