//! Next-generation captures: sections, interfaces, clocks and all packet blocks, and every break with its place.

use crate::written::pcapng::PcapngBuilder;
use crate::written::{Order, read_bytes};
use netrig_model::{Direction, Timestamp};
use netrig_replay::capture::{CaptureFault, Place};

const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const FLAGS: u16 = 2;

#[test]
fn every_packet_block_is_read_in_both_byte_orders() {
    for order in Order::BOTH {
        let bytes = PcapngBuilder::new(order)
            .interface(1, 0, &[(IF_NAME, b"eth0")])
            .enhanced(0, 1_000_001, &[1; 61], 1514, &[])
            .obsolete(0, 2_000_002, &[2; 62], 62, &[])
            .simple(&[3; 63], 63)
            .bytes;
        let (seen, error) = read_bytes(&bytes);
        assert!(error.is_none(), "{order:?}: {error:?}");
        let lengths: Vec<_> = seen.iter().map(|s| (s.timestamp.0, s.data.len(), s.wire_len)).collect();
        assert_eq!(lengths, [(1_000_001_000, 61, 1514), (2_000_002_000, 62, 62), (2_000_002_000, 63, 63)]);
        assert!(seen.iter().all(|s| s.iface.as_deref() == Some("eth0") && s.data.iter().all(|b| *b != 0)));
    }
}

#[test]
fn each_interface_has_its_own_clock() {
    for order in Order::BOTH {
        let bytes = PcapngBuilder::new(order)
            .interface(1, 0, &[(IF_TSRESOL, &[9])])
            .interface(1, 0, &[(IF_TSRESOL, &[0x80 | 10])])
            .interface(1, 0, &[(IF_TSRESOL, &[3]), (IF_TSOFFSET, &order.i64(-10))])
            .interface(1, 0, &[(IF_TSOFFSET, &order.i64(1_700_000_000))])
            .enhanced(0, 1_700_000_000_123_456_789, &[0; 14], 14, &[])
            .enhanced(1, 5 * 1024 + 256, &[0; 14], 14, &[])
            .enhanced(2, 2_500, &[0; 14], 14, &[])
            .enhanced(3, 7, &[0; 14], 14, &[])
            .bytes;
        let times: Vec<_> = read_bytes(&bytes).0.iter().map(|s| s.timestamp).collect();
        let expected =
            [1_700_000_000_123_456_789, 5_250_000_000, -7_500_000_000, 1_700_000_000_000_007_000].map(Timestamp);
        assert_eq!(times, expected, "{order:?}");
    }
}

#[test]
fn flags_tell_the_direction() {
    for order in Order::BOTH {
        let flags = [None, Some(0u32), Some(1), Some(2), Some(0xff00_0002)];
        let mut builder = PcapngBuilder::new(order).interface(1, 0, &[]);
        for flag in flags {
            let value = flag.map(|f| order.u32(f));
            let options: Vec<_> = value.iter().map(|v| (FLAGS, &v[..])).collect();
            builder = builder.enhanced(0, 0, &[0; 15], 15, &options).obsolete(0, 0, &[0; 14], 14, &options);
        }
        let ways: Vec<_> = read_bytes(&builder.bytes).0.iter().map(|s| s.direction == Direction::Egress).collect();
        assert_eq!(ways, [false, false, false, false, false, false, true, true, true, true], "{order:?}");
    }
}

#[test]
fn a_section_forgets_the_interfaces_before_and_may_turn_the_byte_order() {
    let bytes = PcapngBuilder::new(Order::Little)
        .interface(1, 0, &[(IF_NAME, b"eth0")])
        .enhanced(0, 1, &[1; 14], 14, &[])
        .section(Order::Big)
        .interface(101, 0, &[(IF_NAME, b"tun0"), (IF_TSRESOL, &[9])])
        .interface(1, 0, &[(IF_NAME, b"eth0")])
        .enhanced(0, 2, &[0x45; 20], 20, &[])
        .enhanced(1, 3, &[1; 14], 14, &[])
        .section(Order::Little)
        .enhanced(0, 4, &[1; 14], 14, &[])
        .bytes;
    let (seen, error) = read_bytes(&bytes);
    let told: Vec<_> = seen.iter().map(|s| (s.iface.as_deref(), s.link, s.timestamp.0)).collect();
    assert_eq!(told, [(Some("eth0"), 1, 1_000), (Some("tun0"), 101, 2), (Some("eth0"), 1, 3_000)]);
    let text = error.expect("the last packet's interface is gone").to_string();
    assert!(text.contains("packet 4") && text.contains("interface 0 of a section that describes 0"), "{text}");
}

