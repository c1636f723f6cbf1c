//! What waits in queues, looked at several times a second: the most of the last minute, and how long it takes to leave.

use netrig_model::{Direction, QueueStatus};
use std::collections::{BTreeMap, VecDeque};

const SECOND_NS: u64 = 1_000_000_000;
/// Over so long the rate is taken.
const RATE_NS: u64 = SECOND_NS;
/// Over so long the most is told.
const MAX_NS: u64 = 60 * SECOND_NS;
/// Queues that are remembered; more are left out, and counted.
const QUEUES_MAX: usize = 1024;

/// Interface, direction, number, discipline.
type Key = (String, Option<Direction>, Option<u32>, Option<String>);

/// Remembers what was seen of each queue, as long as it is there.
#[derive(Clone, Debug, Default)]
pub struct QueueTeller {
    queues: BTreeMap<Key, Seen>,
    left_out: usize,
}

impl QueueTeller {
    /// One look at all queues at `now_ns` of any clock that only goes forward. A queue that is not among them is gone, and one
    /// whose octets are fewer than before is another.
    pub fn see(&mut self, now_ns: u64, queues: Vec<QueueStatus>) {
        let mut before = std::mem::take(&mut self.queues);
        self.left_out = 0;
        for status in queues {
            let key = (status.iface.clone(), status.direction, status.queue, status.qdisc.clone());
            if self.queues.len() >= QUEUES_MAX && !self.queues.contains_key(&key) {
                self.left_out += 1;
                continue;
            }
            let known = before.remove(&key).filter(|seen| seen.is_the_same(&status));
            let mut seen = known.unwrap_or_default();
            seen.see(now_ns, status);
            self.queues.insert(key, seen);
        }
    }

    /// Every queue, as it was at the last look.
    #[must_use]
    pub fn tell(&self) -> Vec<QueueStatus> {
        self.queues.values().map(Seen::tell).collect()
    }

    /// How many queues were not remembered, for there are too many.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

/// One queue.
#[derive(Clone, Debug, Default)]
struct Seen {
    status: QueueStatus,
    /// When, the octets sent until then, and whether something waited; of the last second and the look before.
    looks: VecDeque<(u64, u64, bool)>,
    backlog_bytes: Highest,
    delay_ns: Highest,
    delay_now_ns: Option<u64>,
}

impl Seen {
    fn is_the_same(&self, status: &QueueStatus) -> bool {
        status.sent_bytes >= self.status.sent_bytes
    }

    fn see(&mut self, now_ns: u64, status: QueueStatus) {
        let (backlog, sent) = (status.backlog_bytes.unwrap_or(0), status.sent_bytes.unwrap_or(0));
        let waits = backlog > 0 || status.backlog_packets.unwrap_or(0) > 0;
        while self.looks.get(1).is_some_and(|(at, ..)| *at + RATE_NS <= now_ns) {
            self.looks.pop_front();
        }
        self.looks.push_back((now_ns, sent, waits));
        self.backlog_bytes.see(now_ns, backlog);
        self.delay_now_ns = if waits { self.delay(backlog) } else { Some(0) };
        if let Some(delay_ns) = self.delay_now_ns {
            self.delay_ns.see(now_ns, delay_ns);
        }
        self.status = status;
    }

    /// At the rate of the last second; of its looks those count before which something waited at each: a queue that rested
    /// in between could have sent more.
    fn delay(&self, backlog: u64) -> Option<u64> {
        let (now_ns, sent, _) = *self.looks.back()?;
        let waiting = self.looks.iter().rev().take_while(|(_, _, waits)| *waits);
        let (since_ns, sent_before, _) = *waiting.last()?;
        let gained = sent.saturating_sub(sent_before);
        if gained == 0 || backlog == 0 {
            return None;
        }
        let delay = u128::from(backlog) * u128::from(now_ns - since_ns) / u128::from(gained);
        u64::try_from(delay).ok()
    }

    fn tell(&self) -> QueueStatus {
        let has_backlog = self.status.backlog_bytes.is_some();
        let most = self.backlog_bytes.get().unwrap_or(0);
        QueueStatus {
            backlog_bytes_max: self.backlog_bytes.get().filter(|_| has_backlog),
            delay_ns: self.delay_now_ns.filter(|_| has_backlog),
            // Where something waited, but for one look only, nobody knows how long: that is not 0.
            delay_ns_max: self.delay_ns.get().filter(|delay_ns| has_backlog && (*delay_ns > 0 || most == 0)),
            ..self.status.clone()
        }
    }
}

/// The highest of the last minute. What is lower than a later one is forgotten.
#[derive(Clone, Debug, Default)]
struct Highest(VecDeque<(u64, u64)>);

impl Highest {
    fn see(&mut self, now_ns: u64, value: u64) {
        while self.0.back().is_some_and(|(_, earlier)| *earlier <= value) {
            self.0.pop_back();
        }
        self.0.push_back((now_ns, value));
        while self.0.front().is_some_and(|(at, _)| at + MAX_NS < now_ns) {
            self.0.pop_front();
        }
    }

