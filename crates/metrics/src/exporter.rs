//! What one rig remembers between scrapes.

use crate::accept::Exposition;
use crate::bound::Bound;
use crate::drops::DropMemory;
use crate::families::Families;
use crate::gather::gather;
use crate::latency::LatencyMemory;
use crate::policy::PolicyMemory;
use crate::queues::QueueMemory;
use crate::requests::RequestMemory;
use crate::tcp::TcpMemory;
use crate::{protobuf, text};
use netrig_model::{Snapshot, Timestamp};

/// The most EtherTypes that get series of their own; the rest is summed as `ethertype="other"`.
pub const ETHERTYPES_MAX: usize = 16;

/// A picture older than the latest by less than this was overtaken by it: whoever scrapes and whoever sends each ask for
/// their own. By more, and the clock was set back.
const OVERTAKEN_NS_MAX: i64 = 10_000_000_000;

/// Named whatever else comes by: ARP, LACP and its kin, EAPOL, LLDP.
const ETHERTYPES_RESERVED: &[&str] = &["0x0806", "0x8809", "0x888e", "0x88cc"];

/// How many values of a label get series of their own; the rest is summed as `other`.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Interfaces.
    pub interfaces: usize,
    /// Services of the TCP probe, those of clients and of servers together. Each has up to three distributions.
    pub services: usize,
    /// Services of the latency probe. Each has up to eleven distributions.
    pub latency_services: usize,
    /// Listeners, by address and port.
    pub listeners: usize,
    /// Counters of drops that are not the kernel's reasons: each of one source and interface.
    pub drop_counters: usize,
    /// Queues: disciplines and the devices' own. Each has up to 16 series.
    pub queues: usize,
    /// Rules of policies. Each has four series, and as many again for each further action and mode it has had.
    pub policy_rules: usize,
    /// Servers that requests go to: of DNS, of HTTP and of TLS each. An HTTP host has up to 85 lines for each version of it.
    pub request_servers: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            interfaces: 256,
            services: 100,
            latency_services: 32,
            listeners: 100,
            drop_counters: 512,
            queues: 256,
            policy_rules: 256,
            request_servers: 64,
        }
    }
}

/// Renders snapshots; keep one as long as the rig runs, so that a series once named keeps its name.
#[derive(Debug)]
pub struct Exporter {
    pub(crate) interfaces: Bound,
    pub(crate) ethertypes: Bound,
    pub(crate) tcp: TcpMemory,
    pub(crate) latency: LatencyMemory,
    pub(crate) drops: DropMemory,
    pub(crate) queues: QueueMemory,
    pub(crate) policy: PolicyMemory,
    pub(crate) requests: RequestMemory,
    /// When the latest picture was taken.
    taken: Timestamp,
}

impl Default for Exporter {
    fn default() -> Self {
        Self::with_caps(Caps::default())
    }
}

impl Exporter {
    /// With other caps than the usual ones.
    #[must_use]
    pub fn with_caps(caps: Caps) -> Self {
        Self {
            interfaces: Bound::new(caps.interfaces, &[]),
            ethertypes: Bound::new(ETHERTYPES_MAX, ETHERTYPES_RESERVED),
            tcp: TcpMemory::new(&caps),
            latency: LatencyMemory::new(&caps),
            drops: DropMemory::new(&caps),
            queues: QueueMemory::new(&caps),
            policy: PolicyMemory::new(&caps),
            requests: RequestMemory::new(&caps),
            taken: Timestamp::default(),
        }
    }

    /// The whole exposition: text in UTF-8, or protobuf.
    #[must_use]
    pub fn render(&mut self, snapshot: &Snapshot, exposition: Exposition) -> Vec<u8> {
        let families = self.gather(snapshot);
        match exposition {
            Exposition::Prometheus => text::encode(families, false).into_bytes(),
            Exposition::OpenMetrics => text::encode(families, true).into_bytes(),
            Exposition::Protobuf => protobuf::encode(&families),
        }
    }

    pub(crate) fn gather(&mut self, snapshot: &Snapshot) -> Families {
        let older_ns = self.taken.0.saturating_sub(snapshot.taken.0);
        // What an overtaken picture has less than the latest is no counter that began anew.
        if older_ns <= 0 || older_ns >= OVERTAKEN_NS_MAX {
            self.taken = snapshot.taken;
            self.admit(snapshot);
        }
        gather(snapshot, self)
    }

    /// Every bound, by what it gives names to.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = (&'static str, &Bound)> {
        let own = [("interface", &self.interfaces), ("ethertype", &self.ethertypes)];
        let probes = self.tcp.bounds().into_iter().chain(self.latency.bounds()).chain(self.drops.bounds());
        let others = self.queues.bounds().into_iter().chain(self.policy.bounds()).chain(self.requests.bounds());
        own.into_iter().chain(probes).chain(others)
    }

    /// Settles names, and advances the counts of what comes and goes.
    fn admit(&mut self, snapshot: &Snapshot) {
        let interfaces = &snapshot.interfaces;
        self.interfaces.admit(interfaces.iter().map(|s| (s.iface.as_str(), s.counts.seen.bytes)));
        self.ethertypes.admit(interfaces.iter().flat_map(|s| s.not_ip.iter().map(|(e, c)| (e.as_str(), c.packets))));
        if let Some(tcp) = &snapshot.tcp {
            self.tcp.admit(tcp);
        }
        if let Some(latency) = &snapshot.latency {
            self.latency.admit(latency);
        }
        if let Some(bursts) = &snapshot.bursts {
            self.interfaces.admit(bursts.interfaces.iter().map(|i| (i.iface.as_str(), i.burst_bytes)));
        }
        // After the interfaces under watch: those that only drop something take the room that these leave.
        if let Some(drops) = &snapshot.drops {
            self.drops.admit(drops, &mut self.interfaces);
        }
        if let Some(queues) = &snapshot.queues {
            self.queues.admit(queues, &mut self.interfaces);
        }
        if let Some(policy) = &snapshot.policy {
            self.policy.admit(policy, &mut self.interfaces);
        }
        if let Some(payload) = &snapshot.payload {
            self.requests.admit(payload);
        }
    }
}
