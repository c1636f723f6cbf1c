//! Whose a recorded packet is: by its addresses and ports, from what the rig knows of connections and sockets.

use crate::daemon::connections::{Connections, Names};
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use netrig_aggregate::{FlowEnds, World};
use netrig_capture::LinkType;
use netrig_model::Owner;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// An end of a flow.
type End = (IpAddr, u16);

/// Protocol and both ends, the smaller first: both directions have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ends(u8, End, End);

/// What the loop answers.
pub(super) type Owners = HashMap<Ends, Owner>;

const TCP: u8 = 6;
const UDP: u8 = 17;

impl Ends {
    /// Of a packet's first octets; none for what has no ports.
    pub(super) fn of(octets: &[u8], link: LinkType) -> Option<Self> {
        let sliced = match link {
            LinkType::Ethernet => LaxSlicedPacket::from_ethernet(octets).ok()?,
            LinkType::Raw => LaxSlicedPacket::from_ip(octets).ok()?,
        };
        let (source, destination): (IpAddr, IpAddr) = match sliced.net? {
            LaxNetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            LaxNetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            LaxNetSlice::Arp(_) => return None,
        };
        let (protocol, from, to) = match sliced.transport? {
            TransportSlice::Tcp(tcp) => (TCP, tcp.source_port(), tcp.destination_port()),
            TransportSlice::Udp(udp) => (UDP, udp.source_port(), udp.destination_port()),
            _ => return None,
        };
        let (one, other) = ((source, from), (destination, to));
        Some(Self(protocol, one.min(other), one.max(other)))
    }

    fn owner(self, connections: &Connections) -> Option<Owner> {
        const NONE: &BTreeMap<netrig_model::InterfaceId, String> = &BTreeMap::new();
        let names = Names { interfaces: NONE, connections: Some(connections), drops: None, addresses: None };
        let Self(protocol, one, other) = self;
        let ways = [(one, other), (other, one)];
        ways.into_iter().find_map(|(src, dst)| {
            let ends = FlowEnds { protocol, src: (src.0, Some(src.1)), dst: (dst.0, Some(dst.1)), pid: None };
            names.owner(&ends).filter(|owner| owner.process.is_some() || owner.pid.is_some())
        })
    }
}

/// The loop's answer: what is known of these flows now.
pub(super) fn look_up(asked: &[Ends], connections: &mut Connections) -> Owners {
    connections.look_at_open();
    asked.iter().filter_map(|ends| Some((*ends, ends.owner(connections)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    #[test]
    fn both_directions_and_what_is_cut_off_are_of_one_flow() {
        let mut there = Vec::new();
        let builder =
            PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(40_000, 80, 1, 9);
        builder.write(&mut there, &[7; 500]).expect("a packet");
        let mut back = Vec::new();
        let builder = PacketBuilder::ethernet2([2; 6], [1; 6])
            .single_vlan(5_u16.try_into().expect("an id"))
            .ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64)
            .tcp(80, 40_000, 1, 9);
        builder.write(&mut back, &[]).expect("a packet");
        let ends = Ends::of(&there[..96], LinkType::Ethernet).expect("a flow");
        assert_eq!(Ends::of(&back, LinkType::Ethernet), Some(ends));
        assert_eq!(Ends::of(&there[14..96], LinkType::Raw), Some(ends));
        assert_eq!(Ends::of(&there[..30], LinkType::Ethernet), None);
        assert_eq!(Ends::of(&[], LinkType::Raw), None);
    }
}
