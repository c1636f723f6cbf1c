//! Frames of all shapes: tags, chains of headers, giants.

use super::judge::{XDP_DROP, XDP_PASS};
use super::rig::{IFACE, OTHER_IFACE, Rig, agree};
use super::words::*;
use crate::packets::*;
use netrig_policy::words::{Action, Match, VlanTest};
use netrig_testkit::require_root;

fn dropping(id: &str, m: Match) -> netrig_policy::words::Rule {
    rule(id, Action::Drop, [m])
}

fn tagged(vlan: VlanTest) -> Match {
    Match { vlan: Some(vec![vlan]), ..Match::default() }
}

#[test]
fn the_outer_tag_is_a_frame_s_vlan_whatever_it_carries() {
    require_root!();
    let packet = ipv4(&V4::default(), 17, &udp((1, 2), b"x"));
    let arp = [0; 28];
    let rig = Rig::of(&policy([
        dropping("five", tagged(VlanTest::Ids(5..=5))),
        dropping("bare", tagged(VlanTest::Untagged)),
        rule("zero", Action::Count, [tagged(VlanTest::Ids(0..=0))]),
    ]));
    let frames = [
        (ethernet(IPV4, &packet), XDP_DROP),
        (ethernet(0x8100, &vlan(5, IPV4, &packet)), XDP_DROP),
        // Priority is no part of the id.
        (ethernet(0x8100, &vlan(0xf005, IPV4, &packet)), XDP_DROP),
        (ethernet(0x88a8, &vlan(5, 0x8100, &vlan(6, IPV4, &packet))), XDP_DROP),
        (ethernet(0x88a8, &vlan(6, 0x8100, &vlan(5, IPV4, &packet))), XDP_PASS),
        (ethernet(0x8100, &vlan(5, 0x88cc, &arp)), XDP_DROP),
        (ethernet(0x88a8, &vlan(5, 0x8100, &vlan(6, 0x88cc, &arp))), XDP_DROP),
        (ethernet(0x8100, &vlan(0, IPV4, &packet)), XDP_PASS),
        // A tag that is cut is none.
        (ethernet(0x8100, &[0, 5, 8]), XDP_DROP),
        (ethernet(0x88cc, &arp), XDP_DROP),
    ];
    for (frame, verdict) in &frames {
        assert_eq!(rig.run(frame), *verdict, "{frame:02x?}");
    }
    assert_eq!((rig.packets("five").0, rig.packets("bare").0, rig.packets("zero").0), (5, 3, 1));
}

#[test]
fn what_is_not_ip_has_an_ethertype_macs_and_a_length_and_nothing_else() {
    require_root!();
    let typed = |types: &[u16]| Match { ethertype: Some(types.to_vec()), ..Match::default() };
    let (src, dst) = ([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]);
    let all = addresses(&["0.0.0.0/0", "::/0"]);
    let ifaces = |name: &str| Match { iface: Some(vec![name.to_owned()]), ..Match::default() };
    let rules = policy([
        rule("lldp", Action::Count, [typed(&[0x88cc])]),
        rule("ip", Action::Count, [typed(&[IPV4, IPV6])]),
        rule("src", Action::Count, [Match { src_mac: Some(vec![src]), ..Match::default() }]),
        rule("dst", Action::Count, [Match { dst_mac: Some(vec![src, dst]), ..Match::default() }]),
        rule("both", Action::Count, [Match { src_mac: Some(vec![dst]), dst_mac: Some(vec![dst]), ..Match::default() }]),
        rule("here", Action::Count, [ifaces(IFACE)]),
        rule("there", Action::Count, [ifaces(OTHER_IFACE)]),
        rule("short", Action::Count, [Match { length: Some(vec![0..=14]), ..Match::default() }]),
        rule("any", Action::Drop, [Match { src: Some(all.clone()), ..Match::default() }]),
        rule("to", Action::Drop, [Match { dst: Some(all), ..Match::default() }]),
    ]);
    let mut broken = ethernet(IPV4, &ipv4(&V4::default(), 17, &udp((1, 2), b"x")));
    broken[14] = 0x44;
    let frames = [
        ethernet(0x88cc, &[0; 40]),
        ethernet(IPV4, &ipv4(&V4::default(), 17, &udp((1, 2), b"x"))),
        ethernet(IPV6, &ipv6(&V6::default(), 59, &[])),
        broken,
        ethernet(IPV4, &[]),
        ethernet_802_3(&[0x42, 0x42, 3, 0, 0]),
        ethernet_802_3(&snap(IPV6, &ipv6(&V6::default(), 59, &[]))),
        vec![0xff; 14],
        vec![0; 60],
    ];
    agree(&rules, &frames).expect("as the model has it");
    let rig = Rig::of(&rules);
    let verdicts: Vec<_> = frames.iter().map(|frame| rig.run(frame)).collect();
    let (drop, pass) = (XDP_DROP, XDP_PASS);
    assert_eq!(verdicts, [pass, drop, drop, pass, pass, pass, drop, pass, pass]);
    assert_eq!(["lldp", "ip", "src", "dst"].map(|id| rig.packets(id).0), [1, 5, 7, 7]);
    assert_eq!(["both", "here", "there", "short"].map(|id| rig.packets(id).0), [0, 9, 0, 2]);
}