    fn get(&self) -> Option<u64> {
        self.0.front().map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUARTER_NS: u64 = SECOND_NS / 4;

    fn queue(backlog: u64, sent: u64) -> QueueStatus {
        QueueStatus {
            iface: "eth0".into(),
            qdisc: Some("tbf 8001:".into()),
            backlog_bytes: Some(backlog),
            backlog_packets: Some(backlog / 100),
            sent_bytes: Some(sent),
            ..QueueStatus::default()
        }
    }

    fn told(teller: &QueueTeller) -> QueueStatus {
        let told = teller.tell();
        assert_eq!(told.len(), 1);
        told[0].clone()
    }

    #[test]
    fn what_waits_leaves_at_the_rate_of_the_last_second() {
        let mut teller = QueueTeller::default();
        // A megabyte a second, and half a megabyte waits.
        for look in 0..20 {
            teller.see(look * QUARTER_NS, vec![queue(500_000, look * 250_000)]);
        }
        let full = told(&teller);
        assert_eq!((full.delay_ns, full.delay_ns_max), (Some(SECOND_NS / 2), Some(SECOND_NS / 2)));
        assert_eq!((full.backlog_bytes, full.backlog_bytes_max), (Some(500_000), Some(500_000)));
        teller.see(20 * QUARTER_NS, vec![queue(0, 5_000_000)]);
        let empty = told(&teller);
        assert_eq!((empty.delay_ns, empty.delay_ns_max), (Some(0), Some(SECOND_NS / 2)));
        teller.see(90 * SECOND_NS, vec![queue(0, 5_000_000)]);
        assert_eq!((told(&teller).delay_ns_max, told(&teller).backlog_bytes_max), (Some(0), Some(0)));
    }

    #[test]
    fn a_queue_that_just_began_to_wait_has_no_rate_yet() {
        let mut teller = QueueTeller::default();
        teller.see(0, vec![queue(0, 0)]);
        teller.see(QUARTER_NS, vec![queue(500_000, 1000)]);
        assert_eq!(told(&teller).delay_ns, None, "it may have begun a moment ago");
        teller.see(2 * QUARTER_NS, vec![queue(500_000, 251_000)]);
        assert_eq!(told(&teller).delay_ns, Some(SECOND_NS / 2));
        // One that stands still: nobody knows how long.
        for look in 3..9 {
            teller.see(look * QUARTER_NS, vec![queue(500_000, 251_000)]);
        }
        assert_eq!(told(&teller).delay_ns, None);
    }

    #[test]
    fn the_longest_wait_is_not_0_where_something_waited_for_one_look_only() {
        let mut teller = QueueTeller::default();
        for (look, backlog) in [0, 0, 7_000, 0, 0].into_iter().enumerate() {
            teller.see(look as u64 * QUARTER_NS, vec![queue(backlog, look as u64 * 30_000)]);
        }
        let seen = told(&teller);
        assert_eq!((seen.backlog_bytes_max, seen.delay_ns_max), (Some(7_000), None));
        assert_eq!(seen.delay_ns, Some(0), "nothing waits now");
        teller.see(90 * SECOND_NS, vec![queue(0, 200_000)]);
        assert_eq!(told(&teller).delay_ns_max, Some(0));
    }

    #[test]
    fn another_queue_of_the_same_name_begins_anew_and_one_that_is_gone_is_forgotten() {
        let mut teller = QueueTeller::default();
        teller.see(0, vec![queue(900, 1000)]);
        teller.see(1, vec![queue(5, 10)]);
        assert_eq!(told(&teller).backlog_bytes_max, Some(5));
        teller.see(2, Vec::new());
        assert!(teller.tell().is_empty());
        let many = (0..QUEUES_MAX as u32 + 7).map(|n| QueueStatus { queue: Some(n), ..queue(1, 1) });
        teller.see(3, many.collect());
        assert_eq!((teller.tell().len(), teller.left_out()), (QUEUES_MAX, 7));
    }

    #[test]
    fn what_has_no_backlog_is_told_as_it_is() {
        let mut teller = QueueTeller::default();
        let ring = QueueStatus { iface: "eth0".into(), ring_slots: Some(256), ..QueueStatus::default() };
        teller.see(0, vec![ring.clone()]);
        assert_eq!(told(&teller), ring);
    }

    proptest! {
        #[test]
        fn the_highest_is_that_of_the_last_minute(
            values in prop::collection::vec((0..5 * SECOND_NS, 0_u64..100), 1..80),
        ) {
            let (mut highest, mut all, mut now_ns) = (Highest::default(), Vec::new(), 0);
            for (later, value) in values {
                now_ns += later;
                highest.see(now_ns, value);
                all.push((now_ns, value));
                let plain = all.iter().filter(|(at, _)| at + MAX_NS >= now_ns).map(|(_, value)| *value).max();
                prop_assert_eq!(highest.get(), plain);
            }
        }
    }
}
