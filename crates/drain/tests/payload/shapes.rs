//! Where the payload is in frames of all shapes.

use crate::packets::{Packet, Tunnel, tcp, udp};
use crate::runs::{Run, options};
use netrig_probes::flow::{FlowOptions, LinkKind};
use netrig_testkit::require_root;

const MESSAGE: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03foo\x07example\x00\x00\x01\x00\x01";
const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
const TAG: [u8; 4] = [0x81, 0, 0, 5];
const SERVICE_TAG: [u8; 4] = [0x88, 0xa8, 0, 6];

/// A datagram and a stream's packet, of both families, in frames of this shape.
fn shaped(shape: impl Fn(Packet) -> Packet) -> Vec<Packet> {
    let both = [udp((4000, 53), MESSAGE), tcp((4000, 80), 7, GET)];
    let both = both.into_iter().flat_map(|packet| [packet.clone().ipv6(), packet]);
    both.map(shape).collect()
}

fn all_shapes() -> Vec<Packet> {
    let plain = |p: Packet| p;
    let mut all = shaped(plain);
    all.extend(shaped(|p| Packet { tags: vec![TAG], source: 2, ..p }));
    all.extend(shaped(|p| Packet { tags: vec![SERVICE_TAG, TAG], source: 3, ..p }));
    all.extend(shaped(|p| Packet { ip_options: 3, extension: true, source: 4, ..p }));
    all.extend(shaped(|p| Packet { tcp_options: 10, source: 5, ..p }));
    all.extend(shaped(|p| Packet { tcp_options: 3, tags: vec![TAG, TAG], ip_options: 10, source: 6, ..p }));
    all.extend(shaped(|p| Packet { padding: 30, source: 7, ..p }));
    all
}

#[test]
fn payload_is_found_behind_tags_options_and_extension_headers() {
    require_root!();
    for mut run in Run::both() {
        for packet in all_shapes() {
            assert_eq!(run.octets(&packet).as_ref(), Some(&packet.payload), "{packet:?}");
        }
    }
}

#[test]
fn payload_is_found_in_frames_without_a_link_header() {
    require_root!();
    for mut run in Run::both() {
        for packet in shaped(|p| p) {
            let told = run.see_frame(&packet.ip(), None, LinkKind::RawIp);
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].octets, packet.payload);
        }
    }
}

/// Short packets are filled up to 60 octets; what fills them is not payload, and a pure ACK has none.
#[test]
fn padding_is_not_payload() {
    require_root!();
    for mut run in Run::both() {
        for (port, payload) in (1..).zip([&b"GE"[..], b"G", b""]) {
            let packet = Packet { padding: 6 - payload.len(), ..tcp((port, 80), 1, payload) };
            assert_eq!(run.octets(&packet).unwrap_or_default(), payload);
        }
        assert_eq!(run.octets(&Packet { padding: 20, ..udp((1, 53), b"abc") }).as_deref(), Some(&b"abc"[..]));
    }
}

#[test]
fn inner_flows_have_payload_where_they_are_told() {
    require_root!();
    for tunnel in [Tunnel::Vxlan, Tunnel::Gre, Tunnel::Ipip] {
        let packets = shaped(|p| Packet { tunnel: Some(tunnel), ..p });
        let mut told = Run::with(&FlowOptions { tunnels: true, ..options() });
        let mut untold = Run::new();
        for packet in packets {
            let segments = told.see(&packet);
            assert_eq!(segments.len(), 1, "{packet:?}");
            assert_eq!(segments[0].octets, packet.payload);
            assert!(segments[0].key.tunnel.is_some());
            assert!(untold.see(&packet).is_empty());
        }
    }
}

#[test]
fn a_first_fragment_of_a_message_is_copied_and_later_ones_are_not() {
    require_root!();
    for mut run in Run::both() {
        let first = Packet { fragment: Some((0, true)), ..udp((53, 4000), &[4; 400]) };
        assert_eq!(run.copied(&first), Some(400));
        let later = Packet { fragment: Some((51, false)), ..udp((53, 4000), &[4; 400]) };
        assert!(run.see(&later).is_empty());
    }
}

/// UDP may say less than IP, and nothing that IP does not have.
#[test]
fn lengths_that_contradict_each_other_are_the_shorter() {
    require_root!();
    for mut run in Run::both() {
        for (said, copied) in [(18_u16, 10), (48, 40), (500, 40), (7, 40), (0, 40)] {
            let mut frame = udp((4000, 53), &[4; 40]).bytes();
            frame[38..40].copy_from_slice(&said.to_be_bytes());
            let told = run.see_frame(&frame, None, LinkKind::Ethernet);
            assert_eq!((told[0].length, told[0].octets.len()), (copied, copied as usize), "{said}");
        }
        let mut frame = tcp((1, 80), 1, GET).bytes();
        frame[46] = 4 << 4;
        assert!(run.see_frame(&frame, None, LinkKind::Ethernet).is_empty(), "a header that is too short");
        frame[46] = 15 << 4;
        assert!(run.see_frame(&frame, None, LinkKind::Ethernet).is_empty(), "a header longer than the packet");
    }
}

#[test]
fn what_was_not_captured_is_not_made_up() {
    require_root!();
    for mut run in Run::both() {
        let packet = udp((4000, 53), &[4; 400]);
        let told = run.see_cut(&packet, 142);
        assert_eq!((told[0].length, &told[0].octets), (400, &vec![4; 100]));
        let told = run.see_cut(&packet, 42);
        assert_eq!((told[0].length, told[0].octets.len()), (400, 0));
        let get = |port| tcp((port, 80), 1, GET);
        assert_eq!(run.see_cut(&get(1), 54 + 4)[0].octets, b"GET ");
        assert!(run.see_cut(&get(2), 54).is_empty());
        assert_eq!(run.see(&get(2))[0].octets, GET, "it has not been looked at before");
    }
}
