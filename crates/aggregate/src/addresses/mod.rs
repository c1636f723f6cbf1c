//! Names of addresses, learned from the answers of DNS that passed.
//!
//! # Whose name
//! What a client was told is kept for that client and that address; beside it for the address alone, where the last one to ask wins:
//! behind a resolver of this host, the one who asked is not the one whose flow it is. Addresses that mean no host of their own
//! (unspecified, loopback, multicast, broadcast) have no names: an answer of `127.0.0.1` is a blocker's way to say no.
//!
//! # How long
//! A name holds from its answer for its TTL, a minute at least, an hour at most, and for flows that began in that time as long as it
//! is remembered. That is an hour longer than it holds, and two hours since it was last asked for: the records of a flow that goes on
//! ask each window. Of an address the latest few names are kept, so that a flow has the name that held when it began, not a later one.
//!
//! # Bounds
//! Entries and octets of names are bounded. What would be forgotten first makes room; an entry that was asked for meanwhile is put off,
//! but only so many for each newcomer.

mod entry;
mod key;

#[cfg(test)]
mod tests;

use entry::{Entry, Name};
use key::{Key, is_named};
use netrig_model::{ConnectionRecord, Exchange, Request, RequestOutcome, Timestamp};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

const SECOND_NS: i64 = 1_000_000_000;
const HOLDS_MIN_S: u32 = 60;
const HOLDS_MAX_S: u32 = 3600;
/// So long a name is remembered beyond the time that it holds …
const KEPT_NS: i64 = 3600 * SECOND_NS;
/// … and so long after somebody asked for it: as long as the freshest that nobody has asked for.
const KEPT_IN_USE_NS: i64 = KEPT_NS + HOLDS_MAX_S as i64 * SECOND_NS;
/// Clocks of flows tick in milliseconds, at whose beginning they seem to have begun.
pub(crate) const TICK_NS: i64 = 10_000_000;
/// An answer is told a moment after it was seen elsewhere: what it names may seem to be used before.
const SLACK_NS: i64 = 20_000_000;
/// Addresses of one answer that are learned: more than 512 octets have room for.
const ADDRESSES_MAX: usize = 32;
/// Entries that are looked at for one that must make room.
const PUT_OFF_MAX: usize = 8;

/// How much may be remembered.
#[derive(Clone, Copy, Debug)]
pub struct AddressBounds {
    /// Entries: each address has one, and one for each client that asked for it.
    pub entries: usize,
    /// Octets of names.
    pub octets: usize,
}

impl Default for AddressBounds {
    /// Some 20 MB at most.
    fn default() -> Self {
        Self { entries: 65_536, octets: 8 << 20 }
    }
}

/// Names by who asked for them and what address they were told.
#[derive(Debug)]
pub struct AddressNames {
    bounds: AddressBounds,
    /// Strangers choose the keys, so the map is seeded.
    entries: HashMap<Key, Entry>,
    /// By when each was to be forgotten when it was put here; it may be put off since.
    queue: BTreeSet<(i64, Key)>,
    octets: usize,
    /// The latest time that was told.
    now: Timestamp,
    evicted: u64,
}

impl AddressNames {
    /// Knows none.
    #[must_use]
    pub fn new(bounds: AddressBounds) -> Self {
        Self {
            bounds,
            entries: HashMap::new(),
            queue: BTreeSet::new(),
            octets: 0,
            now: Timestamp(i64::MIN),
            evicted: 0,
        }
    }

    /// Learns from a DNS answer; of other requests there is nothing to learn.
    pub fn learn(&mut self, request: &Request) {
        let Exchange::Dns(dns) = &request.what else { return };
        if request.outcome != RequestOutcome::Answered || dns.addresses.is_empty() || dns.name.is_empty() {
            return;
        }
        let latency_ns = request.latency_ns.map_or(0, |ns| i64::try_from(ns).unwrap_or(i64::MAX));
        let answered = request.started.plus_ns(latency_ns);
        self.now = self.now.max(answered);
        let client = request.key.src.to_ip(request.key.kind.is_ipv6());
        let text: Arc<str> = dns.name.as_str().into();
        for (address, ttl_s) in dns.addresses.iter().filter(|(address, _)| is_named(*address)).take(ADDRESSES_MAX) {
            let holds_ns = i64::from((*ttl_s).clamp(HOLDS_MIN_S, HOLDS_MAX_S)) * SECOND_NS;
            let name = Name { text: Arc::clone(&text), since: answered, until: answered.plus_ns(holds_ns) };
            self.insert(Key::of_client(client, *address), name.clone());
            self.insert(Key::of_anyone(*address), name);
        }
    }

