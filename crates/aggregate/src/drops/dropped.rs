//! What was dropped of which flow, until the record of that flow is told.

use super::room::keep_larger_half;
use crate::world::FlowEnds;
use netrig_model::{DropFlowKey, InterfaceId};
use std::cell::Cell;
use std::collections::HashMap;
use std::net::IpAddr;

/// Flows waiting for their record, at most; beyond it the half with the least drops is let go.
const WAITING_MAX: usize = 20_000;
/// Packets of a flow may be dropped a moment after the flow was read: so many windows they wait for the next record of it.
const WINDOWS_MAX: u8 = 2;

/// Where the packets of a group would have been seen as part of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenOn {
    /// On this interface.
    Interface(InterfaceId),
    /// On whichever interface the flow is seen: where it was dropped none was known, or none that is watched.
    Any,
    /// It happened in another network namespace: on any interface, but for addresses that never leave their namespace.
    Elsewhere,
}

/// What was dropped of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Packets, both directions.
    pub packets: u64,
    /// The reason of most of them.
    pub reason: Option<String>,
}

type End = (IpAddr, Option<u16>);

/// Protocol, and both ends in order: whichever way the packets went.
type Ends = (u8, End, End);

/// By flow. Strangers choose the keys, so the map is seeded.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    flows: HashMap<Ends, Vec<Part>>,
}

/// What one group dropped of it.
#[derive(Debug)]
struct Part {
    group: u32,
    packets: u64,
    windows: u8,
    /// A record has told it since the telling began.
    told: Cell<bool>,
}

fn ends(protocol: u8, a: End, b: End) -> Ends {
    (protocol, a.min(b), a.max(b))
}

fn packets(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.packets).sum()
}

impl Waiting {
    pub(super) fn add(&mut self, group: u32, flow: &DropFlowKey, packets_more: u64) {
        let ends = ends(flow.protocol, flow.src, flow.dst);
        if self.flows.len() >= WAITING_MAX && !self.flows.contains_key(&ends) {
            keep_larger_half(&mut self.flows, |parts| packets(parts));
        }
        let parts = self.flows.entry(ends).or_default();
        match parts.iter_mut().find(|part| part.group == group) {
            Some(part) => part.packets += packets_more,
            None => parts.push(Part { group, packets: packets_more, windows: 0, told: Cell::new(false) }),
        }
    }

