//! The judgement on connections: what failed, what was slow, and what is said of it.

mod common;

use common::{connection, never_established};
use netrig_model::{ConnectionEnd, ConnectionRecord, Role, Side, TcpState};
use netrig_view::{Cause, SLOW_US, failure, lost, slow, why, why_slow};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000;

fn healthy() -> ConnectionRecord {
    connection("10.0.0.1:43210", "10.0.0.2:5432", 1, 4_200_000)
}

fn why_of(r: &ConnectionRecord) -> String {
    why(r, SLOW_US)
}

#[track_caller]
fn lost_to(r: &ConnectionRecord, cause: Cause, us: u64, sentence: &str) {
    let lost = lost(r).expect("time lost");
    assert_eq!((lost.cause, lost.us), (cause, us));
    assert_eq!(slow(r, SLOW_US), Some(us));
    assert_eq!(why_of(r), sentence);
}

#[test]
fn a_healthy_connection_is_not_judged() {
    assert_eq!(failure(&healthy()), None);
    assert_eq!(slow(&healthy(), SLOW_US), None);
    assert_eq!(why_of(&healthy()), "");
    let open = ConnectionRecord { end_reason: ConnectionEnd::Open, state: TcpState::Established, ..healthy() };
    assert_eq!(why_of(&open), "");
}

#[test]
fn refused() {
    use ConnectionEnd::Refused;
    let quick = never_established(Refused, 312);
    assert_eq!(why_of(&quick), "refused by 10.0.0.2:5432 after 312 µs");
    let late = ConnectionRecord { retransmits_syn: 2, ..never_established(Refused, 3_100_000) };
    assert_eq!(why_of(&late), "refused by 10.0.0.2:5432 after 3.10 s and 3 SYNs");
    let server = ConnectionRecord { role: Some(Role::Server), ..quick.clone() };
    assert_eq!(why_of(&server), "refused by 10.0.0.1:43210 after 312 µs");
    let unknown = ConnectionRecord { dst_addr: None, duration_us: None, syn_sent_us: 0, ..quick };
    assert_eq!(why_of(&unknown), "refused by the peer");
}

#[test]
fn timed_out_while_connecting() {
    use ConnectionEnd::Timeout;
    let silent = ConnectionRecord { retransmits_syn: 6, ..never_established(Timeout, 127 * SECOND) };
    assert_eq!(why_of(&silent), "no answer to 7 SYNs in 127 s");
    let one = never_established(Timeout, SECOND);
    assert_eq!(why_of(&one), "no answer to 1 SYN in 1.00 s");
    let server = ConnectionRecord {
        role: Some(Role::Server),
        state: TcpState::SynRecv,
        retransmits_syn_ack: 5,
        duration_us: None,
        ..never_established(Timeout, 0)
    };
    assert_eq!(why_of(&server), "no answer to 6 SYN-ACKs");
}

#[test]
fn timed_out_when_established() {
    let gone = ConnectionRecord {
        end_reason: ConnectionEnd::Timeout,
        state: TcpState::Established,
        duration_us: Some(920 * SECOND),
        ..healthy()
    };
    let resent = ConnectionRecord { retransmits_timeout: 15, ..gone.clone() };
    assert_eq!(why_of(&resent), "the peer stopped answering after 15m 20s: 15 segments sent again by timeout");
    assert_eq!(why_of(&gone), "the peer stopped answering after 15m 20s: keepalive or user timeout");
    let window = ConnectionRecord { zero_windows_peer: 1, ..gone.clone() };
    assert_eq!(why_of(&window), "the peer stopped answering after 15m 20s, its receive window closed");
    for state in [TcpState::FinWait1, TcpState::LastAck, TcpState::Closing] {
        let closing = ConnectionRecord { state, retransmits_timeout: 8, ..gone.clone() };
        assert_eq!(why_of(&closing), "the peer never acknowledged the end (FIN) after 15m 20s");
    }
    let older = ConnectionRecord { duration_us: None, older_than_rig: true, ..resent };
    assert_eq!(why_of(&older), "the peer stopped answering: 15 segments sent again by timeout");
}

