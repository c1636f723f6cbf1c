//! Which flows had packets dropped in a window, for the records of those flows.

use crate::world::FlowEnds;
use netrig_model::{DropFlowKey, DropKey, InterfaceId};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

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

/// Drops of a window by flow, whichever way its packets went.
#[derive(Debug, Default)]
pub struct DroppedFlows {
    parts: HashMap<Ends, Vec<Part>>,
}

type End = (IpAddr, Option<u16>);

/// Protocol, and both ends in order.
type Ends = (u8, End, End);

#[derive(Debug)]
struct Part {
    iface: Option<InterfaceId>,
    reason: Rc<str>,
    packets: u64,
}

fn ends(protocol: u8, a: End, b: End) -> Ends {
    (protocol, a.min(b), a.max(b))
}

impl DroppedFlows {
    pub(super) fn add(&mut self, flow: &DropFlowKey, seen: SeenOn, reason: &Rc<str>, packets: u64) {
        let iface = match seen {
            SeenOn::Interface(iface) => Some(iface),
            SeenOn::Elsewhere if flow.src.0.is_loopback() || flow.dst.0.is_loopback() => return,
            SeenOn::Any | SeenOn::Elsewhere => None,
        };
        let parts = self.parts.entry(ends(flow.protocol, flow.src, flow.dst)).or_default();
        match parts.iter_mut().find(|part| part.iface == iface && part.reason == *reason) {
            Some(part) => part.packets += packets,
            None => parts.push(Part { iface, reason: Rc::clone(reason), packets }),
        }
    }

    /// What was dropped of a flow that is told for this interface.
    #[must_use]
    pub fn of(&self, flow: &FlowEnds, iface: InterfaceId) -> Dropped {
        let parts = self.parts.get(&ends(flow.protocol, flow.src, flow.dst)).map_or(&[][..], Vec::as_slice);
        let mut by_reason = Vec::<(&str, u64)>::new();
        for part in parts.iter().filter(|part| part.iface.is_none_or(|of| of == iface)) {
            match by_reason.iter_mut().find(|(reason, _)| *reason == &*part.reason) {
                Some((_, packets)) => *packets += part.packets,
                None => by_reason.push((&part.reason, part.packets)),
            }
        }
        let most = by_reason.iter().max_by_key(|(reason, packets)| (*packets, std::cmp::Reverse(*reason)));
        Dropped {
            packets: by_reason.iter().map(|(_, packets)| packets).sum(),
            reason: most.map(|(reason, _)| (*reason).to_owned()),
        }
    }
}

/// Where a group's packets would have been seen, by who knows interfaces.
pub type SeenBy<'a> = &'a dyn Fn(&DropKey) -> SeenOn;

#[cfg(test)]
mod tests {
    use super::*;

    const ETH: InterfaceId = InterfaceId(1);
    const VETH: InterfaceId = InterfaceId(2);

    fn flow(src: u16, dst: u16) -> DropFlowKey {
        DropFlowKey { protocol: 17, src: ([10, 0, 0, 1].into(), Some(src)), dst: ([10, 0, 0, 1].into(), Some(dst)) }
    }

    fn record(src: u16, dst: u16) -> FlowEnds {
        let key = flow(src, dst);
        FlowEnds { protocol: key.protocol, src: key.src, dst: key.dst, pid: None }
    }

    #[test]
    fn a_flow_has_the_drops_of_both_directions_on_its_interface_and_those_of_unknown_ones() {
        let mut dropped = DroppedFlows::default();
        let (full, late): (Rc<str>, Rc<str>) = ("QDISC_DROP".into(), "TCP_OLD_DATA".into());
        dropped.add(&flow(1, 2), SeenOn::Interface(ETH), &full, 3);
        dropped.add(&flow(2, 1), SeenOn::Interface(ETH), &late, 2);
        dropped.add(&flow(2, 1), SeenOn::Interface(VETH), &late, 9);
        dropped.add(&flow(2, 1), SeenOn::Any, &late, 2);
        dropped.add(&flow(2, 3), SeenOn::Any, &late, 7);
        let told = |iface| dropped.of(&record(1, 2), iface);
        assert_eq!(told(ETH), Dropped { packets: 7, reason: Some("TCP_OLD_DATA".into()) });
        assert_eq!(told(ETH), dropped.of(&record(2, 1), ETH));
        assert_eq!(told(VETH).packets, 11);
        assert_eq!(dropped.of(&record(5, 6), ETH), Dropped::default());
    }

    #[test]
    fn what_never_leaves_another_namespace_is_no_flow_of_this_one() {
        let mut dropped = DroppedFlows::default();
        let mut local = flow(1, 2);
        local.dst.0 = [127, 0, 0, 1].into();
        dropped.add(&local, SeenOn::Elsewhere, &"NO_SOCKET".into(), 3);
        dropped.add(&flow(1, 2), SeenOn::Elsewhere, &"NO_SOCKET".into(), 4);
        let told = FlowEnds { protocol: 17, src: local.src, dst: local.dst, pid: None };
        assert_eq!(dropped.of(&told, ETH).packets, 0);
        assert_eq!(dropped.of(&record(1, 2), ETH).packets, 4);
    }
}
