//! Drivers' own counters, chosen by their names: `ethtool -S`.

use super::ethtool::{Ethtool, Statistic};
use super::{links, of_device};
use crate::interface::Interface;
use netrig_model::DropTally;
use std::collections::BTreeSet;

/// Interfaces whose drivers are asked, at most: each takes a lock of the kernel's a few times.
const INTERFACES_MAX: usize = 64;
/// What a name must contain to count something lost.
const LOST: [&str; 22] = [
    "drop",
    "discard",
    "err",
    "miss",
    "fifo",
    "overrun",
    "overflow",
    "no_buf",
    "nobuf",
    "out_of_buffer",
    "no_dma",
    "nodesc",
    "no_desc",
    "alloc_fail",
    "crc",
    "fcs",
    "csum_bad",
    "bad_csum",
    "timeout",
    "exceeded",
    "jabber",
    "abort",
];
/// What contains such a word by chance.
const BY_CHANCE: [&str; 6] = ["interrupt", "transmiss", "transferr", "deferr", "fdir_miss", "permiss"];

/// The interfaces that are asked.
#[derive(Debug, Default)]
pub(super) struct Drivers {
    asked: BTreeSet<u32>,
    /// For whom there was no room. It stays so: a counter that were read from the middle of its life on would seem to jump.
    left_out: BTreeSet<u32>,
}

impl Drivers {
    /// What the drivers of `interfaces` count, as far as they are asked and answer.
    pub(super) fn tallies(&mut self, interfaces: &[Interface]) -> Vec<DropTally> {
        self.choose(interfaces.iter().map(|interface| interface.index));
        let Ok(ethtool) = Ethtool::open() else { return Vec::new() };
        let asked = interfaces.iter().filter(|interface| self.asked.contains(&interface.index));
        asked.flat_map(|interface| lost(&interface.name, ethtool.statistics(&interface.name))).collect()
    }

    fn choose(&mut self, there: impl Iterator<Item = u32>) {
        let there: BTreeSet<u32> = there.collect();
        self.asked.retain(|index| there.contains(index));
        self.left_out.retain(|index| there.contains(index));
        for index in there {
            if self.left_out.contains(&index) || self.asked.contains(&index) {
                continue;
            }
            let chosen = if self.asked.len() < INTERFACES_MAX { &mut self.asked } else { &mut self.left_out };
            chosen.insert(index);
        }
    }
}

fn lost(iface: &str, statistics: Vec<Statistic>) -> Vec<DropTally> {
    let lost = statistics.into_iter().filter(|(name, count)| *count > 0 && counts_what_is_lost(name));
    lost.map(|(name, count)| of_device(iface, &name, count)).collect()
}

/// Whether a driver's counter is of lost packets, judged by its name. What the kernel counts under the same name is not.
fn counts_what_is_lost(name: &str) -> bool {
    let mut name = name.to_ascii_lowercase();
    for word in BY_CHANCE {
        name = name.replace(word, "");
    }
    LOST.iter().any(|word| name.contains(word)) && links::names().all(|known| known != name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lost_packets_are_known_from_others() {
        for name in [
            "rx_queue_3_xdp_drops",
            "rx_discards_phy",
            "port.rx_crc_errors",
            "rx_out_of_buffer",
            "rx_no_dma_resources",
            "queue_0_rx_bad_csum",
            "bw_in_allowance_exceeded",
            "tx_timeout",
            "RxMissed",
            "rx_fcs_errors_phy",
        ] {
            assert!(counts_what_is_lost(name), "{name}");
        }
        for name in
            ["rx_packets", "interrupts", "tx_deferred", "fdir_miss", "peer_ifindex", "rx_dropped", "rx_queue_0_xdp_tx"]
        {
            assert!(!counts_what_is_lost(name), "{name}");
        }
    }

    #[test]
    fn who_found_no_room_is_not_asked_later_either() {
        let mut drivers = Drivers::default();
        let many = INTERFACES_MAX as u32 + 3;
        drivers.choose(1..=many);
        assert_eq!((drivers.asked.len(), drivers.left_out.len()), (INTERFACES_MAX, 3));
        drivers.choose(10..=many + 1);
        assert!(
            !drivers.asked.contains(&many) && drivers.asked.contains(&(many + 1)),
            "one that has come since begins at 0"
        );
        drivers.choose(std::iter::empty());
        assert!(drivers.asked.is_empty() && drivers.left_out.is_empty());
    }
}
