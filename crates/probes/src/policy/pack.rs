//! Tables as they lie in a generation's memory. Layout: `policy/wire.h`.

use crate::object::bytes_of;
use crate::wire::{
    policy_acts as acts, policy_addresses, policy_at_once as first, policy_checks as checks, policy_dimension,
    policy_fragments as fragments, policy_layout, policy_ports, policy_ranges4, policy_ranges6, policy_row,
    policy_rule, policy_rule_flags as flags,
};
use netrig_policy::tables::{Act, AddressClasses, Checks, PortClasses, Ranges4, Ranges6, Row, Rule, Tables};
use netrig_policy::words::{FragmentTest, Limit, LimitPer, LimitUnit, Mode, Unreadable};

/// A limit's nanoseconds are kept in sixteenths; the cost of one byte in 2^20ths.
const PER_NS: u128 = 16;
const BYTE_COST_SHIFT: u32 = 20;
/// Entries that the kernel may look at behind the last one.
const FEW: usize = 8;
/// `rules.bpf.c`'s: upper six bits of its product with a power of two differ for each.
const LOWEST_BIT_PRODUCT: u64 = 0x03f7_9d71_b4cb_0a89;
/// As many kinds as the verifier takes for possible.
const KINDS: usize = 1024;
/// What a bucket holds at most, so that sums with a clock never wrap.
const CAPACITY_MAX: u128 = 1 << 62;

/// What a generation is loaded with.
pub(super) struct Packed {
    pub(super) layout: policy_layout,
    pub(super) area: Vec<u8>,
    /// Indices of the interfaces that rules send packets to.
    pub(super) devices: Vec<u32>,
    /// CPUs likewise; their map's key is their number.
    pub(super) cpus: Vec<u32>,
}

/// The area as it grows.
#[derive(Default)]
struct Area {
    bytes: Vec<u8>,
}

impl Area {
    /// Appends at a multiple of eight; tells where.
    fn put(&mut self, bytes: impl Iterator<Item = u8>) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = self.bytes.len();
        self.bytes.extend(bytes);
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn put16(&mut self, numbers: &[u16]) -> u32 {
        self.put(numbers.iter().flat_map(|n| n.to_ne_bytes()))
    }

    fn put32(&mut self, numbers: &[u32]) -> u32 {
        self.put(numbers.iter().flat_map(|n| n.to_ne_bytes()))
    }

    fn put64(&mut self, numbers: &[u64]) -> u32 {
        self.put(numbers.iter().flat_map(|n| n.to_ne_bytes()))
    }

    /// Sets of `words` words each, made as long as a power of two.
    fn put_sets(&mut self, sets: &[u64], words: usize) -> policy_dimension {
        let stride = words.next_power_of_two();
        let padding = std::iter::repeat_n(0, stride - words);
        let padded: Vec<u64> = sets.chunks(words).flat_map(|set| set.iter().copied().chain(padding.clone())).collect();
        let used = u32::from(!sets.is_empty());
        policy_dimension { used, sets: self.put64(&padded), classes: (sets.len() / words) as u32 }
    }

    fn put_ranges4(&mut self, ranges: &Ranges4) -> policy_ranges4 {
        if ranges.index.is_empty() {
            return policy_ranges4::default();
        }
        policy_ranges4 {
            index: self.put32(&ranges.index),
            shift: 32 - u32::from(ranges.index_bits),
            entries: self.put32(&[ranges.entries.as_slice(), &[0; FEW]].concat()),
            entry_count: ranges.entries.len() as u32,
        }
    }

