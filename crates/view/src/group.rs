//! Grouping while the records stream by, in bounded memory.

use crate::columns::By;
use crate::field::{Field, Fields, Words, compare};
use netrig_model::{FlowRecord, Timestamp};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use std::hash::BuildHasher;

/// What is summed for a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Packets from initiator to responder.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets from responder to initiator.
    pub reverse_packets: u64,
    /// Their bytes.
    pub reverse_bytes: u64,
    /// Flows, told apart by addresses, ports, protocol, interface and tags; one with records in many windows counts once.
    pub flows: u64,
    /// Start of the first window with a record of the group.
    pub start: Timestamp,
    /// End of the last one.
    pub end: Timestamp,
}

impl Sums {
    /// Packets both ways.
    #[must_use]
    pub fn total_packets(&self) -> u64 {
        self.packets.saturating_add(self.reverse_packets)
    }

    /// Bytes both ways.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.bytes.saturating_add(self.reverse_bytes)
    }

    /// Nanoseconds from the first window to the last.
    #[must_use]
    pub fn span_ns(&self) -> i64 {
        self.end.0.saturating_sub(self.start.0)
    }

    fn of(record: &FlowRecord, flows: u64) -> Self {
        Self {
            packets: record.packets,
            bytes: record.bytes,
            reverse_packets: record.reverse_packets,
            reverse_bytes: record.reverse_bytes,
            flows,
            start: record.window_start,
            end: record.window_end,
        }
    }

    fn add(&mut self, other: &Self) {
        if self.end == Timestamp::default() {
            self.start = other.start;
        }
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.reverse_packets = self.reverse_packets.saturating_add(other.reverse_packets);
        self.reverse_bytes = self.reverse_bytes.saturating_add(other.reverse_bytes);
        self.flows += other.flows;
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
    }
}

/// What bounds the memory of a [`Grouper`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Groups kept at once.
    pub groups_max: usize,
    /// Flows remembered to count each once.
    pub flows_max: usize,
}

impl Default for Limits {
    /// Some 150 MB at the very most while grouping (just below where the tables would double), and as much again for an
    /// answer of a million lines.
    fn default() -> Self {
        Self { groups_max: 900_000, flows_max: 1_800_000 }
    }
}

/// What was given up to stay within the bound; counted in `rest`, so the sums still add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Groups whose lines were folded into the rest.
    pub groups: u64,
    /// No group that is shown lacks more bytes than this.
    pub bytes_max: u64,
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    key: Box<[u8]>,
    /// Its sums.
    pub sums: Sums,
}

/// The answer.
#[derive(Debug)]
pub struct Grouped {
    /// The columns it was grouped by.
    pub by: By,
    /// The groups, most bytes first.
    pub groups: Vec<Group>,
    /// Sums of the groups that are not shown.
    pub rest: Sums,
    /// How many those are.
    pub rest_groups: u64,
    /// Set when the bound on groups was reached.
    pub pruned: Option<Pruned>,
    /// Whether flows were too many to remember, so that `flows` counts one that goes on through windows again.
    pub flows_approximate: bool,
    words: Words,
}

impl Grouped {
    /// The values of a group's columns, in order.
    pub fn fields(&self, group: &Group) -> impl Iterator<Item = Field> {
        Fields::of(&group.key)
    }

    /// A field as text; empty when not known.
    #[must_use]
    pub fn text(&self, field: Field) -> String {
        match field {
            Field::Null => String::new(),
            Field::Number(n) => n.to_string(),
            Field::Truth(t) => t.to_string(),
            Field::Address(ip) => ip.to_string(),
            Field::Time(t) => t.to_string(),
            Field::Word(w) => self.words.text(w).to_owned(),
        }
    }
}

/// Sums records by their columns.
#[derive(Debug)]
pub struct Grouper {
    by: By,
    limits: Limits,
    words: Words,
    groups: FxHashMap<Box<[u8]>, Sums>,
    /// Whether every group is one flow: then none need be remembered.
    groups_are_flows: bool,
    flows: FxHashSet<u64>,
    flows_approximate: bool,
    rest: Sums,
    pruned: Pruned,
    key: Vec<u8>,
}

