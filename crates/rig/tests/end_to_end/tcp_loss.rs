//! Packets lost, late, doubled and marked on purpose: what is sent again, and why, is told as the kernel counts it.

use crate::support::{Rig, Since, Socket, wait_for};
use netrig_model::ConnectionRecord;
use netrig_testkit::{Connect, End, Fate, Fates, Packet, Pair, Server, TcpInfo, require_root};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

const ONE_WAY: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(20);

/// What all the causes add up to in a record.
fn causes(record: &ConnectionRecord) -> u64 {
    record.retransmits_timeout
        + record.retransmits_fast
        + record.retransmits_tlp
        + record.retransmits_syn
        + record.retransmits_syn_ack
}

/// A segment with data from the client.
fn data(packet: &Packet<'_>) -> bool {
    packet.from == End::Left && packet.has_data()
}

/// Waits until all that was written is acknowledged, and asks the kernel.
fn acknowledged(stream: &TcpStream, bytes: u64) -> TcpInfo {
    wait_for("everything is acknowledged", PATIENCE, || {
        let info = TcpInfo::of(stream).expect("a TCP socket");
        // The SYN counts as an octet.
        (info.bytes_acked == bytes + 1).then_some(info)
    })
}

/// What a story left: both ends' last records and what the kernel knew of the sockets.
struct Left {
    client: ConnectionRecord,
    server: ConnectionRecord,
    info: TcpInfo,
    server_info: TcpInfo,
}

impl Left {
    /// All that was sent again is told, with a cause, as both the socket and its namespace count it.
    #[track_caller]
    fn assert_retransmits(&self, since: &Since<'_>) {
        assert_eq!(self.client.retransmits, u64::from(self.info.retransmits), "{:#?}", self.client);
        assert_eq!(self.client.retransmits, since.get("TcpRetransSegs"), "{:#?}", self.client);
        assert_eq!(causes(&self.client), self.client.retransmits, "each has a cause: {:#?}", self.client);
    }
}

/// Sends so many octets at once over a wire with these fates, which hold from the handshake on.
fn send_over(pair: &Pair, bytes: u64, fates: Fates) -> Left {
    let rig = Rig::of_tcp(&pair.left);
    let server = Server::sink(&pair.right, (Pair::RIGHT, 0));
    pair.relay().set(fates);
    let mut client = Connect::to(server.address()).from(&pair.left).expect("connect");
    client.write_all(&vec![7; bytes as usize]).expect("send");
    server.wait_received(bytes);
    let info = acknowledged(&client, bytes);
    let server_info = TcpInfo::of(&*server.connections()[0]).expect("a TCP socket");
    pair.relay().set(Fates::all(Fate::Pass));
    let socket = Socket::client(&pair.left, &client);
    drop(client);
    rig.wait_until_closed(&[socket, socket.at_server(&pair.right)]);
    let stored = rig.stop();
    Left { client: stored.end_of(socket), server: stored.end_of(socket.at_server(&pair.right)), info, server_info }
}

#[test]
fn a_gap_is_mended_by_fast_recovery() {
    require_root!();
    let pair = Pair::with_relay("fast", ONE_WAY);
    let since = Since::now(&pair.left);
    let left = send_over(&pair, 300_000, Fates::nth(&[20, 22], Fate::Drop, data));
    left.assert_retransmits(&since);
    assert_eq!(since.get("TcpExtTCPFastRetrans"), 2, "as it was meant");
    assert_eq!(left.client.retransmits_fast, 2, "{:#?}", left.client);
    assert_eq!(left.client.retransmits_spurious, 0);
    assert_eq!(left.server.out_of_order, u64::from(left.server_info.out_of_order));
    assert!(left.server.out_of_order > 0, "what came after the gap came out of order");
    assert_eq!((left.client.bytes_sent, left.server.bytes_received), (300_000, 300_000));
}

#[test]
fn a_lost_tail_is_mended_by_a_probe() {
    require_root!();
    let pair = Pair::with_relay("tlp", ONE_WAY);
    let since = Since::now(&pair.left);
    // The last one of three; its probe passes.
    let left = send_over(&pair, 3000, Fates::nth(&[3], Fate::Drop, data));
    left.assert_retransmits(&since);
    assert_eq!(since.get("TcpExtTCPLossProbes"), 1, "as it was meant");
    assert_eq!(left.client.retransmits_tlp, 1, "{:#?}", left.client);
}

