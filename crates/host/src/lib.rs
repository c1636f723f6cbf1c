//! What the host tells about its interfaces: which there are, what they count, when they come and go, and which to watch.
//!
//! Everything comes from the kernel's route netlink, of which the rig speaks the little it needs: eight attributes
//! of a link, one block of counters. A general library decodes every attribute of every message, which costs more and fails
//! whole dumps on what a newer kernel says newly.
//!
//! All of it is about the network namespace of the calling thread.

mod counters;
mod error;
mod interface;
mod netlink;
mod reach;
mod select;
mod system;
mod uplinks;
mod watch;

pub use counters::{Counters, QueueCounts, counters, egress_queues};
pub use error::HostError;
pub use interface::{Interface, LinkLayer, list};
pub use reach::{Reach, reach};
pub use select::{SelectError, SelectProblem, Selection, Selector};
pub use system::{Cpus, boot_time_offset_ns, cpus, host_name, kernel_release, netns_inode, realtime_offset_ns};
pub use watch::{LinkEvent, Watch, watch, watch_with_buffer};
