//! Packet by packet through the kernel programs; window by window out as records.

use crate::capture::{CaptureError, CaptureReader, Packet};
use crate::here::{Here, Names};
use crate::requests::{PayloadReplay, Requests};
use crate::summary::{ReplayError, ReplaySummary};
use crate::times::PacketTimes;
use crate::windows::Windows;
use netrig_aggregate::{AggregateConfig, Aggregator, BYTES_PER_FLOW};
use netrig_drain::Drain;
use netrig_model::{Direction, FlowDelta, FlowRecord, RequestRecord, Timestamp};
use netrig_probes::ProbeError;
use netrig_probes::flow::{FlowOptions, FlowProbe, Frame, LinkKind};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use std::path::Path;

/// A whole pass over the tables after so many packets, however long the window: so that the time of each flow's latest
/// packet is still known exactly.
const SCAN_EVERY: u64 = 1 << 20;

/// How to replay.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Tell flows inside tunnels beside the outer ones.
    pub tunnels: bool,
    /// Length of a window.
    pub window_ns: i64,
    /// Silence after which a flow is over.
    pub idle_timeout_ns: i64,
    /// Memory for tables and flows, half of it in the kernel.
    pub memory_bytes: u64,
    /// Host name for the records.
    pub host: Option<String>,
    /// Requests are told too.
    pub payload: Option<PayloadReplay>,
}

/// What a replay tells.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "flows are nearly all that is told, and should not be boxed each")]
pub enum Told {
    /// A flow's record.
    Flow(FlowRecord),
    /// A request's.
    Request(Box<RequestRecord>),
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            tunnels: false,
            window_ns: 10_000_000_000,
            idle_timeout_ns: 60_000_000_000,
            memory_bytes: 64 << 20,
            host: None,
            payload: None,
        }
    }
}

/// Replays a capture file; the records go to `sink`, window by window, in the order of their beginnings.
///
/// # Errors
/// When the kernel programs cannot be run, or where the capture breaks: then all records up to there have been told.
pub fn replay(path: &Path, options: &ReplayOptions, sink: &mut dyn FnMut(Told)) -> Result<ReplaySummary, ReplayError> {
    let capture = CaptureReader::open(path).map_err(|error| ReplayError::Capture { error, summary: Box::default() })?;
    replay_capture(capture, options, sink)
}

/// The same for a capture that is open already.
///
/// # Errors
/// As [`replay`].
pub fn replay_capture(
    mut capture: CaptureReader,
    options: &ReplayOptions,
    sink: &mut dyn FnMut(Told),
) -> Result<ReplaySummary, ReplayError> {
    let mut road = Road::new(options)?;
    let broken = road.drive(&mut capture, sink)?;
    let summary = road.finish(sink);
    match broken {
        None => Ok(summary),
        Some(error) => Err(ReplayError::Capture { error, summary: Box::new(summary) }),
    }
}

/// The whole road from packets to records, in one thread.
struct Road {
    probe: FlowProbe,
    drain: Drain,
    aggregator: Aggregator,
    times: PacketTimes,
    windows: Windows,
    /// Packets that surely fit into the outbox of evicted flows, were each of them to evict.
    outbox_every: u64,
    names: Names,
    requests: Option<Requests>,
    /// Whether inner flows are told, not only looked into.
    tunnels: bool,
    scratch: Vec<u8>,
    summary: ReplaySummary,
}

impl Road {
    fn new(options: &ReplayOptions) -> Result<Self, ProbeError> {
        let half = options.memory_bytes / 2;
        stay_on_this_cpu();
        // What is asked inside tunnels is told, whether their flows are or not.
        let mut flow_options = FlowOptions::replay(options.tunnels || options.payload.is_some(), half);
        flow_options.payload = options.payload.as_ref().map(|payload| payload.copy.clone());
        let sizes = flow_options.sizes;
        let probe = FlowProbe::load(&flow_options)?;
        let memory = options.payload.as_ref().zip(probe.payload());
        let requests = memory.map(|(payload, memory)| Requests::new(payload, options.host.clone(), memory));
        let drain = Drain::new(probe.memory());
        let flows_capacity = usize::try_from(half).unwrap_or(usize::MAX) / BYTES_PER_FLOW;
        let aggregator = Aggregator::new(AggregateConfig {
            window_ns: options.window_ns.max(1),
            idle_timeout_ns: options.idle_timeout_ns,
            flows_capacity: flows_capacity.max(1),
            host: options.host.clone(),
            netns: None,
            sampling_rate: 1,
        });
        Ok(Self {
            probe,
            drain,
            aggregator,
            times: PacketTimes::default(),
            windows: Windows::new(options.window_ns),
            // A packet inside a tunnel may evict two flows. A power of two, as the sizes are.
            outbox_every: u64::from((sizes.outbox4.min(sizes.outbox6) / 2).max(1)).min(SCAN_EVERY),
            names: Names::new(sizes.interfaces as usize),
            requests,
            tunnels: options.tunnels,
            scratch: Vec::new(),
            summary: ReplaySummary::default(),
        })
    }

