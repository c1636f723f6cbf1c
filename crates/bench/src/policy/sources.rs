//! Prefixes that a policy names, and the sources that packets come from.

use crate::cases::Random;
use netrig_policy::Ranges;
use netrig_policy::words::Addresses;
use std::sync::Arc;

/// Packets after which the sources come again; the bench's program has as many.
pub(crate) const SEQUENCE_LEN: usize = 1 << 20;
const MORE: u32 = 1 << 19;
/// Lower half of all IPv6 sources: what the frames have.
pub(crate) const LOWER: u64 = 1;
/// From here on no address is anybody's.
const UNUSED4: u32 = 0xf000_0000;
/// Lengths of prefixes, each as often as it stands here: mostly addresses, as in lists of addresses that attacked somebody.
const BITS4: [u32; 10] = [32, 32, 32, 32, 32, 32, 28, 26, 24, 24];
/// Mostly a subscriber's network.
const BITS6: [u32; 10] = [64, 64, 64, 64, 64, 64, 56, 48, 48, 128];
/// Where IPv6 is given out: the upper 16 bits of nearly all addresses in use.
const REGISTRIES: [u32; 6] = [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00];

/// Which sources packets come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draw {
    /// Always the same.
    One,
    /// A few that are in the CPU's caches.
    Hot,
    /// All, at random.
    All,
}

impl Draw {
    /// How many are hot.
    const HOT: usize = 256;
}

/// One prefix: its first address, as its upper half for IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) first: u64,
    pub(crate) bits: u32,
}

/// A list of prefixes, and sources that are in it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) is_ipv6: bool,
    pub(crate) prefixes: Vec<Prefix>,
    pub(crate) set: Arc<Addresses>,
}

impl Listed {
    /// `count` prefixes at random, all of them addresses where `only_addresses`; the same on every machine.
    pub(crate) fn new(count: usize, is_ipv6: bool, only_addresses: bool) -> Self {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let prefixes: Vec<_> = (0..count)
            .map(|_| {
                let of = if is_ipv6 { &BITS6 } else { &BITS4 };
                let bits = of[random.below(of.len() as u32) as usize];
                let bits = if only_addresses { if is_ipv6 { 128 } else { 32 } } else { bits };
                let first = anywhere(&mut random, is_ipv6) & mask(bits, is_ipv6);
                Prefix { first, bits }
            })
            .collect();
        let ranges = |prefix: &Prefix| (prefix.first, prefix.first | !mask(prefix.bits, is_ipv6));
        let set = if is_ipv6 {
            let wide = |prefix: &Prefix| {
                let (first, last) = ranges(prefix);
                let lower = if prefix.bits == 128 { (LOWER, LOWER) } else { (0, u64::MAX) };
                (u128::from(first) << 64 | u128::from(lower.0), u128::from(last) << 64 | u128::from(lower.1))
            };
            Addresses { v6: Ranges::of(prefixes.iter().map(wide).collect()), ..Addresses::default() }
        } else {
            let narrow = |(first, last)| (first as u32, last as u32);
            Addresses { v4: Ranges::of(prefixes.iter().map(ranges).map(narrow).collect()), ..Addresses::default() }
        };
        Self { is_ipv6, prefixes, set: Arc::new(set) }
    }

    /// The same set, and addresses beside it from which no packet comes.
    pub(crate) fn with_more(&self) -> Arc<Addresses> {
        let more = Ranges::of((0..MORE).map(|address| (UNUSED4 + 2 * address, UNUSED4 + 2 * address)).collect());
        Arc::new(Addresses { v4: self.set.v4.union(&more), v6: self.set.v6.clone() })
    }

    /// One entry a line.
    pub(crate) fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for prefix in &self.prefixes {
            let _ = if self.is_ipv6 {
                let lower = if prefix.bits == 128 { LOWER } else { 0 };
                let first = u128::from(prefix.first) << 64 | u128::from(lower);
                writeln!(text, "{}/{}", std::net::Ipv6Addr::from(first), prefix.bits)
            } else {
                writeln!(text, "{}/{}", std::net::Ipv4Addr::from(prefix.first as u32), prefix.bits)
            };
        }
        text
    }

    /// The source of each packet: of the list, or of nothing in it.
    pub(crate) fn sequence(&self, draw: Draw, listed: bool) -> Vec<u64> {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let mut one = || {
            if listed {
                return self.prefixes[random.below(self.prefixes.len() as u32) as usize].first;
            }
            loop {
                let source = anywhere(&mut random, self.is_ipv6);
                if !self.contains(source) {
                    return source;
                }
            }
        };
        let few = match draw {
            Draw::One => 1,
            Draw::Hot => Draw::HOT,
            Draw::All => SEQUENCE_LEN,
        };
        let few: Vec<_> = (0..few).map(|_| one()).collect();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        (0..SEQUENCE_LEN)
            .map(|at| if draw == Draw::All { few[at] } else { few[random.below(few.len() as u32) as usize] })
            .collect()
    }

    fn contains(&self, source: u64) -> bool {
        if self.is_ipv6 {
            self.set.v6.contains(u128::from(source) << 64 | u128::from(LOWER))
        } else {
            self.set.v4.contains(source as u32)
        }
    }
}

/// As it lies in a packet, in the lower octets of a word for IPv4.
pub(crate) fn as_in_packets(source: u64, is_ipv6: bool) -> u64 {
    if is_ipv6 { source.to_be() } else { (source as u32).to_be().into() }
}

fn anywhere(random: &mut Random, is_ipv6: bool) -> u64 {
    if !is_ipv6 {
        return random.below(UNUSED4).into();
    }
    let registry = REGISTRIES[random.below(REGISTRIES.len() as u32) as usize] + random.below(16);
    u64::from(registry) << 48 | random.next() >> 16
}

fn mask(bits: u32, is_ipv6: bool) -> u64 {
    let of = if is_ipv6 { 64 } else { 32 };
    let ones = u64::MAX >> (64 - of);
    if bits >= of { ones } else { ones & !(ones >> bits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_in_the_list_or_not_in_it() {
        for is_ipv6 in [false, true] {
            let listed = Listed::new(1000, is_ipv6, false);
            for draw in [Draw::One, Draw::Hot, Draw::All] {
                assert!(listed.sequence(draw, true).iter().all(|source| listed.contains(*source)));
                assert!(!listed.sequence(draw, false).iter().any(|source| listed.contains(*source)));
            }
        }
    }

    #[test]
    fn a_list_is_written_as_it_is() -> anyhow::Result<()> {
        for is_ipv6 in [false, true] {
            let listed = Listed::new(1000, is_ipv6, false);
            let read = netrig_policy::SetFile::parse(listed.text().as_bytes())?;
            let netrig_policy::SetEntries::Addresses(read) = read.entries else { anyhow::bail!("no addresses") };
            assert_eq!(read, listed.set);
        }
        Ok(())
    }
}
