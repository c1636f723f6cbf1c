//! What people call a group of drops: the kernel's words for its numbers.

use netrig_aggregate::{DropName, DropTeller, error_name};
use netrig_host::KernelSymbols;
use netrig_model::{DropCount, DropKey, DropSource};
use netrig_probes::drop::reasons::ReasonNames;
use netrig_probes::wire::drops::{REASON_EXCEED_BUF_LIMIT, REASON_UDP_FAIL_QUEUE};
use std::collections::{BTreeMap, BTreeSet};

/// Names that are known, and where more are asked for.
pub(super) struct Naming {
    reasons: ReasonNames,
    symbols: Option<KernelSymbols>,
    why_no_symbols: Option<String>,
    /// By the inode of the network namespace and the interface's number in it.
    ifaces: BTreeMap<(u32, u32), String>,
    netns: u32,
}

impl Naming {
    /// In a rig whose own network namespace this is.
    pub(super) fn open(netns: u32) -> Self {
        let (symbols, why_no_symbols) = match KernelSymbols::open() {
            Ok(symbols) => (Some(symbols), None),
            Err(error) => (None, Some(format!("the names of places ({error})"))),
        };
        Self { reasons: ReasonNames::read(), symbols, why_no_symbols, ifaces: BTreeMap::new(), netns }
    }

    /// What cannot be told.
    pub(super) fn missing(&self) -> Option<&str> {
        self.why_no_symbols.as_deref()
    }

    /// Gives those groups a name that have none yet. There are few in a rig's life: the kernel's list of symbols is read for each
    /// batch of them, which takes some tens of milliseconds.
    pub(super) fn name(&mut self, counts: &[DropCount], teller: &mut DropTeller) {
        let nameless: BTreeSet<_> = teller.nameless().collect();
        if nameless.is_empty() {
            return;
        }
        self.learn_interfaces(counts, &nameless);
        let is_place = |key: &&DropKey| key.source == DropSource::Skb && key.location != 0;
        let locations: Vec<_> = nameless.iter().filter(is_place).map(|key| key.location).collect();
        let mut places = BTreeMap::new();
        if let (Some(symbols), false) = (&mut self.symbols, locations.is_empty()) {
            let why = match symbols.resolve(&locations) {
                Ok(found) => {
                    places = found;
                    places.is_empty().then(|| "the kernel shows no addresses, see kernel.kptr_restrict".to_owned())
                }
                Err(error) => Some(error.to_string()),
            };
            self.why_no_symbols = why.map(|why| format!("the names of places ({why})"));
        }
        for count in counts.iter().filter(|count| nameless.contains(&count.key)) {
            let key = count.key;
            let place = match key.source {
                DropSource::Skb => places.get(&key.location).cloned(),
                DropSource::Xdp => count.program.clone(),
                _ => cause(&key),
            };
            let iface = count.iface.clone().or_else(|| self.ifaces.get(&(key.netns, key.ifindex)).cloned());
            teller.name(key, DropName { reason: self.reason(key.reason), place, iface });
        }
    }

    /// A module that has come since may have words of its own.
    fn reason(&mut self, number: u32) -> String {
        let name = self.reasons.name(number);
        if !name.starts_with('#') {
            return name;
        }
        self.reasons = ReasonNames::read();
        self.reasons.name(number)
    }

    /// Where the kernel's side had only a number: by other groups of that interface, or as the rig's own namespace has it now.
    fn learn_interfaces(&mut self, counts: &[DropCount], nameless: &BTreeSet<DropKey>) {
        for count in counts {
            if let Some(name) = &count.iface {
                self.ifaces.insert((count.key.netns, count.key.ifindex), name.clone());
            }
        }
        let unknown = |key: &DropKey| {
            key.ifindex != 0 && key.netns == self.netns && !self.ifaces.contains_key(&(key.netns, key.ifindex))
        };
        if nameless.iter().any(unknown) {
            let here = netrig_host::list().unwrap_or_default();
            self.ifaces.extend(here.into_iter().map(|each| ((self.netns, each.index), each.name)));
        }
    }
}

/// Sockets tell no place, but some of them why there was no room.
fn cause(key: &DropKey) -> Option<String> {
    match (key.reason, key.location) {
        (REASON_UDP_FAIL_QUEUE, errno) => u16::try_from(errno).ok().map(error_name),
        (REASON_EXCEED_BUF_LIMIT, 0) => Some("send".to_owned()),
        (REASON_EXCEED_BUF_LIMIT, _) => Some("receive".to_owned()),
        _ => None,
    }
}
