use super::*;

const IP: [u8; 3] = [0x45, 1, 2];
const IP6: [u8; 3] = [0x60, 1, 2];

fn framed(link: u32, header: &[u8]) -> (bool, Vec<u8>, Option<Direction>) {
    framed_data(link, &[header, &IP].concat())
}

fn framed_data(link: u32, data: &[u8]) -> (bool, Vec<u8>, Option<Direction>) {
    let mut scratch = Vec::new();
    let f = LinkType(link).frame(data, &mut scratch);
    (f.raw_ip, f.data.to_vec(), f.direction)
}

fn behind(ethertype: u16, rest: &[u8]) -> Vec<u8> {
    [&[0; 12], &ethertype.to_be_bytes()[..], rest, &IP].concat()
}

#[test]
fn ip_is_found_behind_every_link_header() {
    let heads: &[(u32, &[u8], [u8; 3])] = &[
        (12, &[], IP),
        (14, &[], IP6),
        (101, &[], IP6),
        (228, &[], IP),
        (229, &[], IP6),
        (0, &[2, 0, 0, 0], IP),
        (0, &[0, 0, 0, 2], IP),
        (0, &[30, 0, 0, 0], IP6),
        (0, &[0x0f, 0, 8, 0], IP),
        (0, &[0xff, 0x03, 0, 0x21], IP),
        (108, &[0, 0, 0, 24], IP6),
        (109, &[2, 0, 0, 0, 9, 9, 9, 9, 8, 8, 8, 8], IP),
        (9, &[0xff, 0x03, 0x00, 0x21], IP),
        (9, &[0x00, 0x57], IP6),
        (9, &[0x21], IP),
        (50, &[0xff, 0x03, 0x00, 0x21], IP),
        (50, &[0x0f, 0x00, 0x08, 0x00], IP),
        (104, &[0x0f, 0x00, 0x86, 0xdd], IP6),
    ];
    for (link, head, ip) in heads {
        let whole = [head, &ip[..]].concat();
        assert_eq!(framed_data(*link, &whole), (true, ip.to_vec(), None), "link type {link}, header {head:02x?}");
    }
}

#[test]
fn a_link_header_that_contradicts_the_version_is_left_to_the_programs() {
    for (link, head) in [(229, &[][..]), (0, &[24, 0, 0, 0]), (9, &[0, 0x57]), (104, &[0x0f, 0, 0x86, 0xdd])] {
        assert_eq!(framed(link, head), (false, behind(0x86dd, &[]), None), "link type {link}");
    }
}

#[test]
fn what_is_not_ip_keeps_its_ethertype() {
    assert_eq!(framed(0, &[16, 0, 0, 0]).1, behind(0, &[]));
    assert_eq!(framed(9, &[0xff, 0x03, 0xc0, 0x21]).1, behind(0x880b, &[0xc0, 0x21]));
    assert_eq!(framed(9, &[0x02, 0x81]).1, behind(0x8847, &[]));
    assert_eq!(framed(51, &[0x11, 0, 0, 1, 0, 5, 0, 0x21]).1, behind(0x8864, &[0x11, 0, 0, 1, 0, 5, 0, 0x21]));
    assert_eq!(framed(104, &[0x8f, 0, 0x80, 0x35]).1, behind(0x8035, &[]));
    assert_eq!(framed(219, &[0, 1, 0x41, 64]).1, behind(0x8847, &[0, 1, 0x41, 64]));
}

#[test]
fn cooked_packets_tell_direction_and_interface() {
    let v1 = |kind: u8, hardware: u16, protocol: u16| {
        let [h0, h1] = hardware.to_be_bytes();
        let [p0, p1] = protocol.to_be_bytes();
        framed(113, &[0, kind, h0, h1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, p0, p1])
    };
    assert_eq!(v1(0, 1, 0x0800), (true, IP.to_vec(), Some(Direction::Ingress)));
    assert_eq!(v1(4, 1, 0x0800), (true, IP.to_vec(), Some(Direction::Egress)));
    assert_eq!(v1(0, 1, 0x8100).1, behind(0x8100, &[]));
    assert_eq!(v1(0, 1, 0x0806).1, behind(0x0806, &[]));
    assert_eq!(v1(0, 1, 4).1, behind(3, &[]));
    assert_eq!(v1(0, 824, 0x0800).1, behind(0, &[]));

    let v2 = [8, 0, 0, 0, 0, 0, 0, 7, 0, 1, 4, 6, 1, 2, 3, 4, 5, 6, 0, 0];
    assert_eq!(framed(276, &v2), (true, IP.to_vec(), Some(Direction::Egress)));
    assert_eq!(LinkType(276).ifindex(&v2), Some(7));
    assert_eq!((LinkType(276).ifindex(&v2[..7]), LinkType(113).ifindex(&v2)), (None, None));
}

#[test]
fn a_cut_link_header_leaves_an_empty_frame() {
    let whole = [0u8; 24];
    for (link, needed) in [(0, 4), (9, 2), (104, 4), (113, 16), (204, 3), (276, 20)] {
        for length in 0..needed {
            let mut scratch = Vec::new();
            let f = LinkType(link).frame(&whole[..length], &mut scratch);
            assert_eq!((f.raw_ip, f.data.len()), (false, 0), "link type {link} cut to {length} bytes");
        }
    }
}

#[test]
fn link_types_are_told_by_number_and_name() {
    assert_eq!(LinkType(105).to_string(), "105 (802.11 wireless)");
    assert_eq!(LinkType(9999).to_string(), "9999");
    assert!(!LinkType(105).is_read());
    assert!(LinkType(276).is_read());
}
