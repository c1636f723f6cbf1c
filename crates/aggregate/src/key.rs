//! The key both ways of a flow share, in 48 bytes.

use netrig_model::{Address, FlowKey, FlowKind, InterfaceId, Tunnel, TunnelKind};

/// Which of a pair's two endpoints sent: index 0 is the lower one (address, then port).
pub(crate) type Side = usize;

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const NO_VLAN: u16 = u16::MAX;
/// The far "port" of an ICMP type that has no answer: a type no packet pairs with from the other side.
const NO_ANSWER: u16 = u16::MAX;

/// Protocols whose first four bytes are two ports: DCCP, TCP, UDP, SCTP, UDP-Lite.
pub(crate) const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

/// The answer's type for an ICMP or ICMPv6 query, and the query's for an answer; `None` for every other type.
#[must_use]
pub fn icmp_counterpart(protocol: u8, icmp_type: u8) -> Option<u8> {
    match (protocol, icmp_type) {
        // Echo, router discovery, timestamp, information, address mask.
        (ICMP, 0) => Some(8),
        (ICMP, 8) => Some(0),
        (ICMP, 9) => Some(10),
        (ICMP, 10) => Some(9),
        (ICMP, 13) => Some(14),
        (ICMP, 14) => Some(13),
        (ICMP, 15) => Some(16),
        (ICMP, 16) => Some(15),
        (ICMP, 17) => Some(18),
        (ICMP, 18) => Some(17),
        // Echo, multicast listener, router and neighbour discovery, node information.
        (ICMPV6, 128) => Some(129),
        (ICMPV6, 129) => Some(128),
        (ICMPV6, 130) => Some(131),
        (ICMPV6, 131) => Some(130),
        (ICMPV6, 133) => Some(134),
        (ICMPV6, 134) => Some(133),
        (ICMPV6, 135) => Some(136),
        (ICMPV6, 136) => Some(135),
        (ICMPV6, 139) => Some(140),
        (ICMPV6, 140) => Some(139),
        _ => None,
    }
}

/// Whether `icmp_type` asks (its answer is another type).
pub(crate) fn icmp_is_query(protocol: u8, icmp_type: u8) -> bool {
    match protocol {
        ICMP => matches!(icmp_type, 8 | 10 | 13 | 15 | 17),
        ICMPV6 => matches!(icmp_type, 128 | 130 | 133 | 135 | 139),
        _ => false,
    }
}

/// What both ways of a flow have in common: two endpoints in order, and where they were seen.
///
/// Six words, so that comparing and hashing are a handful of instructions:
/// 0–1 and 2–3 the addresses; 4 both ports, interface, VLAN; 5 inner VLAN, protocol, kind + tunnel + view, tunnel id.
/// For ICMP a "port" is that side's `type << 8 | code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PairKey([u64; 6]);

const VIEW_BIT: u64 = 1 << 39;

impl PairKey {
    /// The pair a directed flow belongs to, and which side of it sends.
    pub(crate) fn of(key: &FlowKey) -> (Self, Side) {
        let (src_port, dst_port) = ports(key);
        let src = (u128::from_be_bytes(key.src.0), src_port);
        let dst = (u128::from_be_bytes(key.dst.0), dst_port);
        let (low, high, side) = if src <= dst { (src, dst, 0) } else { (dst, src, 1) };
        let (tunnel_kind, tunnel_id) = key.tunnel.map_or((0, 0), |t| (tunnel_number(t.kind), t.id));
        let vlan = |v: Option<u16>| u64::from(v.unwrap_or(NO_VLAN));
        let pair = Self([
            (low.0 >> 64) as u64,
            low.0 as u64,
            (high.0 >> 64) as u64,
            high.0 as u64,
            u64::from(low.1) << 48 | u64::from(high.1) << 32 | u64::from(key.iface.0) << 16 | vlan(key.vlan),
            vlan(key.vlan_inner) << 48
                | u64::from(key.protocol) << 40
                | (kind_number(key.kind) | tunnel_kind << 3) << 32
                | u64::from(tunnel_id),
        ]);
        (pair, side)
    }

    /// The words to hash.
    pub(crate) fn words(&self) -> &[u64; 6] {
        &self.0
    }

    /// The same pair's second view: for what passes the interface both ways.
    pub(crate) fn second_view(mut self) -> Self {
        self.0[5] |= VIEW_BIT;
        self
    }

