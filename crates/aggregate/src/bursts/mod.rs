//! From fine buckets to bursts: found, told, and counted.

mod detector;
mod estimate;
mod level;
mod ring;
mod run;
#[cfg(test)]
mod tests;
mod waiting;

pub use detector::BurstBounds;

use crate::key::WITH_PORTS;
use crate::world::{FlowEnds, World};
use netrig_model::{
    Address, BurstBucket, BurstFlow, BurstInterface, BurstRecord, BurstRing, BurstSample, Direction, FlowKey, FlowKind,
    InterfaceId, Timestamp, transport_name,
};
use ring::Ring;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Records kept for a window; of more than that the largest.
const RECORDS_MAX: usize = 4096;
const FLOWS_TOLD: usize = 5;

/// What the teller asks when a burst is over.
pub trait BurstWorld {
    /// The time of day at an instant of the monotonic clock.
    fn time(&self, monotonic_ns: u64) -> Timestamp;

    /// The flow that a sample's number stands for, and the process that sent it, where that is known; none of a flow that is gone.
    fn flow(&self, number: u64) -> Option<(FlowKey, Option<u32>)>;
}

/// Finds bursts on every ring and tells them window by window.
#[derive(Debug)]
pub struct BurstTeller {
    host: Option<String>,
    bounds: BurstBounds,
    rings: BTreeMap<BurstRing, Ring>,
    told: Vec<Told>,
    not_kept: u64,
    /// Whether anybody counts them.
    retransmits: bool,
}

/// A record that lacks its window, and the names of its flows.
#[derive(Debug)]
struct Told {
    record: BurstRecord,
    flows: Vec<SeenFlow>,
}

/// A flow of a burst, the process that sent it, and its octets.
#[derive(Clone, Debug)]
struct SeenFlow {
    key: FlowKey,
    pid: Option<u32>,
    bytes: u64,
}

impl BurstTeller {
    /// Nothing is found yet.
    #[must_use]
    pub fn new(host: Option<String>, bounds: BurstBounds) -> Self {
        Self { host, bounds, rings: BTreeMap::new(), told: Vec::new(), not_kept: 0, retransmits: true }
    }

    /// Other bounds from now on; buckets stay as long as they are.
    pub fn set_bounds(&mut self, bounds: BurstBounds) {
        self.bounds = BurstBounds { bucket_ns: self.bounds.bucket_ns, ..bounds };
        self.rings.values_mut().for_each(|ring| ring.set_bounds(bounds));
    }

    /// Whether retransmits are counted. Where they are not, none is unknown.
    pub fn set_retransmits(&mut self, counted: bool) {
        self.retransmits = counted;
    }

    /// An interface that buckets will come of, and the speed of its link. To be told again when that changes.
    pub fn watch(&mut self, iface: InterfaceId, name: &str, link_bits_per_second: Option<u64>) {
        for direction in Direction::BOTH {
            let ring = self.rings.entry((iface, direction)).or_insert_with(|| Ring::new(self.bounds));
            ring.watch(name, link_bits_per_second);
        }
    }

    /// An interface that is gone: its bursts are told with the window, and its number may become another's.
    pub fn forget(&mut self, iface: InterfaceId, world: &dyn BurstWorld) {
        for direction in Direction::BOTH {
            if let Some(mut ring) = self.rings.remove(&(iface, direction)) {
                ring.finish(world);
                self.told.extend(ring.told(direction));
            }
        }
    }

    /// The interfaces that are watched, and their names.
    pub fn watched(&self) -> impl Iterator<Item = (InterfaceId, &str)> {
        let ingress = self.rings.iter().filter(|((_, direction), _)| *direction == Direction::Ingress);
        ingress.map(|((iface, _), ring)| (*iface, ring.iface()))
    }

