//! The rings of devices, by ethtool's netlink: it needs no right to look.

use crate::error::HostError;
use crate::ethtool_netlink;
use crate::netlink::read_u32;
use std::collections::BTreeMap;

const ETHTOOL_MSG_RINGS_GET: u8 = 15;
const ETHTOOL_A_RINGS_RX_MAX: u16 = 2;
const ETHTOOL_A_RINGS_TX_MAX: u16 = 5;
const ETHTOOL_A_RINGS_RX: u16 = 6;
const ETHTOOL_A_RINGS_TX: u16 = 9;

/// How many slots each ring of a device has, as `ethtool -g` shows it; none where the driver has no such ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingSizes {
    /// Slots of a receive ring.
    pub receive: Option<u32>,
    /// The most it could have.
    pub receive_max: Option<u32>,
    /// Slots of a transmit ring.
    pub transmit: Option<u32>,
    /// The most it could have.
    pub transmit_max: Option<u32>,
}

/// The rings of every device of this network namespace whose driver tells, by interface index. None on kernels without
/// ethtool's netlink (before Linux 5.6, or without `CONFIG_ETHTOOL_NETLINK`).
///
/// # Errors
/// When netlink does not answer.
pub fn ring_sizes() -> Result<BTreeMap<u32, RingSizes>, HostError> {
    ethtool_netlink::dump(ETHTOOL_MSG_RINGS_GET, "read ring sizes", rings)
}

fn rings(attributes: &mut dyn Iterator<Item = (u16, &[u8])>) -> RingSizes {
    let mut sizes = RingSizes::default();
    for (kind, value) in attributes {
        let number = read_u32(value, 0).filter(|slots| *slots > 0);
        match kind {
            ETHTOOL_A_RINGS_RX => sizes.receive = number,
            ETHTOOL_A_RINGS_RX_MAX => sizes.receive_max = number,
            ETHTOOL_A_RINGS_TX => sizes.transmit = number,
            ETHTOOL_A_RINGS_TX_MAX => sizes.transmit_max = number,
            _ => {}
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;

    /// `RX: 256`, the first time: the most; the second: now.
    fn of_ethtool(iface: &str) -> Option<RingSizes> {
        let out = Command::new("ethtool").args(["-g", iface]).output().ok().filter(|out| out.status.success())?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let all = |name: &str| -> Vec<Option<u32>> {
            text.lines().filter_map(|line| line.strip_prefix(name)).map(|n| n.trim().parse().ok()).collect()
        };
        let (rx, tx) = (all("RX:"), all("TX:"));
        Some(RingSizes { receive_max: rx[0], receive: rx[1], transmit_max: tx[0], transmit: tx[1] })
    }

    #[test]
    fn this_hosts_rings_are_those_of_ethtool() {
        let ours = ring_sizes().expect("netlink");
        for interface in crate::list().expect("netlink") {
            if let Some(theirs) = of_ethtool(&interface.name) {
                let name = &interface.name;
                assert_eq!(ours.get(&interface.index).copied().unwrap_or_default(), theirs, "{name}");
            }
        }
        println!("{} of {:?}", ours.len(), fs::read_dir("/sys/class/net").map(Iterator::count));
    }
}
