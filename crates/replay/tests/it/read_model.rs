//! The reader against an independent one, and against noise.

use crate::written::pcap::PcapBuilder;
use crate::written::pcapng::PcapngBuilder;
use crate::written::{Order, read_bytes};
use netrig_model::Timestamp;
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::Cursor;
use std::path::Path;

type Told = (i64, u32, Vec<u8>);

/// What the independent reader tells, on the files it reads right: clocks in microseconds, no offset, no old blocks.
fn model(bytes: &[u8]) -> Vec<Told> {
    let mut reader = create_reader(1 << 20, Cursor::new(bytes.to_vec())).expect("a capture");
    let mut told = Vec::new();
    loop {
        match reader.next() {
            Ok((length, block)) => {
                match block {
                    PcapBlockOwned::Legacy(b) => {
                        let ns = i64::from(b.ts_sec) * 1_000_000_000 + i64::from(b.ts_usec) * 1000;
                        told.push((ns, b.origlen, b.data.to_vec()));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(b)) => {
                        let ticks = u64::from(b.ts_high) << 32 | u64::from(b.ts_low);
                        told.push((ticks as i64 * 1000, b.origlen, b.packet_data().to_vec()));
                    }
                    _ => {}
                }
                reader.consume(length);
            }
            Err(PcapError::Eof) => return told,
            Err(PcapError::Incomplete(_)) => reader.refill().expect("from memory"),
            Err(e) => panic!("the model fails: {e:?}"),
        }
    }
}

fn ours(bytes: &[u8]) -> Vec<Told> {
    let (seen, error) = read_bytes(bytes);
    assert!(error.is_none(), "{error:?}");
    seen.into_iter().map(|s| (s.timestamp.0, s.wire_len, s.data)).collect()
}

fn packet() -> impl Strategy<Value = (u32, u32, Vec<u8>, u32)> {
    (any::<u32>(), 0..1_000_000u32, vec(any::<u8>(), 0..200), 0..2000u32)
}

fn order() -> impl Strategy<Value = Order> {
    prop::sample::select(&Order::BOTH[..])
}

fn pcap(order: Order, packets: &[(u32, u32, Vec<u8>, u32)]) -> Vec<u8> {
    let builder = PcapBuilder::new(order, 0xa1b2_c3d4, 1);
    packets
        .iter()
        .fold(builder, |b, (s, us, data, beyond)| b.cut_packet(*s, *us, data, data.len() as u32 + beyond))
        .bytes
}

fn pcapng(order: Order, packets: &[(u32, u32, Vec<u8>, u32)]) -> Vec<u8> {
    let builder = PcapngBuilder::new(order).interface(1, 0, &[(2, b"eth0")]);
    packets
        .iter()
        .fold(builder, |b, (s, us, data, beyond)| {
            let ticks = u64::from(*s) * 1_000_000 + u64::from(*us);
            b.enhanced(0, ticks, data, data.len() as u32 + beyond, &[(1, b"why"), (2, &[0; 4])])
        })
        .bytes
}

proptest! {
    #[test]
    fn both_readers_tell_the_same(order in order(), packets in vec(packet(), 0..20)) {
        for bytes in [pcap(order, &packets), pcapng(order, &packets)] {
            prop_assert_eq!(ours(&bytes), model(&bytes));
        }
    }

    /// Damage never panics, hangs or invents more than there is, and what came before it is told unharmed.
    #[test]
    fn damage_leaves_what_came_before(
        order in order(),
        packets in vec(packet(), 1..8),
        at in any::<prop::sample::Index>(),
        noise in vec(any::<u8>(), 1..6),
        next_generation: bool,
    ) {
        let whole = if next_generation { pcapng(order, &packets) } else { pcap(order, &packets) };
        let at = at.index(whole.len());
        let mut bytes = whole.clone();
        let end = bytes.len().min(at + noise.len());
        bytes[at..end].copy_from_slice(&noise[..end - at]);
        let (before, _) = read_bytes(&whole);
        let (seen, _) = read_bytes(&bytes);
        let data: usize = seen.iter().map(|s| s.data.len()).sum();
        prop_assert!(data <= bytes.len());
        let unharmed = before.windows(2).take_while(|pair| pair[1].offset as usize <= at).count();
        prop_assert!(seen.len() >= unharmed);
        prop_assert_eq!(&seen[..unharmed], &before[..unharmed]);
    }

    #[test]
    fn noise_behind_a_magic_number_is_harmless(magic in 0..6usize, noise in vec(any::<u8>(), 0..400)) {
        let magics: [&[u8]; 6] = [
            b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", b"\xa1\xb2\x3c\x4d\x00\x02\x00\x04", b"\x34\xcd\xb2\xa1\x02\x00\x04\x00",
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a", b"\x1f\x8b\x08\0\0\0\0\0", b"\x28\xb5\x2f\xfd",
        ];
        let (seen, _) = read_bytes(&[magics[magic], &noise].concat());
        prop_assert!(seen.len() < 400);
    }
}

#[test]
fn the_real_captures_are_read_like_the_independent_reader_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut captures = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of captures") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "pcap") {
            let bytes = std::fs::read(&path).expect("a capture");
            assert_eq!(ours(&bytes), model(&bytes), "{}", path.display());
            assert!(read_bytes(&bytes).0.iter().all(|s| s.timestamp > Timestamp(0)), "{}", path.display());
            captures += 1;
        }
    }
    assert_eq!(captures, 12);
}