    fn put_ranges6(&mut self, ranges: &Ranges6) -> policy_ranges6 {
        if ranges.index.is_empty() {
            return policy_ranges6::default();
        }
        let (parts, fine) = parts6(ranges);
        policy_ranges6 {
            used: 1,
            parts: self.put64(&parts),
            fine: self.put32(&fine),
            // The kernel looks at the next one too.
            fine_count: fine.len().saturating_sub(1) as u32,
            upper: self.put64(&ranges.upper),
            upper_class: self.put32(&ranges.upper_class),
            upper_count: ranges.upper.len() as u32,
            deeper: self.put32(&ranges.deeper),
            deeper_count: ranges.deeper.len().saturating_sub(1) as u32,
            lower: self.put64(&ranges.lower),
            lower_class: self.put32(&ranges.lower_class),
            lower_count: ranges.lower.len() as u32,
        }
    }
}

/// By upper 16 bits of an address: where their keys begin and, where they are few, how many they are; where they are more, where
/// their index begins, and how far what is left of the address is shifted for it. And those indices: for each value of the next
/// bits the last key that begins there or before.
fn parts6(ranges: &Ranges6) -> (Vec<u64>, Vec<u32>) {
    const PART_BITS: u32 = 48;
    let mut fine = Vec::new();
    let of_part = |(part, ends): (usize, &[u32])| {
        let (begin, end) = (ends[0], ends[1]);
        let keys = &ranges.upper[begin as usize..end as usize];
        if keys.len() <= FEW {
            return u64::from(begin) | (keys.len() as u64) << 32;
        }
        let bits = keys.len().ilog2();
        let base = fine.len() as u64;
        let mut last = 0;
        for slot in 0..1_u64 << bits {
            let first = (part as u64) << PART_BITS | slot << (PART_BITS - bits);
            last += keys[last + 1..].iter().take_while(|key| **key <= first).count();
            fine.push(begin + last as u32);
        }
        fine.push(end - 1);
        base | u64::from(63 - bits) << 40
    };
    let parts = ranges.index.windows(2).enumerate().map(of_part).collect();
    (parts, fine)
}

/// When a generation begins, and how to count from there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    pub(super) jiffies: u64,
    pub(super) ns_per_tick: u64,
}

/// Lays out `tables`. `seed`, CPUs and buckets are for the loader to add.
pub(super) fn pack(tables: &Tables, begin: Begin) -> Packed {
    let words = tables.words.max(1);
    let mut area = Area::default();
    let mut kinds = tables.kinds.clone();
    kinds.resize(KINDS * words, 0);
    let kinds = area.put_sets(&kinds, words).sets;
    let of = |area: &mut Area, used: bool, sets: &[u64]| {
        let dimension = if used { area.put_sets(sets, words) } else { policy_dimension::default() };
        policy_dimension { used: used.into(), ..dimension }
    };
    let src = of(&mut area, tables.src.used, &tables.src.sets);
    let dst = of(&mut area, tables.dst.used, &tables.dst.sets);
    let src_port = of(&mut area, tables.src_port.used, &tables.src_port.sets);
    let dst_port = of(&mut area, tables.dst_port.used, &tables.dst_port.sets);
    let sets_end = area.bytes.len() as u32;
    let (mut devices, mut cpus) = (Vec::new(), Vec::new());
    let rules: Vec<_> = tables.rules.iter().map(|rule| rule_of(rule, begin, &mut devices, &mut cpus)).collect();
    let rows: Vec<_> = tables.rows.iter().map(row_of).collect();
    let first = at_once(&rows, &rules, words);
    let layout = policy_layout {
        words: words as u32,
        set_shift: (words.next_power_of_two() * 8).ilog2(),
        rows: area.put(rows.iter().flat_map(|row| bytes_of(row).iter().copied())),
        row_count: rows.len() as u32,
        rules: area.put(rules.iter().flat_map(|rule| bytes_of(rule).iter().copied())),
        rule_count: rules.len() as u32,
        kinds,
        all_checks: rows.iter().fold(0, |all, row| all | u32::from(row.checks)),
        drop_unreadable: (tables.unreadable == Unreadable::Drop).into(),
        sets_end,
        first: area.put64(&first),
        guards_syn: tables.rules.iter().any(|rule| matches!(rule.act, Act::SynGuard(_))).into(),
        src: addresses(&mut area, src, &tables.src),
        dst: addresses(&mut area, dst, &tables.dst),
        src_port: ports(&mut area, src_port, &tables.src_port),
        dst_port: ports(&mut area, dst_port, &tables.dst_port),
        ..policy_layout::default()
    };
    area.bytes.resize(area.bytes.len().next_multiple_of(8), 0);
    Packed { layout, area: area.bytes, devices, cpus }
}

