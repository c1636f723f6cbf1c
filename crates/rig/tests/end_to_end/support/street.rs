//! Two namespaces and the veth pair between them.

use super::Counters;
use netrig_testkit::NetNs;

/// Address of the near end.
pub(crate) const NEAR: &str = "10.77.0.1";
/// Address of the far end.
pub(crate) const FAR: &str = "10.77.0.2";
/// A host behind the far end that nobody is: packets to its network arrive there and are dropped without an answer.
const NOBODY: &str = "10.77.0.9";

/// The near house, where the rig lives and watches `near0`, and the far one behind `far0`.
pub(crate) struct Street {
    pub(crate) near: NetNs,
    pub(crate) far: NetNs,
}

impl Street {
    /// Both ends up and addressed; IPv6 off, so that nothing is said but what a test says.
    pub(crate) fn new(label: &str) -> Self {
        let street = Self { near: NetNs::new(&format!("{label}-near")), far: NetNs::new(&format!("{label}-far")) };
        for ns in [&street.near, &street.far] {
            ns.run_script("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
        }
        street.near.veth_to("near0", &street.far, "far0");
        street.near.address("near0", &format!("{NEAR}/24"));
        street.far.address("far0", &format!("{FAR}/24"));
        // One packet each way, so that the neighbours know each other before anything is counted.
        street.near.run(&format!("ping -q -c 1 -W 2 {FAR}"));
        let mac = street.far.run("cat /sys/class/net/far0/address");
        street.near.run(&format!("ip neighbour replace {NOBODY} lladdr {} dev near0 nud permanent", mac.trim()));
        street.near.run(&format!("ip route add 10.78.0.0/16 via {NOBODY}"));
        street
    }

    /// Every packet is one packet: no segmentation left to the device, none merged on the way in.
    pub(crate) fn without_offloads(&self) {
        self.near.run("ethtool -K near0 tso off gso off gro off");
        self.far.run("ethtool -K far0 tso off gso off gro off");
    }

    /// Both ends know each other for good: neither asks whether the other is still there, which it would seconds later by itself.
    pub(crate) fn without_questions(&self) {
        let mac_of = |ns: &NetNs, iface: &str| ns.run(&format!("cat /sys/class/net/{iface}/address")).trim().to_owned();
        let (near, far) = (mac_of(&self.near, "near0"), mac_of(&self.far, "far0"));
        self.near.run(&format!("ip neighbour replace {FAR} lladdr {far} dev near0 nud permanent"));
        self.far.run(&format!("ip neighbour replace {NEAR} lladdr {near} dev far0 nud permanent"));
    }

    /// The kernel's own counters of `near0`.
    pub(crate) fn counters(&self) -> Counters {
        Counters::read(&self.near, "near0")
    }

    /// TCP through the street, by iperf3; `arguments` are the client's.
    pub(crate) fn iperf3(&self, arguments: &str) {
        let _server = self.far.spawn("iperf3 --server --one-off");
        super::wait_for("iperf3's server", std::time::Duration::from_secs(5), || {
            let sockets = self.far.run("cat /proc/net/tcp /proc/net/tcp6");
            // Port 5201, listening.
            sockets.lines().any(|line| line.contains(":1451 ") && line.contains(" 0A ")).then_some(())
        });
        self.near.run(&format!("iperf3 --client {FAR} {arguments}"));
    }
}
