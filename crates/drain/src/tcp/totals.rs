//! The probe's totals, summed over CPUs.

use netrig_probes::tcp::TcpMemory;
use netrig_probes::wire::{tcp_ends, tcp_totals};
use std::mem::offset_of;

const WORDS: usize = size_of::<tcp_totals>() / 8;

/// Counts since the start, of all connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Opened: by clients, by servers.
    pub opened: [u64; 2],
    /// Established, likewise.
    pub established: [u64; 2],
    /// That found no place.
    pub untracked: u64,
    /// That ended without having had one.
    pub unknown_ends: u64,
    /// Resets received.
    pub resets_received: u64,
    /// Sockets other than TCP's whose owner could not be remembered.
    pub others_untracked: u64,
    /// By cause: timeout, fast, tail-loss probe, SYN, SYN-ACK, other.
    pub retransmits: [u64; 6],
    /// By the kernel's number for the reason; only those that occurred.
    pub resets_sent: Vec<(usize, u64)>,
    /// By errno; only those that occurred.
    pub errors: Vec<(usize, u64)>,
    /// Connections found open.
    pub adopted: u64,
    /// Older sockets for which the kernel did not switch on the callback for round trips.
    pub rtt_refused: u64,
}

/// Reads the totals.
#[must_use]
pub fn totals(memory: &TcpMemory) -> Totals {
    let sum = |offset: usize| -> u64 {
        (0..memory.sizes.cpus as usize).map(|cpu| memory.totals.load(cpu * WORDS + offset / 8)).sum()
    };
    let some = |offset: usize, end: usize| -> Vec<(usize, u64)> {
        let each = (0..(end - offset) / 8).map(|i| (i, sum(offset + 8 * i)));
        each.filter(|(_, count)| *count > 0).collect()
    };
    let two = |offset: usize| [sum(offset), sum(offset + 8)];
    let end = |offset: usize| memory.ends.load(offset / 8);
    Totals {
        opened: two(offset_of!(tcp_totals, opened)),
        established: two(offset_of!(tcp_totals, established)),
        untracked: sum(offset_of!(tcp_totals, untracked)),
        unknown_ends: sum(offset_of!(tcp_totals, unknown_ends)),
        resets_received: sum(offset_of!(tcp_totals, resets_received)),
        others_untracked: sum(offset_of!(tcp_totals, others_untracked)),
        retransmits: std::array::from_fn(|i| sum(offset_of!(tcp_totals, retransmits) + 8 * i)),
        resets_sent: some(offset_of!(tcp_totals, resets_sent), offset_of!(tcp_totals, errors)),
        errors: some(offset_of!(tcp_totals, errors), size_of::<tcp_totals>()),
        adopted: end(offset_of!(tcp_ends, adopted)),
        rtt_refused: end(offset_of!(tcp_ends, rtt_refused)),
    }
}
