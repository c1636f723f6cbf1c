//! What does not reach its socket: nobody listens, the buffer is full, the checksum is wrong, nobody accepts.

use crate::support::drops::send_datagrams;
use crate::support::{Rig, Since, inode_of, wait_for};
use netrig_model::{Direction, DropClass, DropSource};
use netrig_testkit::{Pair, require_root, send_with_bad_checksum};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

const PORT: u16 = 4546;
const COUNT: u64 = 500;
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn datagrams_to_a_closed_port() {
    require_root!();
    let pair = Pair::new("closed");
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let since = Since::now(&pair.right);
    let to = (Pair::RIGHT, PORT);
    let from = pair.left.inside(|| send_datagrams(Pair::LEFT, to, COUNT, 100));
    wait_for("all have arrived", PATIENCE, || (since.get("UdpNoPorts") == COUNT).then_some(()));
    let stored = rig.stop();
    let dropped = stored.dropped(&pair.right, "NO_SOCKET");
    assert_eq!((dropped.packets(), dropped.of_udp(from, to)), (COUNT, COUNT), "{dropped:#?}");
    dropped.assert_all(DropClass::Protocol, Direction::Ingress, Pair::IFACE);
    dropped.assert_place(&["__udp4_lib_rcv", "udp_rcv"]);
    dropped.assert_example();
    let bytes: u64 = dropped.0.iter().filter_map(|row| row.bytes).sum();
    assert!(bytes >= COUNT * (100 + 8), "{dropped:#?}");
    flows_know(&stored, from);
}

/// Packets of a flow that were dropped are told with the flow, with the reason.
fn flows_know(stored: &crate::support::Stored, from: SocketAddrV4) {
    let flows: Vec<_> = stored.flows.iter().filter(|f| f.src_port == Some(from.port()) && f.protocol == 17).collect();
    let dropped: u64 = flows.iter().filter_map(|f| f.dropped_packets).sum();
    assert_eq!(dropped, COUNT, "{flows:#?}");
    let reasons: Vec<_> = flows.iter().filter_map(|f| f.drop_reason.as_deref()).collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| *reason == "NO_SOCKET"), "{reasons:?}");
    let others: Vec<_> = stored.flows.iter().filter(|f| f.protocol == 6 && f.dropped_packets.is_none()).collect();
    assert!(others.is_empty(), "with the probe on, none dropped is 0: {others:#?}");
}

#[test]
fn datagrams_that_find_their_sockets_buffer_full() {
    require_root!();
    let pair = Pair::new("fullbuf");
    // No socket's buffer is larger than this, times two for the kernel's own needs.
    pair.right.run("sysctl -q -w net.core.rmem_default=212992");
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let since = Since::now(&pair.right);
    let to = (Pair::RIGHT, PORT);
    let receiver = pair.right.inside(|| UdpSocket::bind(to).expect("bind"));
    let from = pair.left.inside(|| send_datagrams(Pair::LEFT, to, COUNT, 1400));
    let full = since.get("UdpRcvbufErrors");
    assert!((1..COUNT).contains(&full), "as it was meant: {full}");
    drop(receiver);
    let stored = rig.stop();
    let dropped = stored.dropped(&pair.right, "SOCKET_RCVBUFF");
    assert_eq!((dropped.packets(), dropped.of_udp(from, to)), (full, full), "{dropped:#?}");
    dropped.assert_all(DropClass::Resource, Direction::Ingress, Pair::IFACE);
    dropped.assert_own();
    dropped.assert_example();
    // The socket's own word is of the same packets.
    let told = stored.rows(DropSource::Socket, &pair.right, "UDP_FAIL_QUEUE_RCV_SKB");
    assert_eq!(told.packets(), full, "{told:#?}");
}

#[test]
fn datagrams_with_a_wrong_checksum() {
    require_root!();
    let pair = Pair::new("csum");
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let since = Since::now(&pair.right);
    let to = (Pair::RIGHT, PORT);
    let _receiver = pair.right.inside(|| UdpSocket::bind(to).expect("bind"));
    pair.left.inside(|| send_with_bad_checksum(999, SocketAddrV4::new(to.0, to.1), 200));
    wait_for("all have arrived", PATIENCE, || (since.get("UdpInCsumErrors") == 200).then_some(()));
    let stored = rig.stop();
    let dropped = stored.dropped(&pair.right, "UDP_CSUM");
    let from = SocketAddrV4::new(Pair::LEFT, 999);
    assert_eq!((dropped.packets(), dropped.of_udp(from, to)), (200, 200), "{dropped:#?}");
    dropped.assert_all(DropClass::Error, Direction::Ingress, Pair::IFACE);
    dropped.assert_example();
}

#[test]
fn connections_that_find_the_accept_queue_full() {
    require_root!();
    let pair = Pair::new("fullaccept");
    // No listener's backlog is larger.
    pair.right.run("sysctl -q -w net.core.somaxconn=2");
    let rig = Rig::of_drops(&pair.right, Pair::IFACE);
    let since = Since::now(&pair.right);
    let to = SocketAddr::from((Pair::RIGHT, PORT));
    let listener = pair.right.inside(|| TcpListener::bind(to).expect("bind"));
    let connect = || pair.left.inside(|| TcpStream::connect_timeout(&to, Duration::from_millis(300)));
    let _taken: Vec<_> =
        (0..3).map(|n| connect().unwrap_or_else(|e| panic!("connection {n} finds room: {e}"))).collect();
    let refused = (0..4).filter(|_| connect().is_err()).count();
    assert!(refused > 0, "as it was meant");
    drop(listener);
    let (overflows, all) = (since.get("TcpExtListenOverflows"), since.get("TcpExtListenDrops"));
    assert!(overflows > 0 && all >= overflows, "as it was meant: {overflows} of {all}");
    let stored = rig.stop();
    let told: Vec<_> = stored.drops.iter().filter(|row| row.source == DropSource::Refused).collect();
    let of = |reason: &str| told.iter().filter(|row| row.reason == reason).map(|row| row.packets).sum::<u64>();
    assert_eq!(of("TcpExtListenOverflows"), overflows, "{told:#?}");
    let listeners = ["TcpExtListenOverflows", "TcpExtTCPReqQFullDrop", "TcpExtListenDrops"];
    assert_eq!(listeners.map(of).iter().sum::<u64>(), all, "each is told once: {told:#?}");
    assert!(told.iter().all(|row| row.class == Some(DropClass::Resource)), "{told:#?}");
    // A SYN that was refused is no packet that was dropped: no other source tells of it.
    let syns = stored.drops.iter().filter(|row| row.source != DropSource::Refused && row.dst_port == Some(PORT));
    let here = Some(inode_of(&pair.right));
    let syns: Vec<_> = syns.filter(|row| row.netns == here && row.class == Some(DropClass::Resource)).collect();
    assert!(syns.is_empty(), "{syns:#?}");
}
