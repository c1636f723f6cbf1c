//! Each fault, held against what the kernel counts in the namespace and what `ss` sees.

use netrig_testkit::{
    BriefClient, Connect, Fate, Fates, Nstat, Pair, ResetBy, Server, TcpInfo, report_skipped, require_root,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Tries `look` until it is true; what the kernel does in its own time takes milliseconds.
#[track_caller]
fn eventually(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !look() {
        assert!(Instant::now() < deadline, "{what}: not in ten seconds");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads until the connection's end or an error, which is returned.
fn read_to_end(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes)
}

#[test]
fn a_pair_reaches_each_other_in_both_families() {
    require_root!();
    let pair = Pair::new("pair");
    pair.left.run(&format!("ping -q -c 1 -W 2 {}", Pair::RIGHT));
    pair.left.run(&format!("ping -q -c 1 -W 2 {}", Pair::RIGHT6));
    pair.right.run(&format!("ping -q -c 1 -W 2 {}", Pair::LEFT));
    pair.right.run(&format!("ping -q -c 1 -W 2 {}", Pair::LEFT6));
}

#[test]
fn a_server_that_accepts_nothing_overflows() {
    require_root!();
    let pair = Pair::new("full");
    let server = Server::never_accepting(&pair.right, (Pair::RIGHT, 0), 1);
    let waiting: Vec<_> =
        (0..2).map(|_| Connect::to(server.address()).from(&pair.left).expect("there is room")).collect();
    let listener = pair.right.run("ss -tlnH");
    assert_eq!(listener.split_whitespace().take(3).collect::<Vec<_>>(), ["LISTEN", "2", "1"], "{listener}");
    let before = Nstat::of(&pair.right);
    let client = Connect::to(server.address()).user_timeout(Duration::from_millis(1_500)).from(&pair.left);
    assert_eq!(client.expect_err("there is no room").kind(), ErrorKind::TimedOut);
    let after = Nstat::of(&pair.right);
    assert!(after.since(&before, "TcpExtListenOverflows") >= 1);
    assert!(after.since(&before, "TcpExtListenDrops") >= 1);
    assert_eq!(server.accepted(), 0);
    drop(waiting);
}

#[test]
fn connections_are_reset_in_both_ways() {
    require_root!();
    let pair = Pair::new("reset");
    for (by, counter) in [(ResetBy::Linger, "TcpExtTCPAbortOnData"), (ResetBy::UnreadData, "TcpExtTCPAbortOnClose")] {
        for address in [IpAddr::from(Pair::RIGHT), IpAddr::from(Pair::RIGHT6)] {
            let server = Server::resetting(&pair.right, (address, 0), by);
            let before = Nstat::of(&pair.right);
            let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
            // It may be reset before this: the error is told once, to whichever comes first.
            let error = client.write_all(b"hello").and_then(|()| read_to_end(&mut client)).expect_err("reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{by:?}");
            let after = Nstat::of(&pair.right);
            // What crosses the reset on its way is answered by another.
            let resets = after.since(&before, "TcpOutRsts");
            assert!(resets == 1 || (resets == 2 && by == ResetBy::Linger), "{by:?}: {resets}");
            assert!(after.since(&before, counter) == 1 || by == ResetBy::Linger, "{by:?}");
        }
    }
}

#[test]
fn an_echo_takes_its_time() {
    require_root!();
    const THINK: Duration = Duration::from_millis(30);
    let pair = Pair::new("echo");
    let server = Server::echo(&pair.right, (Pair::RIGHT6, 0), THINK);
    let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
    for _ in 0..3 {
        let start = Instant::now();
        client.write_all(b"hello").expect("send");
        let mut answer = [0; 5];
        client.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"hello");
        assert!(start.elapsed() >= THINK);
    }
    assert_eq!((server.accepted(), server.received_bytes()), (1, 15));
}

#[test]
fn a_silent_receiver_closes_its_window_until_it_reads_on() {
    require_root!();
    let pair = Pair::new("silent");
    let server = Server::silent(&pair.right, (Pair::RIGHT, 0), 16 << 10);
    let client = Connect::to(server.address()).from(&pair.left).expect("connect");
    client.set_nonblocking(true).expect("nonblocking");
    let mut sent = 0;
    eventually("the window is closed", || {
        while let Ok(length) = (&client).write(&[0; 4096]) {
            sent += length as u64;
        }
        Nstat::of(&pair.right).get("TcpExtTCPToZeroWindowAdv") > 0
    });
    let stuck = pair.left.run("ss -tnoH state established");
    assert!(stuck.contains("persist") || stuck.contains("on,"), "the sender waits for a window: {stuck}");
    assert_eq!(server.received_bytes(), 0);
    std::thread::sleep(Duration::from_millis(300));
    server.read_on();
    server.wait_received(sent);
    let info = TcpInfo::of(&client).expect("the socket");
    assert!(info.limited_receiver_us > 100_000 && info.busy_us >= info.limited_receiver_us, "{info:?}");
    assert!(Nstat::of(&pair.right).get("TcpExtTCPFromZeroWindowAdv") > 0);
}

#[test]
fn connecting_fails_in_all_its_ways() {
    require_root!();
    let pair = Pair::new("connect");
    let cases: [(&str, SocketAddr, Option<i32>); 6] = [
        ("refused", Server::refusing(&pair.right, (Pair::RIGHT, 0)), Some(libc::ECONNREFUSED)),
        ("refused", Server::refusing(&pair.right, (Pair::RIGHT6, 0)), Some(libc::ECONNREFUSED)),
        ("unreachable", (Pair::UNREACHABLE, 80).into(), Some(libc::EHOSTUNREACH)),
        ("unreachable", (Pair::UNREACHABLE6, 80).into(), Some(libc::ENETUNREACH)),
        ("nobody", (Pair::NOBODY, 80).into(), Some(libc::ETIMEDOUT)),
        ("nobody", (Pair::NOBODY6, 80).into(), Some(libc::ETIMEDOUT)),
    ];
    for (what, address, error) in cases {
        let before = Nstat::of(&pair.left);
        let start = Instant::now();
        let result = Connect::to(address).user_timeout(Duration::from_millis(1_500)).from(&pair.left);
        println!("{what} {address}: {result:?} after {:?}", start.elapsed());
        assert_eq!(result.expect_err(what).raw_os_error(), error, "{address}");
        let after = Nstat::of(&pair.left);
        assert_eq!(after.since(&before, "TcpAttemptFails"), 1, "{what} {address}");
        if what == "nobody" {
            assert!(after.since(&before, "TcpExtTCPSynRetrans") >= 1, "the SYN was sent again");
        }
    }
}

#[test]
fn without_a_timeout_of_its_own_a_connect_to_nobody_ends_by_the_namespaces_limit() {
    require_root!();
    let pair = Pair::new("limit");
    let start = Instant::now();
    let error = Connect::to((Pair::NOBODY, 80)).from(&pair.left).expect_err("nobody");
    println!("given up after {:?}", start.elapsed());
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn a_wire_that_is_cut_ends_an_established_connection_by_timeout() {
    require_root!();
    let pair = Pair::with_relay("cut", Duration::from_millis(2));
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    let connect = Connect::to(server.address()).user_timeout(Duration::from_millis(800));
    let mut client = connect.from(&pair.left).expect("connect");
    client.write_all(b"before").expect("send");
    server.wait_received(6);
    pair.relay().set(Fates::all(Fate::Drop));
    client.write_all(b"after").expect("it is only put into the buffer");
    assert_eq!(read_to_end(&mut client).expect_err("cut").kind(), ErrorKind::TimedOut);
    assert_eq!(Nstat::of(&pair.left).get("TcpExtTCPAbortOnTimeout"), 1);
    assert!(pair.relay().counts().dropped[0] >= 2, "{:?}", pair.relay().counts());
}

#[test]
fn who_closes_first_waits() {
    require_root!();
    let pair = Pair::new("close");
    let closing = Server::closing(&pair.right, (Pair::RIGHT, 0));
    let mut client = Connect::to(closing.address()).from(&pair.left).expect("connect");
    assert_eq!(read_to_end(&mut client).expect("a good end"), b"");
    assert!(pair.left.run("ss -tnH state close-wait").contains(":"), "the application of the left has not closed");
    drop(client);
    eventually("TIME_WAIT at the right", || !pair.right.run("ss -tnH state time-wait").is_empty());
    assert_eq!(pair.left.run("ss -tanH"), "");
    // A silent server does not notice that its client is gone.
    let silent = Server::silent(&pair.right, (Pair::RIGHT, 0), 1 << 16);
    drop(Connect::to(silent.address()).from(&pair.left).expect("connect"));
    eventually("CLOSE_WAIT at the right", || !pair.right.run("ss -tnH state close-wait").is_empty());
}

#[test]
fn a_sockets_own_figures_are_those_of_ss() {
    require_root!();
    let pair = Pair::with_relay("info", Duration::from_millis(3));
    let server = Server::echo(&pair.right, (Pair::RIGHT, 0), Duration::ZERO);
    pair.relay().set(Fates::nth(&[3], Fate::Drop, |packet| packet.has_data()));
    let connect = Connect::to(server.address()).source((Pair::LEFT, 4242));
    let mut client = connect.from(&pair.left).expect("connect");
    for _ in 0..5 {
        client.write_all(&[1; 1000]).expect("send");
        client.read_exact(&mut [0; 1000]).expect("the echo");
    }
    // Until the last acknowledgement, which may be delayed.
    std::thread::sleep(Duration::from_millis(100));
    let shown = pair.left.run("ss -tinH sport = 4242");
    let info = TcpInfo::of(&client).expect("the socket");
    let word = |name: &str| -> f64 {
        let value = shown.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix(':'));
        let value = value.unwrap_or_else(|| panic!("no {name} in {shown}"));
        let digits: String = value.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        digits.parse().unwrap_or_else(|_| panic!("{name} is no number in {shown}"))
    };
    assert_eq!(f64::from(info.cwnd), word("cwnd"));
    assert_eq!(f64::from(info.mss_sent), word("mss"));
    assert_eq!(f64::from(info.srtt_us), (word("rtt") * 1000.0).round());
    assert_eq!(f64::from(info.rtt_us_min), (word("minrtt") * 1000.0).round());
    assert_eq!(info.bytes_acked as f64, word("bytes_acked"));
    assert_eq!(info.bytes_received as f64, word("bytes_received"));
    assert_eq!(info.bytes_sent as f64, word("bytes_sent"));
    assert_eq!(info.bytes_retransmitted as f64, word("bytes_retrans"));
    assert_eq!(f64::from(info.segments_sent), word("segs_out"));
    assert_eq!(f64::from(info.segments_received), word("segs_in"));
    assert_eq!(f64::from(info.data_segments_sent), word("data_segs_out"));
    assert_eq!(f64::from(info.data_segments_received), word("data_segs_in"));
    assert_eq!(info.busy_us / 1000, word("busy") as u64);
    assert_eq!(info.retransmits, 1, "{shown}");
    assert_eq!(info.state, 1);
}

#[test]
fn a_brief_client_comes_and_goes() {
    require_root!();
    if !std::path::Path::new("/bin/bash").exists() {
        return report_skipped("bash is not installed");
    }
    let pair = Pair::new("brief");
    let server = Server::echo(&pair.right, (Pair::RIGHT, 0), Duration::ZERO);
    let client = BriefClient::run(&pair.left, "brief", server.address());
    println!("{client:?}");
    assert!(!std::path::Path::new(&format!("/proc/{}", client.pid)).exists());
    assert_eq!((server.accepted(), server.received_bytes()), (1, 1));
    assert_eq!(Nstat::of(&pair.left).get("TcpActiveOpens"), 1);
    let server = Server::echo(&pair.right, (Pair::RIGHT6, 0), Duration::ZERO);
    let _ = BriefClient::run(&pair.left, "brief", server.address());
}

#[test]
fn the_kernels_counters_are_those_of_nstat() {
    require_root!();
    let pair = Pair::new("nstat");
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    drop(Connect::to(server.address()).from(&pair.left).expect("connect"));
    eventually("everything is over", || pair.right.run("ss -tnH").is_empty());
    let (ours, theirs) = (Nstat::of(&pair.left), pair.left.run("nstat -asz"));
    let mut compared = 0;
    for line in theirs.lines().filter(|line| line.starts_with("Tcp")) {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(ours.get(words[0]).to_string(), words[1], "{}", words[0]);
        compared += 1;
    }
    assert!(compared > 100, "{theirs}");
    assert_eq!(ours.get("TcpActiveOpens"), 1);
}
