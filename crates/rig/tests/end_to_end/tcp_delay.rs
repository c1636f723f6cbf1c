//! Time made on purpose: on the wire, by the peer's application, by a window that is shut, by a buffer that is small.

use crate::support::{Rig, Socket, wait_for};
use netrig_testkit::{Connect, Pair, Server, TcpInfo, require_root};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const ONE_WAY: Duration = Duration::from_millis(20);
const ROUND_TRIP_US: u64 = 40_000;
const PATIENCE: Duration = Duration::from_secs(20);
/// The kernel counts in ticks, and between two looks goes on.
const CLOSE_US: u64 = 50_000;

/// A tenth of the truth, and what the relay itself was late by.
#[track_caller]
fn assert_is_the_wire(what: &str, us: u64, pair: &Pair) {
    let late_us = 2 * pair.relay().counts().late_max.as_micros() as u64;
    let most = ROUND_TRIP_US + ROUND_TRIP_US / 10 + late_us;
    assert!((ROUND_TRIP_US..=most).contains(&us), "{what}: {us} µs, the wire takes {ROUND_TRIP_US}..={most}");
}

#[track_caller]
fn assert_close(what: &str, told_us: u64, truth_us: u64) {
    assert!(told_us.abs_diff(truth_us) <= CLOSE_US, "{what}: told {told_us} µs, the kernel says {truth_us} µs");
}

#[test]
fn a_wire_with_a_delay_is_measured() {
    require_root!();
    let pair = Pair::with_relay("delay", ONE_WAY);
    let rig = Rig::of_tcp(&pair.left);
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    let begun = Instant::now();
    let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
    let connecting = begun.elapsed();
    for _ in 0..8 {
        client.write_all(b"sixteen octets..").expect("send");
        // A round trip for each: the receiver acknowledges the first ones at once.
        std::thread::sleep(ONE_WAY * 3);
    }
    let socket = Socket::client(&pair.left, &client);
    drop(client);
    rig.wait_until_closed(&[socket, socket.at_server(&pair.right)]);
    let stored = rig.stop();
    let (near, far) = (stored.end_of(socket), stored.end_of(socket.at_server(&pair.right)));
    for (what, us) in [
        ("client's connect", near.connect_us),
        ("shortest", near.rtt_us_min.map(u64::from)),
        ("mean", near.rtt_us_mean.map(u64::from)),
        ("mean of the pure ones", near.rtt_pure_us_mean.map(u64::from)),
        ("shortest of the pure ones", near.rtt_pure_us_min.map(u64::from)),
        ("the kernel's minimum", near.kernel_rtt_us_min.map(u64::from)),
        ("server's connect", far.connect_us),
    ] {
        assert_is_the_wire(what, us.unwrap_or_else(|| panic!("{what} is measured: {near:#?}")), &pair);
    }
    assert!(near.rtt_samples >= 8 && near.rtt_pure_samples == near.rtt_samples, "nothing came back: {near:#?}");
    assert!(near.connect_us <= Some(connecting.as_micros() as u64));
}

#[test]
fn a_server_that_thinks_is_kept_apart_from_the_wire() {
    require_root!();
    // Shorter than the delay of acknowledgements: then the answer carries them.
    const THINK: Duration = Duration::from_millis(25);
    const ROUNDS: u64 = 20;
    let pair = Pair::with_relay("think", ONE_WAY);
    let rig = Rig::of_tcp(&pair.left);
    let server = Server::echo(&pair.right, (Pair::RIGHT, 0), THINK);
    let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
    for _ in 0..ROUNDS {
        client.write_all(b"question").expect("send");
        client.read_exact(&mut [0; 8]).expect("an answer");
    }
    let socket = Socket::client(&pair.left, &client);
    drop(client);
    rig.wait_until_closed(&[socket]);
    let record = rig.stop().end_of(socket);
    let thought = ROUND_TRIP_US + THINK.as_micros() as u64;
    let with_answers = record.rtt_samples - record.rtt_pure_samples;
    assert!(with_answers > ROUNDS / 2, "most acknowledgements came with the answer: {record:#?}");
    assert_is_the_wire("pure", record.rtt_pure_us_min.expect("the first ones come at once").into(), &pair);
    assert!(record.rtt_us_max.map(u64::from) >= Some(thought), "the server thought that long: {record:#?}");
    let (all, pure) = (record.rtt_us_mean, record.rtt_pure_us_mean);
    assert!(all > pure.map(|us| us + 5_000), "the time to think is in the one, not in the other: {record:#?}");
}

