//! Any bytes at all as a capture: no panic, no hang, no more data than there are bytes, and every break has its place.
//!
//!     cargo +nightly fuzz run capture_reader -- -max_total_time=60 crates/replay/tests/captures

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_replay::capture::CaptureReader;
use std::io::Cursor;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    // Packed data may hold more than they are: their bytes cannot be reckoned with.
    let is_packed = bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5]) || bytes.get(1) == Some(&0x2a);
    let stream = Box::new(Cursor::new(bytes.to_vec()));
    let Ok(mut reader) = CaptureReader::from_stream(Path::new("fuzz"), stream) else { return };
    let (mut packets, mut data, mut scratch) = (0, 0, Vec::new());
    let error = loop {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                packets += 1;
                data += packet.data.len();
                assert_eq!(packet.number, packets);
                let framed = packet.link_type.frame(packet.data, &mut scratch);
                assert!(framed.data.len() <= packet.data.len() + 14);
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    assert!(is_packed || data <= bytes.len());
    if let Some(error) = error {
        assert_eq!(error.place.map(|place| place.packet), Some(packets + 1));
        assert!(!error.to_string().is_empty());
        assert!(matches!(reader.next_packet(), Ok(None)));
    }
});
