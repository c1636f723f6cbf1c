//! One entry of a set: an address, a prefix, a range of addresses, a port, a range of ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use thiserror::Error;

/// What an entry stands for; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    V4(u32, u32),
    V6(u128, u128),
    Ports(u16, u16),
}

/// An entry as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) entry: Entry,
    /// It was a prefix with bits set beyond its length; they are left out.
    pub(crate) masked: bool,
}

impl From<Entry> for Parsed {
    fn from(entry: Entry) -> Self {
        Self { entry, masked: false }
    }
}

/// Why a text is no entry of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EntryProblem {
    /// `example.com`
    #[error("not an address, prefix, range or port")]
    NotAnEntry,
    /// `10.0.0.0/33`
    #[error("the prefix is longer than the address: at most /{bits}")]
    PrefixTooLong {
        /// Bits of an address of its family.
        bits: u8,
    },
    /// `10.0.0.9-10.0.0.1`
    #[error("the range ends before it begins")]
    Backwards,
    /// `10.0.0.1-2001:db8::1`
    #[error("the range begins in one family of addresses and ends in the other")]
    Families,
    /// `70000`
    #[error("a port is at most 65535")]
    PortTooLarge,
    /// `80` where addresses stand.
    #[error("a port among addresses (line {first_line} has the first address): a set is of one kind")]
    PortAmongAddresses {
        /// The line that decided the kind.
        first_line: usize,
    },
    /// `10.0.0.1` where ports stand.
    #[error("an address among ports (line {first_line} has the first port): a set is of one kind")]
    AddressAmongPorts {
        /// The line that decided the kind.
        first_line: usize,
    },
}

/// Reads one entry as it stands in a file, without blanks around it.
pub(crate) fn parse_bytes(text: &[u8]) -> Result<Parsed, EntryProblem> {
    if let Some(parsed) = plain_v4(text) {
        return Ok(parsed);
    }
    str::from_utf8(text).map_err(|_| EntryProblem::NotAnEntry).and_then(parse)
}

/// `192.0.2.1` and `10.0.0.0/8`, of which feeds have millions, in one pass; nothing for all else, right or wrong.
fn plain_v4(text: &[u8]) -> Option<Parsed> {
    let (mut number, mut rest) = (0u32, text);
    for part in 0..4 {
        if part > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let digits = rest.iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        let (octet, after) = rest.split_at(digits);
        if !(1..=3).contains(&digits) || (digits > 1 && octet[0] == b'0') {
            return None;
        }
        let octet = octet.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        number = (number << 8) | u32::from(u8::try_from(octet).ok()?);
        rest = after;
    }
    match rest {
        [] => Some(Entry::V4(number, number).into()),
        [b'/', tens @ b'1'..=b'3', ones @ b'0'..=b'9'] => {
            let length = (tens - b'0') * 10 + (ones - b'0');
            (length <= 32).then(|| prefix_v4(number.into(), length))
        }
        [b'/', ones @ b'0'..=b'9'] => Some(prefix_v4(number.into(), ones - b'0')),
        _ => None,
    }
}

/// Reads one entry. Addresses have a point or a colon and ports have neither, so nothing is both.
pub(crate) fn parse(text: &str) -> Result<Parsed, EntryProblem> {
    if text.bytes().any(|b| matches!(b, b'.' | b':')) {
        return addresses(text);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    if last < first {
        return Err(EntryProblem::Backwards);
    }
    Ok(Entry::Ports(first, last).into())
}

fn port(text: &str) -> Result<u16, EntryProblem> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EntryProblem::NotAnEntry);
    }
    // Digits alone fail only by being too many.
    text.parse().map_err(|_| EntryProblem::PortTooLarge)
}

fn addresses(text: &str) -> Result<Parsed, EntryProblem> {
    if let Some((address, length)) = text.split_once('/') {
        return prefix(address.trim_end(), length.trim_start());
    }
    if let Some((first, last)) = text.split_once('-') {
        return range(address(first.trim_end())?, address(last.trim_start())?);
    }
    Ok(match address(text)?.to_canonical() {
        IpAddr::V4(address) => Entry::V4(address.into(), address.into()).into(),
        IpAddr::V6(address) => Entry::V6(address.into(), address.into()).into(),
    })
}

