//! Connections that fail, each in its own way, and what the record says: who, to whom, what, and after how long.

use crate::support::{Rig, Since, Socket, inode_of, this_process, wait_for};
use netrig_model::{ConnectionEnd, ConnectionRecord, Role, Side, TcpState};
use netrig_testkit::{Connect, Pair, ResetBy, Server, require_root};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Tries to connect, and returns the error with the time it took.
fn try_to_connect(pair: &Pair, to: SocketAddr) -> (std::io::Error, Duration) {
    let begun = Instant::now();
    let error = Connect::to(to).from(&pair.left).expect_err("nobody accepts");
    (error, begun.elapsed())
}

/// What all of those have in common that never came to be.
#[track_caller]
fn assert_never_established(record: &ConnectionRecord, to: SocketAddr, took: Duration) {
    assert_eq!((record.process.clone(), record.pid), this_process(), "{record:#?}");
    assert_eq!((record.dst_addr, record.dst_port), (Some(to.ip()), Some(to.port())));
    let source = if to.is_ipv4() { Pair::LEFT.into() } else { Pair::LEFT6.into() };
    assert_eq!(record.src_addr, Some(source), "{record:#?}");
    assert!(record.src_port.is_some_and(|port| port > 0), "{record:#?}");
    assert_eq!((record.state, record.established, record.connect_us), (TcpState::SynSent, None, None));
    assert_eq!((record.bytes_sent, record.bytes_received, record.rtt_samples), (0, 0, 0));
    let duration = Duration::from_micros(record.duration_us.expect("the rig saw its beginning"));
    assert!(duration <= took, "the record says {duration:?}, the client waited {took:?}");
    // The client also entered the namespace, in a thread of its own.
    assert!(duration + Duration::from_millis(250) > took, "the record says {duration:?}, the client waited {took:?}");
    assert_eq!(record.syn_sent_us, duration.as_micros() as u64, "all of it in one state: {record:#?}");
}

#[test]
fn refused_connections_say_so() {
    require_root!();
    let pair = Pair::new("refused");
    let rig = Rig::of_tcp(&pair.left);
    let tries = [SocketAddr::from((Pair::RIGHT, 0)), SocketAddr::from((Pair::RIGHT6, 0))].map(|address| {
        let to = Server::refusing(&pair.right, address);
        let (error, took) = try_to_connect(&pair, to);
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        (to, took)
    });
    let stored = rig.stop();
    for (to, took) in tries {
        let record = stored.last_word(|r| r.netns == Some(inode_of(&pair.left)) && r.dst_addr == Some(to.ip()));
        assert_never_established(&record, to, took);
        assert_eq!((record.end_reason, record.error.as_deref()), (ConnectionEnd::Refused, Some("ECONNREFUSED")));
        assert_eq!(record.reset_by, Some(Side::Peer));
        assert_eq!(record.retransmits, 0);
    }
}

#[test]
fn connections_that_nobody_answers_time_out() {
    require_root!();
    let pair = Pair::new("timeout");
    let rig = Rig::of_tcp(&pair.left);
    let since = Since::now(&pair.left);
    let to = SocketAddr::from((Pair::NOBODY, 4242));
    let (error, took) = try_to_connect(&pair, to);
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let repeated = since.get("TcpExtTCPSynRetrans");
    assert!(repeated > 0, "SYNs are sent again");
    let record = rig.stop().end_of_try(&pair.left, 4242);
    assert_never_established(&record, to, took);
    assert_eq!((record.end_reason, record.error.as_deref()), (ConnectionEnd::Timeout, Some("ETIMEDOUT")));
    assert_eq!((record.retransmits_syn, record.retransmits), (repeated, repeated));
    assert_eq!((record.segments_sent, record.segments_received), (1 + repeated, 0));
    assert_eq!(record.reset_by, None);
}

