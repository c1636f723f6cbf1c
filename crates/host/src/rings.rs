//! The rings of devices, by ethtool's netlink: it needs no right to look.

use crate::error::HostError;
use crate::netlink::{Message, Socket, attributes, attributes_after, read_text, read_u16, read_u32};
use std::collections::BTreeMap;

/// Length of `struct genlmsghdr`.
const HEADER_BYTES: usize = 4;
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const ETHTOOL_MSG_RINGS_GET: u8 = 15;
const ETHTOOL_A_RINGS_HEADER: u16 = 1;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;
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
    const ACTION: &str = "read ring sizes";
    let mut socket = Socket::open_generic().map_err(HostError::netlink(ACTION))?;
    let families = socket.dump(GENL_ID_CTRL, &header(CTRL_CMD_GETFAMILY), ethtool_family);
    let Some(family) = families.map_err(HostError::netlink(ACTION))?.first().copied() else {
        return Ok(BTreeMap::new());
    };
    // Not even an empty header is dispensable.
    let mut request = header(ETHTOOL_MSG_RINGS_GET).to_vec();
    request.extend(4u16.to_ne_bytes());
    request.extend((ETHTOOL_A_RINGS_HEADER | NLA_F_NESTED).to_ne_bytes());
    let rings = socket.dump(family, &request, |message| rings(message, family)).map_err(HostError::netlink(ACTION))?;
    Ok(rings.into_iter().collect())
}

const NLA_F_NESTED: u16 = 1 << 15;

/// `struct genlmsghdr`: the command, a version, two reserved.
fn header(command: u8) -> [u8; HEADER_BYTES] {
    [command, 1, 0, 0]
}

fn ethtool_family(message: &Message<'_>) -> Option<u16> {
    let attribute = |wanted| attributes_after(message.body, HEADER_BYTES).find(|(kind, _)| *kind == wanted);
    let (_, name) = attribute(CTRL_ATTR_FAMILY_NAME)?;
    let (_, id) = attribute(CTRL_ATTR_FAMILY_ID)?;
    (message.kind == GENL_ID_CTRL && read_text(name) == "ethtool").then(|| read_u16(id, 0))?
}

fn rings(message: &Message<'_>, family: u16) -> Option<(u32, RingSizes)> {
    if message.kind != family {
        return None;
    }
    let (mut index, mut sizes) = (None, RingSizes::default());
    for (kind, value) in attributes_after(message.body, HEADER_BYTES) {
        let number = read_u32(value, 0).filter(|slots| *slots > 0);
        match kind {
            ETHTOOL_A_RINGS_HEADER => {
                let device = attributes(value).find(|(kind, _)| *kind == ETHTOOL_A_HEADER_DEV_INDEX);
                index = device.and_then(|(_, value)| read_u32(value, 0));
            }
            ETHTOOL_A_RINGS_RX => sizes.receive = number,
            ETHTOOL_A_RINGS_RX_MAX => sizes.receive_max = number,
            ETHTOOL_A_RINGS_TX => sizes.transmit = number,
            ETHTOOL_A_RINGS_TX_MAX => sizes.transmit_max = number,
            _ => {}
        }
    }
    Some((index?, sizes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message;
    use proptest::prelude::*;
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

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ethtool_family(&message(GENL_ID_CTRL, &body));
            let _ = rings(&message(20, &body), 20);
        }
    }
}