fn address(text: &str) -> Result<IpAddr, EntryProblem> {
    let parsed = if text.contains(':') {
        text.parse::<Ipv6Addr>().map(IpAddr::V6)
    } else {
        text.parse::<Ipv4Addr>().map(IpAddr::V4)
    };
    parsed.map_err(|_| EntryProblem::NotAnEntry)
}

fn range(first: IpAddr, last: IpAddr) -> Result<Parsed, EntryProblem> {
    let entry = match (first.to_canonical(), last.to_canonical()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Entry::V4(first.into(), last.into()),
        // One of them may be IPv4-mapped: as numbers, a range of IPv6.
        _ => match (first, last) {
            (IpAddr::V6(first), IpAddr::V6(last)) => Entry::V6(first.into(), last.into()),
            _ => return Err(EntryProblem::Families),
        },
    };
    match entry {
        Entry::V4(first, last) if last < first => Err(EntryProblem::Backwards),
        Entry::V6(first, last) if last < first => Err(EntryProblem::Backwards),
        entry => Ok(entry.into()),
    }
}

/// Bits of `::ffff:0:0/96`, below which IPv4 addresses are mapped.
const MAPPED_BITS: u8 = 96;

fn prefix(text: &str, length: &str) -> Result<Parsed, EntryProblem> {
    let whole = address(text)?;
    if length.is_empty() || length.len() > 3 || !length.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EntryProblem::NotAnEntry);
    }
    let bits = if whole.is_ipv4() { 32 } else { 128 };
    let too_long = EntryProblem::PrefixTooLong { bits };
    let length: u8 = length.parse().map_err(|_| too_long)?;
    if length > bits {
        return Err(too_long);
    }
    Ok(match whole {
        IpAddr::V4(address) => prefix_v4(address, length),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) if length >= MAPPED_BITS => prefix_v4(mapped, length - MAPPED_BITS),
            _ => {
                let number = u128::from(address);
                let beyond = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                let entry = Entry::V6(number & !beyond, number | beyond);
                Parsed { entry, masked: number & beyond != 0 }
            }
        },
    })
}

