//! Questions to ethtool's netlink: what every driver tells of one kind, by interface. It needs no right to look.

use crate::error::HostError;
use crate::netlink::{Message, Socket, attributes, attributes_after, read_text, read_u16, read_u32};
use std::collections::BTreeMap;

/// Length of `struct genlmsghdr`.
const HEADER_BYTES: usize = 4;
const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const ETHTOOL_A_HEADER: u16 = 1;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;
const NLA_F_NESTED: u16 = 1 << 15;

/// What `parse` makes of each device's answer to `command`, by interface index. None on kernels without ethtool's netlink (before
/// Linux 5.6, or without `CONFIG_ETHTOOL_NETLINK`).
pub(crate) fn dump<T>(
    command: u8,
    action: &'static str,
    parse: impl Fn(&mut dyn Iterator<Item = (u16, &[u8])>) -> T,
) -> Result<BTreeMap<u32, T>, HostError> {
    let mut socket = Socket::open_generic().map_err(HostError::netlink(action))?;
    let families = socket.dump(GENL_ID_CTRL, &header(CTRL_CMD_GETFAMILY), ethtool_family);
    let Some(family) = families.map_err(HostError::netlink(action))?.first().copied() else {
        return Ok(BTreeMap::new());
    };
    // Not even an empty header is dispensable.
    let mut request = header(command).to_vec();
    request.extend(4u16.to_ne_bytes());
    request.extend((ETHTOOL_A_HEADER | NLA_F_NESTED).to_ne_bytes());
    let answers = socket.dump(family, &request, |message| device(message, family, &parse));
    Ok(answers.map_err(HostError::netlink(action))?.into_iter().collect())
}

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

/// One device's answer: every kind begins with the same header.
fn device<T>(
    message: &Message<'_>,
    family: u16,
    parse: impl Fn(&mut dyn Iterator<Item = (u16, &[u8])>) -> T,
) -> Option<(u32, T)> {
    if message.kind != family {
        return None;
    }
    let all = || attributes_after(message.body, HEADER_BYTES);
    let (_, of_header) = all().find(|(kind, _)| *kind == ETHTOOL_A_HEADER)?;
    let (_, index) = attributes(of_header).find(|(kind, _)| *kind == ETHTOOL_A_HEADER_DEV_INDEX)?;
    Some((read_u32(index, 0)?, parse(&mut all())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ethtool_family(&message(GENL_ID_CTRL, &body));
            let _ = device(&message(20, &body), 20, |attributes| attributes.count());
        }
    }
}
