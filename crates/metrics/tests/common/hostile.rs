//! A picture of a host that everybody does their worst to: very many of everything that has a name.

use super::snapshot;
use netrig_model::*;
use std::net::{IpAddr, Ipv4Addr};

/// How many of each there are.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    /// Services that this host is a client of, and listeners.
    pub(crate) peers: u32,
    /// Names asked for, of each kind of request.
    pub(crate) names: u32,
    /// Interfaces, with their queues and drops.
    pub(crate) interfaces: u32,
}

fn addr(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n))
}

/// As many copies of each, told apart by what `rename` makes of them.
fn times<T: Clone>(of: &[T], many: u32, rename: impl Fn(&mut T, u32)) -> Vec<T> {
    let copies = (0..many).flat_map(|n| of.iter().cloned().map(move |each| (n, each)));
    let renamed = copies.map(|(n, mut each)| {
        rename(&mut each, n);
        each
    });
    renamed.collect()
}

/// All of them new in each `era`: no name comes twice.
pub(crate) fn picture(crowd: Crowd, era: u32) -> Snapshot {
    let mut picture = snapshot();
    picture.taken = Timestamp(picture.taken.0 + i64::from(era) * 60_000_000_000);
    let first = era * crowd.peers.max(crowd.names).max(crowd.interfaces);
    let iface = |n: u32| format!("veth\"{}\\\n", first + n);
    picture.interfaces = times(&picture.interfaces[..2], crowd.interfaces, |each, n| each.iface = iface(n));
    picture.transports = times(&picture.transports, crowd.interfaces, |each, n| each.0 = iface(n));
    if let Some(tcp) = &mut picture.tcp {
        let services: Vec<_> = tcp.services.iter().filter(|s| s.role.is_some()).take(1).cloned().collect();
        tcp.services = times(&services, crowd.peers, |each, n| {
            (each.role, each.addr, each.port) = (Some(Role::Client), Some(addr(first + n)), 443);
        });
        tcp.listeners = times(&tcp.listeners[..1], crowd.peers, |each, n| each.addr = addr(first + n));
        tcp.errors = times(&tcp.errors[..1], crowd.names, |each, n| each.0 = format!("E{}", first + n));
    }
    if let Some(latency) = &mut picture.latency {
        let services: Vec<_> = latency.services.iter().filter(|s| s.role.is_some()).take(1).cloned().collect();
        latency.services = times(&services, crowd.names, |each, n| {
            (each.role, each.addr, each.port) = (Some(Role::Client), Some(addr(first + n)), Some(443));
        });
    }
    if let Some(drops) = &mut picture.drops {
        drops.groups = times(&drops.groups, crowd.interfaces, |each, n| {
            each.reason = format!("R{}", first + n);
            each.iface = each.iface.as_ref().map(|_| iface(n));
        });
    }
    if let Some(bursts) = &mut picture.bursts {
        bursts.interfaces = times(&bursts.interfaces[..1], crowd.interfaces, |each, n| each.iface = iface(n));
    }
    if let Some(queues) = &mut picture.queues {
        queues.queues = times(&queues.queues, crowd.interfaces, |each, n| each.iface = iface(n));
    }
    if let Some(policy) = &mut picture.policy {
        policy.rules = times(&policy.rules, crowd.names, |each, n| each.id = format!("rule-{}", first + n));
    }
    if let Some(payload) = &mut picture.payload {
        payload.tallies = times(&payload.tallies, crowd.names, |each, n| {
            each.server = Some(format!("{}.example", first + n));
        });
    }
    picture
}