#[test]
fn what_a_probe_does_not_mend_a_timeout_does() {
    require_root!();
    let pair = Pair::with_relay("rto", ONE_WAY);
    let since = Since::now(&pair.left);
    // The only one, and its probe.
    let left = send_over(&pair, 500, Fates::nth(&[1, 2], Fate::Drop, data));
    left.assert_retransmits(&since);
    let (probes, timeouts) = (since.get("TcpExtTCPLossProbes"), since.get("TcpExtTCPTimeouts"));
    assert_eq!((probes, timeouts), (1, 1), "as it was meant");
    assert_eq!((left.client.retransmits_tlp, left.client.retransmits_timeout), (1, 1), "{:#?}", left.client);
}

#[test]
fn a_lost_syn_is_sent_again() {
    require_root!();
    let pair = Pair::with_relay("syn", ONE_WAY);
    let since = Since::now(&pair.left);
    let left = send_over(&pair, 500, Fates::nth(&[1], Fate::Drop, |packet| packet.is_syn()));
    left.assert_retransmits(&since);
    assert_eq!(since.get("TcpExtTCPSynRetrans"), 1, "as it was meant");
    assert_eq!(left.client.retransmits_syn, 1, "{:#?}", left.client);
    assert!(left.client.connect_us > Some(1_000_000), "the wait for it is in the handshake's time");
    assert_eq!(left.client.connect_us, Some(left.client.syn_sent_us));
}

#[test]
fn a_lost_syn_ack_is_sent_again_by_the_server() {
    require_root!();
    let pair = Pair::with_relay("synack", ONE_WAY);
    let (since, since_right) = (Since::now(&pair.left), Since::now(&pair.right));
    let left = send_over(&pair, 500, Fates::nth(&[1], Fate::Drop, |packet| packet.is_syn_ack()));
    left.assert_retransmits(&since);
    assert_eq!(left.client.retransmits_syn, since.get("TcpExtTCPSynRetrans"), "{:#?}", left.client);
    let again = since_right.get("TcpRetransSegs");
    assert!(again >= 1, "as it was meant");
    assert_eq!(left.server.retransmits_syn_ack, again, "{:#?}", left.server);
    assert_eq!(left.server.retransmits, u64::from(left.server_info.retransmits));
    assert_eq!(causes(&left.server), left.server.retransmits);
}

#[test]
fn whatever_is_lost_causes_add_up() {
    require_root!();
    let pair = Pair::with_relay("lossy", Duration::from_millis(2));
    let since = Since::now(&pair.left);
    let left = send_over(&pair, 2_000_000, Fates::seeded(11, 40, Fate::Drop, |packet| packet.tcp().is_some()));
    left.assert_retransmits(&since);
    assert!(left.client.retransmits > 20, "about one in 25 is lost: {:#?}", left.client);
    assert_eq!(left.client.retransmits_spurious, u64::from(left.info.duplicates_reported));
    assert_eq!(left.server.out_of_order, u64::from(left.server_info.out_of_order));
    assert_eq!((left.client.bytes_sent, left.server.bytes_received), (2_000_000, 2_000_000));
}

#[test]
fn what_was_only_late_is_told_as_sent_again_for_nothing() {
    require_root!();
    let pair = Pair::with_relay("late", ONE_WAY);
    let since = Since::now(&pair.left);
    let late = Fate::Late(Duration::from_millis(60));
    let left = send_over(&pair, 300_000, Fates::nth(&[20, 60], late, data));
    left.assert_retransmits(&since);
    assert!(left.info.duplicates_reported > 0, "as it was meant: {:?}", left.info);
    assert_eq!(left.client.retransmits_spurious, u64::from(left.info.duplicates_reported), "{:#?}", left.client);
    assert_eq!(left.server.out_of_order, u64::from(left.server_info.out_of_order));
}

#[test]
fn marks_of_congestion_are_counted_at_the_sender() {
    require_root!();
    let pair = Pair::with_relay("marks", ONE_WAY);
    for ns in [&pair.left, &pair.right] {
        ns.sysctl("net.ipv4.tcp_ecn", "1");
    }
    let left = send_over(&pair, 200_000, Fates::every(10, Fate::Marked, data));
    assert!(left.info.delivered_ce > 0, "as it was meant: {:?}", left.info);
    // The FIN, sent after the kernel was asked, may be answered with a mark like any other segment.
    let fin = left.client.ce_marks - u64::from(left.info.delivered_ce);
    assert!(fin <= 1, "{} marks, the kernel counts {:?}", left.client.ce_marks, left.info);
    assert_eq!((left.client.ecn, left.server.ecn), (Some(true), Some(true)));
    assert_eq!(left.client.retransmits, 0);
}