    /// Whether this is a second view.
    pub(crate) fn is_second_view(&self) -> bool {
        self.0[5] & VIEW_BIT != 0
    }

    pub(crate) fn address(&self, side: Side) -> Address {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0[side * 2].to_be_bytes());
        bytes[8..].copy_from_slice(&self.0[side * 2 + 1].to_be_bytes());
        Address(bytes)
    }

    /// Port of a side, or for ICMP its `type << 8 | code`.
    pub(crate) fn raw_port(&self, side: Side) -> u16 {
        (self.0[4] >> (48 - side * 16)) as u16
    }

    /// Port of a side; `None` where the protocol or the fragment has none, or the packet ended before it.
    pub(crate) fn port(&self, side: Side) -> Option<u16> {
        let has_ports = WITH_PORTS.contains(&self.protocol()) && self.kind().has_transport();
        has_ports.then(|| self.raw_port(side))
    }

    /// ICMP type and code that a side sends; `None` when not ICMP, for later fragments and what is cut before them, and
    /// for a side that by its type never sends.
    pub(crate) fn icmp(&self, side: Side) -> Option<(u8, u8)> {
        let is_icmp = is_icmp(self.protocol(), self.kind());
        let [icmp_type, code] = self.raw_port(side).to_be_bytes();
        (is_icmp && self.raw_port(side) != NO_ANSWER).then_some((icmp_type, code))
    }

    pub(crate) fn iface(&self) -> InterfaceId {
        InterfaceId((self.0[4] >> 16) as u16)
    }

    pub(crate) fn vlan(&self) -> Option<u16> {
        Some(self.0[4] as u16).filter(|v| *v != NO_VLAN)
    }

    pub(crate) fn vlan_inner(&self) -> Option<u16> {
        Some((self.0[5] >> 48) as u16).filter(|v| *v != NO_VLAN)
    }

    pub(crate) fn protocol(&self) -> u8 {
        (self.0[5] >> 40) as u8
    }

    pub(crate) fn kind(&self) -> FlowKind {
        match self.0[5] >> 32 & 7 {
            0 => FlowKind::Ipv4,
            1 => FlowKind::Ipv6,
            2 => FlowKind::Ipv4Fragment,
            3 => FlowKind::Ipv6Fragment,
            5 => FlowKind::Ipv4Cut,
            6 => FlowKind::Ipv6Cut,
            _ => FlowKind::NotIp,
        }
    }

    pub(crate) fn tunnel(&self) -> Option<Tunnel> {
        let kind = match self.0[5] >> 35 & 7 {
            1 => TunnelKind::Vxlan,
            2 => TunnelKind::Geneve,
            3 => TunnelKind::Gre,
            4 => TunnelKind::Ipip,
            5 => TunnelKind::SixInFour,
            _ => return None,
        };
        Some(Tunnel { kind, id: self.0[5] as u32 })
    }
}

/// The two numbers that tell flows between the same addresses apart, in a form that swaps with the endpoints.
fn ports(key: &FlowKey) -> (u16, u16) {
    if !is_icmp(key.protocol, key.kind) {
        return (key.src_port, key.dst_port);
    }
    let (icmp_type, code) = (key.src_port as u8, key.dst_port as u8);
    let sent = u16::from_be_bytes([icmp_type, code]);
    let answer = icmp_counterpart(key.protocol, icmp_type).map_or(NO_ANSWER, |t| u16::from_be_bytes([t, code]));
    (sent, answer)
}

fn is_icmp(protocol: u8, kind: FlowKind) -> bool {
    // Each family has its own: the other's number in a header promises nothing about what follows.
    matches!((protocol, kind), (ICMP, FlowKind::Ipv4) | (ICMPV6, FlowKind::Ipv6))
}

fn kind_number(kind: FlowKind) -> u64 {
    match kind {
        FlowKind::Ipv4 => 0,
        FlowKind::Ipv6 => 1,
        FlowKind::Ipv4Fragment => 2,
        FlowKind::Ipv6Fragment => 3,
        FlowKind::NotIp => 4,
        FlowKind::Ipv4Cut => 5,
        FlowKind::Ipv6Cut => 6,
    }
}