    /// What was dropped of a flow that is told for this interface. A group's number says where it was, and why.
    pub(super) fn of(
        &self,
        flow: &FlowEnds,
        iface: InterfaceId,
        seen: impl Fn(u32) -> SeenOn,
        reason: impl Fn(u32) -> String,
    ) -> Dropped {
        let Some(parts) = self.flows.get(&ends(flow.protocol, flow.src, flow.dst)) else { return Dropped::default() };
        let stays_in_its_namespace = flow.src.0.is_loopback() || flow.dst.0.is_loopback();
        let mut by_reason = Vec::<(String, u64)>::new();
        for part in parts {
            let is_of_it = match seen(part.group) {
                SeenOn::Interface(of) => of == iface,
                SeenOn::Any => true,
                SeenOn::Elsewhere => !stays_in_its_namespace,
            };
            if !is_of_it {
                continue;
            }
            part.told.set(true);
            let reason = reason(part.group);
            match by_reason.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, packets)) => *packets += part.packets,
                None => by_reason.push((reason, part.packets)),
            }
        }
        let packets = by_reason.iter().map(|(_, packets)| packets).sum();
        by_reason.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        Dropped { packets, reason: by_reason.into_iter().next().map(|(reason, _)| reason) }
    }

    /// A window's flows are about to be told: what was asked for before was only looked at.
    pub(super) fn begin(&self) {
        self.flows.values().flatten().for_each(|part| part.told.set(false));
    }

    /// They have been told.
    pub(super) fn end(&mut self) {
        self.flows.retain(|_, parts| {
            parts.retain_mut(|part| {
                part.windows += 1;
                !part.told.get() && part.windows < WINDOWS_MAX
            });
            !parts.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETH: InterfaceId = InterfaceId(1);
    const VETH: InterfaceId = InterfaceId(2);
    /// Groups by where they were: on each of both interfaces, anywhere, elsewhere.
    const GROUPS: [SeenOn; 4] = [SeenOn::Interface(ETH), SeenOn::Interface(VETH), SeenOn::Any, SeenOn::Elsewhere];

    fn flow(src: u16, dst: u16) -> DropFlowKey {
        DropFlowKey { protocol: 17, src: ([10, 0, 0, 1].into(), Some(src)), dst: ([10, 0, 0, 1].into(), Some(dst)) }
    }

    fn of(waiting: &Waiting, key: &DropFlowKey, iface: InterfaceId) -> (u64, Option<String>) {
        let ends = FlowEnds { protocol: key.protocol, src: key.src, dst: key.dst, pid: None };
        let told = waiting.of(&ends, iface, |group| GROUPS[group as usize], |group| format!("R{}", group / 2));
        (told.packets, told.reason)
    }

    #[test]
    fn a_flow_has_the_drops_of_both_directions_on_its_interface_and_those_of_unknown_ones() {
        let mut waiting = Waiting::default();
        waiting.add(0, &flow(1, 2), 3);
        waiting.add(0, &flow(2, 1), 1);
        waiting.add(1, &flow(2, 1), 9);
        waiting.add(2, &flow(2, 1), 5);
        waiting.add(2, &flow(2, 3), 7);
        assert_eq!(of(&waiting, &flow(1, 2), ETH), (9, Some("R1".into())));
        assert_eq!(of(&waiting, &flow(2, 1), ETH), (9, Some("R1".into())));
        assert_eq!(of(&waiting, &flow(2, 1), VETH), (14, Some("R0".into())));
        assert_eq!(of(&waiting, &flow(5, 6), ETH), (0, None));
    }

    #[test]
    fn what_never_leaves_another_namespace_is_no_flow_of_this_one() {
        let mut waiting = Waiting::default();
        let mut local = flow(1, 2);
        local.dst.0 = [127, 0, 0, 1].into();
        waiting.add(3, &local, 3);
        waiting.add(3, &flow(1, 2), 4);
        assert_eq!(of(&waiting, &local, ETH).0, 0);
        assert_eq!(of(&waiting, &flow(1, 2), ETH).0, 4);
    }

    #[test]
    fn what_no_record_told_waits_for_the_next_one_but_not_for_ever() {
        let mut waiting = Waiting::default();
        waiting.add(0, &flow(1, 2), 3);
        assert_eq!(of(&waiting, &flow(1, 2), ETH).0, 3, "somebody looks");
        waiting.begin();
        waiting.end();
        waiting.begin();
        assert_eq!(of(&waiting, &flow(1, 2), VETH).0, 0, "a record of another interface");
        assert_eq!(of(&waiting, &flow(1, 2), ETH).0, 3);
        assert_eq!(of(&waiting, &flow(1, 2), ETH).0, 3, "a second view in the same window");
        waiting.end();
        assert_eq!(of(&waiting, &flow(1, 2), ETH).0, 0, "it was told");
        waiting.add(0, &flow(1, 2), 3);
        for _ in 0..2 {
            waiting.begin();
            waiting.end();
        }
        assert!(waiting.flows.is_empty());
    }

    #[test]
    fn a_flood_of_flows_is_bounded_and_the_heavy_ones_stay() {
        let mut waiting = Waiting::default();
        waiting.add(0, &flow(1, 2), 1000);
        for port in 0..50_000_u32 {
            let mut one = flow(1, 3);
            one.src.0 = std::net::Ipv4Addr::from(port).into();
            waiting.add(0, &one, 1);
            assert!(waiting.flows.len() <= WAITING_MAX);
        }
        assert_eq!(of(&waiting, &flow(1, 2), ETH).0, 1000);
    }
}
