//! The reading that a ledger is made from: kernel counters, hook counts and what was told, in an order in which packets
//! under way never look lost.

use super::watching::Watched;
use netrig_aggregate::{Aggregator, LedgerInput};
use netrig_drain::Drain;
use netrig_host::Counters;
use netrig_model::{Direction, InterfaceCounts, InterfaceId, KernelCounts, LedgerRecord, TrafficCounts};
use std::collections::BTreeMap;

/// The kernel's counters when an interface came under watch: accounts begin there.
#[derive(Debug, Default)]
pub(crate) struct Baselines {
    by_iface: BTreeMap<(InterfaceId, Direction), Baseline>,
    /// What had been counted under a number when its interface was let go: the next one under it begins there.
    left: BTreeMap<(InterfaceId, Direction), Left>,
}

/// What stands under a number that no interface has. Nothing counts there, so this is exact, while a reading after the
/// next interface is attached would take its first packets for the last one's.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    counts: InterfaceCounts,
    told: TrafficCounts,
    not_ip: TrafficCounts,
}

/// Between two readings around the moment of attachment: which packets of that moment were seen nobody can tell.
#[derive(Clone, Copy, Debug)]
struct Baseline {
    before: KernelCounts,
    after: KernelCounts,
    left: Left,
}

fn gained(now: KernelCounts, since: KernelCounts) -> KernelCounts {
    KernelCounts { traffic: now.traffic.since(since.traffic), dropped: now.dropped.saturating_sub(since.dropped) }
}

impl Baselines {
    /// Notes where an interface begins. `before` and `after` were read before and after its programs were attached.
    pub(crate) fn begin(&mut self, watched: &Watched, (before, after): (&Counters, &Counters)) {
        for direction in Direction::BOTH {
            let at = (watched.ifindex, direction);
            let key = (watched.id, direction);
            let baseline = Baseline {
                before: before.get(&at).copied().unwrap_or_default(),
                after: after.get(&at).copied().unwrap_or_default(),
                left: self.left.get(&key).copied().unwrap_or_default(),
            };
            self.by_iface.insert(key, baseline);
        }
    }

    /// Whether an interface's beginning is known.
    pub(crate) fn has(&self, id: InterfaceId) -> bool {
        self.by_iface.contains_key(&(id, Direction::Ingress))
    }

    /// Closes the books of an interface that was let go, after the tables were read for the last time.
    pub(crate) fn forget(&mut self, id: InterfaceId, drain: &Drain, aggregator: &Aggregator) {
        self.by_iface.retain(|(of, _), _| *of != id);
        for way in Direction::BOTH {
            let counts = drain.interface_counts(id, way);
            let (told, not_ip) = (aggregator.told(id, way), aggregator.not_ip(id, way));
            self.left.insert((id, way), Left { counts, told, not_ip });
        }
    }

    fn of(&self, id: InterfaceId, direction: Direction) -> Option<&Baseline> {
        self.by_iface.get(&(id, direction))
    }
}

/// Counts of an interface since it came under watch.
pub(crate) fn counts_since(baselines: &Baselines, drain: &Drain, id: InterfaceId, way: Direction) -> InterfaceCounts {
    let now = drain.interface_counts(id, way);
    let Some(base) = baselines.of(id, way).map(|b| b.left.counts) else { return now };
    let mut faults = now.faults;
    for (fault, before) in faults.iter_mut().zip(base.faults) {
        *fault = fault.saturating_sub(before);
    }
    InterfaceCounts {
        seen: now.seen.since(base.seen),
        frames: now.frames.since(base.frames),
        overflow: now.overflow.since(base.overflow),
        sampled_out: now.sampled_out.since(base.sampled_out),
        extrapolated: now.extrapolated.since(base.extrapolated),
        faults,
    }
}

/// What is told of an interface since it came under watch: in records, and as not IP.
pub(crate) fn told_since(
    baselines: &Baselines,
    aggregator: &Aggregator,
    id: InterfaceId,
    way: Direction,
) -> (TrafficCounts, TrafficCounts) {
    let (told, not_ip) = (aggregator.told(id, way), aggregator.not_ip(id, way));
    let left = baselines.of(id, way).map(|b| b.left).unwrap_or_default();
    (told.since(left.told), not_ip.since(left.not_ip))
}

