//! The aggregator: deltas in, records per window out.

use crate::entry::{Entry, Life};
use crate::key::PairKey;
use crate::record::Teller;
use crate::table::{INDEX_SLOTS_PER_FLOW, Table};
use crate::told::{NotIp, Told};
use crate::world::World;
use netrig_model::{Direction, EndReason, FlowDelta, FlowKind, FlowRecord, InterfaceId, Timestamp, TrafficCounts};

/// The queue of evicted flows is sized for this share of the flows remembered.
const QUEUE_SHARE: usize = 8;
const QUEUE_MIN: usize = 1024;
/// Flows handled together: with a million of them each is two or three cache misses, and misses that are asked for side
/// by side overlap.
const TOGETHER_MAX: usize = 32;
/// A new flow at capacity looks at this many others for the one to make room.
const EVICTION_LOOK: usize = 4;
/// Flows forgotten at once to make room: at most this share of all.
const VICTIMS_SHARE: usize = 512;

/// Memory a remembered flow costs: its entry, its place in the list of free ones, its share of the index, and its
/// share of the queue of evicted flows.
pub const BYTES_PER_FLOW: usize =
    size_of::<Entry>() + size_of::<u32>() + size_of::<u64>() * INDEX_SLOTS_PER_FLOW + size_of::<Entry>() / QUEUE_SHARE;

/// How to aggregate.
#[derive(Clone, Debug)]
pub struct AggregateConfig {
    /// Length of a window; windows are aligned to the epoch.
    pub window_ns: i64,
    /// Silence after which a flow is forgotten.
    pub idle_timeout_ns: i64,
    /// Flows remembered at most, at [`BYTES_PER_FLOW`] each.
    pub flows_capacity: usize,
    /// Host name for the records.
    pub host: Option<String>,
    /// Network namespace for the records.
    pub netns: Option<u64>,
    /// 1 in this many packets is looked at, until [`Aggregator::set_sampling_rate`] says otherwise.
    pub sampling_rate: u32,
}

/// What the aggregator holds and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AggregateStats {
    /// Flows remembered now.
    pub flows: usize,
    /// The most it may remember.
    pub flows_capacity: usize,
    /// Flows told early because that bound was reached, since the start.
    pub flows_evicted: u64,
    /// Silent flows forgotten early for the same reason (nothing of them was left to tell), since the start.
    pub flows_forgotten: u64,
    /// Deltas added, since the start.
    pub deltas: u64,
    /// Records told, since the start.
    pub records: u64,
}

/// Pairs the two ways of every flow and tells a record per window. Knows no clock, socket or file.
#[derive(Debug)]
pub struct Aggregator {
    config: AggregateConfig,
    table: Table,
    /// Flows that made room, until they are told.
    evicted: Vec<Entry>,
    /// Where the search for the next flow to evict begins.
    hand: usize,
    /// Second views remembered: while there are none, no lookup is spent on them.
    second_views: usize,
    told: Told,
    not_ip: NotIp,
    stats: AggregateStats,
    /// Deltas whose entries are on their way from memory; never more than [`TOGETHER_MAX`].
    staged: Vec<Staged>,
}

/// A delta about to be added.
#[derive(Clone, Copy, Debug)]
struct Staged {
    pair: PairKey,
    side: usize,
    hash: u32,
    delta: FlowDelta,
}

impl Aggregator {
    /// An empty one. Memory for the capacity is reserved, not touched.
    #[must_use]
    pub fn new(config: AggregateConfig) -> Self {
        let capacity = config.flows_capacity.clamp(1, u32::MAX as usize / 2);
        Self {
            table: Table::new(capacity),
            evicted: Vec::new(),
            hand: 0,
            second_views: 0,
            told: Told::new(),
            not_ip: NotIp::default(),
            stats: AggregateStats { flows_capacity: capacity, ..Default::default() },
            staged: Vec::with_capacity(TOGETHER_MAX),
            config,
        }
    }

    /// Deltas from here on have been counted with 1 in this many packets looked at; where that changed since they were read last, the
    /// largest of them.
    pub fn set_sampling_rate(&mut self, one_in: u32) {
        self.settle();
        self.config.sampling_rate = one_in.max(1);
    }

    /// Adds what one way of a flow gained. The hot path: constant time, and no allocation but for the queue of evicted
    /// flows. A few deltas at a time are staged and added together; every telling adds what is staged first.
    pub fn add(&mut self, delta: &FlowDelta) {
        self.stats.deltas += 1;
        let key = &delta.key;
        if key.kind == FlowKind::NotIp {
            let counts = TrafficCounts { packets: delta.packets, bytes: delta.bytes };
            self.not_ip.add(key.iface, key.direction, key.dst_port, counts);
            return;
        }
        let (pair, side) = PairKey::of(key);
        self.staged.push(Staged { pair, side, hash: self.table.hash(&pair), delta: *delta });
        if self.staged.len() == TOGETHER_MAX {
            self.settle();
        }
    }