/// Of each row what is decided where it is the first candidate; in each word's part by the product that finds the lowest bit.
fn at_once(rows: &[policy_row], rules: &[policy_rule], words: usize) -> Vec<u64> {
    let of_row = |row: &policy_row| {
        let rule = rules.get(usize::from(row.rule)).copied().unwrap_or_default();
        let plain = row.checks == 0 && rule.expires == 0 && rule.flags & flags::SHADOW == 0;
        let how = match rule.act {
            acts::DROP if plain => first::DROP,
            acts::PASS if plain => first::PASS,
            acts::LIMIT if plain => first::LIMIT,
            _ => first::NOT,
        };
        how << 32 | u64::from(rule.slot) << 16 | u64::from(row.rule)
    };
    let mut all = vec![0; words * 64];
    for (place, row) in rows.iter().enumerate() {
        let product = (1_u64 << (place % 64)).wrapping_mul(LOWEST_BIT_PRODUCT) >> 58;
        all[place / 64 * 64 + product as usize] = of_row(row);
    }
    all
}

fn addresses(area: &mut Area, of: policy_dimension, classes: &AddressClasses) -> policy_addresses {
    if !classes.used {
        return policy_addresses::default();
    }
    policy_addresses { of, v4: area.put_ranges4(&classes.v4), v6: area.put_ranges6(&classes.v6) }
}

fn ports(area: &mut Area, of: policy_dimension, classes: &PortClasses) -> policy_ports {
    if !classes.used {
        return policy_ports::default();
    }
    policy_ports { of, table: area.put16(&classes.classes) }
}

fn row_of(row: &Row) -> policy_row {
    let mut packed = policy_row { rule: row.rule, ..policy_row::default() };
    let Checks { length, vlan, icmp_type, tcp_flags, fragment, ifindex, ethertype, src_mac, dst_mac } = row.checks;
    let mut all = if row.needs_transport { checks::NEEDS_TRANSPORT } else { 0 };
    let mut check = |bit: u16, there: bool| all |= if there { bit } else { 0 };
    check(checks::LENGTH, length.is_some());
    check(checks::UNTAGGED, vlan == Some(None));
    check(checks::VLAN, matches!(vlan, Some(Some(_))));
    check(checks::ICMP_TYPE, icmp_type.is_some());
    check(checks::TCP_FLAGS, tcp_flags.is_some());
    check(checks::FRAGMENT, fragment.is_some());
    check(checks::IFINDEX, ifindex.is_some());
    check(checks::ETHERTYPE, ethertype.is_some());
    check(checks::SRC_MAC, src_mac.is_some());
    check(checks::DST_MAC, dst_mac.is_some());
    packed.checks = all;
    (packed.length_min, packed.length_max) = length.unwrap_or_default();
    (packed.vlan_min, packed.vlan_max) = vlan.flatten().unwrap_or_default();
    (packed.icmp_min, packed.icmp_max) = icmp_type.unwrap_or_default();
    (packed.flags_mask, packed.flags_value) = tcp_flags.unwrap_or_default();
    packed.fragments = fragment.map_or(0, fragments_of);
    packed.ifindex = ifindex.unwrap_or_default();
    packed.ethertype = ethertype.unwrap_or_default();
    packed.src_mac = src_mac.map_or(0, mac);
    packed.dst_mac = dst_mac.map_or(0, mac);
    packed
}