/// The hooks' counts of all interfaces at one moment.
pub(crate) type Seen = BTreeMap<(InterfaceId, Direction), InterfaceCounts>;

pub(crate) fn read_seen<'a>(baselines: &Baselines, drain: &Drain, watched: impl Iterator<Item = &'a Watched>) -> Seen {
    let ids = watched.map(|w| w.id);
    let keys = ids.flat_map(|id| Direction::BOTH.map(|way| (id, way)));
    keys.map(|(id, way)| ((id, way), counts_since(baselines, drain, id, way))).collect()
}

/// A whole reading. The tables were read between `before` and `after`.
pub(crate) struct Reading<'a> {
    pub(crate) kernel_before: &'a Counters,
    pub(crate) before: &'a Seen,
    pub(crate) after: &'a Seen,
    pub(crate) kernel_after: &'a Counters,
}

/// Overflow that is certain, of what the kernel counted as such (`gross`).
///
/// A flow that overflows is counted whole, with what had been told of it before; the drain takes that off once it finds
/// the flow's place in other hands. What overflowed after its place was read in this pass is found in the next one: until
/// then the kernel's count is too high. But what was seen before the pass and is not told by it has overflowed for
/// certain. That much is told, never less than before, and never more than the kernel counted: beyond it, packets are
/// missing, and the imbalance says so.
fn certain_overflow(seen_before: u64, told: u64, (told_overflow, gross): (u64, u64)) -> u64 {
    seen_before.saturating_sub(told).min(gross).max(told_overflow)
}

/// Of one interface and direction, packets or bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    seen: u64,
    sampled_out: u64,
    extrapolated: u64,
}

/// What is counted, apart.
trait Apart {
    fn packets(&self) -> Counted;
    fn bytes(&self) -> Counted;
}

impl Apart for InterfaceCounts {
    fn packets(&self) -> Counted {
        let of = |counts: TrafficCounts| counts.packets;
        Counted { seen: of(self.seen), sampled_out: of(self.sampled_out), extrapolated: of(self.extrapolated) }
    }

    fn bytes(&self) -> Counted {
        let of = |counts: TrafficCounts| counts.bytes;
        Counted { seen: of(self.seen), sampled_out: of(self.sampled_out), extrapolated: of(self.extrapolated) }
    }
}

/// What was added to flows.
fn in_flows(counted: Counted) -> u64 {
    (counted.seen + counted.extrapolated).saturating_sub(counted.sampled_out)
}

/// What had been counted when the tables were read, between two readings: `fates` is what was told by then, or overflowed. Each count lies
/// between its two readings; where they can be such that the account balances, they are.
fn settle(fates: u64, before: Counted, after: Counted) -> Counted {
    let Counted { mut sampled_out, mut extrapolated, .. } = after;
    let high = after.seen.max(before.seen);
    let sum = i128::from(fates) + i128::from(sampled_out) - i128::from(extrapolated);
    let much = u64::try_from(sum - i128::from(high)).unwrap_or(0);
    let little = u64::try_from(i128::from(before.seen) - sum).unwrap_or(0);
    sampled_out -= much.min(sampled_out.saturating_sub(before.sampled_out));
    extrapolated -= little.min(extrapolated.saturating_sub(before.extrapolated));
    let sum = i128::from(fates) + i128::from(sampled_out) - i128::from(extrapolated);
    let seen = sum.clamp(i128::from(before.seen), i128::from(high));
    Counted { seen: u64::try_from(seen).unwrap_or(high), sampled_out, extrapolated }
}

