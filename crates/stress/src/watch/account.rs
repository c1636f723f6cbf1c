//! The rig's account of a run: what it saw, what it told, and what was lost by which name.

use super::Rig;
use super::status::fetch;
use crate::StressError;
use crate::report::model::{LedgerRow, Loss, Stage};
use crate::world::{Counters, World};
use netrig_model::{InterfaceStatus, Snapshot};
use std::time::{Duration, Instant};

/// The windows have to close and the last packets to leave queues: on a busy machine that takes its time.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);

/// What came of a run, or of a part of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Account {
    pub(crate) rows: Vec<LedgerRow>,
    pub(crate) losses: Vec<Loss>,
}

impl Account {
    /// Waits until the rig has told what it has seen, or for as long as there is hope, and takes its account.
    pub(crate) fn settle(world: &World, rig: &mut Rig, window: Duration) -> Result<Option<Self>, StressError> {
        let begun = Instant::now();
        let patience = PATIENCE + window * 3;
        let (mut latest, mut seen_before): (Option<Snapshot>, _) = (None, None);
        while begun.elapsed() < patience {
            rig.check()?;
            if let Ok(status) = fetch(world) {
                let seen_now = seen(&status);
                let is_still = seen_before.replace(seen_now) == Some(seen_now);
                let is_settled = is_still && status.interfaces.iter().all(is_settled);
                latest = Some(status);
                if is_settled {
                    break;
                }
            }
            std::thread::sleep(PAUSE);
        }
        Ok(latest.map(|status| Self::of(&status)))
    }

    fn of(status: &Snapshot) -> Self {
        let rows = status.interfaces.iter().map(row).collect();
        Self { rows, losses: losses(status) }
    }

    /// What happened before the rig's hooks, or behind them, by the kernel's counters.
    pub(crate) fn add_wires(&mut self, counters: Counters) {
        for (count, what) in [
            (counters.ring_full, "frames that found the interface's ring full, before any hook"),
            (counters.queue_dropped, "packets thrown away by the queue in front of the slow link, before any hook"),
            (counters.ring_full_outwards, "packets sent that found the other end's ring full, behind the hooks"),
        ] {
            if count > 0 {
                self.losses.push(loss(Stage::Driver, what, count, "packets"));
            }
        }
    }

    /// Sums by interface and direction, and by name.
    pub(crate) fn add(&mut self, other: Self) {
        for row in other.rows {
            match self.rows.iter_mut().find(|own| own.iface == row.iface && own.direction == row.direction) {
                Some(own) => add_row(own, &row),
                None => self.rows.push(row),
            }
        }
        for loss in other.losses {
            match self.losses.iter_mut().find(|own| own.stage == loss.stage && own.what == loss.what) {
                Some(own) => own.count += loss.count,
                None => self.losses.push(loss),
            }
        }
    }
}

/// Packets that passed the hooks.
pub(super) fn seen(status: &Snapshot) -> u64 {
    status.interfaces.iter().map(|side| side.counts.seen.packets).sum()
}

/// Packets that records tell of, those that are not IP among them.
pub(super) fn told(status: &Snapshot) -> u64 {
    status.interfaces.iter().map(|side| side.told.packets + not_ip(side)).sum()
}

fn not_ip(side: &InterfaceStatus) -> u64 {
    side.not_ip.values().map(|counts| counts.packets).sum()
}

fn imbalance(side: &InterfaceStatus) -> i64 {
    let counts = &side.counts;
    let explained = side.told.packets + counts.overflow.packets + not_ip(side) + counts.sampled_out.packets;
    counts.seen.packets as i64 + counts.extrapolated.packets as i64 - explained as i64
}

/// Whether everything that was seen has been told, and everything that was counted has been seen.
fn is_settled(side: &InterfaceStatus) -> bool {
    imbalance(side) == 0 && side.unaccounted_packets == 0 && side.unsent_packets == 0
}

fn row(side: &InterfaceStatus) -> LedgerRow {
    LedgerRow {
        iface: side.iface.clone(),
        direction: side.direction,
        seen_packets: side.counts.seen.packets,
        seen_bytes: side.counts.seen.bytes,
        told_packets: side.told.packets,
        overflow_packets: side.counts.overflow.packets,
        not_ip_packets: not_ip(side),
        sampled_out_packets: side.counts.sampled_out.packets,
        extrapolated_packets: side.counts.extrapolated.packets,
        policy_packets: side.policy.map(|counts| counts.packets),
        imbalance_packets: imbalance(side),
        unaccounted_packets: side.kernel.map(|_| side.unaccounted_packets),
    }
}

fn add_row(own: &mut LedgerRow, row: &LedgerRow) {
    own.seen_packets += row.seen_packets;
    own.seen_bytes += row.seen_bytes;
    own.told_packets += row.told_packets;
    own.overflow_packets += row.overflow_packets;
    own.not_ip_packets += row.not_ip_packets;
    own.sampled_out_packets += row.sampled_out_packets;
    own.extrapolated_packets += row.extrapolated_packets;
    own.imbalance_packets += row.imbalance_packets;
    // A sum of which a part is unknown is unknown.
    own.policy_packets = own.policy_packets.zip(row.policy_packets).map(|(own, row)| own + row);
    own.unaccounted_packets = own.unaccounted_packets.zip(row.unaccounted_packets).map(|(own, row)| own + row);
}