#[test]
fn unreachable() {
    let with = |error: Option<&str>| ConnectionRecord {
        error: error.map(str::to_owned),
        ..never_established(ConnectionEnd::Unreachable, 3_100_000)
    };
    assert_eq!(why_of(&with(Some("EHOSTUNREACH"))), "host unreachable after 3.10 s (EHOSTUNREACH)");
    assert_eq!(why_of(&with(Some("ENETUNREACH"))), "network unreachable after 3.10 s (ENETUNREACH)");
    assert_eq!(why_of(&with(Some("ENOPROTOOPT"))), "protocol unreachable after 3.10 s (ENOPROTOOPT)");
    assert_eq!(why_of(&with(Some("EACCES"))), "unreachable after 3.10 s (EACCES)");
    assert_eq!(why_of(&with(None)), "unreachable after 3.10 s");
}

#[test]
fn reset_by_the_peer() {
    let reset = ConnectionRecord {
        end_reason: ConnectionEnd::Reset,
        state: TcpState::Established,
        reset_by: Some(Side::Peer),
        bytes_received: 0,
        ..healthy()
    };
    assert_eq!(why_of(&reset), "reset by the peer after 4.20 s, 12.0 kB sent, nothing received");
    let both = ConnectionRecord { bytes_received: 340, ..reset.clone() };
    assert_eq!(why_of(&both), "reset by the peer after 4.20 s, 12.0 kB sent, 340 B received");
    let idle = ConnectionRecord { bytes_sent: 0, ..reset.clone() };
    assert_eq!(why_of(&idle), "reset by the peer after 4.20 s, no data exchanged");
    let one_way = ConnectionRecord { bytes_sent: 0, bytes_received: 7, ..reset.clone() };
    assert_eq!(why_of(&one_way), "reset by the peer after 4.20 s, nothing sent, 7 B received");
    let closing = ConnectionRecord { state: TcpState::FinWait2, ..reset.clone() };
    assert_eq!(why_of(&closing), "reset by the peer after 4.20 s while closing, 12.0 kB sent, nothing received");
    let closed = ConnectionRecord { state: TcpState::CloseWait, ..reset };
    assert_eq!(why_of(&closed), "reset by the peer after 4.20 s, having closed, 12.0 kB sent, nothing received");
}

#[test]
fn reset_by_this_host() {
    let with = |reason: Option<&str>| ConnectionRecord {
        end_reason: ConnectionEnd::Reset,
        state: TcpState::Established,
        reset_by: Some(Side::Local),
        reset_reason: reason.map(str::to_owned),
        ..healthy()
    };
    // As it is stored, for whoever asks for it in SQL.
    for (stored, shown) in [
        ("tcp_abort_on_close", "tcp_abort_on_close"),
        ("TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_CLOSE"),
        ("SK_RST_REASON_TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_CLOSE"),
    ] {
        let unread = format!("this host reset it: application closed with unread data ({shown}) after 4.20 s");
        assert_eq!(why_of(&with(Some(stored))), unread);
    }
    assert_eq!(why_of(&with(Some("MPTCP_RST_EMPTCP"))), "this host reset it (MPTCP_RST_EMPTCP) after 4.20 s");
    assert_eq!(why_of(&with(None)), "this host reset it after 4.20 s");
    let unknown = ConnectionRecord { reset_by: None, error: Some("ECONNRESET".to_owned()), ..with(None) };
    assert_eq!(why_of(&unknown), "reset after 4.20 s, by which side is not known (ECONNRESET)");
}

#[test]
fn given_up() {
    use ConnectionEnd::Aborted;
    let client = ConnectionRecord { retransmits_syn: 1, ..never_established(Aborted, 1_500_000) };
    assert_eq!(why_of(&client), "application gave up after 1.50 s, 2 SYNs unanswered");
    let server =
        ConnectionRecord { role: Some(Role::Server), state: TcpState::SynRecv, ..never_established(Aborted, 500) };
    assert_eq!(why_of(&server), "given up after 500 µs before the handshake was complete");
    let odd = ConnectionRecord { end_reason: Aborted, error: Some("ECONNABORTED".to_owned()), ..healthy() };
    assert_eq!(why_of(&odd), "given up after 4.20 s (ECONNABORTED)");
}

