//! What the host tells: of its interfaces (which there are, what they count, when they come and go, and which to watch), and of
//! its processes (whose a socket is, in which container), network namespaces and TCP.
//!
//! What is about interfaces comes from the kernel's route netlink, of which the rig speaks the little it needs: eight
//! attributes of a link, one block of counters, queueing disciplines with three blocks of statistics. A general library decodes
//! every attribute of every message, which costs more and fails whole dumps on what a newer kernel says newly. It is all about
//! the network namespace of the calling thread.
//!
//! The rest is text of `/proc` and the cgroup file system, read by functions that take the text: so they are tested on texts of
//! kernels and hosts other than the one at hand.

mod cgroups;
mod container;
mod counters;
mod drop_counters;
mod error;
mod ethtool_netlink;
mod interface;
mod kernel_tcp;
mod management;
mod mounts;
mod namespaces;
mod netlink;
mod owner;
mod qdisc;
mod reach;
mod rings;
mod select;
mod softirq;
mod speed;
mod symbols;
mod system;
mod transmit;
mod uplinks;
mod watch;

pub use cgroups::{Cgroups, CgroupsStatus};
pub use container::container_of;
pub use counters::{Counters, counters};
pub use drop_counters::DropCounters;
pub use error::HostError;
pub use interface::{Interface, LinkLayer, list};
pub use kernel_tcp::kernel_tcp;
pub use management::{SshSession, gateways_towards, session_of_environment, ssh_sessions};
pub use namespaces::{NetworkNamespace, NetworkNamespaces, network_namespaces};
pub use owner::{owner_of_process, process_cgroup};
pub use qdisc::{Qdisc, QueueCounts, egress_queues, qdiscs};
pub use reach::{Reach, reach};
pub use rings::{RingSizes, ring_sizes};
pub use select::{SelectError, SelectProblem, Selection, Selector};
pub use softirq::{SoftirqTime, SoftnetCounts, softirq_times, softnet_counts};
pub use speed::link_speeds;
pub use symbols::KernelSymbols;
pub use system::{
    Cpus, boot_time_offset_ns, cpus, host_name, kernel_release, monotonic_ns, netns_inode, realtime_offset_ns,
};
pub use transmit::{TransmitQueue, transmit_queues};
pub use watch::{LinkEvent, Watch, watch, watch_with_buffer};
