//! From counts since the start to a window's records of drops.
//!
//! Of each group the kernel counts all packets, and in a smaller table those of its flows. A window's rows are the flows that
//! gained something, and one row for the group's rest, so that the rows of a group always add up to what it gained. Groups are read
//! before flows: a packet that comes in between is told with its flow, and the group's rest waits until its count has caught up. The
//! other way round it would be told twice, with the rest and with its flow in the next window.

mod dropped;
mod flows;
mod room;
mod tallies;

pub use dropped::{Dropped, SeenOn};

use crate::world::FlowEnds;
use dropped::Waiting;
use flows::{FlowId, Flows};
use netrig_model::{
    Direction, DropClass, DropCount, DropExample, DropFlow, DropFlowKey, DropGain, DropGroup, DropKey, DropRecord,
    DropSighting, DropSource, DropTally, InterfaceId, Owner, Timestamp, TrafficCounts, drop_way, transport_name,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Write;
use tallies::{Tallies, Tally, TallyKey};

/// Packets that were looked at, kept of each group for pictures.
const EXAMPLES_SHOWN: usize = 4;
/// Packets that were looked at, kept for a window's rows.
const EXAMPLES_OF_WINDOW: usize = 4096;

/// What a drop means, by its source, reason and place.
pub type ClassOf = fn(DropSource, &str, Option<&str>) -> Option<DropClass>;

/// Is told what counted, the reason, its class, and packets since the start.
pub type EachCount<'a> = dyn FnMut(DropSource, &str, Option<DropClass>, u64) + 'a;

/// What people call a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DropName {
    /// The reason's name.
    pub reason: String,
    /// Function and offset, or the program's name.
    pub place: Option<String>,
    /// The interface's name.
    pub iface: Option<String>,
}

/// Tells what each group, flow and counter gained, window by window.
#[derive(Debug)]
pub struct DropTeller {
    host: Option<String>,
    class_of: ClassOf,
    numbers: BTreeMap<DropKey, u32>,
    groups: Vec<Group>,
    flows: Flows,
    waiting: Waiting,
    tallies: Tallies,
    /// The latest of each flow, and of each group's packets without one, in the open window.
    examples: HashMap<(u32, Option<DropFlowKey>), DropSighting>,
}

#[derive(Debug)]
struct Group {
    key: DropKey,
    /// None until it has been looked up.
    name: Option<Named>,
    now: TrafficCounts,
    /// In rows of flows and of the rest.
    told: TrafficCounts,
    latest: VecDeque<DropSighting>,
}

#[derive(Debug)]
struct Named {
    name: DropName,
    class: Option<DropClass>,
}

/// A row to be told.
struct Row<'a> {
    group: u32,
    flow: Option<DropFlowKey>,
    pid: Option<u32>,
    counts: TrafficCounts,
    example: Option<&'a DropSighting>,
}

impl DropTeller {
    /// Nothing is told yet.
    #[must_use]
    pub fn new(host: Option<String>, class_of: ClassOf) -> Self {
        Self {
            host,
            class_of,
            numbers: BTreeMap::new(),
            groups: Vec::new(),
            flows: Flows::default(),
            waiting: Waiting::default(),
            tallies: Tallies::default(),
            examples: HashMap::new(),
        }
    }

    /// A flow gained something.
    pub fn add(&mut self, gain: &DropGain) {
        let group = self.number(gain.key);
        self.flows.add(group, gain);
        self.waiting.add(group, &gain.flow, gain.packets);
    }

    /// A packet was looked at.
    pub fn show(&mut self, seen: DropSighting) {
        let group = self.number(seen.key);
        let latest = &mut self.groups[group as usize].latest;
        if latest.len() == EXAMPLES_SHOWN {
            latest.pop_front();
        }
        latest.push_back(seen.clone());
        let of = (group, seen.flow);
        if self.examples.len() < EXAMPLES_OF_WINDOW || self.examples.contains_key(&of) {
            self.examples.insert(of, seen);
        }
    }

