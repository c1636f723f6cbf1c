//! Counters of other sources than the drop probe: since boot where they are read, since the rig began where they are told.

use netrig_model::{Direction, DropSource, DropTally};
use std::collections::BTreeMap;

/// Counters remembered, at most. Beyond it those that are read no more make room.
const REMEMBERED_MAX: usize = 4096;
const WRAP: u64 = 1 << 32;

/// What tells counters apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TallyKey {
    pub(super) source: DropSource,
    pub(super) reason: String,
    pub(super) place: Option<String>,
    pub(super) iface: Option<String>,
}

/// What is known of a counter.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    last: u64,
    read_in: u64,
    /// Packets since the rig began.
    pub(super) all: u64,
    told: u64,
}

impl Tally {
    /// In the open window.
    pub(super) fn gained(&self) -> u64 {
        self.all - self.told
    }
}

/// All counters.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    by_key: BTreeMap<TallyKey, Tally>,
    readings: u64,
}

impl Tallies {
    /// Takes in a reading of all counters. What the first one says is where counting begins; a counter that is met later
    /// began at 0, and so did one that has gone backwards. Returns how many there was no room for.
    pub(super) fn take(&mut self, tallies: Vec<DropTally>) -> usize {
        self.readings += 1;
        self.add(tallies, self.readings == 1)
    }

    /// Takes in a reading of some of them, between two of all: what is not among them is not gone.
    pub(super) fn take_some(&mut self, tallies: Vec<DropTally>) -> usize {
        if self.readings == 0 { 0 } else { self.add(tallies, false) }
    }

    fn add(&mut self, tallies: Vec<DropTally>, first: bool) -> usize {
        let (mut refused, mut forgot) = (0, false);
        for tally in tallies.into_iter().filter(|tally| tally.packets > 0) {
            let DropTally { source, reason, place, iface, packets } = tally;
            let key = TallyKey { source, reason, place, iface };
            if self.by_key.len() >= REMEMBERED_MAX && !self.by_key.contains_key(&key) {
                if !forgot {
                    self.forget_gone();
                    forgot = true;
                }
                if self.by_key.len() >= REMEMBERED_MAX {
                    refused += 1;
                    continue;
                }
            }
            let known = self.by_key.entry(key).or_default();
            known.all += match () {
                () if first => 0,
                // A sum of CPUs' counters of 32 bits, which nobody ever makes anew: one of them has wrapped.
                () if packets < known.last && source == DropSource::Softnet => {
                    (packets + WRAP).saturating_sub(known.last)
                }
                () if packets < known.last => packets,
                () => packets - known.last,
            };
            (known.last, known.read_in) = (packets, self.readings);
        }
        refused
    }

    fn forget_gone(&mut self) {
        let before = self.readings.saturating_sub(1);
        self.by_key.retain(|_, tally| tally.read_in >= before || tally.gained() > 0);
    }

    /// Those that have counted anything since the rig began.
    pub(super) fn all(&self) -> impl Iterator<Item = (&TallyKey, &Tally)> {
        self.by_key.iter().filter(|(_, tally)| tally.all > 0)
    }

    /// The window is over.
    pub(super) fn close(&mut self) {
        for tally in self.by_key.values_mut() {
            tally.told = tally.all;
        }
    }
}

impl TallyKey {
    /// Which way the packets went, as far as the counter's name says: `rx_missed_errors`, `rx_queue_0_drops`, `port.tx_dropped`.
    pub(super) fn direction(&self) -> Option<Direction> {
        let said = self.reason.split(|c: char| !c.is_ascii_alphanumeric()).find_map(|word| match word.get(..2) {
            Some("rx") => Some(Direction::Ingress),
            Some("tx") => Some(Direction::Egress),
            _ => None,
        });
        match self.source {
            DropSource::Softnet => Some(Direction::Ingress),
            DropSource::Device => said,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reading(reason: &str, packets: u64) -> DropTally {
        DropTally {
            source: DropSource::Device,
            reason: reason.to_owned(),
            place: None,
            iface: Some("eth0".to_owned()),
            packets,
        }
    }

    proptest! {
        #[test]
        fn windows_sum_to_what_was_counted_since_the_first_reading(
            start in 0_u64..100,
            lives in prop::collection::vec(prop::collection::vec(0_u64..50, 1..6), 1..4)
        ) {
            let (mut tallies, mut told, mut truth) = (Tallies::default(), 0, 0);
            tallies.take(vec![reading("rx_dropped", start)]);
            let mut now = start;
            for life in lives {
                for more in life {
                    now += more;
                    truth += more;
                    tallies.take(vec![reading("rx_dropped", now)]);
                }
                told += tallies.all().map(|(_, tally)| tally.gained()).sum::<u64>();
                tallies.close();
            }
            prop_assert_eq!(told, truth);
        }
    }

    #[test]
    fn a_counter_that_was_made_anew_or_is_met_later_began_at_zero() {
        let mut tallies = Tallies::default();
        tallies.take(vec![reading("rx_dropped", 50)]);
        assert_eq!(tallies.all().count(), 0);
        tallies.take(vec![reading("rx_dropped", 7), reading("tx_dropped", 3)]);
        let all: Vec<_> = tallies.all().map(|(key, tally)| (key.direction(), tally.all)).collect();
        assert_eq!(all, [(Some(Direction::Ingress), 7), (Some(Direction::Egress), 3)]);
    }

    #[test]
    fn a_reading_of_some_adds_to_them_and_leaves_the_others_there() {
        let mut tallies = Tallies::default();
        assert_eq!(tallies.take_some(vec![reading("rx_dropped", 9)]), 0);
        assert_eq!(tallies.all().count(), 0, "the first reading of all is where counting begins");
        let others: Vec<_> = (1..REMEMBERED_MAX).map(|n| reading(&format!("rx_a{n}"), 1)).collect();
        tallies.take([vec![reading("rx_dropped", 50)], others.clone()].concat());
        for (packets, gained) in [(57, 7), (57, 7), (60, 10)] {
            assert_eq!(tallies.take_some(vec![reading("rx_dropped", packets)]), 0);
            assert_eq!(tallies.all().map(|(_, tally)| tally.all).collect::<Vec<_>>(), [gained]);
        }
        assert_eq!(
            tallies.take_some(vec![reading("tx_dropped", 1)]),
            1,
            "the others are not gone, so there is no room"
        );
        tallies.take([vec![reading("rx_dropped", 60)], others].concat());
        assert_eq!(tallies.all().map(|(_, tally)| tally.all).collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn a_cpus_counter_that_wraps_gains_what_it_gained() {
        let sum = |packets| DropTally { source: DropSource::Softnet, iface: None, ..reading("dropped", packets) };
        let mut tallies = Tallies::default();
        for packets in [WRAP + 90, WRAP + 100, 120] {
            tallies.take(vec![sum(packets)]);
        }
        assert_eq!(tallies.all().map(|(_, tally)| tally.all).collect::<Vec<_>>(), [30]);
    }

    #[test]
    fn more_counters_than_there_is_room_for_are_refused_until_others_are_gone() {
        let many = |prefix: &str| (0..REMEMBERED_MAX).map(|n| reading(&format!("{prefix}{n}"), 1)).collect::<Vec<_>>();
        let mut tallies = Tallies::default();
        assert_eq!(tallies.take(many("rx_a")), 0);
        assert_eq!(tallies.take([many("rx_a"), many("rx_b")].concat()), REMEMBERED_MAX);
        assert_eq!(tallies.take(many("rx_b")), REMEMBERED_MAX, "the others were there a moment ago");
        assert_eq!(tallies.take(many("rx_b")), 0);
    }
}