    /// The next buckets of a ring, in a row, and samples of them, in order of their buckets. `lost` of them could not be read,
    /// or not whole.
    pub fn feed(
        &mut self,
        at: BurstRing,
        (buckets, lost): (&[BurstBucket], u64),
        samples: &[BurstSample],
        world: &dyn BurstWorld,
    ) {
        let Some(ring) = self.rings.get_mut(&at) else { return };
        ring.feed(buckets, samples, world);
        ring.lose(lost);
        self.told.extend(ring.told(at.1));
        if self.told.len() > 2 * RECORDS_MAX {
            self.keep_the_largest();
        }
    }

    /// Nothing more will come: what follows the last bursts is not waited for.
    pub fn finish(&mut self, world: &dyn BurstWorld) {
        for ((_, direction), ring) in &mut self.rings {
            ring.finish(world);
            self.told.extend(ring.told(*direction));
        }
    }

    /// The records of the bursts told since the last closed window.
    #[must_use]
    pub fn open(&self, window: (Timestamp, Timestamp), world: &dyn World) -> Vec<BurstRecord> {
        self.told.iter().map(|told| self.record(told, window, world)).collect()
    }

    /// The same, the oldest first, and closes the window. How many more there were than are kept comes second.
    #[must_use]
    pub fn close(&mut self, window: (Timestamp, Timestamp), world: &dyn World) -> (Vec<BurstRecord>, u64) {
        self.keep_the_largest();
        let mut records = self.open(window, world);
        records.sort_by_key(|record| record.burst_start);
        self.told.clear();
        (records, std::mem::take(&mut self.not_kept))
    }

    /// Everything there is to show of every ring.
    #[must_use]
    pub fn interfaces(&self) -> Vec<BurstInterface> {
        self.rings.iter().map(|((_, direction), ring)| ring.status(*direction)).collect()
    }

    fn keep_the_largest(&mut self) {
        if let Some(more @ 1..) = self.told.len().checked_sub(RECORDS_MAX) {
            self.told.sort_by_key(|told| std::cmp::Reverse(told.record.bytes));
            self.told.truncate(RECORDS_MAX);
            self.not_kept += more as u64;
        }
    }

    fn record(&self, told: &Told, window: (Timestamp, Timestamp), world: &dyn World) -> BurstRecord {
        BurstRecord {
            window_start: window.0,
            window_end: window.1,
            host: self.host.clone(),
            retransmits: told.record.retransmits.filter(|_| self.retransmits),
            top_flows: BurstFlow::to_text(&named(&told.flows, world)),
            ..told.record.clone()
        }
    }
}

fn named(flows: &[SeenFlow], world: &dyn World) -> Vec<BurstFlow> {
    let named = flows.iter().take(FLOWS_TOLD).map(|SeenFlow { key, pid, bytes }| {
        let (src, dst) = ends(key);
        let owner = world.owner(&FlowEnds { protocol: key.protocol, src, dst, pid: *pid });
        BurstFlow { flow: text(key), bytes: *bytes, process: owner.and_then(|owner| owner.process) }
    });
    named.collect()
}

type End = (IpAddr, Option<u16>);

fn ends(key: &FlowKey) -> (End, End) {
    let has_ports = key.kind.has_transport() && WITH_PORTS.contains(&key.protocol);
    let end = |address: Address, port| (address.to_ip(key.kind.is_ipv6()), has_ports.then_some(port));
    (end(key.src, key.src_port), end(key.dst, key.dst_port))
}

/// As people write it.
fn text(key: &FlowKey) -> String {
    if key.kind == FlowKind::NotIp {
        return format!("ethertype 0x{:04x}", key.dst_port);
    }
    let transport = transport_name(key.protocol).map_or_else(|| format!("protocol {}", key.protocol), str::to_owned);
    let (src, dst) = ends(key);
    let end = |(addr, port): End| port.map_or_else(|| addr.to_string(), |port| SocketAddr::new(addr, port).to_string());
    format!("{transport} {} > {}", end(src), end(dst))
}