#[test]
fn failed_otherwise() {
    let with = |error: Option<&str>| ConnectionRecord {
        error: error.map(str::to_owned),
        ..never_established(ConnectionEnd::Failed, 200)
    };
    let forbidden = "failed after 200 µs: forbidden on this host, by firewall or policy (EPERM)";
    assert_eq!(why_of(&with(Some("EPERM"))), forbidden);
    assert_eq!(why_of(&with(Some("EILSEQ"))), "failed after 200 µs (EILSEQ)");
    assert_eq!(why_of(&with(None)), "failed after 200 µs, with what error is not known");
}

#[test]
fn a_connect_that_failed_before_a_syn_says_so() {
    let with = |end_reason, error: Option<&str>| ConnectionRecord {
        state: TcpState::Close,
        segments_sent: 0,
        syn_sent_us: 0,
        duration_us: Some(0),
        error: error.map(str::to_owned),
        ..never_established(end_reason, 0)
    };
    let unknown = "failed before a SYN was sent: no route, no address, or a rule of this host";
    assert_eq!(why_of(&with(ConnectionEnd::Failed, None)), unknown);
    let no_route = "network unreachable at once (ENETUNREACH)";
    assert_eq!(why_of(&with(ConnectionEnd::Unreachable, Some("ENETUNREACH"))), no_route);
}

#[test]
fn ends_that_are_no_failures_are_told_all_the_same() {
    let evicted = ConnectionRecord { end_reason: ConnectionEnd::Evicted, ..healthy() };
    assert_eq!(why_of(&evicted), "goes on untold: its place in the table was needed");
    let lost = ConnectionRecord { end_reason: ConnectionEnd::Lost, ..healthy() };
    assert_eq!(why_of(&lost), "its end was not seen");
}

#[test]
fn slow_handshakes() {
    // A distant peer is no loss: one round trip is what a handshake takes.
    let far = ConnectionRecord { connect_us: Some(210_000), rtt_us_min: Some(209_000), ..healthy() };
    let far = ConnectionRecord { rtt_us_mean: Some(211_000), kernel_rtt_us_min: None, ..far };
    assert_eq!((slow(&far, SLOW_US), why_of(&far)), (None, String::new()));
    let syns = ConnectionRecord { connect_us: Some(3_112_000), retransmits_syn: 2, ..healthy() };
    lost_to(&syns, Cause::Handshake, 3_100_000, "handshake took 3.11 s: 2 SYNs sent again");
    let server = ConnectionRecord { role: Some(Role::Server), retransmits_syn: 0, retransmits_syn_ack: 1, ..syns };
    lost_to(&server, Cause::Handshake, 3_100_000, "handshake took 3.11 s: 1 SYN-ACK sent again");
    let queued = ConnectionRecord { connect_us: Some(362_000), ..healthy() };
    lost_to(&queued, Cause::Handshake, 350_000, "handshake took 362 ms, a round trip 12.0 ms");
    let alone = ConnectionRecord { connect_us: Some(350_000), ..never_established(ConnectionEnd::Closed, 0) };
    lost_to(&alone, Cause::Handshake, 350_000, "handshake took 350 ms");
}

#[test]
fn handshakes_under_way() {
    let waiting = ConnectionRecord { retransmits_syn: 2, ..never_established(ConnectionEnd::Open, 7 * SECOND) };
    lost_to(&waiting, Cause::Handshake, 7 * SECOND, "no answer to 3 SYNs for 7.00 s");
    let server = ConnectionRecord {
        role: Some(Role::Server),
        state: TcpState::SynRecv,
        syn_recv_us: 2 * SECOND,
        ..never_established(ConnectionEnd::Open, 0)
    };
    lost_to(&server, Cause::Handshake, 2 * SECOND, "handshake not complete for 2.00 s");
}

