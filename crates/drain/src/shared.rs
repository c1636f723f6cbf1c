//! What several probes' shared memory has alike.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Number of the bucket that the kernel's first one is (`TIME_BUCKET_FIRST`), in Prometheus' numbering: its upper bound is
/// 2^(this / 16) s.
pub(crate) const BUCKET_FIRST: i32 = -25 * 16 + 1;

/// The kernel's `AF_INET`.
pub(crate) const AF_INET: u8 = 2;

/// The two 32-bit counts of a word, in the order in which they lie in memory.
pub(crate) fn halves(word: u64) -> [u32; 2] {
    let b = word.to_ne_bytes();
    [u32::from_ne_bytes([b[0], b[1], b[2], b[3]]), u32::from_ne_bytes([b[4], b[5], b[6], b[7]])]
}

/// An address as the kernel side writes it: network order, IPv4 in the last four bytes.
pub(crate) fn address(bytes: [u8; 16], ipv4: bool) -> IpAddr {
    if ipv4 {
        return Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]).into();
    }
    Ipv6Addr::from(bytes).to_canonical()
}
