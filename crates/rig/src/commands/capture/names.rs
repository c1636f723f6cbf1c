//! Whose packets are, in words: names of processes and containers, and owners of those packets that have none of their own.

use netrig_host::Cgroups;
use netrig_probes::capture::{Captured, Way};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::BuildHasher;

/// Processes that are remembered; then all are forgotten, and asked again as they come.
const REMEMBERED_MAX: usize = 1 << 16;
/// Flows that are remembered, a power of two.
const FLOWS: usize = 1 << 13;
const ETHERTYPE_AT: usize = 12;
const ETHERNET_OCTETS: usize = 14;
const TAG_OCTETS: usize = 4;
const TAGS: [u16; 2] = [0x8100, 0x88a8];

/// A process and its container, as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) pid: u32,
    pub(super) process: String,
    pub(super) container: Option<String>,
}

type OwnerKey = (u32, [u8; 16], u64);

/// What has been learned of owners.
pub(super) struct Names {
    cgroups: Option<Cgroups>,
    known: Vec<Known>,
    by_owner: FxHashMap<OwnerKey, usize>,
    /// The latest one: packets come in runs.
    latest: Option<(OwnerKey, usize)>,
    /// The kernel knows no socket of a packet that ends a connection, or of one that comes before it. A flow that falls on another's
    /// place takes it.
    by_flow: Vec<Option<(FlowKey, u32)>>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            cgroups: Cgroups::find().ok(),
            known: Vec::new(),
            by_owner: FxHashMap::default(),
            latest: None,
            by_flow: Vec::new(),
        }
    }

    /// The packet's owner: its socket's, or else that of its flow's packets before it.
    pub(super) fn owner_of(&mut self, packet: &Captured<'_>) -> Option<&Known> {
        let place = match packet.owner {
            Some(owner) => {
                let place = self.place_of(owner, packet.monotonic_ns);
                if let Some(flow) = FlowKey::of(packet.octets, packet.way) {
                    self.remember(flow, place);
                }
                place
            }
            None if self.by_flow.is_empty() => return None,
            None => {
                let flow = FlowKey::of(packet.octets, packet.way)?;
                let (of, place) = self.by_flow[flow.place()]?;
                if of != flow {
                    return None;
                }
                place as usize
            }
        };
        self.known.get(place)
    }

    fn remember(&mut self, flow: FlowKey, place: usize) {
        if self.by_flow.is_empty() {
            self.by_flow.resize(FLOWS, None);
        }
        self.by_flow[flow.place()] = Some((flow, place as u32));
    }

    fn place_of(&mut self, key: OwnerKey, now_ns: u64) -> usize {
        if let Some((_, place)) = self.latest.filter(|(latest, _)| *latest == key) {
            return place;
        }
        let place = self.by_owner.get(&key).copied().unwrap_or_else(|| self.learn(key, now_ns));
        self.latest = Some((key, place));
        place
    }

    fn learn(&mut self, key: OwnerKey, now_ns: u64) -> usize {
        if self.known.len() >= REMEMBERED_MAX {
            self.known.clear();
            self.by_owner.clear();
            self.by_flow.clear();
        }
        let (pid, name, cgroup) = key;
        let name = name.split(|octet| *octet == 0).next().unwrap_or_default();
        let path = self.cgroups.as_mut().and_then(|cgroups| cgroups.path(cgroup, now_ns));
        let container = path.and_then(netrig_host::container_of);
        self.known.push(Known { pid, process: String::from_utf8_lossy(name).into_owned(), container });
        self.by_owner.insert(key, self.known.len() - 1);
        self.known.len() - 1
    }
}

/// Both ends of a TCP or UDP flow, this host's first: where both are, each has an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FlowKey {
    ends: [([u8; 16], u16); 2],
    protocol: u8,
}

impl FlowKey {
    fn place(&self) -> usize {
        (FxBuildHasher.hash_one(self) >> 32) as usize & (FLOWS - 1)
    }

