//! Rates, by the difference of two polls.

use super::counts::{Pair, PairCounts, Sample, TalkerCounts};
use super::drop_rates::DropRates;
use super::request_rates::RequestRates;
use super::tcp_rates::TcpRates;
use netrig_model::{Direction, Snapshot, Timestamp, TrafficCounts};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Packets and bits a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    pub(crate) packets: f64,
    pub(crate) bits: f64,
}

impl Rate {
    fn of(gained: TrafficCounts, seconds: f64) -> Self {
        if seconds <= 0.0 {
            return Self::default();
        }
        Self { packets: gained.packets as f64 / seconds, bits: gained.bytes as f64 * 8.0 / seconds }
    }
}

/// One line of the talkers.
#[derive(Clone, Debug)]
pub(crate) struct Talker {
    pub(crate) pair: Pair,
    pub(crate) sent: Rate,
    pub(crate) received: Rate,
    /// Since the view was started.
    pub(crate) total: PairCounts,
}

impl Talker {
    pub(crate) fn bits(&self) -> f64 {
        self.sent.bits + self.received.bits
    }

    pub(crate) fn packets(&self) -> f64 {
        self.sent.packets + self.received.packets
    }
}

/// Key of an interface's direction; the index tells a returned interface from the one that went.
pub(crate) type InterfaceKey = (String, u32, Direction);

/// What two polls say together.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    pub(crate) talkers: Vec<Talker>,
    pub(crate) interfaces: BTreeMap<InterfaceKey, Rate>,
    /// Share of one core, 1.0 = 100 %.
    pub(crate) drain_cpu: f64,
    pub(crate) scans: f64,
    pub(crate) deltas: f64,
    pub(crate) tcp: TcpRates,
    pub(crate) requests: RequestRates,
    /// None where the drops are not known.
    pub(crate) drops: Option<DropRates>,
    totals: FxHashMap<Pair, PairCounts>,
    talkers_taken: Option<Timestamp>,
    talkers_before: TalkerCounts,
}

impl Rates {
    /// Moves from `before` to `now`.
    pub(crate) fn update(&mut self, before: Option<&Snapshot>, now: &mut Sample) {
        if before.is_some_and(|b| b.started != now.snapshot.started) {
            // Another rig: nothing of the last one can be compared.
            *self = Self::default();
            return self.update(None, now);
        }
        if let Some(before) = before {
            self.of_snapshots(before, &now.snapshot);
        }
        self.of_tcp(before, &now.snapshot);
        self.of_requests(before, &now.snapshot);
        if let Some(talkers) = now.talkers.take() {
            self.of_talkers(talkers, now.snapshot.taken);
        }
    }

    fn of_snapshots(&mut self, before: &Snapshot, now: &Snapshot) {
        let elapsed = seconds(before.taken, now.taken);
        if elapsed <= 0.0 {
            return;
        }
        let earlier: BTreeMap<InterfaceKey, TrafficCounts> = seen(before).collect();
        self.interfaces = seen(now)
            .map(|(key, counts)| {
                let gained = counts.since(earlier.get(&key).copied().unwrap_or_default());
                (key, Rate::of(gained, elapsed))
            })
            .collect();
        let drops = before.drops.as_ref().zip(now.drops.as_ref());
        self.drops = drops.map(|(before, now)| DropRates::between(before, now, elapsed));
        let (b, n) = (&before.drain, &now.drain);
        self.drain_cpu = n.cpu_ns.saturating_sub(b.cpu_ns) as f64 / 1e9 / elapsed;
        self.scans = n.scans.saturating_sub(b.scans) as f64 / elapsed;
        self.deltas = n.deltas.saturating_sub(b.deltas) as f64 / elapsed;
    }

    fn of_tcp(&mut self, before: Option<&Snapshot>, now: &Snapshot) {
        let elapsed = before.map_or(0.0, |before| seconds(before.taken, now.taken));
        match (before.and_then(|b| b.tcp.as_ref()), &now.tcp) {
            (Some(before), Some(tcp)) if elapsed > 0.0 => self.tcp.update(before, tcp, now.taken, elapsed),
            (None, Some(tcp)) => self.tcp.begin(tcp, now.taken),
            _ => {}
        }
    }

    fn of_requests(&mut self, before: Option<&Snapshot>, now: &Snapshot) {
        let elapsed = before.filter(|before| before.payload.is_some()).map(|before| seconds(before.taken, now.taken));
        match &now.payload {
            // Two pictures of one moment say nothing about what is between them.
            Some(_) if elapsed.is_some_and(|elapsed| elapsed <= 0.0) => {}
            Some(payload) => self.requests.update(payload, now.taken, elapsed.unwrap_or(0.0)),
            None => self.requests = RequestRates::default(),
        }
    }

    fn of_talkers(&mut self, talkers: TalkerCounts, taken: Timestamp) {
        let Some(taken_before) = self.talkers_taken.replace(taken) else {
            self.talkers_before = talkers;
            return;
        };
        let since = comparable_since(&self.talkers_before, &talkers, taken_before);
        let elapsed = seconds(since, taken);
        let mut gained: FxHashMap<Pair, PairCounts> = FxHashMap::default();
        for (window, pairs) in &talkers.by_window {
            let earlier = self.talkers_before.by_window.get(window);
            for (pair, counts) in pairs {
                let before = earlier.and_then(|e| e.get(pair)).copied().unwrap_or_default();
                gained.entry(pair.clone()).or_default().add(counts.since(before));
            }
        }
        for (pair, more) in &gained {
            self.totals.entry(pair.clone()).or_default().add(*more);
        }
        self.forget_the_quiet(&gained);
        self.talkers = gained
            .into_iter()
            .map(|(pair, more)| Talker {
                sent: Rate::of(more.sent, elapsed),
                received: Rate::of(more.received, elapsed),
                total: self.totals.get(&pair).copied().unwrap_or_default(),
                pair,
            })
            .collect();
        self.talkers_before = talkers;
    }

    /// Totals are kept for as many pairs as can be told apart at once; of those that say nothing now, none is shown.
    fn forget_the_quiet(&mut self, gained: &FxHashMap<Pair, PairCounts>) {
        if self.totals.len() > 2 * super::PAIRS_MAX {
            self.totals.retain(|pair, _| gained.contains_key(pair));
        }
    }
}

/// The instant from which what the records gained can be told: the last poll, or, where the window it fell in has been
/// stored meanwhile and is no longer among the live records, the start of the first window since.
fn comparable_since(before: &TalkerCounts, now: &TalkerCounts, taken_before: Timestamp) -> Timestamp {
    let open_then = before.by_window.keys().max();
    match (open_then, now.by_window.keys().min()) {
        (Some(then), Some(oldest)) if oldest > then => (*oldest).max(taken_before),
        _ => taken_before,
    }
}

fn seen(snapshot: &Snapshot) -> impl Iterator<Item = (InterfaceKey, TrafficCounts)> {
    snapshot.interfaces.iter().map(|i| ((i.iface.clone(), i.ifindex, i.direction), i.counts.seen))
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.0.saturating_sub(from.0) as f64 / 1e9
}
