//! Words of shared memory become a slot's fields. Layout: `bpf/wire.h`.

use crate::remembered::Place;
use netrig_model::{Address, Direction, FlowKey, FlowKind, InterfaceId, Tunnel, TunnelKind};
use netrig_probes::wire::bits;

/// A slot, read whole. `W` is its length in words: 8 for IPv4, 16 for IPv6.
#[derive(Clone, Copy)]
pub(crate) struct Slot<const W: usize> {
    pub words: [u64; W],
}

const BYTES_MASK: u64 = (1 << bits::MARK_SHIFT) - 1;

fn halves(word: u64) -> (u32, u32) {
    let b = word.to_ne_bytes();
    (u32::from_ne_bytes([b[0], b[1], b[2], b[3]]), u32::from_ne_bytes([b[4], b[5], b[6], b[7]]))
}

impl<const W: usize> Slot<W> {
    /// Words of the key: everything before the counters.
    pub(crate) const KEY: usize = if W == 8 { 3 } else { 6 };
    /// Word of `generation` and `first`.
    pub(crate) const COLD: usize = Self::KEY + 2;

    pub(crate) fn generation_of(word: u64) -> u32 {
        halves(word).0
    }

    pub(crate) fn packets_of(word: u64) -> u32 {
        halves(word).1
    }

    pub(crate) fn place_of(word: u64) -> u32 {
        halves(word).0
    }

    pub(crate) fn last(&self) -> u32 {
        halves(self.words[Self::KEY]).0
    }

    pub(crate) fn packets(&self) -> u32 {
        halves(self.words[Self::KEY]).1
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.words[Self::KEY + 1] & BYTES_MASK
    }

    pub(crate) fn tcp_flags(&self) -> u8 {
        (self.words[Self::KEY + 1] >> bits::FLAGS_SHIFT) as u8
    }

    pub(crate) fn generation(&self) -> u32 {
        halves(self.words[Self::COLD]).0
    }

    pub(crate) fn first(&self) -> u32 {
        halves(self.words[Self::COLD]).1
    }

    /// In an outbox: which slot of the table this was.
    pub(crate) fn place_in_table(&self) -> u32 {
        Self::place_of(self.words[Self::COLD + 1])
    }

    /// The process whose socket sent the first packet.
    pub(crate) fn pid(&self) -> Option<u32> {
        let pid = halves(self.words[Self::COLD + 2]).0;
        (pid != 0).then_some(pid)
    }

    pub(crate) fn first_flags(&self) -> u8 {
        self.words[Self::COLD + 1].to_ne_bytes()[5]
    }

    pub(crate) fn dscp(&self) -> u8 {
        self.words[Self::COLD + 1].to_ne_bytes()[4]
    }

    /// Ports, interface, protocol, kind: the last word of the key but one.
    fn facts(&self) -> [u8; 8] {
        self.words[Self::KEY - 2].to_ne_bytes()
    }

    pub(crate) fn place(&self) -> Place {
        let f = self.facts();
        Place {
            iface: u16::from_ne_bytes([f[4], f[5]]),
            egress: f[7] & bits::EGRESS != 0,
            inner: f[7] >> bits::TUNNEL_SHIFT != 0,
        }
    }

    fn address(&self, first: usize) -> Address {
        let mut bytes = [0; 16];
        if W == 8 {
            bytes[12..].copy_from_slice(&self.words[0].to_ne_bytes()[4 * first..4 * first + 4]);
        } else {
            bytes[..8].copy_from_slice(&self.words[2 * first].to_ne_bytes());
            bytes[8..].copy_from_slice(&self.words[2 * first + 1].to_ne_bytes());
        }
        Address(bytes)
    }

    pub(crate) fn key(&self) -> FlowKey {
        let f = self.facts();
        let tail = self.words[Self::KEY - 1].to_ne_bytes();
        let vlan = |low: usize| {
            let tag = u16::from_ne_bytes([tail[low], tail[low + 1]]);
            (tag & bits::VLAN_SEEN != 0).then_some(tag & 0xfff)
        };
        let id = u32::from_ne_bytes([tail[4], tail[5], tail[6], tail[7]]);
        FlowKey {
            src: self.address(0),
            dst: self.address(1),
            src_port: u16::from_be_bytes([f[0], f[1]]),
            dst_port: u16::from_be_bytes([f[2], f[3]]),
            iface: InterfaceId(u16::from_ne_bytes([f[4], f[5]])),
            protocol: f[6],
            kind: kind(f[7], W == 16),
            direction: if f[7] & bits::EGRESS != 0 { Direction::Egress } else { Direction::Ingress },
            vlan: vlan(0),
            vlan_inner: vlan(2),
            tunnel: tunnel(f[7] >> bits::TUNNEL_SHIFT).map(|kind| Tunnel { kind, id }),
        }
    }
}

fn kind(facts: u8, ipv6: bool) -> FlowKind {
    match (facts & (bits::NOT_IP | bits::FRAGMENT | bits::CUT), ipv6) {
        (0, false) => FlowKind::Ipv4,
        (0, true) => FlowKind::Ipv6,
        (bits::FRAGMENT, false) => FlowKind::Ipv4Fragment,
        (bits::FRAGMENT, true) => FlowKind::Ipv6Fragment,
        (bits::CUT, false) => FlowKind::Ipv4Cut,
        (bits::CUT, true) => FlowKind::Ipv6Cut,
        _ => FlowKind::NotIp,
    }
}

/// `enum flow_tunnel` of `bpf/wire.h`.
fn tunnel(number: u8) -> Option<TunnelKind> {
    Some(match number {
        1 => TunnelKind::Vxlan,
        2 => TunnelKind::Geneve,
        3 => TunnelKind::Gre,
        4 => TunnelKind::Ipip,
        5 => TunnelKind::SixInFour,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_payload_is_neither_bytes_nor_flags() {
        let bytes = (1 << bits::MARK_SHIFT) - 77;
        for mark in 0..4 {
            let mut slot = Slot { words: [0_u64; 8] };
            slot.words[Slot::<8>::KEY + 1] = bytes | mark << bits::MARK_SHIFT | 0x1b << bits::FLAGS_SHIFT;
            assert_eq!((slot.bytes(), slot.tcp_flags()), (bytes, 0x1b), "mark {mark}");
        }
    }
}