    /// Of a frame with an Ethernet header, or of a packet without one.
    fn of(octets: &[u8], way: Option<Way>) -> Option<Self> {
        let key = Self::from_source(octets)?;
        match way? {
            Way::Out => Some(key),
            Way::In => Some(Self { ends: [key.ends[1], key.ends[0]], ..key }),
        }
    }

    /// The sender's end first.
    fn from_source(octets: &[u8]) -> Option<Self> {
        let mut at = ETHERTYPE_AT;
        let mut ethertype = be16(octets, at)?;
        while TAGS.contains(&ethertype) && at < ETHERTYPE_AT + 2 * TAG_OCTETS {
            at += TAG_OCTETS;
            ethertype = be16(octets, at)?;
        }
        match ethertype {
            0x0800 => Self::ipv4(octets.get(at + 2..)?),
            0x86dd => Self::ipv6(octets.get(at + 2..)?),
            _ if octets[0] >> 4 == 4 => Self::ipv4(octets),
            _ if octets[0] >> 4 == 6 => Self::ipv6(octets),
            _ => None,
        }
    }

    fn ipv4(packet: &[u8]) -> Option<Self> {
        let later_fragment = be16(packet, 6)? & 0x1fff != 0;
        let protocol = *packet.get(9)?;
        let ports = packet.get(usize::from(packet[0] & 15) * 4..)?;
        let end = |at: usize| {
            let mut address = [0; 16];
            address[..4].copy_from_slice(packet.get(at..at + 4)?);
            Some(address)
        };
        if later_fragment { None } else { Self::between(protocol, end(12)?, end(16)?, ports) }
    }

    fn ipv6(packet: &[u8]) -> Option<Self> {
        let end = |at: usize| packet.get(at..at + 16)?.try_into().ok();
        Self::between(*packet.get(6)?, end(8)?, end(24)?, packet.get(40..)?)
    }

    fn between(protocol: u8, from: [u8; 16], to: [u8; 16], ports: &[u8]) -> Option<Self> {
        if !matches!(protocol, 6 | 17) {
            return None;
        }
        Some(Self { ends: [(from, be16(ports, 0)?), (to, be16(ports, 2)?)], protocol })
    }
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*octets.get(at)?, *octets.get(at + 1)?]))
}

/// Length of an Ethernet header without tags, where a lifted tag goes in after the addresses.
pub(super) const TAG_AT: usize = ETHERNET_OCTETS - 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(from: [u8; 4], to: [u8; 4], ports: [u16; 2]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
        frame.extend(from);
        frame.extend(to);
        frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        frame
    }

    fn key(octets: &[u8], way: Way) -> Option<FlowKey> {
        FlowKey::of(octets, Some(way))
    }

    #[test]
    fn both_directions_are_one_flow_with_or_without_a_link_header() {
        let there = frame([10, 0, 0, 1], [10, 0, 0, 2], [1000, 53]);
        let back = frame([10, 0, 0, 2], [10, 0, 0, 1], [53, 1000]);
        let sent = key(&there, Way::Out);
        assert!(sent.is_some());
        assert_eq!(key(&back, Way::In), sent);
        assert_eq!(key(&there[14..], Way::Out), sent);
        assert_ne!(key(&there, Way::In), sent, "over the loopback each end has an owner of its own");
        let mut tagged = there[..12].to_vec();
        tagged.extend([0x81, 0, 0, 7]);
        tagged.extend(&there[12..]);
        assert_eq!(key(&tagged, Way::Out), sent);
        assert_ne!(key(&frame([10, 0, 0, 1], [10, 0, 0, 2], [1001, 53]), Way::Out), sent);
        assert_eq!(FlowKey::of(&there, None), None);
    }

    #[test]
    fn what_is_cut_has_no_flow() {
        let whole = frame([10, 0, 0, 1], [10, 0, 0, 2], [1000, 53]);
        for length in 0..whole.len() {
            assert_eq!(key(&whole[..length], Way::Out), None, "{length} octets");
        }
        let mut fragment = whole;
        fragment[14 + 7] = 1;
        assert_eq!(key(&fragment, Way::Out), None, "a later fragment has no ports");
    }
}