fn fragments_of(test: FragmentTest) -> u8 {
    match test {
        FragmentTest::Whole => fragments::NONE,
        FragmentTest::Any => fragments::FIRST | fragments::LATER,
        FragmentTest::First => fragments::FIRST,
        FragmentTest::Later => fragments::LATER,
    }
}

/// As the first six octets of a word in memory.
fn mac(octets: [u8; 6]) -> u64 {
    let [a, b, c, d, e, f] = octets;
    u64::from_ne_bytes([a, b, c, d, e, f, 0, 0])
}

fn rule_of(rule: &Rule, begin: Begin, devices: &mut Vec<u32>, cpus: &mut Vec<u32>) -> policy_rule {
    let (act, number) = match rule.act {
        Act::Drop => (acts::DROP, 0),
        Act::Pass => (acts::PASS, 0),
        Act::Count => (acts::COUNT, 0),
        Act::Sample(one_in) => (acts::SAMPLE, one_in.max(1)),
        Act::Limit(_) => (acts::LIMIT, 0),
        Act::RedirectInterface(ifindex) => {
            devices.push(ifindex);
            (acts::REDIRECT_INTERFACE, devices.len() as u32 - 1)
        }
        Act::RedirectCpu(cpu) => {
            cpus.push(cpu);
            (acts::REDIRECT_CPU, cpu)
        }
        Act::SynGuard(above) => (acts::SYN_GUARD, u32::try_from(above).unwrap_or(u32::MAX)),
    };
    let expires = rule.ttl_ns.map_or(0, |ttl| (begin.jiffies + ttl.div_ceil(begin.ns_per_tick)).max(1));
    let shadow = if rule.mode == Mode::Shadow { flags::SHADOW } else { 0 };
    let packed = policy_rule { expires, number, slot: rule.slot, act, flags: shadow, ..policy_rule::default() };
    match rule.act {
        Act::Limit(limit) => with_limit(packed, &limit),
        Act::SynGuard(above) => with_guard(packed, above),
        _ => packed,
    }
}

/// A bucket of a second's SYNs; of none at all nothing is ever taken.
fn with_guard(rule: policy_rule, above: u64) -> policy_rule {
    let cost = (1_000_000_000 * PER_NS / u128::from(above.max(1))).max(1) as u64;
    policy_rule { cost, capacity: cost * above.min(1_000_000_000 * PER_NS as u64), ..rule }
}

fn with_limit(mut rule: policy_rule, limit: &Limit) -> policy_rule {
    let per_second = u128::from(limit.per_second.max(1));
    let scale = match limit.unit {
        LimitUnit::Packets => PER_NS,
        LimitUnit::Bytes => 1 << BYTE_COST_SHIFT,
    };
    let cost = (1_000_000_000 * scale / per_second).max(1);
    let capacity = match limit.unit {
        LimitUnit::Packets => u128::from(limit.burst) * cost,
        // The kernel's own step from 2^20ths to 16ths.
        LimitUnit::Bytes => (u128::from(limit.burst) * cost) >> (BYTE_COST_SHIFT - PER_NS.ilog2()),
    };
    rule.cost = u64::try_from(cost).unwrap_or(u64::MAX);
    rule.capacity = capacity.min(CAPACITY_MAX) as u64;
    if limit.unit == LimitUnit::Bytes {
        rule.flags |= flags::LIMIT_BYTES;
    }
    if let LimitPer::Source { v4_bits, v6_bits } = limit.per {
        rule.flags |= flags::LIMIT_SOURCE;
        let upper = |bits: u32, of: u32| if bits == 0 { 0 } else { u128::MAX << (of - bits.min(of)) };
        rule.source_mask4 = (upper(v4_bits.into(), 32) as u32).to_be();
        let mask6 = upper(v6_bits.into(), 128);
        rule.source_mask = [((mask6 >> 64) as u64).to_be(), (mask6 as u64).to_be()];
    }
    rule
}
