//! Connection records: one TCP connection's whole life so far, as it is stored, shipped and printed.

use crate::record::{opt, req};
use crate::words::words;
use crate::{Column, ColumnType, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

words! {
    /// Which part this host's socket plays in a connection.
    Role {
        /// It connected: active open.
        Client = "client",
        /// It accepted: passive open.
        Server = "server",
    }
}

words! {
    /// One of the two ends.
    Side {
        /// This socket, or its host.
        Local = "local",
        /// The other end.
        Peer = "peer",
    }
}

words! {
    /// TCP's states, by the kernel's names.
    TcpState {
        /// Open.
        Established = "established",
        /// SYN sent, no answer yet.
        SynSent = "syn_sent",
        /// SYN received and answered.
        SynRecv = "syn_recv",
        /// This side has closed first; its FIN is not acknowledged.
        FinWait1 = "fin_wait1",
        /// Its FIN is acknowledged; the peer has not closed.
        FinWait2 = "fin_wait2",
        /// Both have closed, the old address pair is kept for a while.
        TimeWait = "time_wait",
        /// Over.
        Close = "close",
        /// The peer has closed; the application of this side has not.
        CloseWait = "close_wait",
        /// Both have closed, the peer first; the last FIN is not acknowledged.
        LastAck = "last_ack",
        /// Waits for connections.
        Listen = "listen",
        /// Both have closed at once.
        Closing = "closing",
    }
}

words! {
    /// Why a connection's record ends.
    ConnectionEnd {
        /// It does not: the connection is still open.
        Open = "open",
        /// Both sides closed it in good order.
        Closed = "closed",
        /// It was cut off by a reset after it had been established.
        Reset = "reset",
        /// The peer refused it.
        Refused = "refused",
        /// Nobody answered: while connecting, or any more.
        Timeout = "timeout",
        /// The network said that the peer cannot be reached.
        Unreachable = "unreachable",
        /// The application gave up before it was established.
        Aborted = "aborted",
        /// Any other error; `error` has it.
        Failed = "failed",
        /// The connection goes on; its place in the kernel's table was needed for another.
        Evicted = "evicted",
        /// Its socket was gone without the end having been seen.
        Lost = "lost",
    }
}

impl ConnectionEnd {
    /// Whether something went wrong, as `netrig connections --failed` means it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        use ConnectionEnd::{Aborted, Failed, Refused, Reset, Timeout, Unreachable};
        matches!(self, Reset | Refused | Timeout | Unreachable | Aborted | Failed)
    }
}

/// One TCP connection as this host's socket knew it: its whole life up to the record, not the window's share of it. It has
/// exactly one record whose `end_reason` is not `open`; while it is open it has further ones, at the end of every window
/// in which it changed and at least once a minute. A connection between two sockets of this host has records of both.
/// Unknown is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "CONNECTION_COLUMNS says what each means, once, for every reader")]
pub struct ConnectionRecord {
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub host: Option<String>,
    pub netns: Option<u64>,
    pub connection_id: u64,
    pub role: Option<Role>,
    pub src_addr: Option<IpAddr>,
    pub src_port: Option<u16>,
    pub dst_addr: Option<IpAddr>,
    pub dst_port: Option<u16>,
    pub opened: Option<Timestamp>,
    pub established: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub last_seen: Timestamp,
    pub state: TcpState,
    pub end_reason: ConnectionEnd,
    pub error: Option<String>,
    pub closed_by: Option<Side>,
    pub reset_by: Option<Side>,
    pub reset_reason: Option<String>,
    pub duration_us: Option<u64>,
    pub connect_us: Option<u64>,
    pub syn_sent_us: u64,
    pub syn_recv_us: u64,
    pub established_us: u64,
    pub fin_wait1_us: u64,
    pub fin_wait2_us: u64,
    pub close_wait_us: u64,
    pub closing_us: u64,
    pub last_ack_us: u64,
    pub rtt_samples: u64,
    pub rtt_us_min: Option<u32>,
    pub rtt_us_mean: Option<u32>,
    pub rtt_us_max: Option<u32>,
    pub rtt_pure_samples: u64,
    pub rtt_pure_us_min: Option<u32>,
    pub rtt_pure_us_mean: Option<u32>,
    pub srtt_us: Option<u32>,
    pub rttvar_us: Option<u32>,
    pub kernel_rtt_us_min: Option<u32>,
    pub cwnd_segments: Option<u32>,
    pub mss_bytes: Option<u32>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub segments_sent: u64,
    pub segments_received: u64,
    pub retransmits: u64,
    pub retransmits_timeout: u64,
    pub retransmits_fast: u64,
    pub retransmits_tlp: u64,
    pub retransmits_syn: u64,
    pub retransmits_syn_ack: u64,
    pub retransmits_spurious: u64,
    pub out_of_order: u64,
    pub zero_windows_local: u64,
    pub zero_windows_peer: u64,
    pub ecn: Option<bool>,
    pub ce_marks: u64,
    pub busy_us: u64,
    pub limited_receiver_us: u64,
    pub limited_send_buffer_us: u64,
    pub limited_network_us: u64,
    pub older_than_rig: bool,
    pub sampling_rate: u32,
    pub process: Option<String>,
    pub pid: Option<u32>,
    pub cgroup: Option<String>,
    pub container: Option<String>,
    pub src_name: Option<String>,
    pub dst_name: Option<String>,
}