fn loss(stage: Stage, what: &str, count: u64, unit: &str) -> Loss {
    Loss { stage, what: what.to_owned(), count, unit: unit.to_owned() }
}

/// Name of the ring, what was lost in it, its unit, and how many.
pub(super) fn ring_losses(status: &Snapshot) -> Vec<(&'static str, &'static str, &'static str, u64)> {
    let mut rings = Vec::new();
    if let Some(payload) = &status.payload {
        rings.push((
            "payload",
            "octets of requests that found no room in the payload ring",
            "copies",
            payload.counts.lost,
        ));
    }
    if let Some(drops) = &status.drops {
        rings.push((
            "drop examples",
            "examples of dropped packets that found no room",
            "examples",
            drops.examples_lost,
        ));
    }
    if let Some(bursts) = &status.bursts {
        let lost = bursts.interfaces.iter().map(|side| side.buckets_lost).sum();
        rings.push((
            "burst buckets",
            "buckets of a millisecond that were overwritten before they were read",
            "buckets",
            lost,
        ));
    }
    if let Some(tcp) = &status.tcp {
        rings.push(("tcp ends", "connections whose end was not seen", "connections", tcp.table.lost));
    }
    rings
}

fn losses(status: &Snapshot) -> Vec<Loss> {
    let sum = |of: fn(&InterfaceStatus) -> u64| status.interfaces.iter().map(of).sum();
    let mut all = vec![
        loss(
            Stage::Probe,
            "packets that sampling left out of flows: in totals, and made up for in records",
            sum(|side| side.counts.sampled_out.packets),
            "packets",
        ),
        loss(
            Stage::Table,
            "packets of evicted flows that found the outbox full: in totals, in no record",
            sum(|side| side.counts.overflow.packets),
            "packets",
        ),
    ];
    if let Some(tcp) = &status.tcp {
        let table = &tcp.table;
        all.push(loss(Stage::Table, "connections without a place: in totals only", table.untracked, "connections"));
        all.push(loss(Stage::Table, "open connections that lost their place to others", table.evicted, "connections"));
    }
    if let Some(drops) = &status.drops {
        let what = "dropped packets of groups beyond the table";
        all.push(loss(Stage::Table, what, drops.uncounted, "drops"));
    }
    if let Some(payload) = &status.payload {
        let what = "octets of requests beyond what is followed";
        all.push(loss(Stage::Table, what, payload.counts.no_room, "copies"));
    }
    all.extend(ring_losses(status).into_iter().map(|(_, what, unit, count)| loss(Stage::Ring, what, count, unit)));
    if let Some(recorder) = &status.recorder {
        let what = "packets of the flight recorder's files that were overwritten before they were written";
        all.push(loss(Stage::Ring, what, recorder.overwritten_packets, "recorded packets"));
    }
    if let Some(store) = &status.store {
        all.push(loss(Stage::Store, "rows that could not be written", store.rows_lost, "rows"));
        all.push(loss(Stage::Store, "windows larger than the store's budget", store.windows_over_budget, "windows"));
    }
    all.retain(|loss| loss.count > 0);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::{Direction, InterfaceCounts, KernelCounts, StoreStatus, TrafficCounts};

    fn side(seen: u64, told: u64) -> InterfaceStatus {
        let packets = |packets| TrafficCounts { packets, bytes: packets * 100 };
        InterfaceStatus {
            iface: "eth0".into(),
            ifindex: 2,
            direction: Direction::Ingress,
            hook: "tcx".into(),
            counts: InterfaceCounts { seen: packets(seen), overflow: packets(5), ..InterfaceCounts::default() },
            told: packets(told),
            not_ip: [("0x0806".to_owned(), packets(2))].into(),
            kernel: Some(KernelCounts::default()),
            policy: None,
            unaccounted_packets: 0,
            unsent_packets: 0,
            imbalance_packets: 0,
        }
    }

    #[test]
    fn what_is_lost_is_lost_by_name_and_parts_add_up() {
        let store = StoreStatus { rows_lost: 3, ..StoreStatus::default() };
        let status = Snapshot { interfaces: vec![side(107, 100)], store: Some(store), ..Snapshot::default() };
        let mut account = Account::of(&status);
        assert_eq!(account.rows[0].imbalance_packets, 0);
        account.add(Account::of(&status));
        account.add_wires(Counters { ring_full: 7, ..Counters::default() });
        assert_eq!(
            (account.rows.len(), account.rows[0].seen_packets, account.rows[0].unaccounted_packets),
            (1, 214, Some(0))
        );
        let told: Vec<(Stage, u64)> = account.losses.iter().map(|loss| (loss.stage, loss.count)).collect();
        assert_eq!(told, [(Stage::Table, 10), (Stage::Store, 6), (Stage::Driver, 7)]);
    }

    #[test]
    fn a_packet_that_was_seen_and_not_told_is_waited_for() {
        assert!(is_settled(&side(107, 100)));
        assert!(!is_settled(&side(108, 100)));
        assert!(!is_settled(&InterfaceStatus { unaccounted_packets: 1, ..side(107, 100) }));
        assert!(!is_settled(&InterfaceStatus { unsent_packets: 1, ..side(107, 100) }));
    }
}