#[test]
fn windows_and_buffers() {
    let busy = ConnectionRecord { busy_us: 4_200_000, ..healthy() };
    let receiver = ConnectionRecord { limited_receiver_us: 3_276_000, ..busy.clone() };
    lost_to(&receiver, Cause::PeerWindow, 3_276_000, "peer's receive window held it up 78 % of 4.20 s");
    let closed = ConnectionRecord { zero_windows_peer: 3, ..receiver.clone() };
    lost_to(&closed, Cause::PeerWindow, 3_276_000, "peer's receive window held it up 78 % of 4.20 s (closed 3 times)");
    let unknown = ConnectionRecord { busy_us: 0, ..receiver };
    lost_to(&unknown, Cause::PeerWindow, 3_276_000, "peer's receive window held it up for 3.28 s");
    let buffer = ConnectionRecord { limited_send_buffer_us: 210_000, ..busy };
    lost_to(&buffer, Cause::SendBuffer, 210_000, "own send buffer was full 5.0 % of 4.20 s");
}

#[test]
fn round_trips_far_above_the_shortest() {
    // 20 round trips of 210 ms fit in 4.2 s, each 198 ms longer than it need be.
    let bloated = ConnectionRecord {
        rtt_samples: 1000,
        rtt_us_mean: Some(210_000),
        busy_us: 4_200_000,
        limited_network_us: 4_200_000,
        ..healthy()
    };
    lost_to(&bloated, Cause::RoundTrip, 20 * 198_000, "round trip 210 ms, 12.0 ms at best");
    let few = ConnectionRecord { rtt_samples: 3, ..bloated.clone() };
    assert_eq!(slow(&few, SLOW_US), Some(3 * 198_000));
    // Acknowledgements that a peer delays (40 ms) are no queue.
    let delayed = ConnectionRecord { rtt_us_mean: Some(41_000), ..bloated.clone() };
    assert_eq!(slow(&delayed, SLOW_US), None);
    // Twice the shortest is where a queue begins.
    let steady = ConnectionRecord { rtt_us_min: Some(140_000), kernel_rtt_us_min: None, ..bloated.clone() };
    assert_eq!(slow(&steady, SLOW_US), None);
    // Where the wire alone is known, the peer's application does not count.
    let application = ConnectionRecord { rtt_pure_samples: 50, rtt_pure_us_mean: Some(13_000), ..bloated };
    assert_eq!(slow(&application, SLOW_US), None);
}

#[test]
fn segments_sent_again() {
    let timeouts = ConnectionRecord { retransmits: 14, retransmits_timeout: 14, cwnd_segments: Some(2), ..healthy() };
    // Two in a round: seven rounds of 213 ms.
    lost_to(&timeouts, Cause::Resent, 7 * 213_000, "14 segments sent again by timeout: at least 1.49 s");
    let mixed = ConnectionRecord { retransmits_fast: 20, cwnd_segments: Some(10), ..timeouts.clone() };
    lost_to(&mixed, Cause::Resent, 2 * 213_000 + 2 * 13_000, "34 segments sent again, 14 by timeout: at least 452 ms");
    let fast = ConnectionRecord { retransmits_timeout: 0, cwnd_segments: Some(1), ..mixed };
    lost_to(&fast, Cause::Resent, 20 * 13_000, "20 segments sent again (10 %): at least 260 ms");
    let few = ConnectionRecord { retransmits_fast: 3, ..healthy() };
    assert_eq!((slow(&few, SLOW_US), why_of(&few)), (None, "3 segments sent again (1.5 %)".to_owned()));
    let one = ConnectionRecord { retransmits_fast: 1, ..healthy() };
    assert_eq!(why_of(&one), "", "less than one in a hundred is everyday");
}

#[test]
fn an_application_that_does_not_close_or_read() {
    let forgotten = ConnectionRecord {
        end_reason: ConnectionEnd::Open,
        state: TcpState::CloseWait,
        close_wait_us: 300 * SECOND,
        ..healthy()
    };
    lost_to(&forgotten, Cause::CloseWait, 300 * SECOND, "application has left it in CLOSE_WAIT for 5m 0s");
    let late = ConnectionRecord { end_reason: ConnectionEnd::Closed, close_wait_us: 2 * SECOND, ..forgotten };
    lost_to(&late, Cause::CloseWait, 2 * SECOND, "application closed 2.00 s after the peer (CLOSE_WAIT)");
    let slow_reader = ConnectionRecord { zero_windows_local: 40, ..healthy() };
    lost_to(&slow_reader, Cause::OwnWindow, 40 * 13_000, "application read too slowly: window closed 40 times");
    let once = ConnectionRecord { zero_windows_local: 1, ..healthy() };
    assert_eq!(
        (slow(&once, SLOW_US), why_of(&once).as_str()),
        (None, "application read too slowly: window closed once")
    );
}

