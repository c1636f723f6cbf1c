//! Any octets at all as a packet: no panic, and one line that commands no terminal and is not endless.
//!
//!     cargo +nightly fuzz run capture_line crates/replay/tests/captures -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_capture::{Interface, InterfaceNumber, LinkType, Packet, Zone, push_line};
use netrig_model::Timestamp;

fuzz_target!(|input: (i64, u32, bool, &[u8])| {
    let (time, original, is_raw, octets) = input;
    let link = if is_raw { LinkType::Raw } else { LinkType::Ethernet };
    let interface = Interface { name: "eth0".into(), link, ..Interface::default() };
    let packet = Packet { original, ..Packet::whole(Timestamp(time), InterfaceNumber(0), octets) };
    let mut line = String::new();
    push_line(&mut line, &packet, &interface, &Zone::utc());
    assert!(line.len() < 4096 && !line.contains(char::is_control));
});
