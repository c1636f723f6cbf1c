//! Queueing disciplines: what waits in front of every device of this network namespace, in one dump.

use crate::error::HostError;
use crate::netlink::{Message, Socket, attributes, attributes_after, read_text, read_u32, read_u64};
use std::collections::HashMap;

const RTM_NEWQDISC: u16 = 36;
const RTM_GETQDISC: u16 = 38;
/// Length of `struct tcmsg`.
const TCMSG_BYTES: usize = 20;
const TC_H_ROOT: u32 = u32::MAX;
const TCA_KIND: u16 = 1;
const TCA_STATS2: u16 = 7;
const TCA_STATS_BASIC: u16 = 1;
const TCA_STATS_QUEUE: u16 = 3;
const TCA_STATS_PKT64: u16 = 8;

/// One queueing discipline, as `tc -s qdisc` shows it. Counts are since it was set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qdisc {
    /// The kernel's number of its interface.
    pub ifindex: u32,
    /// Its number, the major half in the upper 16 bits; 0: it was given none, as all that nobody has asked for.
    pub handle: u32,
    /// Where it hangs: the class above, or [`Qdisc::ROOT`].
    pub parent: u32,
    /// `fq_codel`, `tbf`, …
    pub kind: String,
    /// Octets that wait.
    pub backlog_bytes: u32,
    /// Packets that wait.
    pub backlog_packets: u32,
    /// Octets that left it.
    pub bytes: u64,
    /// Packets that left it; 32 bits before Linux 5.5, so they wrap there.
    pub packets: u64,
    /// Packets it dropped; 32 bits, so they wrap.
    pub drops: u32,
    /// Packets that had to wait for a limit of rate; 32 bits, so they wrap.
    pub overlimits: u32,
    /// Packets that the device sent back; 32 bits, so they wrap.
    pub requeues: u32,
}

impl Qdisc {
    /// The parent of what stands directly in front of the device.
    pub const ROOT: u32 = TC_H_ROOT;

    /// Reads a message about a discipline; none when it is no description of one.
    fn from_message(message: &Message<'_>) -> Option<Self> {
        if message.kind != RTM_NEWQDISC {
            return None;
        }
        let body = message.body;
        let mut qdisc = Self {
            ifindex: read_u32(body, 4)?,
            handle: read_u32(body, 8)?,
            parent: read_u32(body, 12)?,
            ..Self::default()
        };
        for (kind, value) in attributes_after(body, TCMSG_BYTES) {
            match kind {
                TCA_KIND => qdisc.kind = read_text(value),
                TCA_STATS2 => attributes(value).for_each(|(kind, value)| qdisc.set_statistics(kind, value)),
                _ => {}
            }
        }
        Some(qdisc)
    }

    fn set_statistics(&mut self, kind: u16, value: &[u8]) {
        let number = |at: usize| read_u32(value, at).unwrap_or(0);
        match kind {
            // struct gnet_stats_basic
            TCA_STATS_BASIC => {
                self.bytes = read_u64(value, 0).unwrap_or(0);
                self.packets = self.packets.max(number(8).into());
            }
            // Comes beside it where 32 bits are not enough, in whatever order.
            TCA_STATS_PKT64 => self.packets = self.packets.max(read_u64(value, 0).unwrap_or(0)),
            // struct gnet_stats_queue
            TCA_STATS_QUEUE => {
                self.backlog_packets = number(0);
                self.backlog_bytes = number(4);
                self.drops = number(8);
                self.requeues = number(12);
                self.overlimits = number(16);
            }
            _ => {}
        }
    }
}

/// All disciplines of this network namespace that `tc` shows, but for what has no queue at all (`noqueue`, `clsact`, `ingress`).
///
/// # Errors
/// When netlink does not answer.
pub fn qdiscs() -> Result<Vec<Qdisc>, HostError> {
    const ACTION: &str = "read queueing disciplines";
    const WITHOUT_QUEUE: [&str; 3] = ["noqueue", "clsact", "ingress"];
    let mut socket = Socket::open().map_err(HostError::netlink(ACTION))?;
    let dump = socket.dump(RTM_GETQDISC, &[0; TCMSG_BYTES], |message| {
        Qdisc::from_message(message).filter(|qdisc| !WITHOUT_QUEUE.contains(&&*qdisc.kind))
    });
    dump.map_err(HostError::netlink(ACTION))
}

/// What the queue in front of an interface holds and has thrown away: the fate of packets that passed the egress hook and
/// did not leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Packets waiting now.
    pub waiting_packets: u32,
    /// Packets dropped since the queue was set up; the kernel's counter has 32 bits and wraps.
    pub dropped_packets: u32,
}

impl QueueCounts {
    /// Packets dropped since `earlier`, across a wrap.
    #[must_use]
    pub fn dropped_since(self, earlier: Self) -> u32 {
        self.dropped_packets.wrapping_sub(earlier.dropped_packets)
    }
}

/// The root queue of every interface that has one, by interface index.
///
/// # Errors
/// When netlink does not answer.
pub fn egress_queues() -> Result<HashMap<u32, QueueCounts>, HostError> {
    let roots = qdiscs()?.into_iter().filter(|qdisc| qdisc.parent == Qdisc::ROOT);
    let counts = |q: &Qdisc| QueueCounts { waiting_packets: q.backlog_packets, dropped_packets: q.drops };
    Ok(roots.map(|qdisc| (qdisc.ifindex, counts(&qdisc))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message;
    use proptest::prelude::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len()).expect("short").to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn every_statistic_is_found_where_it_stands() {
        let basic = [7_000_000_000_u64.to_ne_bytes().to_vec(), words(&[5, 0])].concat();
        let statistics = [
            attribute(TCA_STATS_PKT64, &5_000_000_000_u64.to_ne_bytes()),
            attribute(TCA_STATS_BASIC, &basic),
            attribute(TCA_STATS_QUEUE, &words(&[3, 4500, 11, 12, 13])),
        ];
        let body = [
            words(&[0, 4, 0x8001_0000, TC_H_ROOT, 2]),
            attribute(TCA_KIND, b"tbf\0"),
            attribute(TCA_STATS2, &statistics.concat()),
        ];
        let body = body.concat();
        let want = Qdisc {
            ifindex: 4,
            handle: 0x8001_0000,
            parent: Qdisc::ROOT,
            kind: "tbf".into(),
            backlog_bytes: 4500,
            backlog_packets: 3,
            bytes: 7_000_000_000,
            packets: 5_000_000_000,
            drops: 11,
            requeues: 12,
            overlimits: 13,
        };
        assert_eq!(Qdisc::from_message(&message(RTM_NEWQDISC, &body)), Some(want));
        assert_eq!(Qdisc::from_message(&message(RTM_NEWQDISC + 1, &body)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Qdisc::from_message(&message(RTM_NEWQDISC, &body));
        }
    }
}
