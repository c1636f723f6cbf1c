//! What a rig left in its store.

use netrig_model::{
    BurstRecord, ConnectionRecord, DropRecord, FlowRecord, LatencyRecord, LedgerRecord, PolicyEventRecord,
    RequestRecord,
};
use netrig_store::StoreReader;
use std::path::Path;

/// All records of a store.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) flows: Vec<FlowRecord>,
    pub(crate) ledger: Vec<LedgerRecord>,
    pub(crate) connections: Vec<ConnectionRecord>,
    pub(crate) latency: Vec<LatencyRecord>,
    pub(crate) drops: Vec<DropRecord>,
    pub(crate) bursts: Vec<BurstRecord>,
    pub(crate) policy_events: Vec<PolicyEventRecord>,
    pub(crate) requests: Vec<RequestRecord>,
}

impl Stored {
    /// Reads every file; a broken one is a failure.
    pub(crate) fn read(dir: &Path) -> Self {
        let reader = StoreReader::open(dir).expect("open the store");
        let (mut flows, mut ledger, mut connections, mut latency) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        reader.flows(None, None, &mut |record| flows.push(record)).expect("read the flows");
        reader.ledger(None, None, &mut |record| ledger.push(record)).expect("read the ledger");
        reader.connections(None, None, &mut |record| connections.push(record)).expect("read the connections");
        reader.latency(None, None, &mut |record| latency.push(record)).expect("read the latency");
        let (mut drops, mut bursts) = (Vec::new(), Vec::new());
        reader.drops(None, None, &mut |record| drops.push(record)).expect("read the drops");
        reader.bursts(None, None, &mut |record| bursts.push(record)).expect("read the bursts");
        let mut policy_events = Vec::new();
        reader
            .policy_events(None, None, &mut |record| policy_events.push(record))
            .expect("read the packets of policies");
        let mut requests = Vec::new();
        reader.requests(None, None, &mut |record| requests.push(record)).expect("read the requests");
        Self { flows, ledger, connections, latency, drops, bursts, policy_events, requests }
    }

    /// Packets and bytes of all flows of `iface` that `keep` lets through, both directions.
    pub(crate) fn sum(&self, iface: &str, keep: impl Fn(&FlowRecord) -> bool) -> (u64, u64) {
        let of_iface = self.flows.iter().filter(|f| f.iface.as_deref() == Some(iface) && keep(f));
        of_iface.fold((0, 0), |(packets, bytes), f| {
            (packets + f.packets + f.reverse_packets, bytes + f.bytes + f.reverse_bytes)
        })
    }

    /// The ledger holds in every window: what was seen is told, or counted as not told, by reason.
    pub(crate) fn assert_balanced(&self) {
        assert!(!self.ledger.is_empty(), "a rig that ran has a ledger");
        for row in &self.ledger {
            assert_eq!((row.imbalance_packets, row.imbalance_bytes), (0, 0), "a window out of balance: {row:?}");
            let fates = row.told_packets + row.overflow_packets + row.not_ip_packets + row.sampled_out_packets;
            assert_eq!(row.seen_packets + row.extrapolated_packets.unwrap_or(0), fates, "seen and its fates: {row:?}");
        }
    }
}
