//! Any octets at all as a classic program and a packet: what passes the check ends, judges the packet the same each time, and is
//! converted to what jumps nowhere but into itself.
//!
//!     cargo +nightly fuzz run filter_classic -- -max_total_time=60

#![no_main]

use libfuzzer_sys::fuzz_target;
use netrig_filter::{Classic, ClassicInstruction, Source, convert};

/// As `struct sock_filter`.
const OCTETS: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    let Some((&count, rest)) = bytes.split_first() else { return };
    let (program, packet) = rest.split_at(rest.len().min(usize::from(count) * OCTETS));
    let instructions = program.chunks_exact(OCTETS).map(|i| ClassicInstruction {
        // Half of all codes that there are, rather than one in a thousand.
        code: u16::from(i[0]),
        jt: i[1],
        jf: i[2],
        k: u32::from_le_bytes([i[4], i[5], i[6], i[7]]),
    });
    let classic = match Classic::new(instructions.collect()) {
        Ok(classic) => classic,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let verdict = classic.judge(packet, packet.len() as u32);
    assert_eq!(verdict, classic.judge(packet, packet.len() as u32));
    for source in [Source::Xdp, Source::Skb, Source::Memory] {
        let Ok(body) = convert(&classic, source) else { continue };
        let count = body.instructions.len() as i64;
        let mut is_second_half = false;
        for (at, instruction) in body.instructions.iter().enumerate() {
            let is_wide = !is_second_half && instruction.code == 0x18;
            let class = instruction.code & 7;
            // Calls and exits are of the class too; there is no exit.
            if !is_second_half && (class == 5 || class == 6) && instruction.code != 0x85 {
                assert_ne!(instruction.code, 0x95);
                let target = at as i64 + 1 + i64::from(instruction.offset);
                assert!((0..=count).contains(&target), "{at} to {target} of {count}");
            }
            is_second_half = is_wide;
        }
    }
});
