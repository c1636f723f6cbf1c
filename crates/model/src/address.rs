//! A network address in sixteen bytes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 or IPv6 address, packed for tables of a million flows; the family is kept beside it, in the flow's kind.
///
/// IPv4 lies in the last four bytes, the rest zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 16]);

impl Address {
    /// From the four bytes of an IPv4 address, in network order.
    #[must_use]
    pub fn v4(bytes: [u8; 4]) -> Self {
        let mut a = [0; 16];
        a[12..].copy_from_slice(&bytes);
        Self(a)
    }

    /// As the standard library's type; `ipv6` says how to read the bytes.
    #[must_use]
    pub fn to_ip(self, ipv6: bool) -> IpAddr {
        let a = self.0;
        if ipv6 { IpAddr::V6(Ipv6Addr::from(a)) } else { IpAddr::V4(Ipv4Addr::new(a[12], a[13], a[14], a[15])) }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::v4(v4.octets()),
            IpAddr::V6(v6) => Self(v6.octets()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip(self.0[..12].iter().any(|b| *b != 0)).fmt(f)
    }
}
