//! The reading that a ledger is made from: kernel counters, hook counts and what was told, in an order in which packets
//! under way never look lost.

use super::watching::Watched;
use netrig_aggregate::{Aggregator, LedgerInput};
use netrig_drain::Drain;
use netrig_host::Counters;
use netrig_model::{Direction, InterfaceCounts, InterfaceId, KernelCounts, TrafficCounts};
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
    let clamp = |low: u64, at: u64, high: u64| at.clamp(low, high.max(low));
    let mut counts = after;
    counts.overflow = TrafficCounts {
        packets: certain_overflow(
            before.seen.packets,
            told.packets + not_ip.packets,
            (told_overflow.packets, after.overflow.packets),
        ),
        bytes: certain_overflow(
            before.seen.bytes,
            told.bytes + not_ip.bytes,
            (told_overflow.bytes, after.overflow.bytes),
        ),
    };
    counts.seen = TrafficCounts {
        packets: clamp(
            before.seen.packets,
            told.packets + not_ip.packets + counts.overflow.packets,
            after.seen.packets,
        ),
        bytes: clamp(before.seen.bytes, told.bytes + not_ip.bytes + counts.overflow.bytes, after.seen.bytes),
    };
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
        sampled_out: TrafficCounts::default(),
        policy,
        kernel: kernel(reading.kernel_before, |b| b.after),
        kernel_after: kernel(reading.kernel_after, |b| b.before),
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
    fn what_is_told_of_overflow_never_falls_and_hides_no_loss() {
        assert_eq!(certain_overflow(1000, 990, (20, 30)), 20, "more was told meanwhile than was seen before");
        assert_eq!(certain_overflow(1000, 500, (0, 30)), 30, "470 packets are missing, and stay missing");
    }
}