    /// Takes all packets; gives what the capture breaks with, if it does.
    fn drive(
        &mut self,
        capture: &mut CaptureReader,
        sink: &mut dyn FnMut(Told),
    ) -> Result<Option<CaptureError>, ProbeError> {
        loop {
            let packet = match capture.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(error)),
            };
            if let Some(end) = self.windows.advance(packet.timestamp) {
                self.close_window(end, false, sink);
            }
            self.take(&packet)?;
            if self.summary.read.packets.is_multiple_of(self.outbox_every) {
                let whole = self.summary.read.packets.is_multiple_of(SCAN_EVERY);
                self.drain(packet.timestamp, whole, sink);
            }
        }
    }

    /// One packet through the programs.
    fn take(&mut self, packet: &Packet<'_>) -> Result<(), ProbeError> {
        let framed = packet.link_type.frame(packet.data, &mut self.scratch);
        let frame = Frame {
            data: framed.data,
            wire_len: packet.wire_len,
            link: if framed.raw_ip { LinkKind::RawIp } else { LinkKind::Ethernet },
            iface: self.names.learn(packet.interface, packet.iface),
            direction: framed.direction.unwrap_or(packet.direction),
        };
        let tick = self.times.push(packet.timestamp);
        self.probe.replay(tick, &frame)?;
        if let Some(requests) = &mut self.requests {
            requests.take(packet.timestamp);
        }
        let summary = &mut self.summary;
        summary.read.packets += 1;
        summary.read.bytes += u64::from(packet.wire_len);
        summary.captured_bytes += packet.data.len() as u64;
        summary.first = Some(summary.first.map_or(packet.timestamp, |first| first.min(packet.timestamp)));
        summary.last = Some(summary.last.map_or(packet.timestamp, |last| last.max(packet.timestamp)));
        Ok(())
    }

    /// Brings what left the tables (or, `whole`, all they gained) to the aggregator; tells what has no room there.
    fn drain(&mut self, now: Timestamp, whole: bool, sink: &mut dyn FnMut(Told)) {
        let Self { drain, aggregator, times, summary, names, requests, tunnels, .. } = self;
        let world = Here { interfaces: names, addresses: requests.as_ref().map(Requests::names) };
        let mut add = |delta: &FlowDelta| {
            if delta.key.tunnel.is_some() && !*tunnels {
                return;
            }
            aggregator.add(delta);
            if aggregator.is_crowded() {
                aggregator.tell_evicted(now, &world, &mut |record| {
                    summary.records += 1;
                    sink(Told::Flow(record));
                });
            }
        };
        if whole {
            drain.scan(times, &mut add)
        } else {
            drain.outboxes(times, &mut add)
        };
    }

    /// Tells the window that ends at `end`, its records in the order of their beginnings: that of the tables' places
    /// means nothing to anyone.
    fn close_window(&mut self, end: Timestamp, last: bool, sink: &mut dyn FnMut(Told)) {
        self.drain(end.plus_ns(-1), true, sink);
        let mut records = Vec::new();
        let world = Here { interfaces: &self.names, addresses: self.requests.as_ref().map(Requests::names) };
        self.aggregator.close_window(end, last, &world, &mut |record| records.push(record));
        records.sort_by_cached_key(order);
        self.summary.records += records.len() as u64;
        records.into_iter().map(Told::Flow).for_each(&mut *sink);
        self.tell_requests(end, last, sink);
    }

    fn tell_requests(&mut self, end: Timestamp, last: bool, sink: &mut dyn FnMut(Told)) {
        let Self { requests: Some(requests), names, windows, summary, .. } = self else { return };
        if last {
            requests.end();
        }
        let window = (end.plus_ns(-windows.length_ns()), end);
        let mut records = Vec::new();
        requests.close(window, names, &mut |record| records.push(record));
        records.sort_by_key(|record| record.started);
        summary.requests += records.iter().map(|record| record.requests).sum::<u64>();
        records.into_iter().map(Box::new).map(Told::Request).for_each(sink);
    }

    fn finish(mut self, sink: &mut dyn FnMut(Told)) -> ReplaySummary {
        if let Some(end) = self.windows.end() {
            self.close_window(end, true, sink);
        }
        let mut summary = self.summary;
        if let Some(requests) = &self.requests {
            requests.count_into(&mut summary);
        }
        for iface in self.names.all() {
            for direction in Direction::BOTH {
                let counts = self.drain.interface_counts(iface, direction);
                summary.seen.add(counts.seen);
                summary.overflow.add(counts.overflow);
                summary.told.add(self.aggregator.told(iface, direction));
                summary.not_ip.add(self.aggregator.not_ip(iface, direction));
                summary.faults.iter_mut().zip(counts.faults).for_each(|(sum, count)| *sum += count);
            }
        }
        summary
    }
}

/// Each CPU has tables of its own: what is known of a flow should not lie in several. Where that is not allowed, it costs little.
fn stay_on_this_cpu() {
    let mut here = CpuSet::new();
    here.set(sched_getcpu());
    let _ = sched_setaffinity(None, &here);
}

/// What records of one window are sorted by: when they began, then all that tells them apart.
fn order(record: &FlowRecord) -> impl Ord + use<> {
    let ends = (record.src_addr, record.src_port, record.dst_addr, record.dst_port);
    let kind = (record.protocol, record.icmp_type, record.icmp_code, record.fragment);
    let place = (record.iface.clone(), record.vlan, record.vlan_inner, record.tunnel, record.tunnel_id);
    (record.first_seen, record.last_seen, ends, kind, place, record.packets, record.bytes)
}
