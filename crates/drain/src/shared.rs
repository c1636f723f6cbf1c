//! What several probes' shared memory has alike.

use netrig_probes::SharedWords;
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

/// A name of up to 16 bytes, ended by zeros; none if it is empty.
pub(crate) fn name(bytes: &[u8; 16]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (end > 0).then(|| String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// The same, from two words of shared memory.
pub(crate) fn text(words: &SharedWords, first: usize) -> Option<String> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&words.load(first).to_ne_bytes());
    bytes[8..].copy_from_slice(&words.load(first + 1).to_ne_bytes());
    name(&bytes)
}
