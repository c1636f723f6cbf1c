//! Drops made on purpose, as the kernel counts them.

use netrig_testkit::{DropCounter, Nstat, Pair, XdpDrop, XdpMode, require_root, send_with_bad_checksum};
use std::net::{SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

const PORT: u16 = 4545;

fn send(pair: &Pair, count: usize) {
    pair.left.inside(|| {
        let socket = UdpSocket::bind((Pair::LEFT, 0)).expect("bind");
        for _ in 0..count {
            socket.send_to(b"to nobody", (Pair::RIGHT, PORT)).expect("send");
        }
    });
}

/// How far a counter of the right namespace gets, given time.
fn grown(pair: &Pair, before: &Nstat, name: &str, expected: i64) -> i64 {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let grown = Nstat::of(&pair.right).since(before, name);
        if grown >= expected || Instant::now() > deadline {
            return grown;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_nobody_listens_for_is_counted_as_dropped() {
    require_root!();
    let pair = Pair::new("dropcount");
    let counter = DropCounter::start();
    let before = Nstat::of(&pair.right);
    send(&pair, 500);
    assert_eq!(grown(&pair, &before, "UdpNoPorts", 500), 500);
    // Others' drops are among them.
    assert!(counter.read() >= 500, "{}", counter.read());
}

#[test]
fn a_wrong_checksum_is_seen_by_the_receiver() {
    require_root!();
    let pair = Pair::new("checksum");
    let _receiver = pair.right.inside(|| UdpSocket::bind((Pair::RIGHT, PORT)).expect("bind"));
    let before = Nstat::of(&pair.right);
    pair.left.inside(|| send_with_bad_checksum(999, SocketAddrV4::new(Pair::RIGHT, PORT), 20));
    assert_eq!(grown(&pair, &before, "UdpInCsumErrors", 20), 20);
}

#[test]
fn a_program_in_the_driver_or_in_its_stead_lets_nothing_in_until_it_goes() {
    require_root!();
    let pair = Pair::new("xdpdrop");
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let before = Nstat::of(&pair.right);
        let program = XdpDrop::attach(&pair.right, Pair::IFACE, mode);
        send(&pair, 50);
        drop(program);
        send(&pair, 3);
        assert_eq!(grown(&pair, &before, "UdpNoPorts", 3), 3, "{mode:?}");
    }
}
