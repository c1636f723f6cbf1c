//! Where it happens: two network namespaces with wires between them, and a folder.
//!
//! Left is where traffic is made, right is where the rig runs and watches its ends of the wires. What is sent to
//! [`SINK`] goes through right's stack and is swallowed by a device there. All names carry the id of the process that made
//! them, so that the next run finds what a killed one left.

mod command;
mod counters;
mod folder;
mod left_over;
mod namespace;

pub(crate) use counters::Counters;
pub(crate) use left_over::{BpfObjects, bpf_objects_of};
pub(crate) use namespace::Namespace;

use crate::StressError;
use crate::plan::Plan;
use folder::Folder;
use std::net::Ipv4Addr;
use std::path::Path;

/// Begins the names of all that is made; the maker's process id follows.
pub(crate) const PREFIX: &str = "netrig-stress-";
/// Left's address on the first wire.
pub(crate) const LEFT: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 1);
/// Right's.
pub(crate) const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 2);
/// What is sent there is forwarded to a device that swallows it.
pub(crate) const SINK: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// The same of IPv6.
pub(crate) const SINK6: [u8; 16] = [0xfd, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// Hosts behind left, as which floods come: the last two octets are the flow's.
pub(crate) const CROWD: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 0);
/// The hardware address of every left end.
pub(crate) const LEFT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Of every right end, so that a frame for one is a frame for any.
pub(crate) const RIGHT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// The namespaces and the folder; they go when it does.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) left: Namespace,
    pub(crate) right: Namespace,
    folder: Folder,
    interfaces: u16,
    /// Whether the first wire has a queue in front that drops.
    has_slow_link: bool,
}

impl World {
    /// Removes what killed runs left, then makes a new one.
    pub(crate) fn make(plan: &Plan) -> Result<Self, StressError> {
        left_over::remove_orphans();
        let folder = Folder::make(plan.fault.disk.map(|size| size.0))?;
        let world = Self {
            left: Namespace::make("left")?,
            right: Namespace::make("right")?,
            folder,
            interfaces: plan.interfaces,
            has_slow_link: plan.link_mbit.is_some(),
        };
        world.lay_wires(plan)?;
        world.lead_to_the_sink()?;
        if let Some(megabits) = plan.link_mbit {
            let line = format!("qdisc replace dev eth0 root tbf rate {megabits}mbit burst 70kb latency 50ms");
            world.left.tc(&line)?;
        }
        Ok(world)
    }

    /// The interfaces that the rig watches, and left's ends of the same wires.
    pub(crate) fn interfaces(&self) -> Vec<String> {
        (0..self.interfaces).map(interface).collect()
    }

    /// Where the rig's files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where its store is: on a disk of its own where the plan says how large.
    pub(crate) fn store(&self) -> std::path::PathBuf {
        self.folder.store()
    }

    /// At least so many devices of left's that nothing passes, for programs to be held by.
    pub(crate) fn holders(&self, count: usize) -> Result<Vec<String>, StressError> {
        let names: Vec<String> = (0..count.next_multiple_of(2)).map(|number| format!("hold{number}")).collect();
        let there = self.left.run("ls", &["/sys/class/net"])?;
        let missing = names.chunks(2).filter(|pair| !there.split_whitespace().any(|known| known == pair[0]));
        // There are kernels without devices that have but one end; a wire there is anyway.
        let lines: String =
            missing.map(|pair| format!("link add name {} type veth peer name {}\n", pair[0], pair[1])).collect();
        self.left.ip_batch(&lines)?;
        Ok(names)
    }

    /// Takes all down, and says what is left nonetheless.
    pub(crate) fn unmake(self) -> Vec<String> {
        let names = [self.left.name().to_owned(), self.right.name().to_owned()];
        let folder = self.folder.path().to_owned();
        drop(self);
        left_over::of_this_run(&names, &folder)
    }

    fn lay_wires(&self, plan: &Plan) -> Result<(), StressError> {
        for namespace in [&self.left, &self.right] {
            // Only what is sent shall be seen: no addresses of the kernel's own making, no router solicitations.
            namespace.set("net/ipv6/conf/default/addr_gen_mode", "1")?;
            namespace.set("net/ipv6/conf/default/accept_ra", "0")?;
            // Whoever connects ten thousand times a second runs out of ports that are not waiting.
            namespace.set("net/ipv4/tcp_max_tw_buckets", "1000")?;
            namespace.set("net/ipv4/ip_local_port_range", "1024 65000")?;
            namespace.set("net/core/somaxconn", "4096")?;
            namespace.set("net/ipv4/tcp_syn_retries", "2")?;
        }
        let mut left = String::from("link set dev lo up\n");
        let mut right = left.clone();
        for iface in self.interfaces() {
            let peer = self.right.name();
            left.push_str(&format!("link add name {iface} type veth peer name {iface} netns {peer}\n"));
            for (lines, mac) in [(&mut left, LEFT_MAC), (&mut right, RIGHT_MAC)] {
                let mac = mac.map(|octet| format!("{octet:02x}")).join(":");
                lines.push_str(&format!("link set dev {iface} address {mac} mtu {} up\n", plan.mtu));
            }
        }
        for (lines, last) in [(&mut left, 1), (&mut right, 2)] {
            lines.push_str(&format!("address add 10.66.0.{last}/24 dev eth0\n"));
            lines.push_str(&format!("address add fd66::{last}/64 dev eth0 nodad\n"));
        }
        self.left.ip_batch(&left)?;
        self.right.ip_batch(&right)?;
        // GRO gives the receiving end a NAPI of its own, without which a veth takes no frames of XDP. Without segmentation on
        // the way out a packet counted is a packet on the wire, as with a network card.
        let script =
            format!("for iface in {}; do ethtool -K $iface gro on tso off gso off; done", self.interfaces().join(" "));
        for namespace in [&self.left, &self.right] {
            namespace.run("sh", &["-ec", &script])?;
        }
        Ok(())
    }

    fn lead_to_the_sink(&self) -> Result<(), StressError> {
        self.right.set("net/ipv4/ip_forward", "1")?;
        self.right.set("net/ipv6/conf/all/forwarding", "1")?;
        for iface in ["all".to_owned()].into_iter().chain(self.interfaces()) {
            self.right.set(&format!("net/ipv4/conf/{iface}/rp_filter"), "0")?;
        }
        // Both give back what they are sent without a word, so that it is no dropped packet; not every kernel has both.
        if self.right.ip_batch("link add name sink type dummy\n").is_err() {
            self.right.ip_batch("link add name sink type ifb\n")?;
        }
        self.right.ip_batch(&format!(
            "link set dev sink mtu {} txqueuelen 0 up\naddress add fd18::fffe/64 dev sink nodad\n\
             address add 198.18.255.254/16 dev sink\nroute add {CROWD}/16 via {LEFT}\n\
             neighbour replace {SINK} lladdr 02:00:00:00:00:03 dev sink nud permanent\n\
             neighbour replace fd18::1 lladdr 02:00:00:00:00:03 dev sink nud permanent\n\
             neighbour replace {LEFT} lladdr 02:00:00:00:00:01 dev eth0 nud permanent\n",
            9000
        ))?;
        self.left.ip_batch(&format!("neighbour replace {RIGHT} lladdr 02:00:00:00:00:02 dev eth0 nud permanent\n"))
    }
}

fn interface(number: u16) -> String {
    format!("eth{number}")
}
