//! What a conjunction holds for, criterion by criterion: sets that can be compared and cut.

use crate::compile::kinds::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, Kinds};
use crate::compile::rows::{merged, needs_transport};
use crate::words::{Addresses, Family, FlagTest, FragmentTest, Match, VlanTest};
use crate::{Number, Ranges};
use std::collections::BTreeSet;
use std::sync::Arc;

/// All packets for which each criterion's set has them; a criterion that is not there has all.
#[derive(Clone, Debug)]
pub(super) struct Space {
    pub(super) kinds: Kinds,
    pub(super) src: Option<Arc<Addresses>>,
    pub(super) dst: Option<Arc<Addresses>>,
    src_port: Option<Arc<Ranges<u16>>>,
    dst_port: Option<Arc<Ranges<u16>>>,
    icmp_type: Option<Ranges<u8>>,
    /// All values of the octet of flags for which a test holds.
    tcp_flags: Option<Ranges<u8>>,
    length: Option<Ranges<u32>>,
    /// Untagged is [`UNTAGGED`].
    vlan: Option<Ranges<u32>>,
    /// Whole packets are 0, first fragments 1, later ones 2.
    fragment: Option<Ranges<u8>>,
    ethertype: Option<Ranges<u16>>,
    iface: Option<BTreeSet<String>>,
    src_mac: Option<BTreeSet<[u8; 6]>>,
    dst_mac: Option<BTreeSet<[u8; 6]>>,
    /// Packets that end before their ports, type or flags are a case of their own.
    pub(super) needs_transport: bool,
}

/// Stands among VLAN ids for having none.
const UNTAGGED: u32 = 1 << 16;

impl Space {
    /// What a conjunction holds for.
    pub(super) fn of(criteria: &Match) -> Self {
        let kinds = Kinds::of(criteria);
        let set = |macs: &Vec<[u8; 6]>| macs.iter().copied().collect();
        Self {
            kinds,
            src: criteria.src.clone(),
            dst: criteria.dst.clone(),
            src_port: criteria.src_port.clone(),
            dst_port: criteria.dst_port.clone(),
            icmp_type: criteria.icmp_type.as_deref().map(|types| Ranges::of(merged(types))),
            tcp_flags: criteria.tcp_flags.as_deref().map(flags),
            length: criteria.length.as_deref().map(|lengths| Ranges::of(merged(lengths))),
            vlan: criteria.vlan.as_deref().map(vlans),
            fragment: criteria.fragment.map(fragments),
            ethertype: criteria.ethertype.as_deref().map(numbers).or_else(|| implied(&kinds)),
            iface: criteria.iface.as_ref().map(|names| names.iter().cloned().collect()),
            src_mac: criteria.src_mac.as_ref().map(set),
            dst_mac: criteria.dst_mac.as_ref().map(set),
            needs_transport: needs_transport(criteria),
        }
    }

