//! Where a connection lost time, as far as TCP can name it.

use super::failure::{plural, syns, was_established};
use crate::units::{count, microseconds};
use netrig_model::{ConnectionEnd, ConnectionRecord, Role, TcpState};

/// A mean round trip this much above the shortest is a queue. Less can be the peer's habit of delaying acknowledgements (40 ms
/// on Linux), which every exchange of short messages shows.
const QUEUE_US_MIN: u64 = 50_000;
/// As many pure round trips say more than the mean of all, which has the peer's application in it.
const PURE_SAMPLES_MIN: u64 = 4;
/// Linux waits at least this much longer than the round trip before a timeout (TCP_RTO_MIN).
const TIMEOUT_US_MIN: u64 = 200_000;
/// The congestion window to begin with, where the record has none.
const CWND_SEGMENTS: u64 = 10;

/// What a connection lost time to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The handshake, beyond a round trip.
    Handshake,
    /// Round trips longer than the shortest: queues on the way.
    RoundTrip,
    /// The peer's receive window.
    PeerWindow,
    /// This side's send buffer.
    SendBuffer,
    /// Segments sent again.
    Resent,
    /// This side's application, which had not closed when the peer had.
    CloseWait,
    /// This side's receive window: the application did not read.
    OwnWindow,
}

impl Cause {
    const ALL: [Self; 7] = [
        Self::Handshake,
        Self::PeerWindow,
        Self::SendBuffer,
        Self::Resent,
        Self::RoundTrip,
        Self::CloseWait,
        Self::OwnWindow,
    ];
}

/// Time lost, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The cause that took most.
    pub cause: Cause,
    /// How much that was, microseconds. Where the kernel does not measure it (timeouts, windows of this side) it is the least that it
    /// can have been.
    pub us: u64,
}

/// What the connection lost most time to; none where nothing nameable took any. Causes overlap, so they are compared and not
/// summed.
#[must_use]
pub fn lost(r: &ConnectionRecord) -> Option<Lost> {
    let all = Cause::ALL.into_iter().map(|cause| Lost { cause, us: lost_to(r, cause) });
    // Of equals the first named: `max_by_key` would take the last.
    all.rev().max_by_key(|lost| lost.us).filter(|lost| lost.us > 0)
}

/// Microseconds lost to one cause.
fn lost_to(r: &ConnectionRecord, cause: Cause) -> u64 {
    match cause {
        Cause::Handshake => handshake_us(r),
        Cause::RoundTrip => queue(r).map_or(0, |queue| queue.us),
        Cause::PeerWindow => r.limited_receiver_us,
        Cause::SendBuffer => r.limited_send_buffer_us,
        Cause::Resent => resent_us(r),
        Cause::CloseWait => r.close_wait_us,
        // While it was closed the peer could not send for a round trip at least, once it had opened again.
        Cause::OwnWindow => r.zero_windows_local.saturating_mul(u64::from(r.srtt_us.unwrap_or(0))),
    }
}

/// The cause with its numbers, in a sentence.
#[must_use]
pub fn sentence(r: &ConnectionRecord, lost: Lost) -> String {
    match lost.cause {
        Cause::Handshake => handshake(r),
        Cause::RoundTrip => {
            let (mean_us, min_us) = queue(r).map_or((0, 0), |q| (q.mean_us, q.min_us));
            format!("round trip {}, {} at best", microseconds(mean_us), microseconds(min_us))
        }
        Cause::PeerWindow => {
            let closed = match r.zero_windows_peer {
                0 => String::new(),
                n => format!(" (closed {})", times(n)),
            };
            format!("peer's receive window held it up {}{closed}", share(lost.us, r.busy_us))
        }
        Cause::SendBuffer => format!("own send buffer was full {}", share(lost.us, r.busy_us)),
        Cause::Resent => resent(r, lost.us),
        Cause::CloseWait if r.end_reason == ConnectionEnd::Open && r.state == TcpState::CloseWait => {
            format!("application has left it in CLOSE_WAIT for {}", microseconds(lost.us))
        }
        Cause::CloseWait => format!("application closed {} after the peer (CLOSE_WAIT)", microseconds(lost.us)),
        Cause::OwnWindow => own_window(r),
    }
}

/// What is worth a word of a connection that neither failed nor lost much time; empty for most.
pub(super) fn remark(r: &ConnectionRecord) -> String {
    let resent = data_resent(r);
    match r.end_reason {
        ConnectionEnd::Evicted => "goes on untold: its place in the table was needed".to_owned(),
        ConnectionEnd::Lost => "its end was not seen".to_owned(),
        _ if r.retransmits_timeout > 0 || resent > 0 && resent.saturating_mul(100) >= r.segments_sent => resent_text(r),
        _ if r.zero_windows_local > 0 => own_window(r),
        _ => String::new(),
    }
}