#[test]
fn unreachable_networks_are_told_as_the_network_told_them() {
    require_root!();
    let pair = Pair::new("unreach");
    let rig = Rig::of_tcp(&pair.left);
    let tries = [
        (SocketAddr::from((Pair::UNREACHABLE, 4243)), "EHOSTUNREACH", ErrorKind::HostUnreachable),
        (SocketAddr::from((Pair::UNREACHABLE6, 4244)), "ENETUNREACH", ErrorKind::NetworkUnreachable),
    ]
    .map(|(to, name, kind)| {
        let (error, took) = try_to_connect(&pair, to);
        assert_eq!(error.kind(), kind);
        (to, name, took)
    });
    let stored = rig.stop();
    for (to, name, took) in tries {
        let record = stored.end_of_try(&pair.left, to.port());
        assert_never_established(&record, to, took);
        assert_eq!((record.end_reason, record.error.as_deref()), (ConnectionEnd::Unreachable, Some(name)));
    }
}

#[test]
fn a_reset_is_told_by_both_ends_with_its_reason() {
    require_root!();
    let pair = Pair::new("reset");
    let rig = Rig::of_tcp(&pair.left);
    let resets = [ResetBy::Linger, ResetBy::UnreadData].map(|by| {
        let server = Server::resetting(&pair.right, (Pair::RIGHT, 0), by);
        let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
        if by == ResetBy::UnreadData {
            client.write_all(b"hello").expect("send");
        }
        let error = loop {
            match client.read(&mut [0; 16]) {
                Ok(_) => panic!("the connection ends in good order"),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        (by, Socket::client(&pair.left, &client))
    });
    let stored = rig.stop();
    for (by, socket) in resets {
        let client = stored.end_of(socket);
        assert_eq!((client.end_reason, client.error.as_deref()), (ConnectionEnd::Reset, Some("ECONNRESET")));
        assert_eq!((client.reset_by, client.reset_reason, client.closed_by), (Some(Side::Peer), None, None), "{by:?}");
        let server = stored.end_of(socket.at_server(&pair.right));
        assert_eq!((server.end_reason, server.reset_by), (ConnectionEnd::Reset, Some(Side::Local)), "{by:?}");
        // Nobody has read from it: whose it is, its last close tells, and that may come from a child which another test has
        // just forked.
        if kernel_tells_reasons() {
            let reason = match by {
                // Lingering for no time is, to the kernel, a disconnection in a state that needs a reset.
                ResetBy::Linger => "tcp_state",
                ResetBy::UnreadData => "tcp_abort_on_close",
            };
            assert_eq!(server.reset_reason.as_deref(), Some(reason), "{by:?}");
        }
    }
}

/// Linux 6.10 and later.
fn kernel_tells_reasons() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel has a version");
    let mut numbers = release.split(['.', '-']).map(|word| word.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(10))
}

#[test]
fn a_server_that_never_accepts_is_seen_from_both_sides() {
    require_root!();
    let pair = Pair::new("accept");
    // One that was there before the rig, and one that came after.
    let older = Server::never_accepting(&pair.right, (Pair::RIGHT, 0), 3);
    let waiting = Connect::to(older.address()).from(&pair.left).expect("connect");
    let rig = Rig::of_tcp(&pair.right);
    let server = Server::never_accepting(&pair.right, (Pair::RIGHT, 0), 1);
    let held: Vec<_> = (0..2).map(|_| Connect::to(server.address()).from(&pair.left).expect("connect")).collect();
    for (listener, waiting) in [(&older, 1), (&server, 2)] {
        wait_for("they wait to be accepted", Duration::from_secs(5), || {
            (queue(&pair, listener).0 == waiting).then_some(())
        });
        let told = wait_for("the picture has them", Duration::from_secs(5), || {
            listener_of(&rig, &pair, listener).filter(|told| told.accept_queue == waiting)
        });
        assert_eq!((told.accept_queue, told.accept_queue_max), queue(&pair, listener));
        assert_eq!((told.process, told.pid), this_process());
    }

    let (since, since_left) = (Since::now(&pair.right), Since::now(&pair.left));
    let before = rig.tcp().kernel.expect("the kernel counts");
    let (error, took) = try_to_connect(&pair, server.address());
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let overflows = since.get("TcpExtListenOverflows");
    assert!(overflows >= 2, "each SYN found the queue full: {overflows}");
    wait_for("the picture is a new one", Duration::from_secs(5), || {
        let now = rig.tcp().kernel.expect("the kernel counts");
        let grown = (now.listen_overflows - before.listen_overflows, now.listen_drops - before.listen_drops);
        (grown == (overflows, since.get("TcpExtListenDrops"))).then_some(())
    });
    drop((held, waiting));
    let stored = rig.stop();
    let netns = inode_of(&pair.left);
    let late = stored.last_word(|r| r.netns == Some(netns) && r.end_reason == ConnectionEnd::Timeout);
    assert_never_established(&late, server.address(), took);
    assert_eq!(late.retransmits_syn, since_left.get("TcpExtTCPSynRetrans"));
}

/// Recv-Q and Send-Q of the listener, as `ss` tells them.
fn queue(pair: &Pair, server: &Server) -> (u32, u32) {
    let text = pair.right.run(&format!("ss -Hltn sport = :{}", server.address().port()));
    let mut words = text.split_whitespace().skip(1).map(|word| word.parse().expect("a number"));
    (words.next().expect("Recv-Q"), words.next().expect("Send-Q"))
}

fn listener_of(rig: &Rig<'_>, pair: &Pair, server: &Server) -> Option<netrig_model::ListenerStatus> {
    let ours = (inode_of(&pair.right), server.address().port());
    rig.tcp().listeners.into_iter().find(|l| (l.netns, l.port) == ours)
}

#[test]
fn a_peer_that_closed_and_an_application_that_does_not_show_as_close_wait() {
    require_root!();
    let pair = Pair::new("closewait");
    let rig = Rig::of_tcp(&pair.left);
    let server = Server::closing(&pair.right, (Pair::RIGHT, 0));
    let client = Connect::to(server.address()).from(&pair.left).expect("connect");
    let socket = Socket::client(&pair.left, &client);
    let waiting = || {
        let record = rig.open_record(socket)?;
        (record.state == TcpState::CloseWait).then_some(record)
    };
    let first = wait_for("the peer's FIN is seen", Duration::from_secs(5), waiting);
    let pause = Duration::from_millis(1200);
    std::thread::sleep(pause);
    let second = wait_for("it still waits", Duration::from_secs(5), waiting);
    let grown = second.close_wait_us - first.close_wait_us;
    // The rig's two clocks are held together to about a millisecond.
    assert!(grown + 5_000 >= pause.as_micros() as u64, "{grown} µs more after {pause:?}");
    assert_eq!((second.closed_by, second.role), (Some(Side::Peer), Some(Role::Client)));
    drop(client);
    let stored = rig.stop();
    let last = stored.end_of(socket);
    assert_eq!((last.end_reason, last.closed_by, last.reset_by), (ConnectionEnd::Closed, Some(Side::Peer), None));
    assert!(last.close_wait_us + 5_000 >= second.close_wait_us, "{last:#?}");
    let other = stored.end_of(socket.at_server(&pair.right));
    assert_eq!((other.end_reason, other.closed_by), (ConnectionEnd::Closed, Some(Side::Local)));
    assert_eq!(other.state, TcpState::FinWait2, "a socket without a process does not wait for the peer's FIN");
    // It was open for more than a window: told in between, as it was.
    let told = stored.connections.iter().filter(|r| socket.is_of(r) && r.end_reason == ConnectionEnd::Open);
    assert!(told.map(|r| r.state).any(|state| state == TcpState::CloseWait), "open records tell the state");
}
