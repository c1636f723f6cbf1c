//! IPv6's extension headers.
//!
//! etherparse finds where they end, but its iterator over them believes that the last one is there even where the packet was
//! cut in front of it. This one looks.

use super::{u16_at, u32_at};
use etherparse::{IpNumber, Ipv6ExtensionsSlice};

/// One header, with its octets.
pub(super) struct Extension<'a> {
    pub(super) number: IpNumber,
    octets: &'a [u8],
}

/// A fragment: its packet's number, its place in it, and whether others follow.
pub(super) struct Fragment {
    pub(super) id: u32,
    pub(super) offset: usize,
    pub(super) more: bool,
}

impl Extension<'_> {
    /// The word for it; a fragment's header is told otherwise.
    pub(super) fn word(&self) -> &'static str {
        match self.number {
            IpNumber::IPV6_HEADER_HOP_BY_HOP => "HBH ",
            IpNumber::IPV6_ROUTE_HEADER => "RT ",
            IpNumber::IPV6_DESTINATION_OPTIONS => "DSTOPT ",
            IpNumber::AUTHENTICATION_HEADER => "AH ",
            _ => "",
        }
    }

    /// What a fragment's header says, unless it says that the packet is whole.
    pub(super) fn fragment(&self) -> Option<Fragment> {
        if self.number != IpNumber::IPV6_FRAGMENTATION_HEADER {
            return None;
        }
        let (place, id) = (u16_at(self.octets, 2)?, u32_at(self.octets, 4)?);
        // The three lowest bits are no part of the offset, which is in units of eight octets.
        let (offset, more) = (usize::from(place & !7), place & 1 != 0);
        (offset > 0 || more).then_some(Fragment { id, offset, more })
    }
}

/// The headers that are whole, in their order.
pub(super) fn extensions<'a>(of: &Ipv6ExtensionsSlice<'a>) -> impl Iterator<Item = Extension<'a>> {
    let mut next = of.first_header();
    let mut rest = of.slice();
    std::iter::from_fn(move || {
        let number = next?;
        let [following, length, ..] = *rest else { return None };
        let length = match number {
            IpNumber::IPV6_FRAGMENTATION_HEADER => 8,
            IpNumber::AUTHENTICATION_HEADER => (usize::from(length) + 2) * 4,
            _ => (usize::from(length) + 1) * 8,
        };
        let (octets, after) = rest.split_at_checked(length)?;
        (next, rest) = (Some(IpNumber(following)), after);
        Some(Extension { number, octets })
    })
}