#[test]
fn a_simple_packet_is_as_long_as_its_snap_length_lets_it_be() {
    let bytes =
        PcapngBuilder::new(Order::Little).interface(1, 62, &[]).simple(&[5; 64], 1514).simple(&[5; 20], 17).bytes;
    let lengths: Vec<_> = read_bytes(&bytes).0.iter().map(|s| (s.data.len(), s.wire_len)).collect();
    assert_eq!(lengths, [(62, 1514), (17, 17)]);
}

#[test]
fn blocks_that_are_no_packets_are_passed_over() {
    let bytes = PcapngBuilder::new(Order::Little)
        .block(0x0bad, &[1; 40])
        .interface(1, 0, &[])
        .block(4, &[0; 4])
        .block(5, &[0; 12])
        .block(10, &vec![9; 1 << 20])
        .enhanced(0, 1, &[1; 14], 14, &[(1, b"a comment")])
        .block(0x8000_0001, &[])
        .bytes;
    let (seen, error) = read_bytes(&bytes);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(seen.len(), 1);
}

#[test]
fn a_foreign_link_type_matters_only_where_a_packet_has_it() {
    let mixed = PcapngBuilder::new(Order::Little).interface(105, 0, &[]).interface(1, 0, &[]);
    let fine = mixed.clone().enhanced(1, 1, &[1; 14], 14, &[]);
    assert!(read_bytes(&fine.bytes).1.is_none());
    let (seen, error) = read_bytes(&fine.enhanced(0, 1, &[1; 14], 14, &[]).bytes);
    assert_eq!(seen.len(), 1);
    let error = error.expect("802.11 is not read");
    assert_eq!(error.place.map(|p| p.packet), Some(2));
    assert!(error.to_string().contains("105 (802.11 wireless)"), "{error}");
}

#[test]
fn cut_anywhere_the_packets_before_are_given_and_the_place_is_told() {
    let mut builder = PcapngBuilder::new(Order::Little);
    let mut ends = vec![(0, 0), (builder.bytes.len(), 0)];
    let mut packets = 0;
    for step in 0..6 {
        builder = match step {
            0 => builder.interface(1, 0, &[(IF_NAME, b"e")]),
            1 => builder.enhanced(0, 1, &[1; 13], 14, &[(1, b"hello")]),
            2 => builder.block(5, &[0; 12]),
            3 => builder.simple(&[1; 7], 7),
            4 => builder.obsolete(0, 1, &[1; 14], 14, &[]),
            _ => builder.section(Order::Big),
        };
        packets += u64::from(matches!(step, 1 | 3 | 4));
        ends.push((builder.bytes.len(), packets));
    }
    for cut in 8..=builder.bytes.len() {
        let (end, whole) = *ends.iter().rev().find(|(end, _)| *end <= cut).expect("the first is 0");
        let (seen, error) = read_bytes(&builder.bytes[..cut]);
        assert_eq!(seen.len() as u64, whole, "cut at {cut}");
        match error {
            None => assert_eq!(cut, end, "a cut at {cut} is told"),
            Some(error) => {
                assert_eq!(error.place, Some(Place { packet: whole + 1, offset: end as u64 }), "cut at {cut}");
                assert!(matches!(error.fault, CaptureFault::CutShort { .. }), "cut at {cut}: {error}");
            }
        }
    }
}

#[test]
fn contradictions_are_named() {
    let good = PcapngBuilder::new(Order::Little).interface(1, 0, &[]).enhanced(0, 1, &[1; 14], 14, &[]);
    let start = good.bytes.len();
    let next = good.clone().enhanced(0, 1, &[1; 16], 16, &[]).bytes;
    let with = |at: usize, value: u32| {
        let mut bytes = next.clone();
        bytes[start + at..start + at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    for (at, value, expected) in [
        (4, 49, "claims to be 49 bytes long"),
        (4, 8, "claims to be 8 bytes long"),
        (4, 0x7000_0000, "claims to be 1879048192 bytes long"),
        (8, 7, "interface 7 of a section that describes 1"),
        (20, 17, "claims 17 captured bytes in a block with 16"),
        (20, u32::MAX, "claims 4294967295 captured bytes"),
        (44, 52, "before that it is 48 bytes long, and behind 52"),
    ] {
        let (seen, error) = read_bytes(&with(at, value));
        assert_eq!(seen.len(), 1, "{expected}");
        let error = error.expect(expected);
        assert_eq!(error.place, Some(Place { packet: 2, offset: start as u64 }), "{expected}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn options_that_break_off_do_no_harm() {
    let builder = PcapngBuilder::new(Order::Little);
    // A name option that claims more than there is.
    let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0];
    body.extend([2, 0, 200, 0, b'e', b't', b'h', b'0']);
    let bytes = builder.block(1, &body).enhanced(0, 1, &[1; 14], 14, &[]).bytes;
    let (seen, error) = read_bytes(&bytes);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(seen[0].iface, None);
}
