//! What listeners drop, counted on when they end.

use crate::bound::Bound;
use netrig_model::ListenerStatus;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The label value of a listener: `:8080` on all addresses, `10.0.0.1:8080` on one.
pub(crate) fn name(addr: IpAddr, port: u16) -> String {
    if addr.is_unspecified() { format!(":{port}") } else { SocketAddr::new(addr, port).to_string() }
}

/// Counts that belong to a socket and end with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) drops: u64,
    pub(crate) syn_ack_retransmits: u64,
}

/// The listeners of one address, port and network namespace: several where they share a port.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    sockets: u32,
    counts: Counts,
}

impl Group {
    /// What was counted since `before`. A single listener that counts less is another, from 0; of several that count less
    /// one has ended, and what the others gained meanwhile cannot be told from its share: better a little less than what
    /// never was.
    fn since(&self, before: &Self) -> Counts {
        let single = self.sockets == 1 && before.sockets == 1;
        let gained = |now: u64, before: u64| now.checked_sub(before).unwrap_or(if single { now } else { 0 });
        Counts {
            drops: gained(self.counts.drops, before.counts.drops),
            syn_ack_retransmits: gained(self.counts.syn_ack_retransmits, before.counts.syn_ack_retransmits),
        }
    }
}

/// Sums by label that never go backwards, though listeners end and take their counts with them.
#[derive(Debug, Default)]
pub(crate) struct ListenerTotals {
    latest: BTreeMap<(IpAddr, u16, u64), Group>,
    totals: BTreeMap<String, Counts>,
}

impl ListenerTotals {
    /// Adds what `listeners` counted since the last call.
    pub(crate) fn advance(&mut self, listeners: &[ListenerStatus], names: &Bound) {
        let mut now: BTreeMap<(IpAddr, u16, u64), Group> = BTreeMap::new();
        for listener in listeners {
            let group = now.entry((listener.addr, listener.port, listener.netns)).or_default();
            group.sockets += 1;
            group.counts.drops += listener.drops;
            group.counts.syn_ack_retransmits += listener.syn_ack_retransmits;
        }
        for (key, group) in &now {
            let gained = group.since(self.latest.get(key).unwrap_or(&Group::default()));
            let total = self.totals.entry(names.label(&name(key.0, key.1)).to_owned()).or_default();
            total.drops += gained.drops;
            total.syn_ack_retransmits += gained.syn_ack_retransmits;
        }
        self.latest = now;
    }

    /// By label, those of listeners that are gone too.
    pub(crate) fn totals(&self) -> impl Iterator<Item = (&str, Counts)> {
        self.totals.iter().map(|(label, counts)| (label.as_str(), *counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(port: u16, netns: u64, drops: u64) -> ListenerStatus {
        ListenerStatus {
            addr: [0, 0, 0, 0].into(),
            port,
            netns,
            accept_queue: 0,
            accept_queue_max: 128,
            syn_queue: 0,
            drops,
            syn_ack_retransmits: drops * 2,
            process: None,
            pid: None,
            container: None,
        }
    }

    /// The drops told of `:80` after each of these pictures.
    fn told(pictures: &[&[(u64, u64)]]) -> Vec<u64> {
        let mut names = Bound::new(9, &[]);
        names.admit([(":80", 1)]);
        let mut totals = ListenerTotals::default();
        let after = |picture: &&[(u64, u64)]| {
            let listeners: Vec<_> = picture.iter().map(|(netns, drops)| listener(80, *netns, *drops)).collect();
            totals.advance(&listeners, &names);
            let told: Vec<_> = totals.totals().collect();
            assert!(
                told.iter().all(|(label, counts)| *label == ":80" && counts.syn_ack_retransmits == counts.drops * 2)
            );
            told.iter().map(|(_, counts)| counts.drops).sum()
        };
        pictures.iter().map(after).collect()
    }

    #[test]
    fn drops_of_listeners_that_are_gone_stay_told() {
        assert_eq!(told(&[&[(1, 5)], &[], &[(1, 2)], &[(1, 3)]]), [5, 5, 7, 8], "ended, and begun again later");
        assert_eq!(told(&[&[(1, 5)], &[(1, 2)], &[(1, 3)]]), [5, 7, 8], "begun again between two scrapes");
        assert_eq!(told(&[&[(1, 5), (2, 50)], &[(2, 51)], &[(1, 1), (2, 52)]]), [55, 56, 58], "of two namespaces");
    }

    #[test]
    fn what_remains_of_several_on_one_port_is_never_told_twice() {
        assert_eq!(told(&[&[(1, 5), (1, 50)], &[(1, 5)], &[(1, 6)]]), [55, 55, 56]);
        assert_eq!(told(&[&[(1, 5)], &[(1, 5), (1, 0)], &[(1, 6), (1, 2)]]), [5, 5, 8]);
    }

    #[test]
    fn names_are_as_people_write_them() {
        assert_eq!(name("0.0.0.0".parse().expect("address"), 80), ":80");
        assert_eq!(name("::".parse().expect("address"), 80), ":80");
        assert_eq!(name("10.0.0.1".parse().expect("address"), 80), "10.0.0.1:80");
        assert_eq!(name("::1".parse().expect("address"), 80), "[::1]:80");
    }
}
