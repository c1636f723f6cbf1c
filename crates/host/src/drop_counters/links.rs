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

/// Those of all `interfaces`.
pub(super) fn tallies(interfaces: &[Interface]) -> Result<Vec<DropTally>, HostError> {
    let all = link_stats("read interface counters", |index, stats| {
        let interface = interfaces.iter().find(|interface| interface.index == index)?;
        Some(of_stats(&interface.name, stats))
    })?;
    Ok(all.into_iter().flatten().collect())
}

/// Older kernels' structures end earlier.
fn of_stats(iface: &str, stats: &[u8]) -> Vec<DropTally> {
    let known = FIELDS.iter().filter_map(|(place, name)| Some((name, stats_field(stats, *place)?)));
    known.filter(|(_, packets)| *packets > 0).map(|(name, packets)| of_device(iface, name, packets)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_field_has_its_name_and_a_short_structure_what_it_has() {
        let stats: Vec<u8> = (100..125_u64).flat_map(u64::to_ne_bytes).collect();
        let tallies = of_stats("eth0", &stats);
        let of = |name: &str| tallies.iter().find(|tally| tally.reason == name).map(|tally| tally.packets);
        assert_eq!(tallies.len(), FIELDS.len());
        assert_eq!((of("rx_dropped"), of("rx_missed_errors"), of("rx_nohandler")), (Some(106), Some(115), Some(123)));
        assert_eq!(of_stats("eth0", &stats[..8 * 23]).len(), FIELDS.len() - 2);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(stats in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(of_stats("eth0", &stats).len() <= FIELDS.len());
        }
    }
}