    /// Adds what is staged. Every telling does; call it at the end of a scan so that [`Self::stats`] and
    /// [`Self::is_crowded`] know of it too.
    pub fn settle(&mut self) {
        self.table.touch(self.staged.iter().map(|s| s.hash));
        let mut staged = std::mem::take(&mut self.staged);
        for s in &staged {
            self.add_now(s);
        }
        staged.clear();
        self.staged = staged;
    }

    fn add_now(&mut self, Staged { pair, side, hash, delta }: &Staged) {
        let direction = delta.key.direction;
        let number = match self.table.find(pair, *hash) {
            Some(number) if self.table.entries()[number].takes(*side, direction) => number,
            Some(_) => self.second_view(pair.second_view()),
            None => self.first_view(*pair, *hash, *side, direction),
        };
        let sampling_rate = self.config.sampling_rate;
        self.table.entry_mut(number).add(*side, delta, sampling_rate);
    }

    /// The entry of a pair that has no first view: its second view where that has seen these packets before (its first
    /// was forgotten meanwhile), else a new one.
    fn first_view(&mut self, pair: PairKey, hash: u32, side: usize, direction: Direction) -> usize {
        if self.second_views > 0 {
            let second = pair.second_view();
            if let Some(number) = self.table.find(&second, self.table.hash(&second))
                && self.table.entries()[number].has(side, direction)
            {
                return number;
            }
        }
        self.make_room();
        self.table.insert(pair, hash)
    }

    #[cold]
    fn second_view(&mut self, pair: PairKey) -> usize {
        let hash = self.table.hash(&pair);
        if let Some(number) = self.table.find(&pair, hash) {
            return number;
        }
        self.make_room();
        self.second_views += 1;
        self.table.insert(pair, hash)
    }

    /// At capacity, forgets a few flows at once, so that the cache misses of finding them overlap.
    fn make_room(&mut self) {
        if !self.table.is_full() {
            return;
        }
        let many = (self.table.bound() / VICTIMS_SHARE).clamp(1, TOGETHER_MAX);
        let mut victims = [0; TOGETHER_MAX];
        for victim in &mut victims[..many] {
            *victim = self.choose_victim();
        }
        for number in &victims[..many] {
            let entry = self.table.entries()[*number];
            if entry.has_traffic() {
                self.stats.flows_evicted += 1;
                if self.evicted.capacity() == 0 {
                    self.evicted.reserve_exact(self.queue_len() + TOGETHER_MAX);
                }
                self.evicted.push(entry);
            } else {
                self.stats.flows_forgotten += 1;
            }
        }
        forget(&mut self.table, &mut self.second_views, &victims[..many]);
    }

    /// Of a full table, the first flow nearby that has nothing to tell, else the stalest nearby. The search goes on
    /// where it ended, so that none is chosen twice in a round.
    fn choose_victim(&mut self) -> usize {
        let bound = self.table.bound();
        let mut victim = (self.hand % bound, i64::MAX);
        for _ in 0..EVICTION_LOOK.min(bound) {
            let number = self.hand % bound;
            self.hand = (number + 1) % bound;
            // A full table has no free entries, so every one looked at is a flow.
            let entry = &self.table.entries()[number];
            if !entry.has_traffic() {
                return number;
            }
            if entry.last_seen_ns < victim.1 {
                victim = (number, entry.last_seen_ns);
            }
        }
        victim.0
    }

