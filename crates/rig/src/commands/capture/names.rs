//! Whose packets are, in words: names of processes and containers, and owners of those packets that have none of their own.

use netrig_host::Cgroups;
use netrig_probes::capture::{Captured, Way};
use rustc_hash::FxHashMap;
use std::hash::{BuildHasher, RandomState};

/// Processes that are remembered; then all are forgotten, and asked again as they come.
const REMEMBERED_MAX: usize = 1 << 16;
/// Flows that are remembered, a power of two.
const FLOWS: usize = 1 << 13;
const ETHERTYPE_AT: usize = 12;
const ETHERNET_OCTETS: usize = 14;
const TAG_OCTETS: usize = 4;
const TAGS: [u16; 2] = [0x8100, 0x88a8];
const TCP: u8 = 6;
const UDP: u8 = 17;

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
    /// The number of the first of them: no number is given twice.
    first: u32,
    by_owner: FxHashMap<OwnerKey, u32>,
    /// The latest one: packets come in runs.
    latest: Option<(OwnerKey, u32)>,
    /// The kernel knows no socket of a packet that ends a connection, or of one that comes before it. A flow that falls on another's
    /// place takes it.
    by_flow: Vec<(Flow, u32)>,
    seed: u64,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            cgroups: Cgroups::find().ok(),
            known: Vec::new(),
            first: 0,
            by_owner: FxHashMap::default(),
            latest: None,
            by_flow: Vec::new(),
            seed: RandomState::new().hash_one(0_u8),
        }
    }

    /// The number of the packet's owner: its socket's, or else that of its flow's packets before it.
    #[inline]
    pub(super) fn owner_of(&mut self, packet: &Captured<'_>) -> Option<u32> {
        let Some(owner) = packet.owner else {
            if self.by_flow.is_empty() {
                return None;
            }
            let flow = Flow::of(packet.octets, packet.way, self.seed)?;
            let (of, number) = self.by_flow[flow.place()];
            return (of == flow).then_some(number);
        };
        let number = self.number_of(owner, packet.monotonic_ns);
        if let Some(flow) = Flow::of(packet.octets, packet.way, self.seed) {
            self.remember(flow, number);
        }
        Some(number)
    }

    /// One by its number, as long as it is remembered.
    pub(super) fn known(&self, number: u32) -> Option<&Known> {
        self.known.get(number.wrapping_sub(self.first) as usize)
    }

    fn remember(&mut self, flow: Flow, number: u32) {
        if self.by_flow.is_empty() {
            self.by_flow.resize(FLOWS, (Flow(0), 0));
        }
        let place = &mut self.by_flow[flow.place()];
        // What has not changed is not written: that would be a cache line more.
        if *place != (flow, number) {
            *place = (flow, number);
        }
    }

    fn number_of(&mut self, key: OwnerKey, now_ns: u64) -> u32 {
        if let Some((_, number)) = self.latest.filter(|(latest, _)| *latest == key) {
            return number;
        }
        let number = self.by_owner.get(&key).copied().unwrap_or_else(|| self.learn(key, now_ns));
        self.latest = Some((key, number));
        number
    }

    fn learn(&mut self, key: OwnerKey, now_ns: u64) -> u32 {
        if self.known.len() >= REMEMBERED_MAX {
            self.first = self.first.wrapping_add(self.known.len() as u32);
            self.known.clear();
            self.by_owner.clear();
            self.by_flow.clear();
        }
        let (pid, name, cgroup) = key;
        let name = name.split(|octet| *octet == 0).next().unwrap_or_default();
        let path = self.cgroups.as_mut().and_then(|cgroups| cgroups.path(cgroup, now_ns));
        let container = path.and_then(netrig_host::container_of);
        self.known.push(Known { pid, process: String::from_utf8_lossy(name).into_owned(), container });
        let number = self.first.wrapping_add(self.known.len() as u32 - 1);
        self.by_owner.insert(key, number);
        number
    }
}

/// Both ends of a TCP or UDP flow, this host's first: where both are, each has an owner. A number made of them with a seed that nobody
/// outside knows; 0 is none's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow(u64);

impl Flow {
    fn place(self) -> usize {
        (self.0 >> 32) as usize & (FLOWS - 1)
    }

    /// Of a frame with an Ethernet header, or of a packet without one.
    #[inline]
    fn of(octets: &[u8], way: Option<Way>, seed: u64) -> Option<Self> {
        let received = way? == Way::In;
        let mut at = ETHERTYPE_AT;
        let mut ethertype = be16(octets, at)?;
        while TAGS.contains(&ethertype) && at < ETHERTYPE_AT + 2 * TAG_OCTETS {
            at += TAG_OCTETS;
            ethertype = be16(octets, at)?;
        }
        match ethertype {
            0x0800 => Self::ipv4(octets.get(at + 2..)?, received, seed),
            0x86dd => Self::ipv6(octets.get(at + 2..)?, received, seed),
            _ if octets[0] >> 4 == 4 => Self::ipv4(octets, received, seed),
            _ if octets[0] >> 4 == 6 => Self::ipv6(octets, received, seed),
            _ => None,
        }
    }

    #[inline]
    fn ipv4(packet: &[u8], received: bool, seed: u64) -> Option<Self> {
        let later_fragment = be16(packet, 6)? & 0x1fff != 0;
        let protocol = *packet.get(9)?;
        let ports = packet.get(usize::from(packet[0] & 15) * 4..)?;
        let addresses = packet.get(12..20)?;
        let end = |at: usize| addresses[at..].first_chunk().map_or(0, |four| u32::from_be_bytes(*four)).into();
        if later_fragment { None } else { Self::between(protocol, [[0, end(0)], [0, end(4)]], ports, received, seed) }
    }

    fn ipv6(packet: &[u8], received: bool, seed: u64) -> Option<Self> {
        let addresses = packet.get(8..40)?;
        let half = |at: usize| addresses[at..].first_chunk().map_or(0, |eight| u64::from_be_bytes(*eight));
        let ends = [[half(0), half(8)], [half(16), half(24)]];
        Self::between(*packet.get(6)?, ends, packet.get(40..)?, received, seed)
    }

    #[inline]
    fn between(protocol: u8, ends: [[u64; 2]; 2], ports: &[u8], received: bool, seed: u64) -> Option<Self> {
        if !matches!(protocol, TCP | UDP) {
            return None;
        }
        let (from, to) = (u64::from(be16(ports, 0)?), u64::from(be16(ports, 2)?));
        let ([here, there], ports) =
            if received { ([ends[1], ends[0]], to << 16 | from) } else { (ends, from << 16 | to) };
        let mut hash = fold(seed ^ ports ^ u64::from(protocol) << 32, here[1] ^ there[1].rotate_left(32));
        if here[0] | there[0] != 0 {
            hash = fold(fold(fold(hash, here[0]), there[0]), there[1]);
        }
        Some(Self(hash.max(1)))
    }
}

/// Both halves of a product: each octet of what goes in tells in each of what comes out.
fn fold(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ 0x9e37_79b9_7f4a_7c15) * u128::from(word ^ 0xd6e8_feb8_6659_fd93);
    product as u64 ^ (product >> 64) as u64
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

    fn key(octets: &[u8], way: Way) -> Option<Flow> {
        Flow::of(octets, Some(way), 4711)
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
        assert_eq!(Flow::of(&there, None, 4711), None);
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