    /// Takes in what was counted of every group, as read before the flows' gains.
    pub fn take(&mut self, counts: &[DropCount]) {
        for count in counts {
            let group = self.number(count.key) as usize;
            self.groups[group].now = TrafficCounts { packets: count.packets, bytes: count.bytes };
        }
    }

    /// Takes in a reading of all other counters. Returns how many there was no room for.
    pub fn take_tallies(&mut self, tallies: Vec<DropTally>) -> usize {
        self.tallies.take(tallies)
    }

    /// Takes in a reading of some of them, between two of all. Returns how many there was no room for.
    pub fn take_some_tallies(&mut self, tallies: Vec<DropTally>) -> usize {
        self.tallies.take_some(tallies)
    }

    fn number(&mut self, key: DropKey) -> u32 {
        let next = self.groups.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            let none = TrafficCounts::default();
            self.groups.push(Group { key, name: None, now: none, told: none, latest: VecDeque::new() });
        }
        number
    }

    /// Groups that want a name.
    pub fn nameless(&self) -> impl Iterator<Item = DropKey> + '_ {
        self.groups.iter().filter(|group| group.name.is_none()).map(|group| group.key)
    }

    /// Gives a group its name.
    pub fn name(&mut self, key: DropKey, name: DropName) {
        let class = (self.class_of)(key.source, &name.reason, name.place.as_deref());
        let group = self.number(key) as usize;
        self.groups[group].name = Some(Named { name, class });
    }

    /// The records of what was gained since the last closed window.
    #[must_use]
    pub fn open(&self, window: (Timestamp, Timestamp), owner: &dyn Fn(&FlowEnds) -> Option<Owner>) -> Vec<DropRecord> {
        let mut records = Vec::new();
        for row in self.rows() {
            let owner = row.ends().and_then(|ends| owner(&ends)).unwrap_or_default();
            records.push(self.record(&row, owner, window));
        }
        let gained = self.tallies.all().filter(|(_, tally)| tally.gained() > 0);
        records.extend(gained.map(|(key, tally)| self.tally_record(key, tally.gained(), window)));
        records
    }

    /// The same, and closes the window.
    #[must_use]
    pub fn close(
        &mut self,
        window: (Timestamp, Timestamp),
        owner: &dyn Fn(&FlowEnds) -> Option<Owner>,
    ) -> Vec<DropRecord> {
        let records = self.open(window, owner);
        let told: Vec<_> = self.rows().iter().map(|row| (row.group, row.flow, row.counts)).collect();
        // Rows come first, in this order.
        for ((group, flow, counts), record) in told.into_iter().zip(&records) {
            self.groups[group as usize].told.add(counts);
            if let Some(flow) = flow {
                self.flows.learn_owner(&(group, flow), &owner_in(record));
            }
        }
        self.flows.close();
        self.tallies.close();
        self.examples.clear();
        records
    }

    /// What each flow gained, and what is left of each group.
    fn rows(&self) -> Vec<Row<'_>> {
        let mut of_flows = vec![TrafficCounts::default(); self.groups.len()];
        let mut told = BTreeSet::<FlowId>::new();
        let mut rows = Vec::new();
        for (id, sum) in self.flows.of_window() {
            let counts = sum.gained();
            of_flows[id.0 as usize].add(counts);
            told.insert(id);
            let example = self.examples.get(&(id.0, Some(id.1)));
            rows.push(Row { group: id.0, flow: Some(id.1), pid: sum.pid, counts, example });
        }
        let mut examples = BTreeMap::<u32, &DropSighting>::new();
        for ((group, flow), seen) in &self.examples {
            if flow.is_none_or(|flow| !told.contains(&(*group, flow))) {
                let latest = examples.entry(*group).or_insert(seen);
                if latest.time < seen.time {
                    *latest = seen;
                }
            }
        }
        for (number, (group, of_flows)) in (0..).zip(self.groups.iter().zip(of_flows)) {
            let counts = group.now.since(group.told).since(of_flows);
            if counts.packets > 0 {
                let example = examples.get(&number).copied();
                rows.push(Row { group: number, flow: None, pid: None, counts, example });
            }
        }
        rows
    }

    fn record(&self, row: &Row<'_>, owner: Owner, window: (Timestamp, Timestamp)) -> DropRecord {
        let group = &self.groups[row.group as usize];
        let (name, class) = group.called();
        DropRecord {
            window_start: window.0,
            window_end: window.1,
            host: self.host.clone(),
            source: group.key.source,
            reason: name.reason,
            class,
            place: name.place,
            iface: name.iface,
            netns: group.netns(),
            direction: group.direction(),
            family: group.key.family,
            protocol: row.flow.map(|flow| flow.protocol),
            transport: row.flow.and_then(|flow| transport_name(flow.protocol)).map(str::to_owned),
            src_addr: row.flow.map(|flow| flow.src.0),
            src_port: row.flow.and_then(|flow| flow.src.1),
            dst_addr: row.flow.map(|flow| flow.dst.0),
            dst_port: row.flow.and_then(|flow| flow.dst.1),
            packets: row.counts.packets,
            bytes: group.has_bytes().then_some(row.counts.bytes),
            process: owner.process,
            pid: owner.pid.or(row.pid),
            cgroup: owner.cgroup,
            container: owner.container,
            example: row.example.map(|seen| hex(&seen.octets)),
        }
    }

    fn tally_record(&self, key: &TallyKey, packets: u64, window: (Timestamp, Timestamp)) -> DropRecord {
        DropRecord {
            window_start: window.0,
            window_end: window.1,
            host: self.host.clone(),
            source: key.source,
            reason: key.reason.clone(),
            class: (self.class_of)(key.source, &key.reason, key.place.as_deref()),
            place: key.place.clone(),
            iface: key.iface.clone(),
            netns: None,
            direction: key.direction(),
            family: None,
            protocol: None,
            transport: None,
            src_addr: None,
            src_port: None,
            dst_addr: None,
            dst_port: None,
            packets,
            bytes: None,
            process: None,
            pid: None,
            cgroup: None,
            container: None,
            example: None,
        }
    }

    /// What was dropped of a flow and was told with no record of it yet. `seen` says where a group's packets would have been seen.
    #[must_use]
    pub fn of_flow(&self, flow: &FlowEnds, iface: InterfaceId, seen: &dyn Fn(&DropKey) -> SeenOn) -> Dropped {
        let group = |number: u32| &self.groups[number as usize];
        self.waiting.of(flow, iface, |n| seen(&group(n).key), |n| group(n).called().0.reason)
    }

    /// A window's flows are about to be told.
    pub fn begin_flows(&self) {
        self.waiting.begin();
    }

    /// They have been told: what their records had is not told again.
    pub fn end_flows(&mut self) {
        self.waiting.end();
    }

    /// All that was counted since the start, most packets first.
    #[must_use]
    pub fn groups(&self) -> Vec<DropGroup> {
        let mut largest = self.flows.largest();
        let counted = (0..).zip(&self.groups).filter(|(_, group)| group.now.packets > 0);
        let mut all: Vec<_> = counted.map(|(n, group)| group.shown(largest.remove(&n).unwrap_or_default())).collect();
        all.extend(self.tallies.all().map(|(key, tally)| self.tally_shown(key, tally)));
        all.sort_by_key(|group| u64::MAX - group.packets);
        all
    }

    /// The packets of each of them, with its reason and class: without flows and examples that costs next to nothing.
    pub fn each_count(&self, each: &mut EachCount<'_>) {
        for group in self.groups.iter().filter(|group| group.now.packets > 0) {
            let (name, class) = group.called();
            each(group.key.source, &name.reason, class, group.now.packets);
        }
        for (key, tally) in self.tallies.all() {
            let class = (self.class_of)(key.source, &key.reason, key.place.as_deref());
            each(key.source, &key.reason, class, tally.all);
        }
    }

    fn tally_shown(&self, key: &TallyKey, tally: &Tally) -> DropGroup {
        DropGroup {
            source: key.source,
            reason: key.reason.clone(),
            class: (self.class_of)(key.source, &key.reason, key.place.as_deref()),
            place: key.place.clone(),
            iface: key.iface.clone(),
            netns: None,
            direction: key.direction(),
            family: None,
            packets: tally.all,
            bytes: None,
            flows: Vec::new(),
            examples: Vec::new(),
        }
    }
}

