//! Words of shared memory become a socket's reading. Layout: `tcp/wire.h`.

use netrig_model::{KernelOwner, RoundTrips, SocketReading, SocketRole, TcpState, Timestamp};
use netrig_probes::TickClock;
use netrig_probes::wire::{tcp_owner, tcp_slot};
use std::mem::offset_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const WORDS: usize = size_of::<tcp_slot>() / 8;
const AF_INET6: u8 = 10;

/// `enum tcp_fact` of `tcp/wire.h`.
mod fact {
    pub(super) const ADOPTED: u16 = 1 << 1;
    pub(super) const ENDED: u16 = 1 << 2;
    pub(super) const LOCAL_FIRST: u16 = 1 << 3;
    pub(super) const PEER_FIRST: u16 = 1 << 4;
    pub(super) const RESET_SENT: u16 = 1 << 5;
    pub(super) const RESET_RECEIVED: u16 = 1 << 6;
    pub(super) const ECN: u16 = 1 << 7;
    pub(super) const NEVER_LEFT: u16 = 1 << 10;
}

/// A slot's bytes, read by the offsets of its struct.
struct Bytes<'a>(&'a [u64; WORDS]);

impl Bytes<'_> {
    fn u64(&self, offset: usize) -> u64 {
        self.0[offset / 8]
    }

    fn u32(&self, offset: usize) -> u32 {
        let bytes = self.0[offset / 8].to_ne_bytes();
        let at = offset % 8;
        u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    fn u16(&self, offset: usize) -> u16 {
        u16::from_ne_bytes([self.u8(offset), self.u8(offset + 1)])
    }

    fn u8(&self, offset: usize) -> u8 {
        self.0[offset / 8].to_ne_bytes()[offset % 8]
    }

    fn address(&self, offset: usize, ipv6: bool) -> IpAddr {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.u64(offset).to_ne_bytes());
        bytes[8..].copy_from_slice(&self.u64(offset + 8).to_ne_bytes());
        if ipv6 {
            // An IPv6 socket that talks IPv4 is told as what is on the wire.
            return Ipv6Addr::from(bytes).to_canonical();
        }
        Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]).into()
    }
}

fn role(number: u8) -> Option<SocketRole> {
    Some(match number {
        1 => SocketRole::Client,
        2 => SocketRole::Server,
        3 => SocketRole::Listener,
        _ => return None,
    })
}

/// The kernel's numbers (`include/net/tcp_states.h`).
fn state(number: u8) -> TcpState {
    match number {
        1 => TcpState::Established,
        2 => TcpState::SynSent,
        3 => TcpState::SynRecv,
        4 => TcpState::FinWait1,
        5 => TcpState::FinWait2,
        6 => TcpState::TimeWait,
        8 => TcpState::CloseWait,
        9 => TcpState::LastAck,
        10 => TcpState::Listen,
        11 => TcpState::Closing,
        _ => TcpState::Close,
    }
}

/// What a slot's first word says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// No socket has it.
    Free,
    /// A socket has it.
    Open,
    /// Its socket's connection has ended.
    Ended,
}

pub(super) fn standing(head: u64) -> Standing {
    let bytes = head.to_ne_bytes();
    let facts = u16::from_ne_bytes([bytes[4], bytes[5]]);
    match (bytes[6], facts & fact::ENDED) {
        (0, _) => Standing::Free,
        (_, 0) => Standing::Open,
        _ => Standing::Ended,
    }
}

macro_rules! at {
    ($($field:tt)+) => { offset_of!(tcp_slot, $($field)+) };
}