fn shortest_us(r: &ConnectionRecord) -> u64 {
    [r.rtt_us_min, r.rtt_pure_us_min, r.kernel_rtt_us_min].into_iter().flatten().min().map_or(0, u64::from)
}

fn handshake_us(r: &ConnectionRecord) -> u64 {
    match r.connect_us {
        // One round trip is what every handshake takes.
        Some(us) => us.saturating_sub(shortest_us(r)),
        None if was_established(r) => 0,
        None => r.syn_sent_us.max(r.syn_recv_us),
    }
}

fn handshake(r: &ConnectionRecord) -> String {
    let Some(took_us) = r.connect_us else {
        let waited = microseconds(handshake_us(r));
        return match r.role {
            Some(Role::Server) => format!("handshake not complete for {waited}"),
            _ => format!("no answer to {} for {waited}", syns(r)),
        };
    };
    let took = format!("handshake took {}", microseconds(took_us));
    let (syns, syn_acks) = (r.retransmits_syn, r.retransmits_syn_ack);
    match (syns, syn_acks, shortest_us(r)) {
        (1.., _, _) => format!("{took}: {} sent again", plural(syns, "SYN")),
        (0, 1.., _) => format!("{took}: {} sent again", plural(syn_acks, "SYN-ACK")),
        (0, 0, 0) => took,
        (0, 0, shortest) => format!("{took}, a round trip {}", microseconds(shortest)),
    }
}

struct Queue {
    mean_us: u64,
    min_us: u64,
    us: u64,
}

/// Round trips that took much longer than the shortest, and what that came to.
fn queue(r: &ConnectionRecord) -> Option<Queue> {
    let pure = r.rtt_pure_samples >= PURE_SAMPLES_MIN && r.rtt_pure_us_mean.is_some();
    let (samples, mean) = if pure { (r.rtt_pure_samples, r.rtt_pure_us_mean) } else { (r.rtt_samples, r.rtt_us_mean) };
    let (mean_us, min_us) = (u64::from(mean?), shortest_us(r));
    let excess_us = mean_us.checked_sub(min_us)?;
    if excess_us < QUEUE_US_MIN || mean_us < 2 * min_us || samples < 2 {
        return None;
    }
    // Many round trips are under way at once when much is sent: no more of them follow each other than fit in the time.
    let in_turn = (r.busy_us / mean_us).clamp(1, samples);
    Some(Queue { mean_us, min_us, us: excess_us.saturating_mul(in_turn) })
}

/// Segments with data that were sent again: SYNs are the handshake's.
fn data_resent(r: &ConnectionRecord) -> u64 {
    r.retransmits_timeout.saturating_add(r.retransmits_fast).saturating_add(r.retransmits_tlp)
}

/// The least that sending again can have cost: as few rounds as the congestion window allows, a timeout's wait for each
/// round of timeouts and a round trip for every other.
fn resent_us(r: &ConnectionRecord) -> u64 {
    let window = r.cwnd_segments.map_or(CWND_SEGMENTS, u64::from).max(1);
    let trip_us = u64::from(r.srtt_us.unwrap_or(0));
    let timeouts = r.retransmits_timeout.div_ceil(window).saturating_mul(trip_us + TIMEOUT_US_MIN);
    let others = r.retransmits_fast.div_ceil(window).saturating_add(r.retransmits_tlp);
    timeouts.saturating_add(others.saturating_mul(trip_us))
}

fn resent(r: &ConnectionRecord, lost_us: u64) -> String {
    format!("{}: at least {}", resent_text(r), microseconds(lost_us))
}

fn resent_text(r: &ConnectionRecord) -> String {
    let all = data_resent(r);
    let segments = plural(all, "segment");
    match r.retransmits_timeout {
        0 => {
            let percent = percent(all, r.segments_sent).map(|p| format!(" ({p})")).unwrap_or_default();
            format!("{segments} sent again{percent}")
        }
        timeouts if timeouts == all => format!("{segments} sent again by timeout"),
        timeouts => format!("{segments} sent again, {} by timeout", count(timeouts)),
    }
}

fn own_window(r: &ConnectionRecord) -> String {
    format!("application read too slowly: window closed {}", times(r.zero_windows_local))
}

fn times(n: u64) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{} times", count(n)),
    }
}

/// `78 % of 4.20 s`; without a whole, `for 3.28 s`.
fn share(part_us: u64, whole_us: u64) -> String {
    match percent(part_us, whole_us) {
        Some(percent) if part_us <= whole_us => format!("{percent} of {}", microseconds(whole_us)),
        _ => format!("for {}", microseconds(part_us)),
    }
}

fn percent(part: u64, whole: u64) -> Option<String> {
    let percent = (whole > 0).then(|| part as f64 * 100.0 / whole as f64)?;
    Some(if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") })
}
