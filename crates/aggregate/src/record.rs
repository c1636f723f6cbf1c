//! A remembered flow as a record.

use crate::addresses::TICK_NS;
use crate::entry::Entry;
use crate::world::{FlowEnds, World};
use netrig_model::{EndReason, FlowRecord, InterfaceId, Timestamp, error_bounds, transport_name};
use std::net::IpAddr;

/// What all records of one telling share.
pub(crate) struct Teller<'a> {
    pub(crate) window: (Timestamp, Timestamp),
    pub(crate) host: Option<&'a str>,
    pub(crate) netns: Option<u64>,
    world: &'a dyn World,
    /// The last interface asked for: flows come interface by interface more often than not.
    cached: Option<(InterfaceId, Option<String>)>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(
        window: (Timestamp, Timestamp),
        config: &'a crate::AggregateConfig,
        world: &'a dyn World,
    ) -> Self {
        Self { window, host: config.host.as_deref(), netns: config.netns, world, cached: None }
    }

    /// The record of a flow's open window.
    pub(crate) fn record(&mut self, entry: &Entry, end_reason: EndReason) -> FlowRecord {
        let key = &entry.key;
        let src = entry.initiator();
        let dst = 1 - src;
        let ipv6 = key.kind().is_ipv6();
        // A side that only answers has no query of its own: then the answers' type is what there is to say.
        let icmp = key.icmp(src).or_else(|| key.icmp(dst));
        let ends = ends(entry, src);
        let owner = self.world.owner(&ends).unwrap_or_default();
        // A flow that makes room in the middle of a window may come again in it: what was dropped of it would be told twice.
        let whole = end_reason != EndReason::Evicted;
        // The name that held when the flow began: an address that is another's by now has not changed whose flow this is.
        let began = Timestamp(entry.first_seen_ns());
        let name = |of: IpAddr, by: IpAddr| self.world.name_of(by, of, began.plus_ns(TICK_NS));
        let dropped = if whole { self.world.dropped(&ends, key.iface()) } else { None };
        let error = |side: usize| error_bounds(entry.sent[side].packets, entry.sent[side].bytes, entry.sampling_rate);
        let (errors, reverse_errors) = (error(src), error(dst));
        FlowRecord {
            window_start: self.window.0,
            window_end: self.window.1,
            first_seen: began,
            last_seen: Timestamp(entry.last_seen_ns),
            host: self.host.map(str::to_owned),
            iface: self.name_of(key.iface()),
            netns: self.netns,
            vlan: key.vlan(),
            vlan_inner: key.vlan_inner(),
            protocol: key.protocol(),
            transport: transport_name(key.protocol()).map(str::to_owned),
            src_addr: Some(key.address(src).to_ip(ipv6)),
            src_port: key.port(src),
            dst_addr: Some(key.address(dst).to_ip(ipv6)),
            dst_port: key.port(dst),
            packets: entry.sent[src].packets,
            bytes: entry.sent[src].bytes,
            reverse_packets: entry.sent[dst].packets,
            reverse_bytes: entry.sent[dst].bytes,
            tcp_flags: entry.tcp_flags(src),
            reverse_tcp_flags: entry.tcp_flags(dst),
            icmp_type: icmp.map(|i| i.0),
            icmp_code: icmp.map(|i| i.1),
            dscp: Some(entry.dscp(src)),
            fragment: key.kind().is_fragment().then_some(true),
            tunnel: key.tunnel().map(|t| t.kind),
            tunnel_id: key.tunnel().map(|t| t.id),
            sampling_rate: entry.sampling_rate,
            packets_error: Some(errors.0),
            bytes_error: Some(errors.1),
            reverse_packets_error: Some(reverse_errors.0),
            reverse_bytes_error: Some(reverse_errors.1),
            end_reason,
            process: owner.process,
            pid: owner.pid,
            cgroup: owner.cgroup,
            container: owner.container,
            dropped_packets: dropped.as_ref().map(|dropped| dropped.packets),
            drop_reason: dropped.and_then(|dropped| dropped.reason),
            src_name: name(ends.src.0, ends.dst.0),
            dst_name: name(ends.dst.0, ends.src.0),
        }
    }

    fn name_of(&mut self, iface: InterfaceId) -> Option<String> {
        match &self.cached {
            Some((cached, name)) if *cached == iface => name.clone(),
            _ => {
                let name = self.world.iface_name(iface);
                self.cached = Some((iface, name.clone()));
                name
            }
        }
    }
}

/// What tells whose it is; what has no ports nor a process that sent it is nobody's.
fn ends(entry: &Entry, src: usize) -> FlowEnds {
    let key = &entry.key;
    let ipv6 = key.kind().is_ipv6();
    let end = |side| (key.address(side).to_ip(ipv6), key.port(side));
    FlowEnds { protocol: key.protocol(), src: end(src), dst: end(1 - src), pid: entry.pid() }
}
