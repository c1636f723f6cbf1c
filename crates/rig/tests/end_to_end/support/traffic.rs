//! UDP that is counted by who sends it.

use super::street::NEAR;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Ethernet, IPv4 and UDP headers.
pub(crate) const HEADERS_BYTES: u64 = 14 + 20 + 8;

/// Sends `rounds` packets of `payload_bytes` to each of `flows` different addresses and ports behind the far end, from
/// the calling thread's namespace, and returns how many packets went out.
pub(crate) fn udp_churn(flows: u32, rounds: u32, payload_bytes: usize) -> u64 {
    udp_churn_with_rests(flows, rounds, payload_bytes, (u64::MAX, &mut || ()))
}

/// The same, with a rest after every so many packets: how fast a machine is decides how much a second is sent, and not whether what
/// comes between two rests has room.
pub(crate) fn udp_churn_with_rests(
    flows: u32,
    rounds: u32,
    payload_bytes: usize,
    (every, rest): (u64, &mut dyn FnMut()),
) -> u64 {
    let payload = vec![0x5a; payload_bytes];
    let mut sent = 0;
    // Several source ports too: a flow is all of them together.
    let sockets: Vec<UdpSocket> = (0..4).map(|_| UdpSocket::bind((NEAR, 0)).expect("bind")).collect();
    for _ in 0..rounds {
        for flow in 0..flows {
            let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 78, 0, 1)) + flow / 1000);
            let port = 10_000 + u16::try_from(flow % 1000).expect("below a thousand");
            let socket = &sockets[flow as usize % sockets.len()];
            send(socket, &payload, SocketAddrV4::new(address, port));
            sent += 1;
            if sent % every == 0 {
                rest();
            }
        }
    }
    sent
}

/// One flow at about `packets_per_second` until `stop`; returns how many packets went out.
pub(crate) fn udp_steady(packets_per_second: u32, payload_bytes: usize, stop: &AtomicBool) -> u64 {
    let socket = UdpSocket::bind((NEAR, 0)).expect("bind");
    let payload = vec![0xa5; payload_bytes];
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        send(&socket, &payload, SocketAddrV4::new(Ipv4Addr::new(10, 78, 200, 1), 4242));
        sent += 1;
        std::thread::sleep(Duration::from_secs(1) / packets_per_second);
    }
    sent
}

/// One flow as fast as one thread can, until `stop`; returns how many packets went out.
pub(crate) fn udp_flood(payload_bytes: usize, stop: &AtomicBool) -> u64 {
    let socket = UdpSocket::bind((NEAR, 0)).expect("bind");
    let payload = vec![0xa5; payload_bytes];
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..100 {
            send(&socket, &payload, SocketAddrV4::new(Ipv4Addr::new(10, 78, 200, 2), 4243));
            sent += 1;
        }
    }
    sent
}

/// A full queue is waited for, anything else is a failure: what is counted as sent was sent.
fn send(socket: &UdpSocket, payload: &[u8], to: SocketAddrV4) {
    for _ in 0..1000 {
        match socket.send_to(payload, to) {
            Ok(_) => return,
            Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => std::thread::sleep(Duration::from_micros(100)),
            Err(e) => panic!("cannot send to {to}: {e}"),
        }
    }
    panic!("the queue towards {to} stays full");
}
