//! Adding rows up by their keys.

use super::census::{Census, number};
use super::key::{Key, Names};
use super::{Level, PREFIX_ROWS_MAX};
use crate::Range;
use netrig_model::{ReducedFlowRecord, Timestamp, Told};
use std::collections::{HashMap, HashSet};

/// Rows of networks in memory before the smallest go into the rest.
const PREFIX_ROWS_HELD_MAX: usize = 4 * PREFIX_ROWS_MAX;

/// What is told of a row beside key and sums, as long as it is the same in all records. Unknown is a value of its own: what is
/// known of some only is not told of all.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Common {
    process: Option<u32>,
    container: Option<u32>,
    drop_reason: Option<u32>,
    src_name: Option<u32>,
    dst_name: Option<u32>,
}

impl Common {
    fn of(row: &ReducedFlowRecord, told: Told, names: &mut Names) -> Self {
        // Names are of addresses: where those are not told, names are not, and need not be remembered.
        let addresses = told == Told::Addresses;
        let (src_name, dst_name) = if addresses { (&row.src_name, &row.dst_name) } else { (&None, &None) };
        let owner = told != Told::Other;
        Self {
            process: row.process.as_deref().filter(|_| owner).and_then(|text| names.number(Some(text))),
            container: row.container.as_deref().filter(|_| owner).and_then(|text| names.number(Some(text))),
            drop_reason: names.number(row.drop_reason.as_deref()),
            src_name: names.number(src_name.as_deref()),
            dst_name: names.number(dst_name.as_deref()),
        }
    }

    fn and(self, other: Self) -> Self {
        let same = |a: Option<u32>, b| a.filter(|_| a == b);
        Self {
            process: same(self.process, other.process),
            container: same(self.container, other.container),
            drop_reason: same(self.drop_reason, other.drop_reason),
            src_name: same(self.src_name, other.src_name),
            dst_name: same(self.dst_name, other.dst_name),
        }
    }

    fn without_addresses(self, told: Told) -> Self {
        match told {
            Told::Addresses => self,
            Told::Prefixes => Self { src_name: None, dst_name: None, ..self },
            Told::Other => Self { process: None, container: None, src_name: None, dst_name: None, ..self },
        }
    }
}

/// Squares of what 95 % of packets, bytes, and those of the reverse direction lie within: records are sampled independently, so
/// their errors add up as their squares do. Unknown, as with a rig that did not sample, is no error.
#[derive(Clone, Copy)]
struct Errors([Option<u128>; 4]);

impl Errors {
    fn of(row: &ReducedFlowRecord) -> Self {
        let errors = [row.packets_error, row.bytes_error, row.reverse_packets_error, row.reverse_bytes_error];
        Self(errors.map(|error| error.map(|error| u128::from(error).pow(2))))
    }

    fn and(self, other: Self) -> Self {
        let sum = |n: usize| {
            let (a, b) = (self.0[n], other.0[n]);
            a.zip(b).map(|(a, b)| a.saturating_add(b)).or(a).or(b)
        };
        Self(std::array::from_fn(sum))
    }

    /// Rounded up.
    fn bounds(self) -> [Option<u64>; 4] {
        let root = |square: u128| {
            let below = square.isqrt();
            u64::try_from(below + u128::from(below * below < square)).unwrap_or(u64::MAX)
        };
        self.0.map(|square| square.map(root))
    }
}

/// Sums of records.
#[derive(Clone, Copy)]
struct Sums {
    reach: Timestamp,
    records: u64,
    packets: u64,
    bytes: u64,
    reverse_packets: u64,
    reverse_bytes: u64,
    tcp_flags: Option<u8>,
    reverse_tcp_flags: Option<u8>,
    sampling_rate: u32,
    errors: Errors,
    dropped_packets: Option<u64>,
    common: Common,
}

impl Sums {
    fn of(row: &ReducedFlowRecord, told: Told, names: &mut Names) -> Self {
        Self {
            reach: row.window_end,
            records: row.records,
            packets: row.packets,
            bytes: row.bytes,
            reverse_packets: row.reverse_packets,
            reverse_bytes: row.reverse_bytes,
            tcp_flags: row.tcp_flags,
            reverse_tcp_flags: row.reverse_tcp_flags,
            sampling_rate: row.sampling_rate,
            errors: Errors::of(row),
            dropped_packets: row.dropped_packets,
            common: Common::of(row, told, names),
        }
    }

    fn and(self, other: Self) -> Self {
        let flags = |a: Option<u8>, b: Option<u8>| a.zip(b).map(|(a, b)| a | b).or(a).or(b);
        let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.wrapping_add(b)).or(a).or(b);
        Self {
            reach: self.reach.max(other.reach),
            records: self.records.wrapping_add(other.records),
            packets: self.packets.wrapping_add(other.packets),
            bytes: self.bytes.wrapping_add(other.bytes),
            reverse_packets: self.reverse_packets.wrapping_add(other.reverse_packets),
            reverse_bytes: self.reverse_bytes.wrapping_add(other.reverse_bytes),
            tcp_flags: flags(self.tcp_flags, other.tcp_flags),
            reverse_tcp_flags: flags(self.reverse_tcp_flags, other.reverse_tcp_flags),
            sampling_rate: self.sampling_rate.max(other.sampling_rate),
            errors: self.errors.and(other.errors),
            dropped_packets: sum(self.dropped_packets, other.dropped_packets),
            common: self.common.and(other.common),
        }
    }
}