    /// Whether the queue of evicted flows has reached its share of the memory: tell them now. Ask after every delta (it
    /// is one comparison); a whole table of new flows between two questions would outgrow the share.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.evicted.len() >= self.queue_len()
    }

    fn queue_len(&self) -> usize {
        (self.stats.flows_capacity / QUEUE_SHARE).max(QUEUE_MIN)
    }

    /// Tells the flows that made room for others, ahead of the window's close. `now` says which window is open.
    pub fn tell_evicted(&mut self, now: Timestamp, world: &dyn World, sink: &mut dyn FnMut(FlowRecord)) {
        self.settle();
        let start = now.window_start(self.config.window_ns);
        self.tell_queue((start, start.plus_ns(self.config.window_ns)), world, sink);
    }

    fn tell_queue(&mut self, window: (Timestamp, Timestamp), world: &dyn World, sink: &mut dyn FnMut(FlowRecord)) {
        let mut teller = Teller::new(window, &self.config, world);
        for mut entry in self.evicted.drain(..) {
            entry.follow_clock(window.1.0, self.config.idle_timeout_ns);
            sink(teller.record(&entry, EndReason::Evicted));
            account(&mut self.told, &entry);
            self.stats.records += 1;
        }
        // A caller that told too late has let it grow; its share of the memory is what it keeps.
        self.evicted.shrink_to(self.queue_len() + TOGETHER_MAX);
    }

    /// Closes the window that ends at `end`: one record for each flow with traffic in it. `last` says that the rig stops
    /// or the capture is over: then every flow is told as ended and forgotten.
    pub fn close_window(&mut self, end: Timestamp, last: bool, world: &dyn World, sink: &mut dyn FnMut(FlowRecord)) {
        self.settle();
        let window = (end.plus_ns(-1).window_start(self.config.window_ns), end);
        self.tell_queue(window, world, sink);
        let mut teller = Teller::new(window, &self.config, world);
        let mut gone = Vec::with_capacity(TOGETHER_MAX);
        for number in 0..self.table.bound() {
            let entry = self.table.entry_mut(number);
            if entry.life == Life::Free {
                continue;
            }
            entry.follow_clock(end.0, self.config.idle_timeout_ns);
            let mut over = entry.life == Life::Ended;
            let idle = entry.is_idle(end.0, self.config.idle_timeout_ns);
            if entry.has_traffic() {
                entry.tell_initiator();
                let reason = entry.end_reason(end.0, self.config.idle_timeout_ns, last);
                sink(teller.record(entry, reason));
                account(&mut self.told, entry);
                self.stats.records += 1;
                entry.begin_window();
                over = false;
                if matches!(reason, EndReason::Fin | EndReason::Rst) {
                    entry.life = Life::Ended;
                }
            }
            if (idle || over) && !last {
                gone.push(number);
                if gone.len() == TOGETHER_MAX {
                    forget(&mut self.table, &mut self.second_views, &gone);
                    gone.clear();
                }
            }
        }
        forget(&mut self.table, &mut self.second_views, &gone);
        if last {
            self.table.clear();
            self.second_views = 0;
            self.hand = 0;
        }
    }

    /// The open window as it stands at `now`; nothing that is told later changes by looking.
    pub fn open_window(&mut self, now: Timestamp, world: &dyn World, sink: &mut dyn FnMut(FlowRecord)) {
        self.settle();
        let window = (now.window_start(self.config.window_ns), now);
        let mut teller = Teller::new(window, &self.config, world);
        for entry in &self.evicted {
            sink(teller.record(entry, EndReason::Evicted));
        }
        for entry in self.table.entries().iter().filter(|e| e.life != Life::Free && e.has_traffic()) {
            sink(teller.record(entry, entry.end_reason(now.0, self.config.idle_timeout_ns, false)));
        }
    }

    /// Traffic told in records since the start, of one interface and direction. Inner flows are not in it.
    #[must_use]
    pub fn told(&self, iface: InterfaceId, direction: Direction) -> TrafficCounts {
        self.told.sum(iface, direction)
    }

    /// Traffic told since the start by interface, direction and transport (`other` for protocols without a name).
    pub fn told_by_transport(
        &self,
    ) -> impl Iterator<Item = (InterfaceId, Direction, &'static str, TrafficCounts)> + '_ {
        self.told.by_transport()
    }

    /// Traffic that is not IP since the start, of one interface and direction.
    #[must_use]
    pub fn not_ip(&self, iface: InterfaceId, direction: Direction) -> TrafficCounts {
        self.not_ip.sum(iface, direction)
    }

    /// The same by EtherType, in order: 0 stands for 802.3 frames with a length instead, `None` (last) for the
    /// EtherTypes beyond the 64 first met.
    #[must_use]
    pub fn not_ip_by_ethertype(&self, iface: InterfaceId, direction: Direction) -> Vec<(Option<u16>, TrafficCounts)> {
        self.not_ip.by_ethertype(iface, direction)
    }

    /// What it holds and did.
    #[must_use]
    pub fn stats(&self) -> AggregateStats {
        AggregateStats { flows: self.table.len(), ..self.stats }
    }
}

/// Forgets flows, few enough that what it takes to find them in the index stays in the cache.
fn forget(table: &mut Table, second_views: &mut usize, numbers: &[usize]) {
    table.touch(numbers.iter().map(|number| table.hash(&table.entries()[*number].key)));
    for number in numbers {
        *second_views -= usize::from(table.entries()[*number].key.is_second_view());
        table.remove(*number);
    }
}

/// Adds a told flow to the sums. Inner flows are told beside their outer flow and stay out.
fn account(told: &mut Told, entry: &Entry) {
    if entry.key.tunnel().is_some() {
        return;
    }
    for side in 0..2 {
        if let Some(direction) = entry.direction(side) {
            told.add(entry.key.iface(), direction, entry.key.protocol(), entry.sent[side]);
        }
    }
}
