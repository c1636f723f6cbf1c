//! While nothing is sent, queues are what they were: the kernel need not be asked.
//!
//! Whatever is put into a queue has passed the flow probe a moment before. So where nothing waited, and no frame has passed since, nothing
//! waits now.

use netrig_model::QueueStatus;
use std::time::{Duration, Instant};

/// What was read once before at this count of frames may lack one that was between the probe and its queue.
const READINGS_MIN: u32 = 2;
/// Somebody may have set up others: they are asked for all the same after so long.
const STILL_MAX: Duration = Duration::from_secs(5);

/// What the latest readings found.
#[derive(Debug, Default)]
pub(super) struct Resting {
    /// None: they were no queues at rest.
    latest: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    /// Frames sent, counted before it.
    sent: u64,
    /// Readings at this count.
    times: u32,
    at: Instant,
    queues: Vec<QueueStatus>,
}

impl Resting {
    /// The queues as they must be now without being asked for.
    pub(super) fn still(&self, sent: Option<u64>, now: Instant) -> Option<&[QueueStatus]> {
        let is_same = |reading: &&Reading| {
            Some(reading.sent) == sent
                && reading.times >= READINGS_MIN
                && now.saturating_duration_since(reading.at) < STILL_MAX
        };
        self.latest.as_ref().filter(is_same).map(|reading| reading.queues.as_slice())
    }

    /// They have been read, after so many frames had been sent.
    pub(super) fn read(&mut self, sent: Option<u64>, at: Instant, queues: &[QueueStatus]) {
        let waits = |queue: &QueueStatus| queue.backlog_packets != Some(0) || queue.backlog_bytes != Some(0);
        let before = self.latest.take();
        let Some(sent) = sent.filter(|_| !queues.iter().any(waits)) else { return };
        let times = before.filter(|before| before.sent == sent).map_or(0, |before| before.times);
        self.latest = Some(Reading { sent, times: times.saturating_add(1), at, queues: queues.to_vec() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(backlog_packets: u64) -> QueueStatus {
        let backlog_bytes = Some(backlog_packets * 60);
        QueueStatus { backlog_packets: Some(backlog_packets), backlog_bytes, ..QueueStatus::default() }
    }

    #[test]
    fn after_two_readings_at_one_count_of_frames_nobody_is_asked_until_one_more_is_sent() {
        let (mut resting, now) = (Resting::default(), Instant::now());
        assert_eq!(resting.still(Some(7), now), None);
        resting.read(Some(7), now, &[queue(0)]);
        assert_eq!(resting.still(Some(7), now), None, "a frame may be on its way to its queue");
        resting.read(Some(7), now, &[queue(0)]);
        assert_eq!(resting.still(Some(7), now), Some(&[queue(0)][..]));
        assert_eq!(resting.still(Some(8), now), None);
        assert_eq!(resting.still(None, now), None);
        resting.read(Some(8), now, &[queue(0)]);
        assert_eq!(resting.still(Some(8), now), None, "that is one reading");
    }

    #[test]
    fn what_waits_is_looked_at_until_it_has_left() {
        let (mut resting, now) = (Resting::default(), Instant::now());
        for _ in 0..3 {
            resting.read(Some(7), now, &[queue(0), queue(1)]);
            assert_eq!(resting.still(Some(7), now), None);
        }
        resting.read(Some(7), now, &[queue(0), queue(0)]);
        resting.read(Some(7), now, &[queue(0), queue(0)]);
        assert!(resting.still(Some(7), now).is_some());
    }

    #[test]
    fn queues_that_say_not_what_waits_are_asked_each_time() {
        let (mut resting, now) = (Resting::default(), Instant::now());
        for _ in 0..3 {
            resting.read(Some(7), now, &[QueueStatus::default()]);
            assert_eq!(resting.still(Some(7), now), None);
        }
    }

    #[test]
    fn now_and_then_they_are_asked_all_the_same() {
        let (mut resting, now) = (Resting::default(), Instant::now());
        resting.read(Some(7), now, &[]);
        resting.read(Some(7), now, &[]);
        assert!(resting.still(Some(7), now + STILL_MAX / 2).is_some());
        assert!(resting.still(Some(7), now + STILL_MAX).is_none());
        resting.read(Some(7), now + STILL_MAX, &[]);
        assert!(resting.still(Some(7), now + STILL_MAX).is_some(), "one reading is enough from then on");
    }
}