/// Rows being added up.
pub(crate) struct Fold {
    level: Level,
    /// What the file covers: no row's window reaches beyond it.
    range: Range,
    names: Names,
    groups: HashMap<Key, Sums>,
    /// Flows that stay whole; none: all do.
    whole: Option<HashSet<u64>>,
    networks: usize,
}

impl Fold {
    /// For rows whose windows lie in `range`.
    pub(crate) fn new(level: Level, range: Range) -> Self {
        Self { level, range, names: Names::default(), groups: HashMap::new(), whole: None, networks: 0 }
    }

    /// Only the largest flows stay whole, of the rest networks are told.
    pub(crate) fn keep_whole(&mut self, census: &Census) {
        self.whole = Some(census.largest());
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(crate) fn add(&mut self, row: &ReducedFlowRecord) {
        let mut key = Key::whole(self.level, row, &mut self.names);
        if self.whole.as_ref().is_some_and(|whole| !whole.contains(&number(row, &key))) {
            key = key.networks();
        }
        let sums = Sums::of(row, key.told, &mut self.names);
        self.put(key, sums);
        if self.networks > PREFIX_ROWS_HELD_MAX {
            self.fold_networks();
        }
    }

    fn put(&mut self, key: Key, sums: Sums) {
        let networks = &mut self.networks;
        self.groups.entry(key).and_modify(|all| *all = all.and(sums)).or_insert_with(|| {
            *networks += usize::from(key.told == Told::Prefixes);
            sums
        });
    }

    /// Of networks, all but the largest into the rest.
    fn fold_networks(&mut self) {
        let size = |sums: &Sums| sums.bytes.saturating_add(sums.reverse_bytes);
        let told = |key: &&Key| key.told == Told::Prefixes;
        let mut by_size: Vec<_> =
            self.groups.keys().filter(told).map(|key| (size(&self.groups[key]), self.shown_key(key), *key)).collect();
        by_size.sort_unstable_by(|a, b| (b.0, &a.1, a.2).cmp(&(a.0, &b.1, b.2)));
        for (.., key) in by_size.into_iter().skip(PREFIX_ROWS_MAX) {
            if let Some(sums) = self.groups.remove(&key) {
                self.networks -= 1;
                let sums = Sums { common: sums.common.without_addresses(Told::Other), ..sums };
                self.put(key.rest(), sums);
            }
        }
    }

    /// What orders keys by their texts, which their numbers do not.
    fn shown_key(&self, key: &Key) -> (Option<String>, Option<String>, Key) {
        let plain = Key { host: None, iface: None, transport: None, ..*key };
        (self.names.text(key.host), self.names.text(key.iface), plain)
    }

    /// All rows so far, sorted; what comes then begins anew.
    pub(crate) fn take_rows(&mut self) -> Vec<ReducedFlowRecord> {
        if self.networks > PREFIX_ROWS_MAX {
            self.fold_networks();
        }
        self.networks = 0;
        let groups = std::mem::take(&mut self.groups);
        let mut rows: Vec<_> = groups.into_iter().map(|(key, sums)| self.row(&key, sums)).collect();
        self.names = Names::default();
        rows.sort_by(|a, b| order(a).cmp(&order(b)));
        rows
    }

    fn row(&self, key: &Key, sums: Sums) -> ReducedFlowRecord {
        let start = key.period.saturating_mul(self.level.period_ns());
        let end = start.saturating_add(self.level.period_ns());
        let common = sums.common;
        let [packets_error, bytes_error, reverse_packets_error, reverse_bytes_error] = sums.errors.bounds();
        ReducedFlowRecord {
            window_start: Timestamp(start).max(self.range.start),
            window_end: Timestamp(end).min(self.range.end).max(sums.reach),
            told: key.told,
            records: sums.records,
            host: self.names.text(key.host),
            iface: self.names.text(key.iface),
            netns: key.netns,
            vlan: key.vlan,
            vlan_inner: key.vlan_inner,
            protocol: key.protocol,
            transport: self.names.text(key.transport),
            src_addr: key.src_addr,
            src_prefix: key.src_prefix,
            src_port: key.src_port,
            dst_addr: key.dst_addr,
            dst_prefix: key.dst_prefix,
            dst_port: key.dst_port,
            packets: sums.packets,
            bytes: sums.bytes,
            reverse_packets: sums.reverse_packets,
            reverse_bytes: sums.reverse_bytes,
            tcp_flags: sums.tcp_flags,
            reverse_tcp_flags: sums.reverse_tcp_flags,
            icmp_type: key.icmp_type,
            icmp_code: key.icmp_code,
            fragment: key.fragment,
            tunnel: key.tunnel,
            tunnel_id: key.tunnel_id,
            sampling_rate: sums.sampling_rate,
            packets_error,
            bytes_error,
            reverse_packets_error,
            reverse_bytes_error,
            process: self.names.text(common.process),
            container: self.names.text(common.container),
            dropped_packets: sums.dropped_packets,
            drop_reason: self.names.text(common.drop_reason),
            src_name: self.names.text(common.src_name),
            dst_name: self.names.text(common.dst_name),
        }
    }
}

/// The order of rows in a file: what is alike lies together, which is what makes it small.
fn order(row: &ReducedFlowRecord) -> impl Ord + '_ {
    (
        (row.window_start, row.told, &row.host, &row.iface, row.netns, row.protocol),
        (row.dst_port, row.dst_addr, row.src_addr, row.src_port, row.dst_prefix, row.src_prefix),
        (row.vlan, row.vlan_inner, row.icmp_type, row.icmp_code, row.fragment, row.tunnel, row.tunnel_id),
        &row.transport,
    )
}