    fn insert(&mut self, key: Key, name: Name) {
        let kept_until = name.until.plus_ns(KEPT_NS);
        match self.entries.get_mut(&key) {
            Some(entry) => {
                self.octets -= entry.octets();
                entry.add(name);
                entry.keep(kept_until);
                self.octets += entry.octets();
            }
            None if self.bounds.entries == 0 || name.text.len() > self.bounds.octets => return,
            None => {
                self.octets += name.text.len();
                self.entries.insert(key, Entry { names: vec![name], kept_until: Cell::new(kept_until) });
                self.queue.insert((kept_until.0, key));
            }
        }
        while self.entries.len() > self.bounds.entries || self.octets > self.bounds.octets {
            self.make_room();
        }
    }

    /// Forgets the one that would be forgotten first.
    fn make_room(&mut self) {
        for tried in 0..=PUT_OFF_MAX {
            let Some((queued, key)) = self.queue.pop_first() else { return };
            let kept_until = self.entries.get(&key).map_or(queued, |entry| entry.kept_until.get().0);
            if kept_until > queued && tried < PUT_OFF_MAX {
                self.queue.insert((kept_until, key));
                continue;
            }
            self.remove(&key);
            self.evicted += 1;
            return;
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.octets -= entry.octets();
        }
    }

    /// Forgets what nobody has asked for in a long time. To be called now and then: at the end of a window.
    pub fn forget(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some((queued, key)) = self.queue.pop_first() {
            if queued > now.0 {
                self.queue.insert((queued, key));
                return;
            }
            let kept_until = self.entries.get(&key).map_or(queued, |entry| entry.kept_until.get().0);
            if kept_until > now.0 {
                self.queue.insert((kept_until, key));
            } else {
                self.remove(&key);
            }
        }
    }

    /// The name by which `client` had looked `address` up when it used it, at `at`; else the one by which anyone had.
    #[must_use]
    pub fn name(&self, client: IpAddr, address: IpAddr, at: Timestamp) -> Option<&str> {
        if self.entries.is_empty() {
            return None;
        }
        // Most addresses have no name at all; what a client was told is known for anyone too, as long as there is room.
        let anyone = self.entries.get(&Key::of_anyone(address))?;
        let used_until = self.now.plus_ns(KEPT_IN_USE_NS);
        anyone.keep(used_until);
        let client = self.entries.get(&Key::of_client(client, address));
        let known = client.and_then(|entry| {
            entry.keep(used_until);
            entry.name_at(at)
        });
        known.or_else(|| anyone.name_at(at))
    }

    /// Whether `client`, or anyone, had looked `address` up by this name when it was used.
    #[must_use]
    pub fn knows_as(&self, client: IpAddr, address: IpAddr, at: Timestamp, name: &str) -> bool {
        let has = |key| self.entries.get(&key).is_some_and(|entry| entry.has(at, name));
        has(Key::of_client(client, address)) || has(Key::of_anyone(address))
    }

    /// Gives a connection's record the names of its ends.
    pub fn name_connection(&self, record: &mut ConnectionRecord) {
        let (Some(src), Some(dst)) = (record.src_addr, record.dst_addr) else { return };
        // Of one that is older than the rig nobody knows when it began, nor what it was looked up by.
        let Some(opened) = record.opened.map(|opened| opened.plus_ns(TICK_NS)) else { return };
        record.src_name = self.name(dst, src, opened).map(str::to_owned);
        record.dst_name = self.name(src, dst, opened).map(str::to_owned);
    }

    /// Entries that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries that made room for others, since the start.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Memory of it all, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let of_entry = size_of::<(Key, Entry)>() + size_of::<(i64, Key)>();
        (self.entries.capacity() * of_entry + self.entries.len() * size_of::<Name>() + self.octets) as u64
    }
}
