//! What passes before any rule is asked.

use super::judge::{XDP_DROP, XDP_PASS};
use super::rig::Rig;
use super::words::*;
use crate::packets::*;
use netrig_policy::words::{Action, Management, Policy};
use netrig_testkit::require_root;
use std::net::{Ipv4Addr, Ipv6Addr};

const ARP: u16 = 0x0806;

fn dropping_all() -> Policy {
    policy([rule("all", Action::Drop, [everything()])])
}

fn v4(protocol: u8, rest: &[u8]) -> Vec<u8> {
    ethernet(IPV4, &ipv4(&V4::default(), protocol, rest))
}

fn v6(extensions: &[Extension], protocol: u8, rest: &[u8]) -> Vec<u8> {
    ethernet(IPV6, &ipv6(&V6 { extensions: extensions.to_vec(), ..V6::default() }, protocol, rest))
}

#[test]
fn arp_neighbour_discovery_and_dhcp_pass_a_policy_that_drops_all() {
    require_root!();
    let rig = Rig::of(&dropping_all());
    let hop_by_hop = [Extension::Plain(0, 0)];
    let mut vital = vec![ethernet(ARP, &[0; 28]), ethernet(ARP, &[]), ethernet(0x8100, &vlan(5, ARP, &[0; 28]))];
    for port in [67, 68, 546, 547] {
        vital.push(v4(17, &udp((1000, port), b"x")));
        vital.push(v6(&[], 17, &udp((1000, port), b"x")));
        vital.push(v6(&hop_by_hop, 17, &udp((1000, port), &[])));
        // A first fragment has its ports.
        vital.push(ethernet(IPV4, &ipv4(&V4 { fragment: 0x2000, ..V4::default() }, 17, &udp((1, port), b"x"))));
    }
    for kind in 133..=137 {
        vital.push(v6(&[], 58, &icmp(kind, 0, &[0; 16])));
        vital.push(v6(&hop_by_hop, 58, &icmp(kind, 0, &[])));
        vital.push(ethernet(0x88a8, &vlan(7, 0x8100, &vlan(8, IPV6, &v6(&[], 58, &icmp(kind, 0, &[]))[14..]))));
    }
    for frame in &vital {
        assert_eq!(rig.run(frame), XDP_PASS, "{frame:02x?}");
    }
    let bytes: usize = vital.iter().map(Vec::len).sum();
    let counts = rig.counts("netrig:always");
    assert_eq!((counts.matched.packets, counts.matched.bytes), (vital.len() as u64, bytes as u64));
    assert_eq!(rig.packets("netrig:always").1, 0);
    assert_eq!(rig.packets("all"), (0, 0));
}

#[test]
fn what_only_looks_like_it_is_dropped() {
    require_root!();
    let rig = Rig::of(&dropping_all());
    let later = Extension::Fragment(8);
    let alike = [
        // From the ports, not to them; and not UDP.
        v4(17, &udp((67, 1000), b"x")),
        v4(17, &udp((68, 69), b"x")),
        v6(&[], 17, &udp((547, 545), b"x")),
        v4(6, &tcp((1000, 67), 2, b"")),
        v4(136, &udp((1000, 67), b"")),
        // Other types, and ICMP where it is not IPv6's.
        v6(&[], 58, &icmp(132, 0, &[])),
        v6(&[], 58, &icmp(138, 0, &[])),
        v4(1, &icmp(135, 0, &[])),
        v4(58, &icmp(135, 0, &[])),
        // Nothing in them says that they are what they could be.
        v6(&[], 58, &[]),
        v6(&[], 17, &[0, 1, 0]),
        v6(std::slice::from_ref(&later), 58, &icmp(135, 0, &[])),
        v6(&[later], 17, &udp((546, 547), b"x")),
        ethernet(IPV4, &ipv4(&V4 { fragment: 1, ..V4::default() }, 17, &udp((68, 67), b"x"))),
        ethernet(0x0807, &[0; 28]),
        // Inside a tunnel.
        v4(17, &udp((9, 4789), &vxlan(1, &ethernet(ARP, &[0; 28])))),
    ];
    for frame in &alike {
        assert_eq!(rig.run(frame), XDP_DROP, "{frame:02x?}");
    }
    assert_eq!(rig.packets("all"), (alike.len() as u64, alike.len() as u64));
    assert_eq!(rig.packets("netrig:always"), (0, 0));
}

#[test]
fn the_allow_list_comes_before_all_rules_and_is_of_sources() {
    require_root!();
    let allow = addresses(&["10.1.0.0/31", "2001:db8::1"]);
    let rig = Rig::of(&Policy { management: Management { auto: false, allow }, ..dropping_all() });
    let udp = udp((1, 2), b"x");
    let between4 = |src, dst| {
        let head = V4 { src: Ipv4Addr::new(10, 1, 0, src), dst: Ipv4Addr::new(10, 1, 0, dst), ..V4::default() };
        ethernet(IPV4, &ipv4(&head, 17, &udp))
    };
    let between6 = |src: Ipv6Addr, dst: Ipv6Addr| ethernet(IPV6, &ipv6(&V6 { src, dst, ..V6::default() }, 17, &udp));
    let frames = [
        (between4(0, 2), XDP_PASS),
        (between4(1, 2), XDP_PASS),
        (between4(2, 1), XDP_DROP),
        (between6(A6, B6), XDP_PASS),
        (between6(B6, A6), XDP_DROP),
        // Fragments of theirs pass as well, and what is cut.
        (ethernet(IPV4, &ipv4(&V4 { fragment: 0x0100, ..V4::default() }, 17, &udp)), XDP_PASS),
        (ethernet(IPV4, &ipv4(&V4::default(), 6, &[])), XDP_PASS),
        (ethernet(0x88cc, &[0; 40]), XDP_DROP),
    ];
    for (frame, verdict) in &frames {
        assert_eq!(rig.run(frame), *verdict, "{frame:02x?}");
    }
    // What always passes is counted as that, whoever sends it.
    assert_eq!(rig.run(&ethernet(IPV6, &ipv6(&V6::default(), 58, &icmp(135, 0, &[])))), XDP_PASS);
    assert_eq!((rig.packets("netrig:management").0, rig.packets("netrig:always").0), (5, 1));
    assert_eq!(rig.packets("all"), (3, 3));
}
