//! What one rig remembers between scrapes.

use crate::bound::Bound;
use crate::gather::gather;
use crate::text::{Exposition, encode};
use netrig_model::Snapshot;

/// The most interfaces that get series of their own; the rest is summed as `iface="other"`.
pub const INTERFACES_MAX: usize = 256;

/// The most EtherTypes that get series of their own; the rest is summed as `ethertype="other"`.
pub const ETHERTYPES_MAX: usize = 16;

/// Named whatever else comes by: ARP, LACP and its kin, EAPOL, LLDP.
const ETHERTYPES_RESERVED: &[&str] = &["0x0806", "0x8809", "0x888e", "0x88cc"];

/// Renders snapshots; keep one as long as the rig runs, so that a series once named keeps its name.
#[derive(Debug)]
pub struct Exporter {
    interfaces: Bound,
    ethertypes: Bound,
}

impl Default for Exporter {
    fn default() -> Self {
        Self::with_interfaces_max(INTERFACES_MAX)
    }
}

impl Exporter {
    /// With another cap on interfaces than the usual one.
    #[must_use]
    pub fn with_interfaces_max(interfaces_max: usize) -> Self {
        Self {
            interfaces: Bound::new(interfaces_max, &[]),
            ethertypes: Bound::new(ETHERTYPES_MAX, ETHERTYPES_RESERVED),
        }
    }

    /// The whole exposition.
    #[must_use]
    pub fn render(&mut self, snapshot: &Snapshot, exposition: Exposition) -> String {
        let interfaces = &snapshot.interfaces;
        self.interfaces.admit(interfaces.iter().map(|s| (s.iface.as_str(), s.counts.seen.bytes)));
        self.ethertypes.admit(interfaces.iter().flat_map(|s| s.not_ip.iter().map(|(e, c)| (e.as_str(), c.packets))));
        encode(gather(snapshot, &self.interfaces, &self.ethertypes), exposition)
    }
}