impl Row<'_> {
    fn ends(&self) -> Option<FlowEnds> {
        self.flow.map(|flow| FlowEnds { protocol: flow.protocol, src: flow.src, dst: flow.dst, pid: self.pid })
    }
}

impl Group {
    /// By its number until it has a name.
    fn called(&self) -> (DropName, Option<DropClass>) {
        match &self.name {
            Some(named) => (named.name.clone(), named.class),
            None => (DropName { reason: format!("#{}", self.key.reason), ..DropName::default() }, None),
        }
    }

    fn netns(&self) -> Option<u64> {
        (self.key.netns != 0).then(|| self.key.netns.into())
    }

    /// What the place says is surer than what was read off the packet.
    fn direction(&self) -> Option<Direction> {
        let by_place = |named: &Named| drop_way(named.name.place.as_deref()?);
        self.name.as_ref().filter(|_| self.key.source == DropSource::Skb).and_then(by_place).or(self.key.direction)
    }

    /// Sockets and XDP do not always tell octets.
    fn has_bytes(&self) -> bool {
        self.key.source == DropSource::Skb || self.now.bytes > 0
    }

    fn shown(&self, flows: Vec<(FlowId, &flows::Sum)>) -> DropGroup {
        let (name, class) = self.called();
        DropGroup {
            source: self.key.source,
            reason: name.reason,
            class,
            place: name.place,
            iface: name.iface,
            netns: self.netns(),
            direction: self.direction(),
            family: self.key.family,
            packets: self.now.packets,
            bytes: self.has_bytes().then_some(self.now.bytes),
            flows: flows.iter().map(|((_, key), sum)| shown(Some(key), sum.all, sum.pid, &sum.owner)).collect(),
            examples: self.latest.iter().map(example).collect(),
        }
    }
}