    /// Whether a criterion, addresses aside, has nothing: no packet holds.
    pub(super) fn is_empty(&self) -> bool {
        fn none<T: Number>(set: Option<&Ranges<T>>) -> bool {
            set.is_some_and(Ranges::is_empty)
        }
        self.kinds.is_empty()
            || none(self.src_port.as_deref())
            || none(self.dst_port.as_deref())
            || none(self.icmp_type.as_ref())
            || none(self.tcp_flags.as_ref())
            || none(self.length.as_ref())
            || none(self.vlan.as_ref())
            || none(self.fragment.as_ref())
            || none(self.ethertype.as_ref())
            || self.iface.as_ref().is_some_and(BTreeSet::is_empty)
            || self.src_mac.as_ref().is_some_and(BTreeSet::is_empty)
            || self.dst_mac.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// Whether only later fragments hold: they have neither ports nor flags.
    pub(super) fn is_of_later_fragments(&self) -> bool {
        self.fragment.as_ref().is_some_and(|set| fragments(FragmentTest::Later).covers(set))
    }

    /// Whether all of `other` holds here too, addresses aside.
    pub(super) fn covers_beside_addresses(&self, other: &Self) -> bool {
        fn all<T: Number>(set: Option<&Ranges<T>>, other: Option<&Ranges<T>>) -> bool {
            set.is_none_or(|set| other.is_some_and(|other| covers(set, other)))
        }
        fn listed<T: Ord>(set: Option<&BTreeSet<T>>, other: Option<&BTreeSet<T>>) -> bool {
            set.is_none_or(|set| other.is_some_and(|other| other.is_subset(set)))
        }
        self.kinds.covers(&other.kinds)
            && all(self.src_port.as_deref(), other.src_port.as_deref())
            && all(self.dst_port.as_deref(), other.dst_port.as_deref())
            && all(self.icmp_type.as_ref(), other.icmp_type.as_ref())
            && all(self.tcp_flags.as_ref(), other.tcp_flags.as_ref())
            && all(self.length.as_ref(), other.length.as_ref())
            && all(self.vlan.as_ref(), other.vlan.as_ref())
            && all(self.fragment.as_ref(), other.fragment.as_ref())
            && all(self.ethertype.as_ref(), other.ethertype.as_ref())
            && listed(self.iface.as_ref(), other.iface.as_ref())
            && listed(self.src_mac.as_ref(), other.src_mac.as_ref())
            && listed(self.dst_mac.as_ref(), other.dst_mac.as_ref())
    }

    /// What holds in both, addresses aside: they stay as they are here.
    pub(super) fn both_beside_addresses(&self, other: &Self) -> Self {
        fn cut<T: Number>(set: Option<&Ranges<T>>, other: Option<&Ranges<T>>) -> Option<Ranges<T>> {
            match (set, other) {
                (Some(set), Some(other)) => Some(common(set, other)),
                (set, other) => set.or(other).cloned(),
            }
        }
        fn listed<T: Ord + Clone>(set: Option<&BTreeSet<T>>, other: Option<&BTreeSet<T>>) -> Option<BTreeSet<T>> {
            match (set, other) {
                (Some(set), Some(other)) => Some(set & other),
                (set, other) => set.or(other).cloned(),
            }
        }
        Self {
            kinds: self.kinds.both(&other.kinds),
            src: self.src.clone(),
            dst: self.dst.clone(),
            src_port: cut(self.src_port.as_deref(), other.src_port.as_deref()).map(Arc::new),
            dst_port: cut(self.dst_port.as_deref(), other.dst_port.as_deref()).map(Arc::new),
            icmp_type: cut(self.icmp_type.as_ref(), other.icmp_type.as_ref()),
            tcp_flags: cut(self.tcp_flags.as_ref(), other.tcp_flags.as_ref()),
            length: cut(self.length.as_ref(), other.length.as_ref()),
            vlan: cut(self.vlan.as_ref(), other.vlan.as_ref()),
            fragment: cut(self.fragment.as_ref(), other.fragment.as_ref()),
            ethertype: cut(self.ethertype.as_ref(), other.ethertype.as_ref()),
            iface: listed(self.iface.as_ref(), other.iface.as_ref()),
            src_mac: listed(self.src_mac.as_ref(), other.src_mac.as_ref()),
            dst_mac: listed(self.dst_mac.as_ref(), other.dst_mac.as_ref()),
            needs_transport: self.needs_transport || other.needs_transport,
        }
    }
}

/// Whether all of `other` are in `set`: one search for each of its ranges, however many `set` has.
pub(super) fn covers<T: Number>(set: &Ranges<T>, other: &Ranges<T>) -> bool {
    let set = set.as_slice();
    other.as_slice().iter().all(|(first, last)| {
        let after = set.partition_point(|(begin, _)| begin <= first);
        after > 0 && *last <= set[after - 1].1
    })
}

/// What is in both: one search for each range of the one that has fewer.
pub(super) fn common<T: Number>(a: &Ranges<T>, b: &Ranges<T>) -> Ranges<T> {
    let (few, many) = if a.as_slice().len() <= b.as_slice().len() { (a, b) } else { (b, a) };
    let many = many.as_slice();
    let mut all = Vec::new();
    for (first, last) in few.as_slice() {
        let from = many.partition_point(|(_, end)| end < first);
        let within = many[from..].iter().take_while(|(begin, _)| begin <= last);
        all.extend(within.map(|(begin, end)| (*begin.max(first), *end.min(last))));
    }
    Ranges::of(all)
}

fn numbers(values: &[u16]) -> Ranges<u16> {
    Ranges::of(values.iter().map(|value| (*value, *value)).collect())
}

/// What is IP has the type of its family.
fn implied(kinds: &Kinds) -> Option<Ranges<u16>> {
    let of = |family, ethertype| kinds.any_of(family).then_some((ethertype, ethertype));
    let types = of(Family::V4, ETHERTYPE_IPV4).into_iter().chain(of(Family::V6, ETHERTYPE_IPV6));
    (!kinds.any_of(Family::Any)).then(|| Ranges::of(types.collect()))
}

fn flags(tests: &[FlagTest]) -> Ranges<u8> {
    let holds = |flags: &u8| tests.iter().any(|test| flags & test.mask == test.value);
    Ranges::of((0..=u8::MAX).filter(holds).map(|flags| (flags, flags)).collect())
}

fn vlans(tests: &[VlanTest]) -> Ranges<u32> {
    let range = |test: &VlanTest| match test {
        VlanTest::Untagged => (UNTAGGED, UNTAGGED),
        VlanTest::Ids(ids) => ((*ids.start()).into(), (*ids.end()).into()),
    };
    Ranges::of(tests.iter().map(range).collect())
}

fn fragments(test: FragmentTest) -> Ranges<u8> {
    let range = match test {
        FragmentTest::Whole => (0, 0),
        FragmentTest::First => (1, 1),
        FragmentTest::Later => (2, 2),
        FragmentTest::Any => (1, 2),
    };
    Ranges::of(vec![range])
}
