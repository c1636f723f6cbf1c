//! Who asked, and what address was the answer.

use std::net::IpAddr;

/// A client's address; the unspecified one, which no client has, stands for anyone. The second is what has the name. IPv4 as mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    client: u128,
    address: u128,
}

impl Key {
    pub(super) fn of_client(client: IpAddr, address: IpAddr) -> Self {
        Self { client: mapped(client), address: mapped(address) }
    }

    pub(super) fn of_anyone(address: IpAddr) -> Self {
        Self { client: 0, address: mapped(address) }
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Whether an address is a host's.
pub(super) fn is_named(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || is_broadcast)
}