fn tunnel_number(kind: TunnelKind) -> u64 {
    match kind {
        TunnelKind::Vxlan => 1,
        TunnelKind::Geneve => 2,
        TunnelKind::Gre => 3,
        TunnelKind::Ipip => 4,
        TunnelKind::SixInFour => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::Direction;

    fn key(src: [u8; 4], dst: [u8; 4], ports: (u16, u16), protocol: u8) -> FlowKey {
        FlowKey {
            src: Address::v4(src),
            dst: Address::v4(dst),
            src_port: ports.0,
            dst_port: ports.1,
            iface: InterfaceId(3),
            protocol,
            kind: FlowKind::Ipv4,
            direction: Direction::Ingress,
            vlan: Some(0),
            vlan_inner: None,
            tunnel: Some(Tunnel { kind: TunnelKind::SixInFour, id: u32::MAX }),
        }
    }

    #[test]
    fn nothing_of_the_key_is_lost() {
        let k = key([10, 0, 0, 9], [10, 0, 0, 1], (40_000, 65_535), 17);
        let (pair, side) = PairKey::of(&k);
        assert_eq!(side, 1);
        assert_eq!((pair.address(1), pair.port(1)), (k.src, Some(40_000)));
        assert_eq!((pair.address(0), pair.port(0)), (k.dst, Some(65_535)));
        assert_eq!((pair.iface(), pair.protocol(), pair.kind()), (k.iface, 17, FlowKind::Ipv4));
        assert_eq!((pair.vlan(), pair.vlan_inner(), pair.tunnel()), (Some(0), None, k.tunnel));
        assert!(!pair.is_second_view() && pair.second_view().is_second_view());
        assert_eq!(pair.second_view().tunnel(), k.tunnel);
    }

    #[test]
    fn icmp_queries_pair_with_answers_only() {
        let (a, b) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (request, asker) = PairKey::of(&key(a, b, (8, 0), 1));
        let (reply, answerer) = PairKey::of(&key(b, a, (0, 0), 1));
        assert_eq!(request, reply);
        assert_ne!(asker, answerer);
        assert_eq!((request.icmp(asker), request.icmp(answerer)), (Some((8, 0)), Some((0, 0))));
        assert_eq!(request.port(asker), None);
        // The other side's own pings are another flow.
        assert_ne!(PairKey::of(&key(b, a, (8, 0), 1)).0, request);
        // Errors both ways are two flows.
        assert_ne!(PairKey::of(&key(a, b, (3, 3), 1)).0, PairKey::of(&key(b, a, (3, 3), 1)).0);
    }

    #[test]
    fn the_other_family_s_icmp_has_no_type() {
        let (pair, side) = PairKey::of(&FlowKey { kind: FlowKind::Ipv6, ..key([0; 4], [1; 4], (0, 0), 1) });
        assert_eq!((pair.icmp(side), pair.port(side)), (None, None));
    }

    #[test]
    fn what_is_cut_before_its_numbers_has_none_and_pairs_with_none_that_has() {
        for protocol in [1, 6, 17] {
            let cut = FlowKey { kind: FlowKind::Ipv4Cut, ..key([10, 0, 0, 1], [10, 0, 0, 2], (0, 0), protocol) };
            let (pair, side) = PairKey::of(&cut);
            assert_eq!((pair.icmp(side), pair.port(side), pair.kind()), (None, None, FlowKind::Ipv4Cut));
            // An echo's answer is type 0, code 0.
            assert_ne!(PairKey::of(&FlowKey { kind: FlowKind::Ipv4, ..cut }).0, pair);
        }
    }

    #[test]
    fn a_host_that_pings_itself_has_two_sides() {
        let own = [127, 0, 0, 1];
        let (request, asker) = PairKey::of(&key(own, own, (8, 0), 1));
        let (reply, answerer) = PairKey::of(&key(own, own, (0, 0), 1));
        assert_eq!(request, reply);
        assert_ne!(asker, answerer);
    }

    #[test]
    fn counterparts_are_mutual_and_one_of_two_asks() {
        for protocol in [ICMP, ICMPV6] {
            for t in 0..=255 {
                if let Some(other) = icmp_counterpart(protocol, t) {
                    assert_eq!(icmp_counterpart(protocol, other), Some(t));
                    assert_ne!(icmp_is_query(protocol, t), icmp_is_query(protocol, other));
                } else {
                    assert!(!icmp_is_query(protocol, t));
                }
            }
        }
    }
}
