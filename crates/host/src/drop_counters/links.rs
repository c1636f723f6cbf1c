//! The kernel's own counters of an interface's errors: `struct rtnl_link_stats64`.

use super::of_device;
use crate::counters::{link_stats, stats_field};
use crate::error::HostError;
use crate::interface::Interface;
use netrig_model::DropTally;

/// Places of the structure that count what was lost, with the names that `ip -s -s link` and drivers use.
const FIELDS: [(usize, &str); 17] = [
    (4, "rx_errors"),
    (5, "tx_errors"),
    (6, "rx_dropped"),
    (7, "tx_dropped"),
    (10, "rx_length_errors"),
    (11, "rx_over_errors"),
    (12, "rx_crc_errors"),
    (13, "rx_frame_errors"),
    (14, "rx_fifo_errors"),
    (15, "rx_missed_errors"),
    (16, "tx_aborted_errors"),
    (17, "tx_carrier_errors"),
    (18, "tx_fifo_errors"),
    (19, "tx_heartbeat_errors"),
    (20, "tx_window_errors"),
    (23, "rx_nohandler"),
    (24, "rx_otherhost_dropped"),
];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(_, name)| *name)
}

/// What is lost on an interface, by its index: names in [`FIELDS`], and packets.
pub(super) type LinkLosses = (u32, Vec<(&'static str, u64)>);

/// Those of all interfaces.
pub(super) fn stats() -> Result<Vec<LinkLosses>, HostError> {
    link_stats("read interface counters", |index, stats| Some((index, of_stats(stats))))
}

/// Whether these are all the interfaces there are.
pub(super) fn are_of(stats: &[LinkLosses], interfaces: &[Interface]) -> bool {
    let is_known = |index: u32| interfaces.iter().any(|interface| interface.index == index);
    stats.len() == interfaces.len() && stats.iter().all(|(index, _)| is_known(*index))
}

/// With the names of the `interfaces`.
pub(super) fn tallies(stats: Vec<LinkLosses>, interfaces: &[Interface]) -> Vec<DropTally> {
    let named = stats.into_iter().filter_map(|(index, losses)| {
        let interface = interfaces.iter().find(|interface| interface.index == index)?;
        Some(losses.into_iter().map(|(name, packets)| of_device(&interface.name, name, packets)))
    });
    named.flatten().collect()
}

/// Older kernels' structures end earlier.
fn of_stats(stats: &[u8]) -> Vec<(&'static str, u64)> {
    let known = FIELDS.iter().filter_map(|(place, name)| Some((*name, stats_field(stats, *place)?)));
    known.filter(|(_, packets)| *packets > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::LinkLayer;
    use proptest::prelude::*;

    #[test]
    fn each_field_has_its_name_and_a_short_structure_what_it_has() {
        let stats: Vec<u8> = (100..125_u64).flat_map(u64::to_ne_bytes).collect();
        let losses = of_stats(&stats);
        let of = |name: &str| losses.iter().find(|(known, _)| *known == name).map(|(_, packets)| *packets);
        assert_eq!(losses.len(), FIELDS.len());
        assert_eq!((of("rx_dropped"), of("rx_missed_errors"), of("rx_nohandler")), (Some(106), Some(115), Some(123)));
        assert_eq!(of_stats(&stats[..8 * 23]).len(), FIELDS.len() - 2);
    }

    #[test]
    fn what_is_listed_is_known_to_be_of_other_interfaces_than_those_that_count() {
        let listed = |index: u32| Interface {
            index,
            name: format!("eth{index}"),
            alternative_names: Vec::new(),
            kind: None,
            link_layer: LinkLayer::Ethernet,
            mtu: 1500,
            up: true,
            carrier: true,
            is_loopback: false,
            master: None,
            lower: None,
            lower_is_elsewhere: false,
        };
        let losses = |index: u32| (index, vec![("rx_dropped", 5)]);
        let interfaces = [listed(1), listed(4)];
        assert!(are_of(&[losses(4), losses(1)], &interfaces));
        assert!(!are_of(&[losses(1)], &interfaces) && !are_of(&[losses(1), losses(5)], &interfaces));
        let tallies = tallies(vec![losses(4), losses(9)], &interfaces);
        assert_eq!(tallies, [of_device("eth4", "rx_dropped", 5)], "a name is never guessed");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(stats in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(of_stats(&stats).len() <= FIELDS.len());
        }
    }
}
