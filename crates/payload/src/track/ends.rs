//! Who talks to whom, whatever interface it was seen on; and where it was seen.

use netrig_model::{Address, Direction, FlowKey, InterfaceId, Tunnel};
use std::hash::{Hash, Hasher};

/// Addresses, ports and protocol of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) from_port: u16,
    pub(super) to_port: u16,
    pub(super) protocol: u8,
    pub(super) ipv6: bool,
}

impl Ends {
    pub(super) fn of(key: &FlowKey) -> Self {
        Self {
            from: key.src,
            to: key.dst,
            from_port: key.src_port,
            to_port: key.dst_port,
            protocol: key.protocol,
            ipv6: key.kind.is_ipv6(),
        }
    }

    pub(super) fn turned(self) -> Self {
        Self { from: self.to, to: self.from, from_port: self.to_port, to_port: self.from_port, ..self }
    }

    /// The same for both directions, and which of the two this is.
    pub(super) fn canonical(self) -> (Self, usize) {
        if (self.from, self.from_port) <= (self.to, self.to_port) { (self, 0) } else { (self.turned(), 1) }
    }
}

impl Hash for Ends {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Whole words: octet by octet costs more than all the rest of the look-up.
        let word = |a: &[u8; 16], at: usize| u64::from_le_bytes(a[at..at + 8].try_into().unwrap_or_default());
        for address in [&self.from.0, &self.to.0] {
            if self.ipv6 {
                state.write_u64(word(address, 0));
            }
            state.write_u64(word(address, 8));
        }
        let ports = u64::from(self.from_port) << 16 | u64::from(self.to_port);
        state.write_u64(ports << 9 | u64::from(self.protocol) << 1 | u64::from(self.ipv6));
    }
}

/// Where a packet was seen: one packet is seen once at each place that it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    iface: InterfaceId,
    direction: Direction,
    vlan: Option<u16>,
    tunnel: Option<Tunnel>,
}

impl Place {
    pub(super) fn of(key: &FlowKey) -> Self {
        Self { iface: key.iface, direction: key.direction, vlan: key.vlan, tunnel: key.tunnel }
    }
}

/// The key as the other direction has it: of an answer's, that of the request.
pub(super) fn turned(key: &FlowKey) -> FlowKey {
    let direction = match key.direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    };
    FlowKey { src: key.dst, dst: key.src, src_port: key.dst_port, dst_port: key.src_port, direction, ..*key }
}
