//! What rows are added up by, at each level.

use super::{Level, PREFIX_BITS_V4, PREFIX_BITS_V6};
use netrig_model::{ReducedFlowRecord, Told, TunnelKind};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ports below this are those of services, where only one of two is.
const SERVICE_PORTS: u16 = 1024;

/// Texts by number, so that keys are small.
#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Names {
    pub(super) fn number(&mut self, text: Option<&str>) -> Option<u32> {
        let text = text?;
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        Some(number)
    }

    pub(super) fn text(&self, number: Option<u32>) -> Option<String> {
        self.texts.get(number? as usize).cloned()
    }
}

/// The same in all records that a row is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    /// Which minute or hour, counted from the epoch.
    pub(super) period: i64,
    pub(super) told: Told,
    pub(super) host: Option<u32>,
    pub(super) iface: Option<u32>,
    pub(super) netns: Option<u64>,
    pub(super) vlan: Option<u16>,
    pub(super) vlan_inner: Option<u16>,
    pub(super) protocol: u8,
    pub(super) transport: Option<u32>,
    pub(super) src_addr: Option<IpAddr>,
    pub(super) src_prefix: Option<u8>,
    pub(super) src_port: Option<u16>,
    pub(super) dst_addr: Option<IpAddr>,
    pub(super) dst_prefix: Option<u8>,
    pub(super) dst_port: Option<u16>,
    pub(super) icmp_type: Option<u8>,
    pub(super) icmp_code: Option<u8>,
    pub(super) fragment: Option<bool>,
    pub(super) tunnel: Option<TunnelKind>,
    pub(super) tunnel_id: Option<u32>,
}

impl Key {
    /// Whole addresses, without the client's port.
    pub(super) fn whole(level: Level, row: &ReducedFlowRecord, names: &mut Names) -> Self {
        let (src_port, dst_port) = service_ports(row.src_port, row.dst_port);
        Self {
            period: row.window_start.0.div_euclid(level.period_ns()),
            told: row.told,
            host: names.number(row.host.as_deref()),
            iface: names.number(row.iface.as_deref()),
            netns: row.netns,
            vlan: row.vlan,
            vlan_inner: row.vlan_inner,
            protocol: row.protocol,
            transport: names.number(row.transport.as_deref()),
            src_addr: row.src_addr,
            src_prefix: row.src_prefix,
            src_port,
            dst_addr: row.dst_addr,
            dst_prefix: row.dst_prefix,
            dst_port,
            icmp_type: row.icmp_type,
            icmp_code: row.icmp_code,
            fragment: row.fragment,
            tunnel: row.tunnel,
            tunnel_id: row.tunnel_id,
        }
    }

    /// The same with networks instead of addresses. What tells less than that stays as it is.
    pub(super) fn networks(self) -> Self {
        if self.told != Told::Addresses {
            return self;
        }
        let (src_addr, src_prefix) = network(self.src_addr);
        let (dst_addr, dst_prefix) = network(self.dst_addr);
        Self { told: Told::Prefixes, src_addr, src_prefix, dst_addr, dst_prefix, ..self }
    }

    /// Interface and protocol alone; and the tunnel's kind, because what is within one is told beside what carries it, and
    /// sums leave it out.
    pub(super) fn rest(self) -> Self {
        Self {
            told: Told::Other,
            netns: None,
            vlan: None,
            vlan_inner: None,
            src_addr: None,
            src_prefix: None,
            src_port: None,
            dst_addr: None,
            dst_prefix: None,
            dst_port: None,
            icmp_type: None,
            icmp_code: None,
            fragment: None,
            tunnel_id: None,
            ..self
        }
    }
}

/// The port that tells the service: the responder's, unless only the initiator's is a service's, as of flows that were joined
/// in the middle.
fn service_ports(src: Option<u16>, dst: Option<u16>) -> (Option<u16>, Option<u16>) {
    match (src, dst) {
        (Some(src), None) => (Some(src), None),
        (Some(src), Some(dst)) if src < SERVICE_PORTS && dst >= SERVICE_PORTS => (Some(src), None),
        (_, dst) => (None, dst),
    }
}

fn network(address: Option<IpAddr>) -> (Option<IpAddr>, Option<u8>) {
    match address {
        None => (None, None),
        Some(IpAddr::V4(v4)) => {
            let mask = u32::MAX << (32 - u32::from(PREFIX_BITS_V4));
            (Some(Ipv4Addr::from_bits(v4.to_bits() & mask).into()), Some(PREFIX_BITS_V4))
        }
        Some(IpAddr::V6(v6)) => {
            let mask = u128::MAX << (128 - u32::from(PREFIX_BITS_V6));
            (Some(Ipv6Addr::from_bits(v6.to_bits() & mask).into()), Some(PREFIX_BITS_V6))
        }
    }
}
