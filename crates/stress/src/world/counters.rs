//! The kernel's own counters of the wires' ends.

use super::World;
use crate::StressError;

/// Packets since the interfaces were made, summed over all wires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// What either end sent, and what found no room in the receiving end's ring.
    pub(crate) sent: u64,
    /// Of what left sent, what found no room: right never got it.
    pub(crate) ring_full: u64,
    /// Of what right sent, the same: it had passed right's hooks.
    pub(crate) ring_full_outwards: u64,
    /// What left's queueing discipline threw away before that.
    pub(crate) queue_dropped: u64,
}

impl Counters {
    pub(crate) fn of(world: &World) -> Result<Self, StressError> {
        let read = |namespace: &super::Namespace| {
            namespace.inside(|| {
                let path = "/proc/thread-self/net/dev";
                std::fs::read_to_string(path).map_err(StressError::doing(format!("read {path}")))
            })
        };
        let (left, right) = (sums(&read(&world.left)?), sums(&read(&world.right)?));
        let queue_dropped = if world.has_slow_link { dropped(&world.left.tc("-s qdisc show dev eth0")?) } else { 0 };
        Ok(Self {
            sent: left.sent + left.dropped + right.sent + right.dropped,
            ring_full: left.dropped,
            ring_full_outwards: right.dropped,
            queue_dropped,
        })
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            sent: self.sent.saturating_sub(earlier.sent),
            ring_full: self.ring_full.saturating_sub(earlier.ring_full),
            ring_full_outwards: self.ring_full_outwards.saturating_sub(earlier.ring_full_outwards),
            queue_dropped: self.queue_dropped.saturating_sub(earlier.queue_dropped),
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    sent: u64,
    dropped: u64,
}

/// Of the wires' ends alone: neither loopback nor the sink.
fn sums(table: &str) -> Sums {
    let mut sums = Sums::default();
    for (name, numbers) in table.lines().filter_map(|line| line.split_once(':')) {
        if name.trim_start().starts_with("eth") {
            let number = |at| numbers.split_whitespace().nth(at).and_then(|word| word.parse().ok()).unwrap_or(0_u64);
            sums.sent += number(9);
            // A veth counts what the other end's ring has no room for as dropped by the sender.
            sums.dropped += number(11);
        }
    }
    sums
}

/// `Sent 1 bytes 2 pkt (dropped 3, overlimits 4 requeues 5)`, the first of which is the root's.
fn dropped(text: &str) -> u64 {
    let rest = text.split_once("(dropped ").map_or("", |(_, rest)| rest);
    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wires_ends_are_summed_and_nothing_else() {
        let table = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100      10    0    7    0     0          0         0      100      10    0    0    0     0       0          0
  eth0:    2000      20    0    0    0     0          0         0     3000      30    0    3    0     0       0          0
 eth12:    2000      20    0    0    0     0          0         0     3000       5    0    1    0     0       0          0
  sink:       0       0    0    9    0     0          0         0     3000      99    0    0    0     0       0          0
";
        assert_eq!(sums(table), Sums { sent: 35, dropped: 4 });
    }

    #[test]
    fn what_a_queue_drops_is_read_of_its_root() {
        let text =
            "qdisc tbf 8001: root refcnt 5 rate 10Mbit\n Sent 7 bytes 2 pkt (dropped 31, overlimits 4 requeues 5)\n";
        assert_eq!(dropped(text), 31);
        assert_eq!(dropped(""), 0);
    }
}
