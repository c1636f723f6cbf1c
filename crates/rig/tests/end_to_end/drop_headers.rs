//! Packets whose headers are not what one expects: they end early, or are in pieces.

use crate::support::{Rig, Stored, inode_of, wait_for};
use netrig_model::{DropRecord, DropSource, PacketFamily};
use netrig_testkit::{Injector, NetNs, Nstat, require_root};
use std::fs;
use std::net::Ipv6Addr;
use std::time::Duration;

const IFACE: &str = "tun0";
const COUNT: u64 = 50;
const PATIENCE: Duration = Duration::from_secs(10);
const HERE: Ipv6Addr = Ipv6Addr::new(0xfd5a, 0, 0, 0, 0, 0, 0, 1);
const PEER: Ipv6Addr = Ipv6Addr::new(0xfd5a, 0, 0, 0, 0, 0x4550, 0, 2);
/// Who sends pieces: they are found by their sender alone, and other namespaces have the other.
const PEER_IN_PIECES: Ipv6Addr = Ipv6Addr::new(0xfd5a, 0, 0, 0, 0, 0x4550, 0, 3);
const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
const PORTS: (u16, u16) = (4550, 4551);

/// What the kernel dropped of a family in a namespace.
fn dropped<'a>(stored: &'a Stored, ns: &NetNs, family: PacketFamily) -> Vec<&'a DropRecord> {
    let of_ns = stored.drops.iter().filter(|row| row.source == DropSource::Skb && row.netns == Some(inode_of(ns)));
    of_ns.filter(|row| row.family == Some(family) && row.iface.as_deref() == Some(IFACE)).collect()
}

fn packets(rows: &[&DropRecord]) -> u64 {
    rows.iter().map(|row| row.packets).sum()
}

/// One of the kernel's counters of IPv6, which began at 0 with the namespace.
fn snmp6(ns: &NetNs, name: &str) -> u64 {
    let text = ns.inside(|| fs::read_to_string("/proc/thread-self/net/snmp6")).expect("read the counters");
    let mut lines = text.lines().map(str::split_whitespace);
    let value = lines.find_map(|mut line| (line.next() == Some(name)).then(|| line.next()?.parse().ok())?);
    value.unwrap_or_else(|| panic!("this kernel has no counter {name}"))
}

/// From the peer, with so much behind the header as is said.
fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    ipv6_from(PEER, next_header, payload)
}

fn ipv6_from(peer: Ipv6Addr, next_header: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short packet").to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], next_header, 64];
    packet.extend(peer.octets());
    packet.extend(HERE.octets());
    packet.extend(payload);
    packet
}

#[test]
fn a_packet_that_ends_within_its_header_has_no_flow() {
    require_root!();
    let ns = NetNs::new("stump");
    ns.sysctl("net.ipv6.conf.default.addr_gen_mode", "1");
    let wire = Injector::new(&ns, IFACE);
    ns.address(IFACE, &format!("{HERE}/64"));
    let rig = Rig::of_drops(&ns, IFACE);
    let before = Nstat::of(&ns);
    for _ in 0..COUNT {
        wire.arrive(&[0x45, 0, 0, 20, 0, 0, 0, 0, 64, UDP]);
        wire.arrive(&ipv6(UDP, &[])[..30]);
    }
    let told = || u64::try_from(Nstat::of(&ns).since(&before, "IpInHdrErrors"));
    wait_for("all have arrived", PATIENCE, || (told() == Ok(COUNT)).then_some(()));
    let stored = rig.stop();
    for family in [PacketFamily::Ipv4, PacketFamily::Ipv6] {
        let rows = dropped(&stored, &ns, family);
        assert_eq!(packets(&rows), COUNT, "{rows:#?}");
        for row in rows {
            let said = (row.src_addr, row.dst_addr, row.src_port, row.dst_port, row.protocol);
            assert_eq!(said, (None, None, None, None, None), "what lies behind the packet is not its flow: {row:#?}");
        }
    }
}

#[test]
fn a_packet_that_ends_before_its_ports_has_none() {
    require_root!();
    let ns = NetNs::new("portless");
    ns.sysctl("net.ipv6.conf.default.addr_gen_mode", "1");
    let wire = Injector::new(&ns, IFACE);
    ns.address(IFACE, &format!("{HERE}/64"));
    let rig = Rig::of_drops(&ns, IFACE);
    // Longer ones first: what they leave in memory is what would be read.
    let longer = ipv6(UDP, &[0x11; 64]);
    for _ in 0..COUNT {
        wire.arrive(&longer);
        wire.arrive(&ipv6(UDP, &[]));
    }
    let stored = rig.stop();
    let rows: Vec<_> = dropped(&stored, &ns, PacketFamily::Ipv6);
    let with_ports = |with: bool| {
        let some: Vec<_> = rows.iter().copied().filter(|row| row.src_port.is_some() == with).collect();
        packets(&some)
    };
    assert_eq!((with_ports(true), with_ports(false)), (COUNT, COUNT), "{rows:#?}");
}

#[test]
fn a_first_fragment_of_ipv6_is_told_by_what_it_carries() {
    require_root!();
    let ns = NetNs::new("pieces");
    ns.sysctl("net.ipv6.conf.default.addr_gen_mode", "1");
    ns.sysctl("net.ipv6.ip6frag_time", "1");
    let wire = Injector::new(&ns, IFACE);
    ns.address(IFACE, &format!("{HERE}/64"));
    let rig = Rig::of_drops(&ns, IFACE);
    for serial in 0..u8::try_from(COUNT).expect("a few") {
        // More follow, which never come. The second half of them lack the beginning.
        let offset = if u64::from(serial) < COUNT / 2 { 0 } else { 1 };
        let mut piece = vec![UDP, 0, 0, offset << 3 | 1, 0, 0, 0, serial];
        piece.extend([PORTS.0.to_be_bytes(), PORTS.1.to_be_bytes(), [0, 200], [0, 0]].concat());
        piece.extend([0; 24]);
        wire.arrive(&ipv6_from(PEER_IN_PIECES, FRAGMENT, &piece));
    }
    wait_for("all were given up", PATIENCE, || (snmp6(&ns, "Ip6ReasmFails") == COUNT).then_some(()));
    let stored = rig.stop();
    // What waits to be put together does not know its interface: it lies in a tree, whose links are in its place.
    let of_peer = |row: &&DropRecord| row.source == DropSource::Skb && row.src_addr == Some(PEER_IN_PIECES.into());
    let rows: Vec<_> = stored.drops.iter().filter(of_peer).collect();
    assert_eq!(packets(&rows), COUNT, "{rows:#?}");
    assert!(rows.iter().all(|row| row.protocol == Some(UDP)), "{rows:#?}");
    let ports = |row: &DropRecord| row.src_port.zip(row.dst_port);
    let whole: Vec<_> = rows.iter().copied().filter(|row| ports(row) == Some(PORTS)).collect();
    let later: Vec<_> = rows.iter().copied().filter(|row| ports(row).is_none()).collect();
    assert_eq!((packets(&whole), packets(&later)), (COUNT / 2, COUNT / 2), "{rows:#?}");
}
