//! Of which family and protocol a packet is, as one number, and which of them a conjunction can hold for.

use crate::words::{Family, Match};

/// How many kinds there are: the protocols of IPv4, those of IPv6, and what is not IP.
pub(crate) const KINDS: usize = 513;
/// The kind of what is not IP.
pub(crate) const NOT_IP: usize = 512;
/// EtherType of IPv4.
pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMPV6: u8 = 58;
/// TCP, UDP, DCCP, SCTP, UDP-Lite.
const WITH_PORTS: [u8; 5] = [TCP, 17, 33, 132, 136];

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds([u64; KINDS.div_ceil(64)]);

impl Kinds {
    /// None.
    pub(crate) const NONE: Self = Self([0; KINDS.div_ceil(64)]);

    /// Those for which a conjunction can hold at all. What a criterion implies is worked in: ports are of protocols that
    /// have them, flags of TCP, types of ICMP; addresses and fragments of IP, and of the families they name.
    pub(crate) fn of(criteria: &Match) -> Self {
        let mut kinds = Self::where_kind(|_| true);
        if let Some(protocols) = &criteria.protocol {
            let named = |number: usize, family: Family| {
                protocols
                    .iter()
                    .any(|p| usize::from(p.number) == number && (p.family == Family::Any || p.family == family))
            };
            kinds.keep(|kind| match family(kind) {
                Some(family) => named(kind & 0xff, family),
                None => false,
            });
        }
        for ports in [&criteria.src_port, &criteria.dst_port].into_iter().flatten() {
            // Of no ports, not even one that cannot be read is one.
            if ports.is_empty() {
                return Self::NONE;
            }
            kinds.keep(|kind| kind != NOT_IP && WITH_PORTS.iter().any(|number| usize::from(*number) == kind & 0xff));
        }
        if criteria.tcp_flags.is_some() {
            kinds.keep(|kind| kind != NOT_IP && kind & 0xff == usize::from(TCP));
        }
        if criteria.icmp_type.is_some() {
            kinds.keep(|kind| kind == v4(ICMP) || kind == v6(ICMPV6));
        }
        for addresses in [&criteria.src, &criteria.dst].into_iter().flatten() {
            kinds.keep(|kind| match family(kind) {
                Some(Family::V4) => !addresses.v4.is_empty(),
                Some(_) => !addresses.v6.is_empty(),
                None => false,
            });
        }
        if criteria.fragment.is_some() {
            kinds.keep(|kind| kind != NOT_IP);
        }
        if let Some(types) = &criteria.ethertype {
            // A packet of IP's type with a broken header is not IP.
            kinds.keep(|kind| match family(kind) {
                Some(Family::V4) => types.contains(&ETHERTYPE_IPV4),
                Some(_) => types.contains(&ETHERTYPE_IPV6),
                None => true,
            });
        }
        kinds
    }

    /// Those that fulfil a condition.
    pub(crate) fn where_kind(condition: impl Fn(usize) -> bool) -> Self {
        let mut kinds = Self::NONE;
        for kind in (0..KINDS).filter(|kind| condition(*kind)) {
            kinds.0[kind / 64] |= 1 << (kind % 64);
        }
        kinds
    }

    fn keep(&mut self, condition: impl Fn(usize) -> bool) {
        *self = self.both(&Self::where_kind(condition));
    }

    /// Those that are in both.
    pub(crate) fn both(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    /// Whether all of `other` are among them.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.both(other) == *other
    }

    /// Whether any is of this family; `Any`: whether any is not IP.
    pub(crate) fn any_of(&self, family: Family) -> bool {
        !self.of_family(family).is_empty()
    }

    /// Those of this family; `Any`: what is not IP.
    pub(crate) fn of_family(&self, family: Family) -> Self {
        let words = match family {
            Family::V4 => 0..4,
            Family::V6 => 4..8,
            Family::Any => 8..9,
        };
        Self(std::array::from_fn(|i| if words.contains(&i) { self.0[i] } else { 0 }))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        (0..KINDS).filter(|kind| self.0[kind / 64] >> (kind % 64) & 1 != 0)
    }
}

/// The kind of a protocol of IPv4.
pub(crate) fn v4(protocol: u8) -> usize {
    usize::from(protocol)
}

/// The kind of a protocol of IPv6.
pub(crate) fn v6(protocol: u8) -> usize {
    256 + usize::from(protocol)
}

fn family(kind: usize) -> Option<Family> {
    match kind {
        0..256 => Some(Family::V4),
        256..NOT_IP => Some(Family::V6),
        _ => None,
    }
}