/// The ledger's input for one interface and direction.
///
/// Packets go on passing while the tables are read, so what is told lies between what was seen before and after. Inside
/// that span the account is exact at the moment each table entry was read, and that moment is taken as the reading;
/// outside of it something is wrong, and the difference shows as imbalance. `told_overflow` is what was told until now.
pub(crate) fn input(
    reading: &Reading<'_>,
    (watched, way): (&Watched, Direction),
    baselines: &Baselines,
    aggregator: &Aggregator,
    (told_overflow, policy): (TrafficCounts, Option<TrafficCounts>),
) -> LedgerInput {
    let key = (watched.id, way);
    let before = reading.before.get(&key).copied().unwrap_or_default();
    let after = reading.after.get(&key).copied().unwrap_or_default();
    let (told, not_ip) = told_since(baselines, aggregator, watched.id, way);
    let mut counts = after;
    counts.overflow = TrafficCounts {
        packets: certain_overflow(
            in_flows(before.packets()),
            told.packets + not_ip.packets,
            (told_overflow.packets, after.overflow.packets),
        ),
        bytes: certain_overflow(
            in_flows(before.bytes()),
            told.bytes + not_ip.bytes,
            (told_overflow.bytes, after.overflow.bytes),
        ),
    };
    let packets = settle(told.packets + not_ip.packets + counts.overflow.packets, before.packets(), after.packets());
    let bytes = settle(told.bytes + not_ip.bytes + counts.overflow.bytes, before.bytes(), after.bytes());
    counts.seen = TrafficCounts { packets: packets.seen, bytes: bytes.seen };
    let sampled_out = TrafficCounts { packets: packets.sampled_out, bytes: bytes.sampled_out };
    let extrapolated = TrafficCounts { packets: packets.extrapolated, bytes: bytes.extrapolated };
    (counts.sampled_out, counts.extrapolated) = (sampled_out, extrapolated);
    // What may have left already when `after` was read must have been at the hook when `before` was.
    counts.frames = before.frames;
    let kernel = |all: &Counters, base: fn(&Baseline) -> KernelCounts| {
        let now = all.get(&(watched.ifindex, way)).copied()?;
        Some(gained(now, base(baselines.of(watched.id, way)?)))
    };
    LedgerInput {
        iface: watched.id,
        name: Some(watched.name.clone()),
        direction: way,
        counts,
        told,
        not_ip,
        sampled_out,
        extrapolated,
        policy,
        kernel: kernel(reading.kernel_before, |b| b.after),
        kernel_after: kernel(reading.kernel_after, |b| b.before),
    }
}

/// A ledger that does not balance is said aloud.
pub(super) fn warn_of(row: &LedgerRecord) {
    if row.imbalance_packets != 0 || row.imbalance_bytes != 0 {
        tracing::error!(
            iface = row.iface.as_deref().unwrap_or("?"),
            direction = row.direction.map_or("?", Direction::as_str),
            packets = row.imbalance_packets,
            bytes = row.imbalance_bytes,
            "The ledger does not balance: this is a bug in netrig."
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overflows_after_its_place_was_read_is_not_booked_twice() {
        // 1,272 of the 2,207 packets that overflowed had been told in this very pass.
        assert_eq!(certain_overflow(166_600, 165_720, (0, 2207)), 880);
        // The next pass has found them: the kernel's count is exact, and so is what was seen and not told.
        assert_eq!(certain_overflow(300_000, 299_065, (880, 935)), 935);
    }

    #[test]
    fn what_was_sampled_is_read_so_that_the_account_balances_where_that_can_be() {
        let counted = |seen, sampled_out, extrapolated| Counted { seen, sampled_out, extrapolated };
        let (before, after) = (counted(1000, 900, 800), counted(1100, 990, 880));
        let balances = |fates, of: Counted| fates + of.sampled_out - of.extrapolated == of.seen;
        // Told when all had been counted, when nothing had, and in between.
        for fates in [990, 900, 950, 1010, 810] {
            let settled = settle(fates, before, after);
            assert!(balances(fates, settled), "{fates}: {settled:?}");
            assert!((900..=990).contains(&settled.sampled_out) && (800..=880).contains(&settled.extrapolated));
        }
        for (fates, missing) in [(809, 1), (600, 210)] {
            let settled = settle(fates, before, after);
            assert_eq!(settled.seen - (fates + settled.sampled_out - settled.extrapolated), missing, "{settled:?}");
        }
        assert_eq!(settle(1101, counted(1000, 0, 0), counted(1100, 0, 0)).seen, 1100, "told twice");
        assert_eq!(settle(1050, counted(1000, 0, 0), counted(1100, 0, 0)), counted(1050, 0, 0));
    }

    #[test]
    fn what_is_told_of_overflow_never_falls_and_hides_no_loss() {
        assert_eq!(certain_overflow(1000, 990, (20, 30)), 20, "more was told meanwhile than was seen before");
        assert_eq!(certain_overflow(1000, 500, (0, 30)), 30, "470 packets are missing, and stay missing");
    }
}
