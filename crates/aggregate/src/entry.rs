//! What is remembered of a flow: both sides, in 120 bytes with its key.

use crate::key::{PairKey, Side, icmp_is_query};
use netrig_model::{Direction, EndReason, FlowDelta, TrafficCounts};

const TCP: u8 = 6;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
/// Beside the six bits of a DSCP: this side was seen to send a SYN without ACK.
const OPENED: u8 = 0x80;
/// `first_seen` of a side that has not been seen; later than any other.
const NEVER: i64 = i64::MAX;

/// Where a flow is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// The slot holds no flow.
    Free,
    /// It goes on.
    Live,
    /// Its end (FIN, RST) was told; it is kept for stragglers until a window passes without any.
    Ended,
}

/// One flow, both sides; what is counted belongs to the open window, what is known to the flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) key: PairKey,
    /// Traffic each side sent in the open window.
    pub(crate) sent: [TrafficCounts; 2],
    first_seen_ns: [i64; 2],
    pub(crate) last_seen_ns: i64,
    flags: [u8; 2],
    /// DSCP of each side's first packet, and [`OPENED`].
    dscp_and_opened: [u8; 2],
    /// The direction each side's packets go, once one was seen.
    bound: [Option<Direction>; 2],
    /// Whether side 1 initiated, once a record said so.
    told_initiator: Option<bool>,
    pub(crate) life: Life,
    /// The process whose socket sent a packet; 0: unknown.
    pid: u32,
    /// Of the open window: the largest of those it was counted at.
    pub(crate) sampling_rate: u32,
}

impl Entry {
    pub(crate) fn new(key: PairKey) -> Self {
        Self {
            key,
            sent: [TrafficCounts::default(); 2],
            first_seen_ns: [NEVER; 2],
            last_seen_ns: i64::MIN,
            flags: [0; 2],
            dscp_and_opened: [0; 2],
            bound: [None; 2],
            told_initiator: None,
            life: Life::Live,
            pid: 0,
            sampling_rate: 1,
        }
    }

    /// Whether packets of this side in this direction belong here.
    pub(crate) fn takes(&self, side: Side, direction: Direction) -> bool {
        self.bound[side].is_none_or(|bound| bound == direction)
    }

    /// Whether packets of this side in this direction were seen here before.
    pub(crate) fn has(&self, side: Side, direction: Direction) -> bool {
        self.bound[side] == Some(direction)
    }

    /// Adds a delta that was counted at this rate; [`Self::takes`] has said yes.
    pub(crate) fn add(&mut self, side: Side, delta: &FlowDelta, sampling_rate: u32) {
        self.sampling_rate = self.sampling_rate.max(sampling_rate);
        let sent = &mut self.sent[side];
        sent.packets += delta.packets;
        sent.bytes += delta.bytes;
        if delta.first_seen.0 < self.first_seen_ns[side] {
            self.first_seen_ns[side] = delta.first_seen.0;
            self.dscp_and_opened[side] = (self.dscp_and_opened[side] & OPENED) | delta.dscp;
        }
        if delta.first_flags & (SYN | ACK) == SYN {
            self.dscp_and_opened[side] |= OPENED;
        }
        self.last_seen_ns = self.last_seen_ns.max(delta.last_seen.0);
        self.flags[side] |= delta.tcp_flags;
        self.pid = delta.pid.unwrap_or(self.pid);
        self.bound[side] = Some(delta.key.direction);
    }

    /// A window ends there. What was seen later than that by more than the idle timeout was seen before the clock was set back: for what
    /// follows, that was by now, or the flow would be no sooner idle than time is as late again.
    pub(crate) fn follow_clock(&mut self, end_ns: i64, idle_timeout_ns: i64) {
        if self.last_seen_ns.saturating_sub(idle_timeout_ns) > end_ns {
            self.last_seen_ns = end_ns;
        }
    }

    /// What was counted has been told.
    pub(crate) fn begin_window(&mut self) {
        self.sent = Default::default();
        self.sampling_rate = 1;
    }

    /// Whether there is anything to tell of the open window.
    pub(crate) fn has_traffic(&self) -> bool {
        // Packets alone would do; bytes without packets would be a bug elsewhere, and must not vanish.
        (self.sent[0].packets | self.sent[1].packets | self.sent[0].bytes | self.sent[1].bytes) != 0
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        (self.pid != 0).then_some(self.pid)
    }

    pub(crate) fn direction(&self, side: Side) -> Option<Direction> {
        self.bound[side]
    }

    pub(crate) fn first_seen_ns(&self) -> i64 {
        self.first_seen_ns[0].min(self.first_seen_ns[1])
    }

    /// DSCP of the first packet; of the initiator's when both sides began in the same instant.
    pub(crate) fn dscp(&self, initiator: Side) -> u8 {
        let other = 1 - initiator;
        let first = if self.first_seen_ns[other] < self.first_seen_ns[initiator] { other } else { initiator };
        self.dscp_and_opened[first] & !OPENED
    }

    /// TCP flags a side has sent; `None` when this is not TCP, a later fragment, or cut before its ports.
    pub(crate) fn tcp_flags(&self, side: Side) -> Option<u8> {
        (self.key.protocol() == TCP && self.key.kind().has_transport()).then_some(self.flags[side])
    }

    /// Who initiated, as it was told or as it stands.
    pub(crate) fn initiator(&self) -> Side {
        self.told_initiator.map_or_else(|| self.judge_initiator(), usize::from)
    }

    /// Fixes the initiator: a record says it.
    pub(crate) fn tell_initiator(&mut self) {
        self.told_initiator = Some(self.initiator() == 1);
    }

    fn judge_initiator(&self) -> Side {
        let asks = [self.asks(0), self.asks(1)];
        match (asks, self.first_seen_ns) {
            ([true, false], _) => 0,
            ([false, true], _) => 1,
            (_, [low, high]) if low != high => usize::from(high < low),
            // The same tick: a client's port is the ephemeral one, a server's the low one.
            _ => usize::from(self.key.raw_port(1) > self.key.raw_port(0)),
        }
    }

    /// Whether what this side sent shows by itself that it initiated: a SYN without ACK, or an ICMP query.
    fn asks(&self, side: Side) -> bool {
        if self.first_seen_ns[side] == NEVER {
            return false;
        }
        match self.key.icmp(side) {
            Some((icmp_type, _)) => icmp_is_query(self.key.protocol(), icmp_type),
            None => self.key.protocol() == TCP && self.dscp_and_opened[side] & OPENED != 0,
        }
    }

    /// Why a record that closes at `end_ns` ends.
    pub(crate) fn end_reason(&self, end_ns: i64, idle_timeout_ns: i64, last: bool) -> EndReason {
        let is_tcp = self.key.protocol() == TCP;
        if is_tcp && self.flags[0] & self.flags[1] & FIN != 0 {
            EndReason::Fin
        } else if is_tcp && (self.flags[0] | self.flags[1]) & RST != 0 {
            EndReason::Rst
        } else if self.is_idle(end_ns, idle_timeout_ns) {
            EndReason::Idle
        } else if last {
            EndReason::Forced
        } else {
            EndReason::Active
        }
    }

    /// Whether the flow has been silent for the idle timeout at `end_ns`.
    pub(crate) fn is_idle(&self, end_ns: i64, idle_timeout_ns: i64) -> bool {
        end_ns.saturating_sub(self.last_seen_ns) >= idle_timeout_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_with_its_key_is_120_bytes() {
        assert_eq!(size_of::<Entry>(), 120);
    }
}