#[test]
fn ports_are_found_behind_every_chain_of_extension_headers() {
    require_root!();
    let chains = [
        vec![],
        vec![Extension::Plain(0, 0)],
        vec![Extension::Plain(0, 3), Extension::Plain(43, 2), Extension::Fragment(1), Extension::Plain(60, 0)],
        vec![Extension::Authentication(4), Extension::Plain(140, 1)],
        vec![Extension::Plain(60, 255)],
        vec![Extension::Plain(60, 0); 97],
    ];
    let rig = Rig::of(&policy([dropping("dns", Match { protocol: protocol(17).protocol, ..to_port(53) })]));
    for extensions in chains {
        let frame = |port| {
            let head = V6 { extensions: extensions.clone(), ..V6::default() };
            ethernet(IPV6, &ipv6(&head, 17, &udp((1, port), b"x")))
        };
        assert_eq!([53, 54].map(|port| rig.run(&frame(port))), [XDP_DROP, XDP_PASS], "{extensions:?}");
    }
    // Nothing follows these: they are what the packet carries.
    for number in [135, 139, 59] {
        let head = V6 { extensions: vec![Extension::Plain(number, 0)], ..V6::default() };
        assert_eq!(rig.run(&ethernet(IPV6, &ipv6(&head, 17, &udp((1, 53), b"x")))), XDP_PASS);
    }
}

#[test]
fn what_is_inside_tunnels_is_not_looked_at() {
    require_root!();
    let inner = ipv4(&V4 { src: B4, dst: A4, ..V4::default() }, 17, &udp((1, 53), b"x"));
    let framed = ethernet(IPV4, &inner);
    let rig = Rig::of(&policy([
        rule("inner", Action::Drop, [to_port(53), from(&["10.1.0.2"])]),
        rule("outer", Action::Count, [protocol(4), protocol(47), to_port(4789)]),
    ]));
    let around = |protocol, rest: &[u8]| ethernet(IPV4, &ipv4(&V4::default(), protocol, rest));
    let frames = [
        around(4, &inner),
        around(47, &gre(Gre::default(), IPV4, &inner)),
        around(17, &udp((9, 4789), &vxlan(1, &framed))),
    ];
    assert_eq!(frames.map(|frame| rig.run(&frame)), [XDP_PASS; 3]);
    assert_eq!((rig.packets("inner").0, rig.packets("outer").0), (0, 3));
}

/// Beyond one page a frame lies in pieces.
#[test]
fn giants_are_judged_as_others_are_and_counted_whole() {
    require_root!();
    let giant = |length: usize, port| {
        let mut frame = ethernet(0x8100, &vlan(5, IPV4, &ipv4(&V4::default(), 17, &udp((1, port), b""))));
        frame.resize(length, 0);
        frame
    };
    let lengths = [1_514, 3_500, 4_096, 9_000, 9_018, 16_384, 65_535];
    let giants = Match { length: Some(vec![9_001..=u32::MAX]), ..Match::default() };
    let rules = policy([rule("giants", Action::Count, [giants]), dropping("dns", to_port(53))]);
    let frames: Vec<_> = lengths.iter().flat_map(|length| [giant(*length, 53), giant(*length, 54)]).collect();
    agree(&rules, &frames).expect("as the model has it");
    let rig = Rig::of(&rules);
    for length in lengths {
        assert_eq!([53, 54].map(|port| rig.run(&giant(length, port))), [XDP_DROP, XDP_PASS], "{length}");
    }
    let bytes: usize = lengths.iter().sum();
    assert_eq!(rig.counts("dns").matched.bytes, bytes as u64);
    assert_eq!(rig.packets("giants").0, 6);
}
