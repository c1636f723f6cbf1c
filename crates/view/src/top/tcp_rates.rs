//! What two polls say of the host's TCP, and what its services did in the last minute.

use netrig_model::{ConnectionEnd, KernelTcp, ListenerStatus, Role, ServiceStatus, TcpStatus, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Pictures of the services are kept this far apart …
const PICTURE_EVERY_NS: i64 = 15_000_000_000;
/// … and this many of them: distributions are of the last 45 to 60 seconds.
const PICTURES_MAX: usize = 4;

/// What tells one service from another.
pub(crate) type ServiceKey = (Option<Role>, Option<IpAddr>, u16);

pub(crate) fn key(service: &ServiceStatus) -> ServiceKey {
    (service.role, service.addr, service.port)
}

type ListenerKey = (IpAddr, u16, u64);

fn listener_key(l: &ListenerStatus) -> ListenerKey {
    (l.addr, l.port, l.netns)
}

/// Things a second.
#[derive(Debug, Default)]
pub(crate) struct TcpRates {
    /// Opened as client, and as server.
    pub(crate) opened: [f64; 2],
    pub(crate) failed: f64,
    /// By cause.
    pub(crate) retransmits: BTreeMap<String, f64>,
    /// By name.
    pub(crate) errors: BTreeMap<String, f64>,
    pub(crate) resets_sent: f64,
    pub(crate) resets_received: f64,
    /// Connections, by service.
    pub(crate) services: BTreeMap<ServiceKey, f64>,
    /// What each service gained since the oldest picture.
    pub(crate) recent: BTreeMap<ServiceKey, ServiceStatus>,
    /// When that was taken.
    pub(crate) recent_since: Option<Timestamp>,
    /// The kernel's counts when the view began: they are older than the rig.
    pub(crate) kernel_first: Option<KernelTcp>,
    drops_first: BTreeMap<ListenerKey, u64>,
    pictures: VecDeque<(Timestamp, BTreeMap<ServiceKey, ServiceStatus>)>,
}

impl TcpRates {
    /// The first picture, or one after a time without.
    pub(crate) fn begin(&mut self, now: &TcpStatus, taken: Timestamp) {
        *self = Self::default();
        self.kernel_first = now.kernel;
        self.drops_first = now.listeners.iter().map(|l| (listener_key(l), l.drops)).collect();
        self.pictures.push_back((taken, by_key(now)));
    }

    /// Drops of a listener since the view began.
    pub(crate) fn new_drops(&self, l: &ListenerStatus) -> u64 {
        l.drops.saturating_sub(self.drops_first.get(&listener_key(l)).copied().unwrap_or(0))
    }

    /// Moves from `before` to `now`, `seconds` later.
    pub(crate) fn update(&mut self, before: &TcpStatus, now: &TcpStatus, taken: Timestamp, seconds: f64) {
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
        let named = |before: &[(String, u64)], now: &[(String, u64)]| {
            let earlier = |name| before.iter().find(|(n, _)| n == name).map_or(0, |(_, count)| *count);
            now.iter().map(|(name, count)| (name.clone(), rate(earlier(name), *count))).collect::<BTreeMap<_, _>>()
        };
        self.opened = [0, 1].map(|role| rate(before.opened[role], now.opened[role]));
        self.failed = rate(failures(before), failures(now));
        self.retransmits = named(&before.retransmits, &now.retransmits);
        self.errors = named(&before.errors, &now.errors);
        self.resets_sent = named(&before.resets_sent, &now.resets_sent).into_values().sum();
        self.resets_received = rate(before.resets_received, now.resets_received);
        let earlier: BTreeMap<ServiceKey, u64> = before.services.iter().map(|s| (key(s), s.connections)).collect();
        self.services = now
            .services
            .iter()
            .map(|s| (key(s), rate(earlier.get(&key(s)).copied().unwrap_or(0), s.connections)))
            .collect();
        self.of_the_last_minute(now, taken);
    }

    fn of_the_last_minute(&mut self, now: &TcpStatus, taken: Timestamp) {
        let newest = self.pictures.back().map(|(at, _)| *at);
        if newest.is_none_or(|at| taken.0.saturating_sub(at.0) >= PICTURE_EVERY_NS) {
            self.pictures.push_back((taken, by_key(now)));
            self.pictures.drain(..self.pictures.len().saturating_sub(PICTURES_MAX));
        }
        let Some((since, earlier)) = self.pictures.front() else { return };
        let none = ServiceStatus::default();
        self.recent = now
            .services
            .iter()
            .map(|s| {
                let before = earlier.get(&key(s)).unwrap_or(&none);
                let gained = ServiceStatus {
                    connections: s.connections.saturating_sub(before.connections),
                    rtt: s.rtt.since(&before.rtt),
                    rtt_pure: s.rtt_pure.since(&before.rtt_pure),
                    connect: s.connect.since(&before.connect),
                    ..*s
                };
                (key(s), gained)
            })
            .collect();
        self.recent_since = Some(*since);
    }
}

fn by_key(status: &TcpStatus) -> BTreeMap<ServiceKey, ServiceStatus> {
    status.services.iter().map(|s| (key(s), s.clone())).collect()
}

/// Ended connections that had failed.
pub(crate) fn failures(status: &TcpStatus) -> u64 {
    let failed = |word: &str| ConnectionEnd::from_word(word).is_some_and(ConnectionEnd::is_failure);
    status.ended.iter().filter(|(word, _)| failed(word)).map(|(_, count)| count).sum()
}
