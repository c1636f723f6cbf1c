//! The ledger: what was seen = what is told + what was lost, by reason; and the kernel's own counters beside it.
//!
//! Everything is kept cumulative since attachment and a window's row is a difference of two readings, so what was still
//! on its way at one reading is in the next and never adds up.
//!
//! # Against the kernel's counters
//! Hardware counts packets as on the wire (`seen`), software devices in the stack's units (`frames`), and receive
//! offload can lie between the kernel's counter and the hook. So of the kernel's gain K:
//! - ingress, K > seen: packets that no hook saw. What a policy removed at XDP, before the hook, and what the kernel's drop
//!   counter explains is taken off; the rest is `unaccounted`. K < frames: drivers that publish their counters late look like this, and it mends itself; it is told
//!   as 0, for no packet is missing.
//! - egress, K > seen: packets sent around the hook (`unaccounted`). K < frames: packets that passed the hook and have
//!   not left (`unsent`): queued, or dropped by the queue.
//!
//! # What a policy removed
//! Whether K has packets that XDP drops is the driver's choice. Measured on Linux 6.18: veth's K has each of them, in driver
//! mode and in generic mode, where the stack counts before XDP is asked (of octets, veth in driver mode leaves out the 14 of
//! the Ethernet header, so kernel and policy agree in packets only). Drivers that count in K only what they hand to the stack
//! have K = seen; then there is nothing to take off from, and `unaccounted` stays 0 instead of going below it. The price is
//! said here: with such a driver as many packets can be missed as a policy removed without this account seeing it.
//! What is sent to another CPU passes the hook there all the same, so it must not be in `policy`.
//!
//! Readings are not simultaneous. Read the kernel's counters before the tables (for `unaccounted`, where the kernel must
//! not be ahead) and again after (for `unsent`, where it must not be behind): then packets in flight never look lost.
//! Both are kept as the highest level since attachment, so they never go backwards and their rows add up to it.

use netrig_model::{Direction, InterfaceCounts, InterfaceId, KernelCounts, LedgerRecord, Timestamp, TrafficCounts};
use rustc_hash::FxHashMap;

/// One interface and direction at a window's close: everything cumulative since attachment.
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerInput {
    /// Which interface.
    pub iface: InterfaceId,
    /// Its name.
    pub name: Option<String>,
    /// Which way.
    pub direction: Direction,
    /// What the kernel programs counted.
    pub counts: InterfaceCounts,
    /// Told in records.
    pub told: TrafficCounts,
    /// Not IP.
    pub not_ip: TrafficCounts,
    /// Left out by sampling.
    pub sampled_out: TrafficCounts,
    /// What those that were taken stand for beyond themselves: in `told`, and not in what was seen.
    pub extrapolated: TrafficCounts,
    /// What a policy dropped, or sent out of another interface, before the hook; none where no policy is asked. Read after
    /// `kernel` was.
    pub policy: Option<TrafficCounts>,
    /// The kernel's own counters, read before the tables were.
    pub kernel: Option<KernelCounts>,
    /// The same, read after; where it is not, `kernel` serves for both.
    pub kernel_after: Option<KernelCounts>,
}

/// What is remembered of an account between windows.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    seen: TrafficCounts,
    told: TrafficCounts,
    overflow: TrafficCounts,
    not_ip: TrafficCounts,
    sampled_out: TrafficCounts,
    extrapolated: TrafficCounts,
    kernel: TrafficCounts,
    policy: TrafficCounts,
    unaccounted: u64,
    unsent: u64,
    imbalance: Worst,
}

/// Whoever looks now and then is to see it too.
const IMBALANCE_STAYS_NS: u64 = 60_000_000_000;

/// The imbalance that was furthest from 0 of late.
#[derive(Clone, Copy, Debug, Default)]
struct Worst {
    packets: i64,
    window_end: Timestamp,
}

impl Worst {
    fn after(self, packets: i64, window_end: Timestamp) -> Self {
        // A clock that was set back makes it leave early, not stay for ever.
        let is_old = self.window_end.0.abs_diff(window_end.0) >= IMBALANCE_STAYS_NS;
        if is_old || packets.unsigned_abs() >= self.packets.unsigned_abs() {
            Self { packets, window_end }
        } else {
            self
        }
    }
}

