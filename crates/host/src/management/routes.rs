//! Routers on the way to an address.

use crate::error::HostError;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ROUTE: &str = "/proc/thread-self/net/route";
const ROUTE6: &str = "/proc/thread-self/net/ipv6_route";
/// Flags of `linux/route.h`: in use; by a router.
const RTF_UP: u32 = 1;
const RTF_GATEWAY: u32 = 2;

/// The routers that this machine would send to on the way to `peer`: none where it is on the same network or cannot be
/// reached, several where routes are equally good. It is by the main table for IPv4, where of a route of several paths the
/// kernel's text has the first only; rules that choose another table are not asked.
///
/// # Errors
/// When the kernel's routes cannot be read.
pub fn gateways_towards(peer: IpAddr) -> Result<Vec<IpAddr>, HostError> {
    match peer.to_canonical() {
        IpAddr::V4(peer) => Ok(best(text(ROUTE)?.lines().filter_map(|line| parse_v4(line, peer)))),
        IpAddr::V6(peer) => Ok(best(text(ROUTE6)?.lines().filter_map(|line| parse_v6(line, peer)))),
    }
}

/// Without IPv6 there is no such file.
fn text(path: &'static str) -> Result<String, HostError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|source| HostError::File { path, source }),
    }
}

/// A route that leads to the peer.
struct Route {
    prefix_length: u32,
    metric: u32,
    gateway: Option<IpAddr>,
}

/// The longest prefix goes first, then the smallest metric.
fn best(routes: impl Iterator<Item = Route>) -> Vec<IpAddr> {
    let routes: Vec<_> = routes.collect();
    let rank = |route: &Route| (u32::MAX - route.prefix_length, route.metric);
    let Some(first) = routes.iter().map(rank).min() else { return Vec::new() };
    let gateways: BTreeSet<_> = routes.iter().filter(|r| rank(r) == first).filter_map(|r| r.gateway).collect();
    gateways.into_iter().collect()
}

/// `eth0 0000000A 0101A8C0 0003 0 0 100 000000FF 0 0 0`: interface, destination, gateway, flags, two counts, metric, mask.
fn parse_v4(line: &str, peer: Ipv4Addr) -> Option<Route> {
    let words: Vec<&str> = line.split_whitespace().collect();
    // Addresses are numbers in the order of this machine's memory.
    let address = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok().map(|n| Ipv4Addr::from(n.to_ne_bytes()));
    let (destination, gateway, mask) = (address(1)?, address(2)?, address(7)?);
    let flags = u32::from_str_radix(words.get(3)?, 16).ok()?;
    let metric = words.get(6)?.parse().ok()?;
    // Of a router with an address of IPv6 the text has its first four octets.
    let is_router = flags & RTF_GATEWAY != 0 && !gateway.is_unspecified() && gateway.octets()[0] < 224;
    (flags & RTF_UP != 0 && peer & mask == destination).then(|| Route {
        prefix_length: mask.to_bits().count_ones(),
        metric,
        gateway: is_router.then_some(gateway.into()),
    })
}

/// Destination, its length, source, its length, gateway, metric, two counts, flags, interface: all hexadecimal.
fn parse_v6(line: &str, peer: Ipv6Addr) -> Option<Route> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let address = |at: usize| u128::from_str_radix(words.get(at)?, 16).ok().map(Ipv6Addr::from_bits);
    let number = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok();
    let (destination, length, gateway) = (address(0)?, number(1)?, address(4)?);
    let (metric, flags) = (number(5)?, number(8)?);
    let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or(0);
    // A route for some sources only may not be the one.
    let for_all = number(3)? == 0;
    (flags & RTF_UP != 0 && for_all && peer.to_bits() & mask == destination.to_bits()).then(|| Route {
        prefix_length: length,
        metric,
        gateway: (flags & RTF_GATEWAY != 0 && !gateway.is_unspecified()).then_some(gateway.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// On little-endian machines.
    const V4: &str = "Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100000A	0003	0	0	100	00000000	0	0	0
eth1	00000000	01000A0A	0003	0	0	200	00000000	0	0	0
eth0	0000000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth0	000200C0	0200000A	0003	0	0	0	00FFFFFF	0	0	0
eth0	000200C0	0300000A	0002	0	0	0	80FFFFFF	0	0	0
*	006433C6	00000000	0201	0	0	0	00FFFFFF	0	0	0
eth0	007100CB	000080FE	0003	0	0	0	00FFFFFF	0	0	0
";
    const V6: &str = "\
20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000002 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000003 00000401 00000001 00000000 00000003     eth0
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo
20010db800010000000000000000000 30 0 0 0
20010db8000100000000000000000000 30 00000000000000000000000000000000 00 20010db8000000000000000000000009 00000400 00000001 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";

    fn towards(peer: &str) -> Vec<String> {
        let found = match peer.parse().expect("an address") {
            IpAddr::V4(peer) => best(V4.lines().filter_map(|line| parse_v4(line, peer))),
            IpAddr::V6(peer) => best(V6.lines().filter_map(|line| parse_v6(line, peer))),
        };
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_longest_prefix_leads_then_the_smallest_metric() {
        if cfg!(target_endian = "little") {
            assert_eq!(towards("8.8.8.8"), ["10.0.0.1"]);
            assert_eq!(towards("192.0.2.200"), ["10.0.0.2"], "the longer one is not in use");
        }
        assert_eq!(towards("2001:db8:1::7"), ["2001:db8::9"]);
        assert_eq!(towards("2001:db9::7"), ["fe80::1", "fe80::2"]);
    }

    #[test]
    fn a_neighbour_has_no_router_before_it() {
        if cfg!(target_endian = "little") {
            assert_eq!(towards("10.0.0.9"), [""; 0]);
            assert_eq!(towards("198.51.100.1"), [""; 0], "refused here");
            assert_eq!(towards("203.0.113.1"), [""; 0], "by a router of IPv6");
        }
        assert_eq!(towards("2001:db8::7"), [""; 0]);
        assert_eq!(towards("::1"), [""; 0]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,120}", words in "[0-9a-f \t]{0,200}") {
            for line in [&text, &words] {
                let _ = (parse_v4(line, Ipv4Addr::LOCALHOST), parse_v6(line, Ipv6Addr::LOCALHOST));
            }
        }
    }
}