impl Grouper {
    /// Groups by `by` within `limits`.
    #[must_use]
    pub fn new(by: By, limits: Limits) -> Self {
        Self {
            groups_are_flows: by == By::flow(),
            by,
            limits,
            words: Words::default(),
            groups: FxHashMap::default(),
            flows: FxHashSet::default(),
            flows_approximate: false,
            rest: Sums::default(),
            pruned: Pruned::default(),
            key: Vec::new(),
        }
    }

    /// Adds one record.
    pub fn add(&mut self, record: &FlowRecord) {
        self.key.clear();
        for column in &self.by.0 {
            (column.read)(record, &mut self.words).encode(&mut self.key);
        }
        let mut sums = Sums::of(record, if self.groups_are_flows { 0 } else { self.flow_is_new(record) });
        match self.groups.get_mut(self.key.as_slice()) {
            Some(group) => group.add(&sums),
            None => {
                sums.flows = sums.flows.max(u64::from(self.groups_are_flows));
                self.groups.insert(self.key.as_slice().into(), sums);
                if self.groups.len() > self.limits.groups_max {
                    self.prune();
                }
            }
        }
    }

    /// The groups, most bytes first; all, or the `top` of them.
    #[must_use]
    pub fn finish(self, top: Option<usize>) -> Grouped {
        let mut groups: Vec<Group> = self.groups.into_iter().map(|(key, sums)| Group { key, sums }).collect();
        let words = &self.words;
        groups.sort_unstable_by(|a, b| {
            b.sums.total_bytes().cmp(&a.sums.total_bytes()).then_with(|| compare(&a.key, &b.key, words))
        });
        let mut rest = self.rest;
        let kept = top.unwrap_or(usize::MAX).min(groups.len());
        let rest_groups = self.pruned.groups + (groups.len() - kept) as u64;
        groups.drain(kept..).for_each(|g| rest.add(&g.sums));
        Grouped {
            by: self.by,
            groups,
            rest,
            rest_groups,
            pruned: (self.pruned.groups > 0).then_some(self.pruned),
            flows_approximate: self.flows_approximate,
            words: self.words,
        }
    }

    /// 1 for the first record of a flow that comes by, 0 for those of its other windows.
    fn flow_is_new(&mut self, record: &FlowRecord) -> u64 {
        let r = record;
        let identity = (
            (r.src_addr, r.src_port, r.dst_addr, r.dst_port, r.protocol, r.fragment),
            (&r.host, &r.iface, r.netns, r.vlan, r.vlan_inner, r.tunnel, r.tunnel_id),
            (r.icmp_type, r.icmp_code),
            // The same flow in two groups is one flow of each.
            &self.key,
        );
        let hash = FxBuildHasher.hash_one(identity);
        if self.flows.len() >= self.limits.flows_max {
            self.flows_approximate = true;
            return u64::from(!self.flows.contains(&hash));
        }
        u64::from(self.flows.insert(hash))
    }

    /// Folds the smaller half of the groups into the rest.
    fn prune(&mut self) {
        let mut sizes: Vec<u64> = self.groups.values().map(Sums::total_bytes).collect();
        let middle = sizes.len() / 2;
        let (_, &mut median, _) = sizes.select_nth_unstable(middle);
        let (rest, pruned) = (&mut self.rest, &mut self.pruned);
        // At most half are larger than the median; those equal to it go too, however many they are.
        self.groups.retain(|_, sums| {
            let keep = sums.total_bytes() > median;
            if !keep {
                rest.add(sums);
                pruned.groups += 1;
            }
            keep
        });
        // A group can be folded once at every pruning, each time with at most the median.
        self.pruned.bytes_max = self.pruned.bytes_max.saturating_add(median);
    }
}