impl Account {
    /// The account after this reading.
    fn after(self, input: &LedgerInput) -> Self {
        let (unaccounted, unsent) = levels(input);
        Self {
            seen: input.counts.seen,
            told: input.told,
            overflow: input.counts.overflow,
            not_ip: input.not_ip,
            sampled_out: input.sampled_out,
            extrapolated: input.extrapolated,
            kernel: input.kernel.map_or(self.kernel, |k| k.traffic),
            policy: input.policy.unwrap_or(self.policy),
            unaccounted: self.unaccounted.max(unaccounted),
            unsent: self.unsent.max(unsent),
            imbalance: self.imbalance,
        }
    }
}

/// Packets unaccounted and unsent since attachment, as this one reading shows them.
fn levels(input: &LedgerInput) -> (u64, u64) {
    let Some(kernel) = input.kernel else { return (0, 0) };
    let after = input.kernel_after.unwrap_or(kernel);
    let missed = kernel.traffic.packets.saturating_sub(input.counts.seen.packets);
    let missed = missed.saturating_sub(input.policy.unwrap_or_default().packets);
    match input.direction {
        Direction::Ingress => (missed.saturating_sub(kernel.dropped), 0),
        Direction::Egress => (missed, input.counts.frames.packets.saturating_sub(after.traffic.packets)),
    }
}

/// The books of every interface and direction.
#[derive(Debug, Default)]
pub struct Ledger {
    host: Option<String>,
    accounts: FxHashMap<(InterfaceId, Direction), Account>,
}

impl Ledger {
    /// Empty books.
    #[must_use]
    pub fn new(host: Option<String>) -> Self {
        Self { host, accounts: FxHashMap::default() }
    }

    /// Closes a window: a row for each input, in their order.
    pub fn close_window(&mut self, window: (Timestamp, Timestamp), inputs: &[LedgerInput]) -> Vec<LedgerRecord> {
        inputs.iter().map(|input| self.row(window, input)).collect()
    }

    fn row(&mut self, window: (Timestamp, Timestamp), input: &LedgerInput) -> LedgerRecord {
        let account = self.accounts.entry((input.iface, input.direction)).or_default();
        let before = *account;
        *account = before.after(input);
        let row = LedgerRecord { host: self.host.clone(), ..difference(window, input, &before, account) };
        account.imbalance = before.imbalance.after(row.imbalance_packets, window.1);
        row
    }

    /// The imbalance of an interface in one direction that was furthest from 0: of the last window, and of those that ended within a
    /// minute before it.
    #[must_use]
    pub fn imbalance(&self, iface: InterfaceId, direction: Direction) -> i64 {
        self.accounts.get(&(iface, direction)).map_or(0, |account| account.imbalance.packets)
    }

    /// Packets unaccounted and unsent on an interface in one direction since attachment; neither goes backwards.
    #[must_use]
    pub fn levels(&self, iface: InterfaceId, direction: Direction) -> (u64, u64) {
        self.accounts.get(&(iface, direction)).map_or((0, 0), |account| (account.unaccounted, account.unsent))
    }

    /// Overflow told of an interface in one direction since attachment, as of the last window.
    #[must_use]
    pub fn overflow(&self, iface: InterfaceId, direction: Direction) -> TrafficCounts {
        self.accounts.get(&(iface, direction)).map_or_else(TrafficCounts::default, |account| account.overflow)
    }

    /// Closes the books of an interface that is gone, so that memory does not grow with every one that ever was.
    pub fn forget(&mut self, iface: InterfaceId) {
        self.accounts.retain(|(of, _), _| *of != iface);
    }
}

/// The row of a whole span since attachment, from one reading: the same account without a memory.
#[must_use]
pub fn ledger_row(window: (Timestamp, Timestamp), input: &LedgerInput) -> LedgerRecord {
    let before = Account::default();
    difference(window, input, &before, &before.after(input))
}