fn prefix_v4(address: Ipv4Addr, length: u8) -> Parsed {
    let number = u32::from(address);
    let beyond = u32::MAX.checked_shr(length.into()).unwrap_or(0);
    Parsed { entry: Entry::V4(number & !beyond, number | beyond), masked: number & beyond != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(text: &str) -> Result<Entry, EntryProblem> {
        parse(text).map(|parsed| parsed.entry)
    }

    fn v4(first: [u8; 4], last: [u8; 4]) -> Result<Entry, EntryProblem> {
        Ok(Entry::V4(u32::from_be_bytes(first), u32::from_be_bytes(last)))
    }

    #[test]
    fn addresses_prefixes_and_ranges_are_read() {
        assert_eq!(entry("10.0.0.1"), v4([10, 0, 0, 1], [10, 0, 0, 1]));
        assert_eq!(entry("10.0.0.0/8"), v4([10, 0, 0, 0], [10, 255, 255, 255]));
        assert_eq!(entry("10.0.0.9 - 10.0.1.3"), v4([10, 0, 0, 9], [10, 0, 1, 3]));
        assert_eq!(entry("0.0.0.0/0"), Ok(Entry::V4(0, u32::MAX)));
        assert_eq!(entry("::/0"), Ok(Entry::V6(0, u128::MAX)));
        assert_eq!(entry("2001:db8::/127"), Ok(Entry::V6(0x2001_0db8 << 96, (0x2001_0db8 << 96) | 1)));
        assert_eq!(entry("::1-::3"), Ok(Entry::V6(1, 3)));
    }

    #[test]
    fn bits_beyond_the_prefix_are_left_out_and_said() {
        let parsed = |text| parse(text).map(|parsed| (parsed.entry, parsed.masked));
        assert_eq!(parsed("10.0.0.3/30"), Ok((Entry::V4(0x0a00_0000, 0x0a00_0003), true)));
        assert_eq!(parsed("10.0.0.3/32"), Ok((Entry::V4(0x0a00_0003, 0x0a00_0003), false)));
        assert_eq!(parsed("::5/126"), Ok((Entry::V6(4, 7), true)));
        assert_eq!(parsed("::5/128"), Ok((Entry::V6(5, 5), false)));
    }

    #[test]
    fn mapped_ipv6_is_ipv4() {
        assert_eq!(entry("::ffff:10.0.0.1"), v4([10, 0, 0, 1], [10, 0, 0, 1]));
        assert_eq!(entry("::ffff:10.0.0.0/104"), v4([10, 0, 0, 0], [10, 255, 255, 255]));
        assert_eq!(entry("::ffff:10.0.0.1-::ffff:10.0.0.3"), v4([10, 0, 0, 1], [10, 0, 0, 3]));
        assert_eq!(entry("10.0.0.1-::ffff:10.0.0.3"), v4([10, 0, 0, 1], [10, 0, 0, 3]));
        assert_eq!(entry("::ffff:0:0/95"), Ok(Entry::V6(0xfffe << 32, (0xffff << 32) | 0xffff_ffff)));
        assert!(matches!(entry("::ffff:10.0.0.1-2001::"), Ok(Entry::V6(..))));
    }

    #[test]
    fn ports_are_read() {
        assert_eq!(entry("80"), Ok(Entry::Ports(80, 80)));
        assert_eq!(entry("0-65535"), Ok(Entry::Ports(0, 65535)));
        assert_eq!(entry("8000 - 8080"), Ok(Entry::Ports(8000, 8080)));
    }

    #[test]
    fn what_is_no_entry_says_why() {
        use EntryProblem::{Backwards, Families, NotAnEntry, PortTooLarge, PrefixTooLong};
        for text in [
            "",
            "-",
            "foo",
            "example.com",
            "10.0.0",
            "10.0.0.256",
            "10.0.0.0/",
            "10.0.0.0/x",
            "10.0.0.0/255.0.0.0",
            "10.0.0.0/+8",
            "10.0.0.1:80",
            "fe80::1%eth0",
            "1-2-3",
            "+80",
            "dead",
            ":::",
            ".",
        ] {
            assert_eq!(entry(text), Err(NotAnEntry), "{text}");
        }
        assert_eq!(entry("10.0.0.0/33"), Err(PrefixTooLong { bits: 32 }));
        assert_eq!(entry("10.0.0.0/999"), Err(PrefixTooLong { bits: 32 }));
        assert_eq!(entry("::/129"), Err(PrefixTooLong { bits: 128 }));
        assert_eq!(entry("10.0.0.2-10.0.0.1"), Err(Backwards));
        assert_eq!(entry("::2-::1"), Err(Backwards));
        assert_eq!(entry("81-80"), Err(Backwards));
        assert_eq!(entry("10.0.0.1-2001:db8::1"), Err(Families));
        assert_eq!(entry("65536"), Err(PortTooLarge));
        assert_eq!(entry("99999999999999999999999"), Err(PortTooLarge));
    }

    proptest! {
        #[test]
        fn an_address_is_itself_and_a_prefix_holds_it(bits in any::<u128>(), length in 0u8..=128) {
            let v6 = Ipv6Addr::from(bits);
            if v6.to_ipv4_mapped().is_none() {
                prop_assert_eq!(entry(&v6.to_string()), Ok(Entry::V6(bits, bits)));
                let Ok(Entry::V6(first, last)) = entry(&format!("{v6}/{length}")) else { return Err(TestCaseError::fail("v6")) };
                prop_assert!((first..=last).contains(&bits));
                prop_assert_eq!(last - first, if length == 0 { u128::MAX } else { (1 << (128 - length)) - 1 });
            }
            let (number, length) = (bits as u32, length % 33);
            let written = format!("{}/{length}", Ipv4Addr::from(number));
            prop_assert_eq!(plain_v4(written.as_bytes()), parse(&written).ok());
            let v4 = Ipv4Addr::from(number);
            prop_assert_eq!(entry(&v4.to_string()), Ok(Entry::V4(number, number)));
            let Ok(Entry::V4(first, last)) = entry(&format!("{v4}/{length}")) else { return Err(TestCaseError::fail("v4")) };
            prop_assert!((first..=last).contains(&number));
            prop_assert_eq!(u64::from(last - first), (1u64 << (32 - length)) - 1);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}|[0-9a-f.:/ -]{0,30}") {
            let _ = parse(&text);
        }

        #[test]
        fn the_short_way_is_the_long_way(text in "[0-3]{0,4}[.][0-3]{1,3}[.]0{0,2}[0-9]{1,3}[.][0-9]{1,3}(/[0-9]{0,3})?") {
            if let Some(parsed) = plain_v4(text.as_bytes()) {
                prop_assert_eq!(parse(&text), Ok(parsed));
            }
            prop_assert_eq!(parse_bytes(text.as_bytes()), parse(&text));
        }
    }
}
