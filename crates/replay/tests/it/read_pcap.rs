//! Classic captures: every variant is read, every break is told with its place.

use crate::written::pcap::PcapBuilder;
use crate::written::{Order, read_bytes};
use netrig_model::{Direction, Timestamp};
use netrig_replay::capture::{CaptureFault, Place};

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

#[test]
fn both_byte_orders_and_all_precisions_are_read() {
    for order in Order::BOTH {
        for (magic, fraction_ns) in [(MICROSECONDS, 5_000), (NANOSECONDS, 5), (MODIFIED, 5_000)] {
            let bytes = PcapBuilder::new(order, magic, 1).packet(1_700_000_000, 5, &[7; 60]).bytes;
            let (seen, error) = read_bytes(&bytes);
            assert!(error.is_none(), "{order:?} {magic:#x}: {error:?}");
            assert_eq!(seen.len(), 1, "{order:?} {magic:#x}");
            assert_eq!(seen[0].timestamp, Timestamp(1_700_000_000_000_000_000 + fraction_ns));
            assert_eq!((seen[0].wire_len, &seen[0].data[..], seen[0].link), (60, &[7; 60][..], 1));
            assert_eq!((seen[0].number, seen[0].offset, seen[0].iface.as_deref()), (1, 24, None));
            // The modified format tells that it left.
            let way = if magic == MODIFIED { Direction::Egress } else { Direction::Ingress };
            assert_eq!(seen[0].direction, way);
        }
    }
}

#[test]
fn lengths_are_told_as_the_capture_has_them() {
    let bytes = PcapBuilder::ethernet()
        .cut_packet(1, 0, &[1; 64], 1514)
        .cut_packet(2, 0, &[], 60)
        .cut_packet(3, 0, &[], 0)
        .cut_packet(4, 0, &[1; 64], 10)
        .packet(5, 0, &vec![2; 300_000])
        .bytes;
    let (seen, error) = read_bytes(&bytes);
    assert!(error.is_none(), "{error:?}");
    let lengths: Vec<_> = seen.iter().map(|s| (s.data.len(), s.wire_len)).collect();
    assert_eq!(lengths, [(64, 1514), (0, 60), (0, 0), (64, 10), (300_000, 300_000)]);
}

#[test]
fn old_versions_have_their_lengths_the_other_way_round() {
    for (version, swapped) in [((2, 1), true), ((2, 3), false), ((2, 4), false)] {
        let mut bytes = PcapBuilder::with_version(Order::Little, MICROSECONDS, 1, version).bytes;
        let (first, second) = if swapped { (90u32, 4u32) } else { (4, 90) };
        for word in [1, 0, first, second] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([9; 4]);
        let (seen, error) = read_bytes(&bytes);
        assert!(error.is_none(), "{version:?}: {error:?}");
        assert_eq!((seen[0].data.len(), seen[0].wire_len), (4, 90), "{version:?}");
    }
}

#[test]
fn a_capture_without_packets_is_fine() {
    let (seen, error) = read_bytes(&PcapBuilder::ethernet().bytes);
    assert!(seen.is_empty() && error.is_none());
}

#[test]
fn a_checksum_length_beside_the_link_type_is_not_taken_for_one() {
    let bytes = PcapBuilder::new(Order::Big, MICROSECONDS, 0x2400_0001).packet(1, 0, &[0; 60]).bytes;
    assert_eq!(read_bytes(&bytes).0[0].link, 1);
}

#[test]
fn cut_anywhere_the_packets_before_are_given_and_the_place_is_told() {
    for magic in [MICROSECONDS, MODIFIED] {
        let mut builder = PcapBuilder::new(Order::Little, magic, 1);
        let mut ends = vec![builder.bytes.len()];
        for length in [60, 0, 14, 1] {
            builder = builder.packet(1, 0, &vec![3; length]);
            ends.push(builder.bytes.len());
        }
        for cut in 24..=builder.bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let (seen, error) = read_bytes(&builder.bytes[..cut]);
            assert_eq!(seen.len(), whole, "cut at {cut}");
            if ends.contains(&cut) {
                assert!(error.is_none(), "cut at {cut}: {error:?}");
                continue;
            }
            let error = error.expect("a cut is told");
            let place = Place { packet: whole as u64 + 1, offset: ends[whole] as u64 };
            assert_eq!(error.place, Some(place), "cut at {cut}");
            assert!(matches!(error.fault, CaptureFault::CutShort { .. }), "cut at {cut}: {error}");
        }
    }
}

#[test]
fn a_cut_reads_well() {
    let whole = PcapBuilder::ethernet().packet(1, 0, &[3; 60]).packet(1, 0, &[3; 60]).bytes;
    let (_, error) = read_bytes(&whole[..whole.len() - 48]);
    let text = error.expect("a cut is told").to_string();
    assert_eq!(
        text,
        "test.pcap: packet 2, at byte 100: the file ends inside the packet: 60 bytes should follow, 12 do; \
         it was cut short (or is still being written), what comes after is lost"
    );
}

#[test]
fn an_absurd_length_is_named() {
    let mut bytes = PcapBuilder::ethernet().packet(1, 0, &[3; 60]).bytes;
    for word in [1u32, 0, 0xdead_beef, 60] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0; 100]);
    let (seen, error) = read_bytes(&bytes);
    assert_eq!(seen.len(), 1);
    let text = error.expect("an absurd length is told").to_string();
    assert!(text.starts_with("test.pcap: packet 2, at byte 100: it claims 3735928559 captured bytes"), "{text}");
}

#[test]
fn an_unknown_version_and_an_unread_link_type_are_named() {
    let version = PcapBuilder::with_version(Order::Little, MICROSECONDS, 1, (9, 1)).bytes;
    assert!(matches!(read_bytes(&version).1.expect("told").fault, CaptureFault::Version { major: 9, .. }));

    let wireless = PcapBuilder::new(Order::Little, MICROSECONDS, 105).packet(1, 0, &[0; 60]).bytes;
    let (seen, error) = read_bytes(&wireless);
    assert!(seen.is_empty());
    let text = error.expect("told").to_string();
    assert!(text.starts_with("test.pcap: its link type is 105 (802.11 wireless), which is not read"), "{text}");
}
