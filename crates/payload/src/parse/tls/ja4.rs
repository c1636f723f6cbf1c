//! JA4, the fingerprint of a client's hello, by FoxIO's public specification.

use super::hello::{ALPN, Extensions, SNI};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Below what the hello came.
#[derive(Clone, Copy)]
pub(in crate::parse) enum Transport {
    Tcp,
    Quic,
}

/// Values that stand for nothing and are there to be skipped (RFC 8701).
pub(super) fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

pub(super) fn ja4(transport: Transport, version: u16, ciphers: &[u16], extensions: &Extensions<'_>) -> String {
    let (ciphers, types) = (without_grease(ciphers), without_grease(&extensions.types));
    let (ciphers_count, types_count) = (ciphers.len().min(99), types.len().min(99));
    let transport = match transport {
        Transport::Tcp => 't',
        Transport::Quic => 'q',
    };
    let version = match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    };
    let name = if types.contains(&SNI) { 'd' } else { 'i' };
    let alpn = alpn_ends(extensions.alpn.unwrap_or_default());
    let hashed_ciphers = hash(&sorted(ciphers));
    let told: Vec<u16> = types.into_iter().filter(|kind| ![SNI, ALPN].contains(kind)).collect();
    let mut rest = sorted(told);
    let algorithms = without_grease(&extensions.signature_algorithms);
    if !rest.is_empty() && !algorithms.is_empty() {
        rest.push('_');
        rest.push_str(&list(&algorithms));
    }
    let hashed_rest = hash(&rest);
    format!("{transport}{version}{name}{ciphers_count:02}{types_count:02}{alpn}_{hashed_ciphers}_{hashed_rest}")
}

fn without_grease(values: &[u16]) -> Vec<u16> {
    values.iter().copied().filter(|value| !is_grease(*value)).collect()
}

fn sorted(mut values: Vec<u16>) -> String {
    values.sort_unstable();
    list(&values)
}

fn list(values: &[u16]) -> String {
    let mut text = String::with_capacity(values.len() * 5);
    for value in values {
        let comma = if text.is_empty() { "" } else { "," };
        _ = write!(text, "{comma}{value:04x}");
    }
    text
}

/// First and last character of the first protocol; of its hexadecimal digits, where one of them is neither letter nor digit.
fn alpn_ends(protocol: &[u8]) -> String {
    let (Some(first), Some(last)) = (protocol.first(), protocol.last()) else { return "00".to_owned() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

/// The first 12 hexadecimal digits of the list's SHA-256; of an empty list zeros.
fn hash(list: &str) -> String {
    if list.is_empty() {
        return "0".repeat(12);
    }
    Sha256::digest(list.as_bytes()).iter().take(6).fold(String::with_capacity(12), |mut text, octet| {
        _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's own example.
    const CIPHERS: [u16; 16] = [
        0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
        0x002f, 0x0035,
    ];
    const TYPES: [u16; 18] = [
        0x2a2a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01,
        0x000b, 0x000a, 0x0015, 0xfafa,
    ];
    const ALGORITHMS: [u16; 8] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];

    fn example() -> Extensions<'static> {
        Extensions {
            types: TYPES.to_vec(),
            alpn: Some(b"h2"),
            signature_algorithms: ALGORITHMS.to_vec(),
            ..Extensions::default()
        }
    }

    #[test]
    fn the_specifications_example() {
        let expected = "t13d1516h2_8daaf6152771_e5627efa2ab1";
        assert_eq!(ja4(Transport::Tcp, 0x0304, &CIPHERS, &example()), expected);
        let without_algorithms = Extensions { signature_algorithms: Vec::new(), ..example() };
        let expected = "q13d1516h2_8daaf6152771_6d807ffa2a79";
        assert_eq!(ja4(Transport::Quic, 0x0304, &CIPHERS, &without_algorithms), expected);
    }

    #[test]
    fn what_is_not_there_is_zeros() {
        assert_eq!(ja4(Transport::Tcp, 0x7f12, &[], &Extensions::default()), "t00i000000_000000000000_000000000000");
    }

    #[test]
    fn the_specifications_protocols() {
        let cases: [(&[u8], &str); 11] = [
            (b"h2", "h2"),
            (b"http/1.1", "h1"),
            (b"x", "xx"),
            (&[0xab], "ab"),
            (&[0x20], "20"),
            (&[0xab, 0xcd], "ad"),
            (&[0x20, 0x61], "21"),
            (&[0x30, 0xab], "3b"),
            (&[0x61, 0x20], "60"),
            (&[0x30, 0x31, 0xab, 0xcd], "3d"),
            (&[0x30, 0xab, 0xcd, 0x31], "01"),
        ];
        for (protocol, ends) in cases {
            assert_eq!(alpn_ends(protocol), ends, "{protocol:02x?}");
        }
    }

    #[test]
    fn grease_is_what_rfc_8701_lists() {
        let all: Vec<u16> = (0..=u16::MAX).filter(|value| is_grease(*value)).collect();
        assert_eq!((all.len(), all[0], all[15]), (16, 0x0a0a, 0xfafa));
    }
}