fn difference(window: (Timestamp, Timestamp), input: &LedgerInput, before: &Account, after: &Account) -> LedgerRecord {
    let seen = after.seen.since(before.seen);
    let told = after.told.since(before.told);
    let overflow = after.overflow.since(before.overflow);
    let not_ip = after.not_ip.since(before.not_ip);
    let sampled_out = after.sampled_out.since(before.sampled_out);
    let extrapolated = after.extrapolated.since(before.extrapolated);
    let parts = [told, overflow, not_ip, sampled_out];
    let kernel = input.kernel.map(|k| k.traffic.since(before.kernel));
    let policy = input.policy.map(|removed| removed.since(before.policy));
    LedgerRecord {
        window_start: window.0,
        window_end: window.1,
        host: None,
        iface: input.name.clone(),
        direction: Some(input.direction),
        seen_packets: seen.packets,
        seen_bytes: seen.bytes,
        told_packets: told.packets,
        told_bytes: told.bytes,
        overflow_packets: overflow.packets,
        overflow_bytes: overflow.bytes,
        not_ip_packets: not_ip.packets,
        not_ip_bytes: not_ip.bytes,
        sampled_out_packets: sampled_out.packets,
        sampled_out_bytes: sampled_out.bytes,
        extrapolated_packets: Some(extrapolated.packets),
        extrapolated_bytes: Some(extrapolated.bytes),
        imbalance_packets: imbalance(seen.packets, parts.map(|p| p.packets), extrapolated.packets),
        imbalance_bytes: imbalance(seen.bytes, parts.map(|p| p.bytes), extrapolated.bytes),
        kernel_packets: kernel.map(|k| k.packets),
        kernel_bytes: kernel.map(|k| k.bytes),
        policy_packets: policy.map(|removed| removed.packets),
        policy_bytes: policy.map(|removed| removed.bytes),
        unaccounted_packets: input.kernel.map(|_| after.unaccounted - before.unaccounted),
        unsent_packets: input.kernel.map(|_| after.unsent - before.unsent),
    }
}