use ColumnType::{Bool, Text, TimestampNs, U16, U32, U64};

/// The columns of `connections`, in order.
pub const CONNECTION_COLUMNS: &[Column] = &[
    req("window_start", TimestampNs, "start of the window"),
    req("window_end", TimestampNs, "end of the window"),
    opt("host", Text, "host name"),
    opt("netns", U64, "inode of the socket's network namespace"),
    req(
        "connection_id",
        U64,
        "the same in all records of one socket's connection, unlike any other's of this run of the rig",
    ),
    opt("role", Text, "what this host's socket did: client (it connected) or server (it accepted)"),
    opt("src_addr", Text, "initiator's address"),
    opt("src_port", U16, "initiator's port"),
    opt("dst_addr", Text, "responder's address"),
    opt("dst_port", U16, "responder's port"),
    opt(
        "opened",
        TimestampNs,
        "when the first SYN was sent, or the handshake came to this socket; null when that was before the rig",
    ),
    opt(
        "established",
        TimestampNs,
        "when the handshake was complete; null when it never was, or that was before the rig",
    ),
    opt("ended", TimestampNs, "when the socket was done with it; null while it is open"),
    req("last_seen", TimestampNs, "the latest that the rig learned of it"),
    req("state", Text, "TCP's state at the record: established, close_wait, …; once it has ended, the last one before"),
    req("end_reason", Text, "open, closed, reset, refused, timeout, unreachable, aborted, failed, evicted or lost"),
    opt("error", Text, "the error the application was given, by its name: ECONNREFUSED, ETIMEDOUT, …"),
    opt("closed_by", Text, "who sent the first FIN: local or peer"),
    opt("reset_by", Text, "who sent a reset: local or peer"),
    opt("reset_reason", Text, "why this host sent it, by the kernel's name; null before Linux 6.10"),
    opt("duration_us", U64, "from opening to the end, or to the record; null when it began before the rig"),
    opt(
        "connect_us",
        U64,
        "client: from connect() to the handshake's end, repeated SYNs included; server: the handshake's round trip, SYN-ACK to ACK",
    ),
    req("syn_sent_us", U64, "time in SYN_SENT"),
    req("syn_recv_us", U64, "time in SYN_RECV, once the socket existed"),
    req("established_us", U64, "time in ESTABLISHED"),
    req("fin_wait1_us", U64, "time in FIN_WAIT1"),
    req("fin_wait2_us", U64, "time in FIN_WAIT2"),
    req("close_wait_us", U64, "time in CLOSE_WAIT: the peer was done, the application was not"),
    req("closing_us", U64, "time in CLOSING"),
    req("last_ack_us", U64, "time in LAST_ACK"),
    req("rtt_samples", U64, "round trips measured, all kinds"),
    opt("rtt_us_min", U32, "shortest round trip measured"),
    opt("rtt_us_mean", U32, "mean of all round trips measured"),
    opt("rtt_us_max", U32, "longest round trip measured"),
    req("rtt_pure_samples", U64, "of these, acknowledged without data: the wire, without the peer's application"),
    opt("rtt_pure_us_min", U32, "shortest of those"),
    opt("rtt_pure_us_mean", U32, "mean of those"),
    opt("srtt_us", U32, "the kernel's smoothed round trip"),
    opt("rttvar_us", U32, "its variation"),
    opt("kernel_rtt_us_min", U32, "the kernel's own windowed minimum"),
    opt("cwnd_segments", U32, "congestion window"),
    opt("mss_bytes", U32, "largest segment this side sends"),
    req("bytes_sent", U64, "payload octets sent, each counted once"),
    req("bytes_received", U64, "payload octets received in order"),
    req("segments_sent", U64, "segments sent, pure acknowledgements and retransmits included"),
    req("segments_received", U64, "segments received"),
    req("retransmits", U64, "segments sent again, whatever the cause"),
    req("retransmits_timeout", U64, "… after a retransmission timeout"),
    req("retransmits_fast", U64, "… in fast recovery"),
    req("retransmits_tlp", U64, "… as a tail-loss probe"),
    req("retransmits_syn", U64, "… SYN"),
    req("retransmits_syn_ack", U64, "… SYN-ACK, before the socket existed"),
    req("retransmits_spurious", U64, "retransmits the peer said it did not need (DSACK)"),
    req("out_of_order", U64, "segments received out of order"),
    req(
        "zero_windows_local",
        U64,
        "times this side was found to have told the peer to stop sending; all of them with [tcp] reads",
    ),
    req("zero_windows_peer", U64, "times the peer told this side to stop sending"),
    opt("ecn", Bool, "whether explicit congestion notification was agreed on"),
    req("ce_marks", U64, "sent segments that the network marked as having met congestion"),
    req("busy_us", U64, "time with data to send or in flight"),
    req("limited_receiver_us", U64, "of it, held up by the peer's receive window"),
    req("limited_send_buffer_us", U64, "of it, held up by this side's send buffer"),
    req("limited_network_us", U64, "of it, the rest: congestion window, round trip, or simply sending"),
    req("older_than_rig", Bool, "true when it was already open when the rig came to know of it"),
    req("sampling_rate", U32, "1 in this many connections is told"),
    opt("process", Text, "name of the process that uses the socket"),
    opt("pid", U32, "its id, in the host's numbering"),
    opt("cgroup", Text, "its control group"),
    opt("container", Text, "its container, or systemd unit"),
    opt("src_name", Text, "name of the initiator"),
    opt("dst_name", Text, "name of the responder"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_list_of_connections_is_the_struct_in_order() {
        let required: serde_json::Map<_, _> = CONNECTION_COLUMNS
            .iter()
            .filter(|c| !c.nullable)
            .map(|c| {
                let value = match (c.name, c.kind) {
                    ("state", _) => "close".into(),
                    ("end_reason", _) => "closed".into(),
                    (_, TimestampNs) => "2023-11-14T22:13:20Z".into(),
                    (_, Bool) => false.into(),
                    _ => 0.into(),
                };
                (c.name.to_owned(), value)
            })
            .collect();
        let record: ConnectionRecord = serde_json::from_value(required.into()).expect("required columns are enough");
        let text = serde_json::to_string(&record).expect("serialise");
        let mut from = 0;
        for column in CONNECTION_COLUMNS {
            let key = format!("\"{}\":", column.name);
            let at = text[from..].find(&key).unwrap_or_else(|| panic!("{key} is missing, or not in its place"));
            from += at + key.len();
        }
        let fields = serde_json::to_value(&record).expect("serialise").as_object().map(serde_json::Map::len);
        assert_eq!(fields, Some(CONNECTION_COLUMNS.len()));
    }

    #[test]
    fn words_are_read_back() {
        for end in ConnectionEnd::ALL {
            assert_eq!(ConnectionEnd::from_word(end.as_str()), Some(*end));
        }
        assert_eq!(Role::from_word("bystander"), None);
    }
}
