//! The kernel's own counters of all interfaces, each in one dump.

use crate::error::HostError;
use crate::netlink::{Message, Socket, attributes_after, read_u32, read_u64};
use netrig_model::{Direction, KernelCounts, TrafficCounts};
use std::collections::HashMap;

/// The kernel's counters by interface index and direction.
pub type Counters = HashMap<(u32, Direction), KernelCounts>;

const RTM_NEWSTATS: u16 = 92;
const RTM_GETSTATS: u16 = 94;
/// Length of `struct if_stats_msg`.
const STATS_HEADER_BYTES: usize = 12;
const IFLA_STATS_LINK_64: u16 = 1;

/// The 64-bit counters of every interface: since it exists, and never backwards while it does.
///
/// Asked for alone (`RTM_GETSTATS`, Linux 4.7), they come without the rest of an interface's description, at a tenth of its size.
///
/// # Errors
/// When netlink does not answer.
pub fn counters() -> Result<Counters, HostError> {
    let counts = link_stats("read interface counters", link_counts)?;
    Ok(counts.into_iter().flatten().collect())
}

/// What `parse` makes of each interface's index and `struct rtnl_link_stats64`.
pub(crate) fn link_stats<T>(
    action: &'static str,
    mut parse: impl FnMut(u32, &[u8]) -> Option<T>,
) -> Result<Vec<T>, HostError> {
    let mut request = [0; STATS_HEADER_BYTES];
    request[8..].copy_from_slice(&(1u32 << (IFLA_STATS_LINK_64 - 1)).to_ne_bytes());
    let mut socket = Socket::open().map_err(HostError::netlink(action))?;
    let of_message = |message: &Message<'_>| {
        if message.kind != RTM_NEWSTATS {
            return None;
        }
        let mut attributes = attributes_after(message.body, STATS_HEADER_BYTES);
        let (_, stats) = attributes.find(|(kind, _)| *kind == IFLA_STATS_LINK_64)?;
        parse(read_u32(message.body, 4)?, stats)
    };
    socket.dump(RTM_GETSTATS, &request, of_message).map_err(HostError::netlink(action))
}

/// A field of the structure, by its place; none where the kernel's is shorter.
pub(crate) fn stats_field(stats: &[u8], place: usize) -> Option<u64> {
    read_u64(stats, 8 * place)
}

fn link_counts(index: u32, stats: &[u8]) -> Option<[((u32, Direction), KernelCounts); 2]> {
    // Packets, bytes, errors, dropped, each received then sent.
    let counts = |at: usize| {
        let field = |n: usize| stats_field(stats, 2 * n + at);
        let traffic = TrafficCounts { packets: field(0)?, bytes: field(1)? };
        Some(KernelCounts { traffic, dropped: field(3)? })
    };
    Some([((index, Direction::Ingress), counts(0)?), ((index, Direction::Egress), counts(1)?)])
}
