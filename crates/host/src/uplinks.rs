//! What `auto` means: the links on which the host's traffic really leaves it, each packet once.
//!
//! Starting from the interfaces that have a default route or a global address, every construction (bond, bridge, VLAN, …) is
//! followed down to the links it stands on: there each packet passes once, whatever is built above.

use crate::interface::Interface;
use crate::reach::Reach;
use std::collections::BTreeSet;

/// The uplinks, by index.
pub(crate) fn uplinks(interfaces: &[Interface], reach: &Reach) -> BTreeSet<u32> {
    let mut walk = Walk { interfaces, reach, seen: BTreeSet::new(), found: BTreeSet::new() };
    for interface in interfaces.iter().filter(|i| reach.contains(i.index)) {
        walk.descend(interface);
    }
    walk.found
}

/// What an interface is to the packets that pass it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A link of its own: packets leave the host here.
    Link,
    /// Stands on its ports, whatever they are.
    Aggregate,
    /// Stands on those of its ports that are links; others lead to guests and containers.
    Switch,
    /// Stands on the interface below.
    Layer,
    /// Leads to another namespace; the way out only where the default route goes through it, as in a container.
    Pair,
    /// Its packets pass another interface again (tunnels), or none (loopback, dummy).
    Inside,
}

fn role(interface: &Interface) -> Role {
    if interface.is_loopback {
        return Role::Inside;
    }
    match interface.kind.as_deref().unwrap_or_default() {
        "bond" | "team" => Role::Aggregate,
        "bridge" | "openvswitch" => Role::Switch,
        // In a container, the interface below is in the host's namespace: here it is a link.
        "vlan" | "macvlan" | "macvtap" | "ipvlan" | "ipvtap" if !interface.lower_is_elsewhere => Role::Layer,
        "veth" | "netkit" | "ppp" => Role::Pair,
        "tun" | "wireguard" | "vxlan" | "geneve" | "bareudp" | "gre" | "gretap" | "erspan" | "ip6gre" | "ip6gretap"
        | "ip6erspan" | "ipip" | "ip6tnl" | "sit" | "vti" | "vti6" | "xfrm" | "gtp" | "amt" | "dummy" | "ifb"
        | "nlmon" | "vrf" | "ovpn" | "pfcp" => Role::Inside,
        _ => Role::Link,
    }
}

struct Walk<'a> {
    interfaces: &'a [Interface],
    reach: &'a Reach,
    seen: BTreeSet<u32>,
    found: BTreeSet<u32>,
}

impl<'a> Walk<'a> {
    fn descend(&mut self, interface: &'a Interface) {
        // Also what keeps a circle, which the kernel would not build, from being walked for ever.
        if !self.seen.insert(interface.index) {
            return;
        }
        match role(interface) {
            Role::Link => _ = self.found.insert(interface.index),
            Role::Pair if self.reach.default_routes.contains(&interface.index) => {
                self.found.insert(interface.index);
            }
            Role::Layer => {
                if let Some(lower) = self.interfaces.iter().find(|i| Some(i.index) == interface.lower) {
                    self.descend(lower);
                }
            }
            Role::Aggregate | Role::Switch => self.descend_to_ports(interface),
            Role::Pair | Role::Inside => {}
        }
    }

    fn descend_to_ports(&mut self, master: &'a Interface) {
        // Ports of an Open vSwitch all hang on its "ovs-system", not on the bridge that has the address.
        let is_vswitch = |i: &Interface| i.kind.as_deref() == Some("openvswitch");
        let vswitches: BTreeSet<u32> = self.interfaces.iter().filter(|i| is_vswitch(i)).map(|i| i.index).collect();
        let is_port = |port: &Interface| {
            let of_vswitch = is_vswitch(master) && port.master.is_some_and(|m| vswitches.contains(&m));
            port.master == Some(master.index) || of_vswitch
        };
        for port in self.interfaces.iter().filter(|i| is_port(i)) {
            self.descend(port);
        }
    }
}
