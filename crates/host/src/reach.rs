//! Which interfaces lead out of the host.

use crate::error::HostError;
use crate::netlink::{Message, Socket, attributes_after, read_u16, read_u32};
use std::collections::BTreeSet;

/// Interfaces, by index, that lead out of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Those a default route goes through, of any routing table.
    pub default_routes: BTreeSet<u32>,
    /// Those with an address of global scope (private ranges are global in this sense).
    pub global_addresses: BTreeSet<u32>,
}

impl Reach {
    /// Whether the interface has either.
    #[must_use]
    pub fn contains(&self, index: u32) -> bool {
        self.default_routes.contains(&index) || self.global_addresses.contains(&index)
    }
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
/// Length of `struct ifaddrmsg`.
const IFADDRMSG_BYTES: usize = 8;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
/// Length of `struct rtmsg`.
const RTMSG_BYTES: usize = 12;
/// Length of `struct rtnexthop`.
const RTNEXTHOP_BYTES: usize = 8;
const RTN_UNICAST: u8 = 1;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RTA_OIF: u16 = 4;
const RTA_MULTIPATH: u16 = 9;

/// What leads out of the host now.
///
/// # Errors
/// When netlink does not answer.
pub fn reach() -> Result<Reach, HostError> {
    let mut socket = Socket::open().map_err(HostError::netlink("read addresses"))?;
    let addresses = socket.dump(RTM_GETADDR, &[0; IFADDRMSG_BYTES], global_address);
    let mut reach = Reach::default();
    reach.global_addresses.extend(addresses.map_err(HostError::netlink("read addresses"))?);
    for family in [AF_INET, AF_INET6] {
        let mut request = [0; RTMSG_BYTES];
        request[0] = family;
        let routes = socket.dump(RTM_GETROUTE, &request, default_route).map_err(HostError::netlink("read routes"))?;
        reach.default_routes.extend(routes.into_iter().flatten());
    }
    Ok(reach)
}

/// Whether a message may change what [`reach`] says.
pub(crate) fn changes_reach(message: &Message<'_>) -> bool {
    match message.kind {
        RTM_NEWADDR..RTM_GETADDR => true,
        RTM_NEWROUTE | RTM_DELROUTE => is_default_route(message.body),
        _ => false,
    }
}

fn global_address(message: &Message<'_>) -> Option<u32> {
    let global = message.kind == RTM_NEWADDR && *message.body.get(3)? == RT_SCOPE_UNIVERSE;
    if global { read_u32(message.body, 4) } else { None }
}

fn is_default_route(body: &[u8]) -> bool {
    let (destination_length, kind) = (body.get(1), body.get(7));
    destination_length == Some(&0) && kind == Some(&RTN_UNICAST)
}

/// The interfaces of a default route: one, or one a path.
fn default_route(message: &Message<'_>) -> Option<Vec<u32>> {
    if message.kind != RTM_NEWROUTE || !is_default_route(message.body) {
        return None;
    }
    let mut indices = Vec::new();
    for (kind, value) in attributes_after(message.body, RTMSG_BYTES) {
        match kind {
            RTA_OIF => indices.extend(read_u32(value, 0)),
            RTA_MULTIPATH => indices.extend(next_hops(value)),
            _ => {}
        }
    }
    Some(indices)
}

fn next_hops(mut bytes: &[u8]) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let length = usize::from(read_u16(bytes, 0)?);
        let index = read_u32(bytes, 4)?;
        bytes = bytes.get(length.max(RTNEXTHOP_BYTES).next_multiple_of(4)..).unwrap_or_default();
        Some(index)
    })
}
