//! Connections that are older than the rig.

use crate::support::{Rig, Socket, this_process, wait_for};
use netrig_model::{ConnectionEnd, ConnectionRecord, Role};
use netrig_testkit::{Connect, Pair, Server, TcpInfo, require_root};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn ask(mut stream: &TcpStream, octets: usize) {
    stream.write_all(&vec![3; octets]).expect("send");
    stream.read_exact(&mut vec![0; octets]).expect("an answer");
}

/// Its octets are those that the kernel counts.
fn has_bytes_of(record: &ConnectionRecord, stream: &TcpStream) -> bool {
    let info = TcpInfo::of(stream).expect("a TCP socket");
    (record.bytes_sent, record.bytes_received) == (info.bytes_sent - info.bytes_retransmitted, info.bytes_received)
}

#[test]
fn connections_older_than_the_rig_are_told_from_both_namespaces() {
    require_root!();
    let pair = Pair::new("older");
    let server = Server::echo(&pair.right, (Pair::RIGHT, 0), Duration::ZERO);
    let client = Connect::to(server.address()).from(&pair.left).expect("connect");
    ask(&client, 12_345);
    let accepted = server.connections().pop().expect("the server has it");
    let near = Socket::client(&pair.left, &client);
    let far = near.at_server(&pair.right);

    // In the client's namespace, which is not the server's.
    let rig = Rig::of_tcp(&pair.left);
    for (socket, stream) in [(near, &client), (far, &*accepted)] {
        let record = rig.open_record(socket).expect("it is told at once");
        assert!(record.older_than_rig, "{record:#?}");
        assert_eq!((record.process.clone(), record.pid), this_process(), "{record:#?}");
        assert!(has_bytes_of(&record, stream), "{record:#?}");
        assert_eq!((record.opened, record.established, record.duration_us), (None, None, None));
        assert_eq!(record.rtt_samples, 0, "no traffic since");
    }
    for _ in 0..5 {
        ask(&client, 1000);
    }
    for (socket, stream) in [(near, &client), (far, &*accepted)] {
        wait_for("what came since is told", PATIENCE, || {
            rig.open_record(socket).filter(|r| r.rtt_samples > 0 && has_bytes_of(r, stream))
        });
    }
    drop((client, accepted));
    rig.wait_until_closed(&[near, far]);
    let stored = rig.stop();
    for socket in [near, far] {
        let last = stored.end_of(socket);
        assert_eq!((last.end_reason, last.older_than_rig, last.duration_us), (ConnectionEnd::Closed, true, None));
        assert_eq!((last.bytes_sent, last.bytes_received), (17_345, 17_345));
        let ids = stored.connections.iter().filter(|r| socket.is_of(r)).map(|r| r.connection_id);
        assert!(ids.into_iter().all(|id| id == last.connection_id), "one connection, one id");
    }
}

#[test]
fn what_is_accepted_by_a_listener_older_than_the_rig_is_told_whole() {
    require_root!();
    let pair = Pair::new("oldlisten");
    let server = Server::echo(&pair.right, (Pair::RIGHT, 0), Duration::ZERO);
    let rig = Rig::of_tcp(&pair.left);
    let client = Connect::to(server.address()).from(&pair.left).expect("connect");
    ask(&client, 77);
    let socket = Socket::client(&pair.left, &client).at_server(&pair.right);
    drop(client);
    rig.wait_until_closed(&[socket]);
    let record = rig.stop().end_of(socket);
    assert!(!record.older_than_rig && record.opened.is_some() && record.established.is_some());
    assert_eq!((record.process.clone(), record.pid), this_process());
    assert_eq!((record.role, record.bytes_sent, record.bytes_received), (Some(Role::Server), 77, 77));
}
