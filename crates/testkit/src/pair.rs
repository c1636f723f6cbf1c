//! Two namespaces that reach each other.

use crate::{DelayRelay, NetNs};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Two namespaces with one wire between them, IPv4 and IPv6, and behind the right one a network that swallows what is sent to
/// it, and one that cannot be reached.
#[derive(Debug)]
pub struct Pair {
    // Dropped first: it is the relay's own end that is told, not that its interface went away.
    relay: Option<DelayRelay>,
    /// Where clients are, usually, and the rig.
    pub left: NetNs,
    /// Where servers are.
    pub right: NetNs,
}

impl Pair {
    /// The interface in both.
    pub const IFACE: &str = "eth0";
    /// The left one's address.
    pub const LEFT: Ipv4Addr = Ipv4Addr::new(10, 55, 0, 1);
    /// The right one's address.
    pub const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 55, 0, 2);
    /// What is sent there is never answered: connecting to it times out.
    pub const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 57, 0, 9);
    /// The right one answers what is sent there by ICMP: host unreachable. Over a veth pair that comes while the connecting
    /// socket is still at work on its SYN, and is noticed at the second one only, a second later; over a relay at once.
    pub const UNREACHABLE: Ipv4Addr = Ipv4Addr::new(10, 58, 0, 9);
    /// The left one's address.
    pub const LEFT6: Ipv6Addr = Ipv6Addr::new(0xfd55, 0, 0, 0, 0, 0, 0, 1);
    /// The right one's address.
    pub const RIGHT6: Ipv6Addr = Ipv6Addr::new(0xfd55, 0, 0, 0, 0, 0, 0, 2);
    /// What is sent there is never answered.
    pub const NOBODY6: Ipv6Addr = Ipv6Addr::new(0xfd57, 0, 0, 0, 0, 0, 0, 9);
    /// The right one answers what is sent there by ICMP: no route, which is told as a network that is unreachable.
    pub const UNREACHABLE6: Ipv6Addr = Ipv6Addr::new(0xfd58, 0, 0, 0, 0, 0, 0, 9);

    /// Joined by a veth pair: as fast as the machine.
    ///
    /// # Panics
    /// When they cannot be made: ask [`crate::require_root!`] first.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self::made(label, |left, right| {
            left.veth_to(Self::IFACE, right, Self::IFACE);
            None
        })
    }

    /// Joined by a relay, over which every packet takes `one_way`; the round trip is twice that.
    ///
    /// # Panics
    /// When they cannot be made: ask [`crate::require_root!`] first.
    #[must_use]
    pub fn with_relay(label: &str, one_way: Duration) -> Self {
        Self::made(label, |left, right| Some(DelayRelay::new(left, right, Self::IFACE, one_way)))
    }

    /// The relay of [`Pair::with_relay`].
    ///
    /// # Panics
    /// When they are joined by a veth pair.
    #[must_use]
    pub fn relay(&self) -> &DelayRelay {
        self.relay.as_ref().expect("a pair that was made by Pair::with_relay")
    }

    fn made(label: &str, join: impl FnOnce(&NetNs, &NetNs) -> Option<DelayRelay>) -> Self {
        let (left, right) = (NetNs::new(&format!("{label}-left")), NetNs::new(&format!("{label}-right")));
        for ns in [&left, &right] {
            // Without addresses of its own making, an interface has nothing to announce.
            ns.sysctl("net.ipv6.conf.default.addr_gen_mode", "1");
            // Unanswered connections are given up after seconds, not minutes.
            ns.sysctl("net.ipv4.tcp_syn_retries", "1");
        }
        let relay = join(&left, &right);
        let pair = Self { relay, left, right };
        for (ns, address, address6) in [(&pair.left, Self::LEFT, Self::LEFT6), (&pair.right, Self::RIGHT, Self::RIGHT6)]
        {
            ns.address(Self::IFACE, &format!("{address}/24"));
            ns.address(Self::IFACE, &format!("{address6}/64"));
        }
        pair.lead_to_nobody();
        pair
    }

    /// Left sends these networks to right, which drops the one in silence and refuses the other.
    fn lead_to_nobody(&self) {
        self.left.run_script(&format!(
            "for net in 10.57.0.0/24 10.58.0.0/24; do ip route add $net via {}; done
             for net in fd57::/64 fd58::/64; do ip route add $net via {}; done",
            Self::RIGHT,
            Self::RIGHT6
        ));
        self.right.run_script(
            "ip route add blackhole 10.57.0.0/24; ip route add unreachable 10.58.0.0/24
             ip route add blackhole fd57::/64; ip route add unreachable fd58::/64",
        );
        // Packets for others are looked up only where they may be forwarded; and every one is to be answered.
        for (name, value) in [
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv6.conf.all.forwarding", "1"),
            ("net.ipv4.icmp_ratelimit", "0"),
            ("net.ipv6.icmp.ratelimit", "0"),
        ] {
            self.right.sysctl(name, value);
        }
    }
}
