//! What went wrong with a connection that failed, in a sentence.

use crate::units::{bytes, microseconds};
use netrig_model::{ConnectionEnd, ConnectionRecord, Role, Side, TcpState};
use std::net::SocketAddr;

/// What went wrong and how long it took; none for a connection that did not fail.
#[must_use]
pub fn failure(r: &ConnectionRecord) -> Option<String> {
    match r.end_reason {
        ConnectionEnd::Refused => Some(refused(r)),
        ConnectionEnd::Timeout => Some(if was_established(r) { fell_silent(r) } else { never_answered(r) }),
        ConnectionEnd::Unreachable => Some(unreachable(r)),
        ConnectionEnd::Reset => Some(reset(r)),
        ConnectionEnd::Aborted => Some(given_up(r)),
        ConnectionEnd::Failed => Some(failed(r)),
        ConnectionEnd::Open | ConnectionEnd::Closed | ConnectionEnd::Evicted | ConnectionEnd::Lost => None,
    }
}

/// Whether the handshake was ever complete, as far as the record tells.
pub(super) fn was_established(r: &ConnectionRecord) -> bool {
    match r.state {
        TcpState::SynSent | TcpState::SynRecv => false,
        TcpState::Close | TcpState::Listen => r.established.is_some() || r.established_us > 0,
        _ => true,
    }
}

/// SYNs that were sent, as the client.
pub(super) fn syns(r: &ConnectionRecord) -> String {
    plural(r.retransmits_syn.saturating_add(1), "SYN")
}

/// `1 segment`, `2 segments`.
pub(super) fn plural(n: u64, thing: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} {thing}{s}", crate::units::count(n))
}

fn refused(r: &ConnectionRecord) -> String {
    let peer = match (r.role, (r.src_addr, r.src_port), (r.dst_addr, r.dst_port)) {
        (Some(Role::Server), (Some(ip), Some(port)), _) | (_, _, (Some(ip), Some(port))) => {
            SocketAddr::new(ip, port).to_string()
        }
        _ => "the peer".to_owned(),
    };
    let again = if r.retransmits_syn > 0 { format!(" and {}", syns(r)) } else { String::new() };
    format!("refused by {peer}{}{again}", after(r))
}

fn never_answered(r: &ConnectionRecord) -> String {
    let asked =
        if r.role == Some(Role::Server) { plural(r.retransmits_syn_ack.saturating_add(1), "SYN-ACK") } else { syns(r) };
    let within = time_taken_us(r).map(|us| format!(" in {}", microseconds(us))).unwrap_or_default();
    format!("no answer to {asked}{within}")
}

fn fell_silent(r: &ConnectionRecord) -> String {
    let after = after(r);
    match r.state {
        TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck => {
            format!("the peer never acknowledged the end (FIN){after}")
        }
        _ if r.retransmits_timeout > 0 => {
            format!(
                "the peer stopped answering{after}: {} sent again by timeout",
                plural(r.retransmits_timeout, "segment")
            )
        }
        _ if r.zero_windows_peer > 0 => format!("the peer stopped answering{after}, its receive window closed"),
        _ => format!("the peer stopped answering{after}: keepalive or user timeout"),
    }
}

fn unreachable(r: &ConnectionRecord) -> String {
    let what = match r.error.as_deref() {
        Some("EHOSTUNREACH" | "EHOSTDOWN" | "ENONET") => "host unreachable",
        Some("ENETUNREACH" | "ENETDOWN") => "network unreachable",
        Some("ENOPROTOOPT" | "EOPNOTSUPP") => "protocol unreachable",
        _ => "unreachable",
    };
    format!("{what}{}{}", after(r), in_brackets(r.error.as_deref()))
}

fn reset(r: &ConnectionRecord) -> String {
    let after = after(r);
    match (r.reset_by, r.reset_reason.as_deref()) {
        (Some(Side::Peer), _) => format!("reset by the peer{after}{}{}", while_closing(r), exchanged(r)),
        (Some(Side::Local), Some(reason)) => {
            let reason = reason.strip_prefix("SK_RST_REASON_").unwrap_or(reason);
            match reset_reason(&reason.to_ascii_uppercase()) {
                Some(meaning) => format!("this host reset it: {meaning} ({reason}){after}"),
                None => format!("this host reset it ({reason}){after}"),
            }
        }
        (Some(Side::Local), None) => {
            format!("this host reset it{after}{}{}", while_closing(r), in_brackets(r.error.as_deref()))
        }
        (None, _) => format!("reset{after}, by which side is not known{}", in_brackets(r.error.as_deref())),
    }
}

