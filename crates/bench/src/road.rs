//! User space as it works in earnest: the drain and the aggregation, on a thread of their own.

use crate::sys;
use anyhow::{Result, anyhow};
use netrig_aggregate::{AggregateConfig, Aggregator, BYTES_PER_FLOW, LedgerInput, ledger_row};
use netrig_drain::{Drain, ScanStats};
use netrig_model::{Direction, FlowDelta, FlowRecord, InterfaceId, LedgerRecord, Timestamp, TrafficCounts};
use netrig_probes::TickClock;
use netrig_probes::flow::FlowProbe;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const WINDOW_NS: i64 = 10_000_000_000;
const IDLE_TIMEOUT_NS: i64 = 60_000_000_000;
/// As the rig does it: tables are read when a window closes, outboxes in between, sooner while flows churn.
const REST_CALM: Duration = Duration::from_millis(20);
const REST_CHURN: Duration = Duration::from_millis(2);

/// Drain and aggregation of one probe.
pub(crate) struct Road {
    drain: Drain,
    aggregator: Aggregator,
    clock: TickClock,
    outbox_records: u64,
    cost: RoadCost,
}

/// What user space did and used.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct RoadCost {
    pub(crate) cpu_ns: u64,
    pub(crate) wall_ns: u64,
    pub(crate) scans: u64,
    pub(crate) deltas: u64,
    pub(crate) records: u64,
    /// Memory that remembers what was told of each slot.
    pub(crate) drain_bytes: u64,
    /// Flows remembered at the end, and the most they may be.
    pub(crate) flows: u64,
    pub(crate) flows_capacity: u64,
    pub(crate) flows_evicted: u64,
}

impl RoadCost {
    pub(crate) fn share_of_core(&self) -> f64 {
        self.cpu_ns as f64 / self.wall_ns as f64
    }
}

impl Road {
    /// `user_bytes` is user space's share of the rig's memory.
    pub(crate) fn new(probe: &FlowProbe, user_bytes: u64) -> Result<Self> {
        let memory = probe.memory();
        let outbox_records = u64::from(memory.sizes.outbox4.min(memory.sizes.outbox6));
        let drain = Drain::new(memory);
        let left = user_bytes.saturating_sub(drain.bytes());
        let aggregator = Aggregator::new(AggregateConfig {
            window_ns: WINDOW_NS,
            idle_timeout_ns: IDLE_TIMEOUT_NS,
            flows_capacity: (left / BYTES_PER_FLOW as u64).max(1024) as usize,
            host: Some("bench".to_owned()),
            netns: None,
            sampling_rate: 1,
        });
        let cost = RoadCost { drain_bytes: drain.bytes(), ..RoadCost::default() };
        Ok(Self { drain, aggregator, clock: probe.clock()?, outbox_records, cost })
    }

    /// Works until told to stop, on the given CPU; then reads everything once more and closes the window.
    pub(crate) fn work(&mut self, cpu: usize, stop: &AtomicBool) -> Result<()> {
        sys::pin_to(cpu)?;
        let (begun, cpu_before) = (Instant::now(), sys::thread_cpu_ns());
        let mut window = now().window_start(WINDOW_NS);
        while !stop.load(Ordering::Relaxed) {
            let taken = self.outboxes();
            if now().window_start(WINDOW_NS) != window {
                window = now().window_start(WINDOW_NS);
                self.scan();
                self.close(window, false);
            }
            std::thread::sleep(if taken.records > self.outbox_records / 16 { REST_CHURN } else { REST_CALM });
        }
        self.scan();
        self.close(now(), true);
        self.cost.cpu_ns += sys::thread_cpu_ns() - cpu_before;
        self.cost.wall_ns += begun.elapsed().as_nanos() as u64;
        Ok(())
    }

    fn scan(&mut self) -> ScanStats {
        self.cost.scans += 1;
        let aggregator = &mut self.aggregator;
        let stats = self.drain.scan(&self.clock, &mut |delta| add(aggregator, delta));
        self.cost.deltas += stats.deltas;
        stats
    }

    fn outboxes(&mut self) -> ScanStats {
        let aggregator = &mut self.aggregator;
        let stats = self.drain.outboxes(&self.clock, &mut |delta| add(aggregator, delta));
        self.cost.deltas += stats.deltas;
        stats
    }

    fn close(&mut self, end: Timestamp, last: bool) {
        let stats = self.aggregator.stats();
        self.cost.flows = stats.flows as u64;
        self.aggregator.close_window(end, last, &name_of, &mut discard);
        let stats = self.aggregator.stats();
        (self.cost.records, self.cost.flows_evicted) = (stats.records, stats.flows_evicted);
        self.cost.flows_capacity = stats.flows_capacity as u64;
    }

    pub(crate) fn cost(&self) -> RoadCost {
        self.cost
    }

    /// Entries that made room for another flow.
    pub(crate) fn evictions(&self) -> u64 {
        self.drain.table_counts().iter().map(|table| table.evictions).sum()
    }

    /// The account of one interface since the start, once the work is done.
    pub(crate) fn ledger(&self, iface: InterfaceId, direction: Direction) -> LedgerRecord {
        let input = LedgerInput {
            iface,
            name: name_of(iface),
            direction,
            counts: self.drain.interface_counts(iface, direction),
            told: self.aggregator.told(iface, direction),
            not_ip: self.aggregator.not_ip(iface, direction),
            sampled_out: TrafficCounts::default(),
            extrapolated: TrafficCounts::default(),
            policy: None,
            kernel: None,
            kernel_after: None,
        };
        ledger_row((Timestamp(0), now()), &input)
    }
}

/// Runs `work` here and the road on `cpu`, until the work is done.
pub(crate) fn beside<T>(road: &mut Road, cpu: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| road.work(cpu, &stop));
        let result = work();
        stop.store(true, Ordering::Relaxed);
        thread.join().map_err(|_| anyhow!("the draining thread panicked"))??;
        result
    })
}

/// Flows that made room are told as soon as their queue is full.
fn add(aggregator: &mut Aggregator, delta: &FlowDelta) {
    aggregator.add(delta);
    if aggregator.is_crowded() {
        aggregator.tell_evicted(now(), &name_of, &mut discard);
    }
}

fn discard(record: FlowRecord) {
    std::hint::black_box(record);
}

fn name_of(_: InterfaceId) -> Option<String> {
    Some("bench0".to_owned())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
