//! Flows of which something was dropped: as many as are worth a row of their own.

use super::room::keep_larger_half;
use netrig_model::{DropFlowKey, DropGain, Owner, TrafficCounts};
use std::collections::{BTreeMap, HashMap};

/// Flows remembered, at most; beyond it the half with the least drops of this window is let go, and its packets are told in their
/// groups' rest.
const REMEMBERED_MAX: usize = 20_000;
/// A window's rows with a flow of their own, at most.
pub(super) const ROWS_MAX: usize = 10_000;
/// Of each group so many of the largest are remembered however long nothing more of them is dropped.
pub(super) const LARGEST: usize = 8;

/// A group's number, and the flow.
pub(super) type FlowId = (u32, DropFlowKey);

/// What is known of a flow.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    /// Since it has been remembered.
    pub(super) all: TrafficCounts,
    told: TrafficCounts,
    pub(super) pid: Option<u32>,
    /// As it was last told.
    pub(super) owner: Owner,
}

impl Sum {
    /// In the open window.
    pub(super) fn gained(&self) -> TrafficCounts {
        self.all.since(self.told)
    }
}

/// Sums by flow. Strangers choose the keys, so the map is seeded.
#[derive(Debug, Default)]
pub(super) struct Flows {
    sums: HashMap<FlowId, Sum>,
}

impl Flows {
    pub(super) fn add(&mut self, group: u32, gain: &DropGain) {
        if self.sums.len() >= REMEMBERED_MAX && !self.sums.contains_key(&(group, gain.flow)) {
            keep_larger_half(&mut self.sums, |sum| sum.gained().packets);
        }
        let sum = self.sums.entry((group, gain.flow)).or_default();
        sum.all.add(TrafficCounts { packets: gain.packets, bytes: gain.bytes });
        sum.pid = gain.pid.or(sum.pid);
    }

    /// Those with drops in the open window: at most as many as have rows of their own. By group, the largest first.
    pub(super) fn of_window(&self) -> Vec<(FlowId, &Sum)> {
        let all = self.sums.iter().filter(|(_, sum)| sum.gained().packets > 0);
        let mut some: Vec<_> = all.map(|(id, sum)| (*id, sum)).collect();
        if some.len() > ROWS_MAX {
            some.select_nth_unstable_by_key(ROWS_MAX, |(id, sum)| (u64::MAX - sum.gained().packets, *id));
            some.truncate(ROWS_MAX);
        }
        some.sort_unstable_by_key(|(id, sum)| (id.0, u64::MAX - sum.gained().packets, id.1));
        some
    }

    pub(super) fn learn_owner(&mut self, id: &FlowId, owner: &Owner) {
        if let Some(sum) = self.sums.get_mut(id) {
            sum.owner.clone_from(owner);
        }
    }

    /// The window is over. Flows without drops in it are forgotten, but for the largest ones.
    pub(super) fn close(&mut self) {
        let keep: Vec<FlowId> = self.largest().into_values().flatten().map(|(id, _)| id).collect();
        let mut kept: HashMap<FlowId, Sum> = keep.into_iter().filter_map(|id| self.sums.remove_entry(&id)).collect();
        kept.extend(self.sums.drain().filter(|(_, sum)| sum.gained().packets > 0));
        for sum in kept.values_mut() {
            sum.told = sum.all;
        }
        self.sums = kept;
    }

    /// The largest of each group, the largest first.
    pub(super) fn largest(&self) -> BTreeMap<u32, Vec<(FlowId, &Sum)>> {
        let mut groups = BTreeMap::<u32, Vec<(FlowId, &Sum)>>::new();
        for (id, sum) in &self.sums {
            groups.entry(id.0).or_default().push((*id, sum));
        }
        for flows in groups.values_mut() {
            flows.sort_unstable_by_key(|(id, sum)| (u64::MAX - sum.all.packets, id.1));
            flows.truncate(LARGEST);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::{DropKey, DropSource};
    use std::net::Ipv4Addr;

    fn gain(flow: u32, packets: u64) -> DropGain {
        let end = (Ipv4Addr::from(flow).into(), Some(1));
        DropGain {
            key: DropKey {
                source: DropSource::Skb,
                reason: 3,
                location: 1,
                ifindex: 1,
                netns: 1,
                direction: None,
                family: None,
            },
            flow: DropFlowKey { protocol: 17, src: end, dst: end },
            packets,
            bytes: 100 * packets,
            pid: None,
        }
    }

    #[test]
    fn a_flood_of_flows_is_bounded_and_the_heavy_ones_stay() {
        let mut flows = Flows::default();
        flows.add(0, &gain(u32::MAX, 1000));
        for flow in 0..100_000 {
            flows.add(0, &gain(flow, 1));
            assert!(flows.sums.len() <= REMEMBERED_MAX);
        }
        let rows = flows.of_window();
        assert_eq!(rows.len(), ROWS_MAX);
        assert_eq!(rows[0].1.gained().packets, 1000);
        let mut more = Flows::default();
        (0..15_000).for_each(|flow| more.add(0, &gain(flow, 1 + u64::from(flow % 7))));
        assert_eq!(more.of_window().len(), ROWS_MAX);
    }

    #[test]
    fn flows_that_are_quiet_for_a_window_are_forgotten_but_for_the_largest() {
        let mut flows = Flows::default();
        (1..=100).for_each(|flow| flows.add(0, &gain(flow, flow.into())));
        flows.close();
        assert_eq!((flows.sums.len(), flows.of_window().len()), (100, 0));
        flows.add(0, &gain(1, 1));
        assert_eq!(flows.of_window()[0].1.gained().packets, 1);
        flows.close();
        assert_eq!(flows.sums.len(), LARGEST + 1);
        assert_eq!(flows.largest()[&0][0].1.all.packets, 100);
    }
}