pub(super) fn decode(place: u32, words: &[u64; WORDS], clock: &TickClock) -> Option<SocketReading> {
    let b = Bytes(words);
    let role = role(b.u8(at!(role)))?;
    let facts = b.u16(at!(facts));
    let has = |fact: u16| facts & fact != 0;
    let ipv6 = b.u8(at!(family)) == AF_INET6;
    let time = |ns: u64| (ns != 0).then(|| clock.at_monotonic(ns));
    let ended = time(b.u64(at!(ended_ns)));
    let now = clock.now();
    let since = clock.at_monotonic(b.u64(at!(state_since_ns)));
    let tick = b.u32(at!(active_tick));
    let active = if tick == 0 { since } else { clock.timestamp(tick).max(since) };
    let us_per_tick = clock.ns_per_tick() / 1000;
    let connected = b.u64(at!(established_ns)) != 0;
    Some(SocketReading {
        place,
        id: b.u64(at!(id)),
        role,
        state: state(b.u8(at!(state))),
        netns: b.u32(at!(netns)),
        local: (b.address(at!(local_addr), ipv6), b.u16(at!(local_port))),
        peer: (b.address(at!(peer_addr), ipv6), u16::from_be(b.u16(at!(peer_port)))),
        owner: owner(&b),
        adopted: has(fact::ADOPTED),
        opened: time(b.u64(at!(opened_ns))),
        established: time(b.u64(at!(established_ns))),
        ended,
        active: ended.unwrap_or(active),
        read: now,
        state_us: state_us(&b, ended.is_none().then_some((since, now))),
        connect_us: connected.then(|| b.u32(at!(connect_us))),
        errno: b.u16(at!(error)),
        never_left: has(fact::NEVER_LEFT),
        reset_sent: has(fact::RESET_SENT).then(|| b.u8(at!(reset_reason))),
        reset_received: has(fact::RESET_RECEIVED),
        closed_first: (has(fact::LOCAL_FIRST), has(fact::PEER_FIRST)),
        ecn: has(fact::ECN),
        rtt: RoundTrips {
            samples: b.u32(at!(rtt_samples)),
            sum_us: b.u64(at!(rtt_us_sum)),
            min_us: b.u32(at!(rtt_us_min)),
            max_us: b.u32(at!(rtt_us_max)),
        },
        rtt_pure: RoundTrips {
            samples: b.u32(at!(rtt_pure_samples)),
            sum_us: b.u64(at!(rtt_pure_us_sum)),
            min_us: b.u32(at!(rtt_pure_us_min)),
            max_us: 0,
        },
        srtt_us: b.u32(at!(srtt_us)) >> 3,
        rttvar_us: b.u32(at!(mdev_us)) >> 2,
        kernel_rtt_min_us: b.u32(at!(min_rtt_us)),
        cwnd: b.u32(at!(cwnd)),
        mss: b.u32(at!(mss)),
        bytes_sent: b.u64(at!(bytes_sent)),
        bytes_received: b.u64(at!(bytes_received)),
        segments_sent: b.u32(at!(segs_out)),
        segments_received: b.u32(at!(segs_in)),
        retransmits: b.u32(at!(total_retrans)),
        retransmits_by_cause: std::array::from_fn(|i| b.u32(at!(retransmits) + 4 * i)),
        spurious: b.u32(at!(dsack_dups)),
        out_of_order: b.u32(at!(out_of_order)),
        ce_marks: b.u32(at!(delivered_ce)),
        zero_windows_peer: b.u32(at!(zero_windows_peer)),
        zero_windows_local: b.u32(at!(zero_windows_own)),
        busy_us: std::array::from_fn(|i| u64::from(b.u32(at!(chrono) + 4 * i)) * us_per_tick),
        walk: b.u32(at!(walk)),
        queue: [b.u32(at!(accept_queue)), b.u32(at!(accept_queue_max)), b.u32(at!(syn_queue)), b.u32(at!(drops))],
    })
}

fn owner(b: &Bytes<'_>) -> KernelOwner {
    let first = at!(owner);
    let name = first + offset_of!(tcp_owner, process);
    KernelOwner {
        pid: b.u32(first + offset_of!(tcp_owner, pid)),
        process: std::array::from_fn(|i| b.u8(name + i)),
        cgroup: b.u64(first + offset_of!(tcp_owner, cgroup)),
    }
}

/// Time in each state; the present one goes on until now.
fn state_us(b: &Bytes<'_>, present: Option<(Timestamp, Timestamp)>) -> [u64; 16] {
    let mut spent: [u64; 16] = std::array::from_fn(|i| b.u64(at!(state_ns) + 8 * i) / 1000);
    if let Some((since, now)) = present {
        let us = u64::try_from(now.0.saturating_sub(since.0) / 1000).unwrap_or(0);
        spent[usize::from(b.u8(at!(state)) & 15)] += us;
    }
    spent
}