#[test]
fn a_receiver_that_does_not_read_is_told_by_both_ends() {
    require_root!();
    const BYTES: usize = 200_000;
    let pair = Pair::new("window");
    let rig = Rig::of_tcp_and_reads(&pair.left);
    let server = Server::silent(&pair.right, (Pair::RIGHT, 0), 8192);
    let client = Connect::to(server.address()).from(&pair.left).expect("connect");
    let info = std::thread::scope(|scope| {
        let sender = scope.spawn(|| (&client).write_all(&vec![1; BYTES]).expect("send"));
        wait_for("the window is shut", PATIENCE, || {
            let info = TcpInfo::of(&client).expect("a TCP socket");
            (info.limited_receiver_us > 700_000).then_some(())
        });
        server.read_on();
        server.wait_received(BYTES as u64);
        sender.join().expect("the sender ends");
        acknowledged(&client, BYTES as u64)
    });
    let socket = Socket::client(&pair.left, &client);
    drop(client);
    rig.wait_until_closed(&[socket, socket.at_server(&pair.right)]);
    let stored = rig.stop();
    let (near, far) = (stored.end_of(socket), stored.end_of(socket.at_server(&pair.right)));
    assert_close("held up by the receiver", near.limited_receiver_us, info.limited_receiver_us);
    assert_close("held up by the send buffer", near.limited_send_buffer_us, info.limited_send_buffer_us);
    assert_close("busy", near.busy_us, info.busy_us);
    assert_eq!(near.busy_us, near.limited_receiver_us + near.limited_send_buffer_us + near.limited_network_us);
    assert!(near.zero_windows_peer >= 1, "{near:#?}");
    assert!(far.zero_windows_local >= 1, "{far:#?}");
    assert_eq!((near.zero_windows_local, far.zero_windows_peer), (0, 0));
    assert_eq!((near.bytes_sent, far.bytes_received), (BYTES as u64, BYTES as u64));
}

#[test]
fn a_window_that_stays_shut_is_told_while_the_connection_is_open() {
    require_root!();
    let pair = Pair::new("shut");
    let rig = Rig::of_tcp(&pair.left);
    let server = Server::silent(&pair.right, (Pair::RIGHT, 0), 8192);
    let client = Connect::to(server.address()).from(&pair.left).expect("connect");
    client.set_nonblocking(true).expect("a socket need not block");
    // As much as it takes.
    wait_for("the send buffer is full", PATIENCE, || (&client).write(&[1; 65_536]).is_err().then_some(()));
    let socket = Socket::client(&pair.left, &client);
    // No event tells of it: a walk over all sockets does, ten seconds after the last.
    let record = wait_for("the shut window is in the open record", Duration::from_secs(25), || {
        rig.open_record(socket).filter(|r| r.zero_windows_peer >= 1 && r.limited_receiver_us > 300_000)
    });
    assert_eq!(record.bytes_received, 0);
    let other = rig.open_record(socket.at_server(&pair.right)).expect("the other end is known too");
    assert_eq!(other.bytes_sent, 0);
}

#[test]
fn a_small_send_buffer_is_told() {
    require_root!();
    const BYTES: usize = 3_000_000;
    let pair = Pair::with_relay("sndbuf", ONE_WAY);
    let rig = Rig::of_tcp(&pair.left);
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    let connect = Connect::to(server.address()).send_buffer_bytes(65_536);
    let mut client = connect.from(&pair.left).expect("connect");
    client.write_all(&vec![1; BYTES]).expect("send");
    server.wait_received(BYTES as u64);
    let info = acknowledged(&client, BYTES as u64);
    assert!(info.limited_send_buffer_us > 100_000, "as it was meant: {info:?}");
    // All is acknowledged and nothing goes on: what the rig knows is the last word.
    let socket = Socket::client(&pair.left, &client);
    let record = rig.open_record(socket).expect("it is open");
    assert_close("held up by the send buffer", record.limited_send_buffer_us, info.limited_send_buffer_us);
    assert_close("held up by the receiver", record.limited_receiver_us, info.limited_receiver_us);
    assert_close("busy", record.busy_us, info.busy_us);
    drop(client);
    rig.wait_until_closed(&[socket]);
    let last = rig.stop().end_of(socket);
    assert!(last.busy_us >= record.busy_us && last.limited_send_buffer_us >= record.limited_send_buffer_us);
}

/// Waits until all that was written is acknowledged, and asks the kernel.
fn acknowledged(stream: &TcpStream, bytes: u64) -> TcpInfo {
    wait_for("everything is acknowledged", PATIENCE, || {
        let info = TcpInfo::of(stream).expect("a TCP socket");
        // The SYN counts as an octet.
        (info.bytes_acked == bytes + 1).then_some(info)
    })
}