#[test]
fn what_took_most_is_named() {
    let several = ConnectionRecord {
        busy_us: 4_200_000,
        limited_receiver_us: 300_000,
        limited_send_buffer_us: 900_000,
        connect_us: Some(212_000),
        ..healthy()
    };
    lost_to(&several, Cause::SendBuffer, 900_000, "own send buffer was full 21 % of 4.20 s");
    let reset = ConnectionRecord { end_reason: ConnectionEnd::Reset, reset_by: Some(Side::Peer), ..several.clone() };
    assert!(why(&reset, SLOW_US).starts_with("reset by the peer"));
    assert!(why_slow(&reset, SLOW_US).starts_with("own send buffer"));
    let refused = never_established(ConnectionEnd::Refused, 3 * SECOND);
    assert!(why_slow(&refused, SLOW_US).starts_with("refused by"), "that it was refused is what took the time");
    assert_eq!(slow(&several, 900_000), None, "more than, not as much as");
}

fn any_record() -> impl Strategy<Value = ConnectionRecord> {
    let ends = prop::sample::select(ConnectionEnd::ALL);
    let states = prop::sample::select(TcpState::ALL);
    let role = prop::option::of(prop::sample::select(Role::ALL));
    let side = prop::option::of(prop::sample::select(Side::ALL));
    let reason = prop::option::of(prop::sample::select(&["TCP_STATE", "TCP_FLAGS", "new"][..]));
    let error = prop::option::of(prop::sample::select(&["EPERM", "EHOSTUNREACH", "ETIMEDOUT"][..]));
    let time = || prop::option::of(any::<u64>());
    let number = || prop_oneof![Just(0), 0..50u64, any::<u64>()];
    let rtt = || prop::option::of(any::<u32>());
    (
        (ends, states, role, side, reason, error),
        (time(), time(), number(), number(), number(), number()),
        (number(), number(), number(), number(), number(), number()),
        (rtt(), rtt(), rtt(), rtt(), number(), number()),
    )
        .prop_map(|(words, times, counts, trips)| ConnectionRecord {
            end_reason: words.0,
            state: words.1,
            role: words.2,
            reset_by: words.3,
            reset_reason: words.4.map(str::to_owned),
            error: words.5.map(str::to_owned),
            duration_us: times.0,
            connect_us: times.1,
            syn_sent_us: times.2,
            syn_recv_us: times.3,
            busy_us: times.4,
            limited_receiver_us: times.5,
            retransmits_timeout: counts.0,
            retransmits_fast: counts.1,
            retransmits_tlp: counts.2,
            retransmits_syn: counts.3,
            zero_windows_local: counts.4,
            close_wait_us: counts.5,
            rtt_us_min: trips.0,
            rtt_us_mean: trips.1,
            srtt_us: trips.2,
            cwnd_segments: trips.3,
            rtt_samples: trips.4,
            rtt_pure_samples: trips.5,
            ..healthy()
        })
}

proptest! {
    #[test]
    fn every_failure_and_every_loss_has_a_sentence(r in any_record(), slow_us in 0..10_000_000u64) {
        prop_assert_eq!(failure(&r).is_some(), r.end_reason.is_failure());
        for text in [why(&r, slow_us), why_slow(&r, slow_us)] {
            prop_assert_eq!(text.trim(), &text);
            prop_assert!(!text.contains("  ") && !text.contains("None"), "{}", text);
            let told = r.end_reason.is_failure() || slow(&r, slow_us).is_some();
            prop_assert!(!told || !text.is_empty());
        }
        prop_assert!(slow(&r, slow_us).is_none_or(|us| us > slow_us));
    }
}