/// What the kernel's names of reasons mean to whoever wrote the application (include/net/rstreason.h).
fn reset_reason(name: &str) -> Option<&'static str> {
    Some(match name {
        "TCP_ABORT_ON_CLOSE" => "application closed with unread data",
        "TCP_ABORT_ON_DATA" => "data came after the application had closed",
        "TCP_ABORT_ON_LINGER" => "application closed without lingering (SO_LINGER)",
        "TCP_ABORT_ON_MEMORY" => "too little memory, or too many orphans",
        "TCP_KEEPALIVE_TIMEOUT" => "keepalive probes were not answered",
        "TCP_DISCONNECT_WITH_DATA" => "application disconnected with unsent data",
        "TCP_STATE" => "application aborted it",
        "TCP_TIMEWAIT_SOCKET" => "it was in TIME_WAIT",
        "NO_SOCKET" => "no socket for what came",
        "INVALID_SYN" => "a SYN came in the middle",
        "TCP_RFC7323_PAWS" | "TCP_RFC7323_TSECR" => "timestamps did not fit",
        "TCP_INVALID_ACK_SEQUENCE" | "TCP_TOO_OLD_ACK" | "TCP_ACK_UNSENT_DATA" | "TCP_OLD_ACK" => {
            "an acknowledgement did not fit"
        }
        "TCP_FLAGS" | "TCP_INVALID_SEQUENCE" | "TCP_OFOMERGE" | "TCP_OVERWINDOW" => "a segment did not fit",
        _ => return None,
    })
}

fn given_up(r: &ConnectionRecord) -> String {
    let after = after(r);
    match r.role {
        Some(Role::Server) => format!("given up{after} before the handshake was complete"),
        _ if was_established(r) => format!("given up{after}{}", in_brackets(r.error.as_deref())),
        _ => format!("application gave up{after}, {} unanswered", syns(r)),
    }
}

fn failed(r: &ConnectionRecord) -> String {
    let after = after(r);
    let Some(error) = r.error.as_deref() else {
        return if never_left(r) {
            "failed before a SYN was sent: no route, no address, or a rule of this host".to_owned()
        } else {
            format!("failed{after}, with what error is not known")
        };
    };
    let meaning = match error {
        "EPERM" | "EACCES" => "forbidden on this host, by firewall or policy",
        "EADDRNOTAVAIL" => "no local address or port is free",
        "EADDRINUSE" => "the address is in use",
        "ENOMEM" | "ENOBUFS" => "out of memory",
        "EPROTO" => "protocol error",
        "EMSGSIZE" => "the path takes smaller packets only",
        "EPIPE" => "written to after its end",
        "ECONNABORTED" => "aborted",
        "ENODEV" | "ENETDOWN" => "the interface is down or gone",
        _ => return format!("failed{after} ({error})"),
    };
    format!("failed{after}: {meaning} ({error})")
}

/// How long it lived; none when it began before the rig.
fn time_taken_us(r: &ConnectionRecord) -> Option<u64> {
    let connecting_us = r.syn_sent_us.saturating_add(r.syn_recv_us);
    r.duration_us.or((!was_established(r) && connecting_us > 0).then_some(connecting_us))
}

/// Whether connect() failed in the same instant, with nothing sent.
fn never_left(r: &ConnectionRecord) -> bool {
    r.state == TcpState::Close && r.segments_sent == 0 && r.duration_us == Some(0)
}

fn after(r: &ConnectionRecord) -> String {
    if never_left(r) {
        return " at once".to_owned();
    }
    time_taken_us(r).map(|us| format!(" after {}", microseconds(us))).unwrap_or_default()
}

fn while_closing(r: &ConnectionRecord) -> &'static str {
    use TcpState::{CloseWait, Closing, FinWait1, FinWait2, LastAck, TimeWait};
    match r.state {
        FinWait1 | FinWait2 | Closing | LastAck | TimeWait => " while closing",
        CloseWait => ", having closed",
        _ => "",
    }
}

fn exchanged(r: &ConnectionRecord) -> String {
    match (r.bytes_sent, r.bytes_received) {
        (0, 0) => ", no data exchanged".to_owned(),
        (sent, 0) => format!(", {} sent, nothing received", bytes(sent)),
        (0, received) => format!(", nothing sent, {} received", bytes(received)),
        (sent, received) => format!(", {} sent, {} received", bytes(sent), bytes(received)),
    }
}

fn in_brackets(error: Option<&str>) -> String {
    error.map(|e| format!(" ({e})")).unwrap_or_default()
}
