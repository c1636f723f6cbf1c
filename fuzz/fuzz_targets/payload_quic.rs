//! Any bytes at all as a QUIC datagram, and as the frames of Initial packets sealed with the right keys: no panic, each side told
//! at most once.
//!
//!     cargo +nightly fuzz run payload_quic -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_payload::parse::{QuicInitials, QuicRead};

#[path = "../../crates/payload/tests/parse/seal.rs"]
mod seal;

const ID: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];

/// The first octet says whether the others are a datagram, or frames of several: one in each 200 octets, of either side.
fn datagrams(bytes: &[u8]) -> Vec<(bool, Vec<u8>)> {
    let Some((first, rest)) = bytes.split_first() else { return Vec::new() };
    if first & 1 == 0 {
        return vec![(true, rest.to_vec()), (false, rest.to_vec())];
    }
    let frames = rest.chunks(200).take(16).enumerate();
    let sealed = frames.map(|(number, frames)| {
        let is_client = first >> (number % 8) & 1 == 1;
        let label = if is_client { "client in" } else { "server in" };
        (is_client, seal::initial(seal::Keys { label, id: ID }, ID, number as u8, frames))
    });
    sealed.collect()
}

fuzz_target!(|bytes: &[u8]| {
    let mut opening = QuicInitials::default();
    let (mut clients, mut servers) = (0, 0);
    for (is_client, datagram) in datagrams(bytes) {
        let read = if is_client { opening.client(&datagram) } else { opening.server(&datagram) };
        clients += usize::from(matches!(read, QuicRead::Client(_)));
        servers += usize::from(matches!(read, QuicRead::Server(_)));
    }
    assert!(clients <= 1 && servers <= 1);
    // A message of TLS as the only CRYPTO frame.
    let message = &bytes[..bytes.len().min(16_000)];
    let packet = seal::initial(seal::Keys { label: "client in", id: ID }, ID, 0, &seal::crypto(0, message));
    _ = QuicInitials::default().client(&packet);
});
