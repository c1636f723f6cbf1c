//! Any bytes at all as the beginning of an HTTP/2 stream, behind the preface or without: no panic, and cut it needs more.
//!
//!     cargo +nightly fuzz run payload_http2 -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_payload::parse::{Read, http2_request, http2_request_cut, http2_status};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fuzz_target!(|bytes: &[u8]| {
    _ = http2_request(bytes);
    _ = http2_status(bytes);
    let stream = [PREFACE, bytes].concat();
    let read = http2_request(&stream);
    if let Read::Whole(request) = &read {
        assert!(request.method.is_some() || request.path.is_some());
        assert_eq!(http2_request_cut(&stream).as_ref(), Some(request));
        let cut = http2_request(&stream[..stream.len() / 2]);
        assert!(cut == Read::More || cut == read);
    }
    _ = http2_request_cut(&stream[..stream.len() / 2]);
});