fn imbalance(seen: u64, parts: [u64; 4], extrapolated: u64) -> i64 {
    let parts: i128 = parts.into_iter().map(i128::from).sum();
    i64::try_from(i128::from(seen) + i128::from(extrapolated) - parts).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: (Timestamp, Timestamp) = (Timestamp(0), Timestamp(10));

    fn counts(packets: u64) -> TrafficCounts {
        TrafficCounts { packets, bytes: packets * 100 }
    }

    fn kernel(packets: u64, dropped: u64) -> Option<KernelCounts> {
        Some(KernelCounts { traffic: counts(packets), dropped })
    }

    fn input(direction: Direction, seen: u64, frames: u64) -> LedgerInput {
        LedgerInput {
            iface: InterfaceId(1),
            name: Some("eth0".into()),
            direction,
            counts: InterfaceCounts { seen: counts(seen), frames: counts(frames), ..Default::default() },
            told: counts(seen),
            not_ip: counts(0),
            sampled_out: counts(0),
            extrapolated: counts(0),
            policy: None,
            kernel: None,
            kernel_after: None,
        }
    }

    #[test]
    fn rows_are_differences_and_balance() {
        let mut ledger = Ledger::new(Some("h".into()));
        let mut now = input(Direction::Ingress, 100, 100);
        now.told = counts(60);
        now.not_ip = counts(30);
        now.counts.overflow = counts(9);
        now.sampled_out = counts(1);
        let first = &ledger.close_window(WINDOW, std::slice::from_ref(&now))[0];
        assert_eq!((first.seen_packets, first.told_packets, first.imbalance_packets), (100, 60, 0));
        assert_eq!((first.kernel_packets, first.unaccounted_packets, first.unsent_packets), (None, None, None));
        assert_eq!(first.host.as_deref(), Some("h"));
        now.counts.seen = counts(150);
        now.told = counts(109);
        let second = &ledger.close_window(WINDOW, &[now])[0];
        assert_eq!((second.seen_packets, second.told_packets, second.not_ip_packets), (50, 49, 0));
        assert_eq!((second.imbalance_packets, second.imbalance_bytes), (1, 100));
    }

    #[test]
    fn what_is_told_for_others_is_taken_off() {
        let mut ledger = Ledger::new(None);
        let mut now = input(Direction::Egress, 100, 100);
        (now.told, now.sampled_out, now.extrapolated) = (counts(96), counts(80), counts(76));
        let row = &ledger.close_window(WINDOW, std::slice::from_ref(&now))[0];
        assert_eq!((row.sampled_out_packets, row.extrapolated_packets, row.imbalance_packets), (80, Some(76), 0));
        (now.counts.seen, now.sampled_out) = (counts(110), counts(90));
        let row = &ledger.close_window(WINDOW, &[now])[0];
        assert_eq!((row.sampled_out_packets, row.extrapolated_bytes, row.imbalance_bytes), (10, Some(0), 0));
    }

    #[test]
    fn an_imbalance_is_there_for_a_minute_for_whoever_looks_now_and_then() {
        let mut ledger = Ledger::new(None);
        let mut now = input(Direction::Ingress, 0, 0);
        let mut close = |end_s: i64, (seen, told): (u64, u64)| {
            (now.counts.seen, now.told) = (counts(seen), counts(told));
            let second = 1_000_000_000;
            ledger.close_window(
                (Timestamp((end_s - 10) * second), Timestamp(end_s * second)),
                std::slice::from_ref(&now),
            );
            ledger.imbalance(InterfaceId(1), Direction::Ingress)
        };
        assert_eq!(close(10, (100, 100)), 0);
        assert_eq!(close(20, (200, 203)), -3, "told twice");
        assert_eq!(close(30, (300, 302)), -3, "the next is nearer to 0");
        assert_eq!(close(70, (400, 402)), -3);
        assert_eq!(close(80, (500, 502)), 0, "a minute later");
        assert_eq!(close(90, (600, 598)), 4);
        assert_eq!(close(100, (700, 708)), -10, "the next is worse");
        assert_eq!(close(-100, (800, 808)), 0, "the clock was set back");
    }

    #[test]
    fn what_is_told_twice_is_a_negative_imbalance() {
        let mut now = input(Direction::Ingress, 5, 5);
        now.told = counts(8);
        assert_eq!(ledger_row(WINDOW, &now).imbalance_packets, -3);
    }

    #[test]
    fn ingress_beyond_the_hook_is_unaccounted_unless_dropped() {
        for (kernel_packets, dropped, expected) in [(100, 0, 0), (110, 0, 10), (110, 4, 6), (110, 40, 0), (50, 0, 0)] {
            let mut now = input(Direction::Ingress, 100, 80);
            now.kernel = kernel(kernel_packets, dropped);
            let row = ledger_row(WINDOW, &now);
            assert_eq!(row.unaccounted_packets, Some(expected), "kernel {kernel_packets}, dropped {dropped}");
            assert_eq!(row.unsent_packets, Some(0));
        }
    }

    #[test]
    fn what_a_policy_removed_is_accounted_for_whether_the_kernels_counter_has_it_or_not() {
        for (kernel_packets, removed, dropped, expected) in
            [(140, 40, 0, 0), (145, 40, 0, 5), (145, 40, 5, 0), (100, 40, 0, 0), (103, 40, 0, 0)]
        {
            let mut now = input(Direction::Ingress, 100, 100);
            now.kernel = kernel(kernel_packets, dropped);
            now.policy = Some(counts(removed));
            let row = ledger_row(WINDOW, &now);
            assert_eq!(row.unaccounted_packets, Some(expected), "kernel {kernel_packets}, removed {removed}");
            assert_eq!((row.policy_packets, row.policy_bytes), (Some(40), Some(4000)));
            assert_eq!((row.seen_packets, row.imbalance_packets), (100, 0), "what the hook did not see is in no fate");
        }
    }

    #[test]
    fn what_a_policy_removed_is_told_window_by_window_and_is_unknown_without_one() {
        let mut ledger = Ledger::new(None);
        let mut now = input(Direction::Ingress, 100, 100);
        assert_eq!(ledger.close_window(WINDOW, std::slice::from_ref(&now))[0].policy_packets, None);
        let mut told = Vec::new();
        for removed in [7, 7, 30] {
            now.policy = Some(counts(removed));
            told.push(ledger.close_window(WINDOW, std::slice::from_ref(&now))[0].policy_packets);
        }
        assert_eq!(told, [Some(7), Some(0), Some(23)]);
    }

    #[test]
    fn egress_below_the_frames_is_unsent() {
        for (kernel_packets, unaccounted, unsent) in [(100, 0, 0), (80, 0, 0), (70, 0, 10), (103, 3, 0)] {
            let mut now = input(Direction::Egress, 100, 80);
            now.kernel = kernel(kernel_packets, 0);
            let row = ledger_row(WINDOW, &now);
            assert_eq!((row.unaccounted_packets, row.unsent_packets), (Some(unaccounted), Some(unsent)));
        }
    }

    #[test]
    fn what_is_in_flight_at_a_reading_does_not_add_up() {
        let mut ledger = Ledger::new(None);
        let mut sum = 0;
        for window in 1..=10 {
            let mut now = input(Direction::Ingress, window * 1000, window * 1000);
            now.kernel = kernel(window * 1000 + window % 3, 0);
            sum += ledger.close_window(WINDOW, &[now])[0].unaccounted_packets.unwrap_or_default();
        }
        assert_eq!(sum, 2);
        assert_eq!(ledger.levels(InterfaceId(1), Direction::Ingress), (2, 0));
    }

    #[test]
    fn the_later_kernel_reading_serves_unsent() {
        let mut now = input(Direction::Egress, 100, 100);
        now.kernel = kernel(90, 0);
        now.kernel_after = kernel(100, 0);
        let row = ledger_row(WINDOW, &now);
        assert_eq!((row.kernel_packets, row.unaccounted_packets, row.unsent_packets), (Some(90), Some(0), Some(0)));
    }
}
