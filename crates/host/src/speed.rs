//! How fast links are, as far as their drivers know.

use crate::error::HostError;
use crate::ethtool_netlink;
use crate::netlink::read_u32;
use std::collections::BTreeMap;

const ETHTOOL_MSG_LINKMODES_GET: u8 = 4;
const ETHTOOL_A_LINKMODES_SPEED: u16 = 5;

/// The speed of every link of this network namespace whose driver knows it, in bits a second, by interface index. Asked by netlink and
/// not in /sys, which shows the devices of the namespace it was mounted in.
///
/// # Errors
/// When netlink does not answer.
pub fn link_speeds() -> Result<BTreeMap<u32, u64>, HostError> {
    let told = ethtool_netlink::dump(ETHTOOL_MSG_LINKMODES_GET, "read the speed of links", |attributes| {
        let mut speed = None;
        for (_, megabits) in attributes.filter(|(kind, _)| *kind == ETHTOOL_A_LINKMODES_SPEED) {
            speed = read_u32(megabits, 0).and_then(bits_per_second);
        }
        speed
    })?;
    Ok(told.into_iter().filter_map(|(index, speed)| Some((index, speed?))).collect())
}

/// Megabits; 0 and 2^32 − 1 are drivers' ways to say that they do not know.
fn bits_per_second(megabits: u32) -> Option<u64> {
    (megabits != 0 && megabits != u32::MAX).then(|| u64::from(megabits) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_a_known_speed_is_one() {
        assert_eq!(bits_per_second(10_000), Some(10_000_000_000));
        assert_eq!([bits_per_second(0), bits_per_second(u32::MAX)], [None, None]);
    }

    #[test]
    fn this_hosts_links_are_as_fast_as_in_sys() {
        let ours = link_speeds().expect("netlink");
        for interface in crate::list().expect("netlink") {
            let text = fs::read_to_string(format!("/sys/class/net/{}/speed", interface.name)).unwrap_or_default();
            let theirs = text.trim().parse().ok().and_then(bits_per_second);
            assert_eq!(ours.get(&interface.index).copied(), theirs, "{}", interface.name);
        }
    }
}