fn example(seen: &DropSighting) -> DropExample {
    let counts = TrafficCounts { packets: 1, bytes: seen.length.into() };
    let flow = shown(seen.flow.as_ref(), counts, seen.pid, &Owner::default());
    DropExample { time: seen.time, flow, length: seen.length, octets: hex(&seen.octets) }
}

fn shown(key: Option<&DropFlowKey>, counts: TrafficCounts, pid: Option<u32>, owner: &Owner) -> DropFlow {
    DropFlow {
        protocol: key.map_or(0, |key| key.protocol),
        src_addr: key.map(|key| key.src.0),
        src_port: key.and_then(|key| key.src.1),
        dst_addr: key.map(|key| key.dst.0),
        dst_port: key.and_then(|key| key.dst.1),
        packets: counts.packets,
        bytes: counts.bytes,
        pid: owner.pid.or(pid),
        process: owner.process.clone(),
        cgroup: owner.cgroup.clone(),
        container: owner.container.clone(),
    }
}

fn owner_in(record: &DropRecord) -> Owner {
    Owner {
        process: record.process.clone(),
        pid: record.pid,
        cgroup: record.cgroup.clone(),
        container: record.container.clone(),
    }
}

fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(2 * octets.len());
    for octet in octets {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

#[cfg(test)]
mod tests;
