//! What has to go: by age, and by bytes.

use crate::Segment;
use netrig_model::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// Whether all of a segment is older than `retain`.
pub(crate) fn expired(segment: &Segment, now: Timestamp, retain: Duration) -> bool {
    let retain_ns = i64::try_from(retain.as_nanos()).unwrap_or(i64::MAX);
    segment.range.end.plus_ns(retain_ns) < now
}

/// The oldest segments, as many as must go for the rest to fit in `budget` beside `reserved` bytes.
pub(crate) fn over_budget(live: &[Segment], reserved: u64, budget: u64) -> Vec<PathBuf> {
    let mut bytes = live.iter().map(|s| s.bytes).sum::<u64>() + reserved;
    let mut oldest_first: Vec<_> = live.iter().collect();
    oldest_first.sort_by_key(|s| s.range.end);
    let mut go = Vec::new();
    for segment in oldest_first {
        if bytes <= budget {
            break;
        }
        bytes -= segment.bytes;
        go.push(segment.path.clone());
    }
    go
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Range, Table};
    use proptest::prelude::*;

    fn segment(end: i64, bytes: u64) -> Segment {
        let range = Range { start: Timestamp(end - 1), end: Timestamp(end) };
        Segment { table: Table::Flows, range, path: PathBuf::from(format!("{end}")), bytes }
    }

    #[test]
    fn a_segment_expires_when_its_last_instant_does() {
        let s = segment(100, 1);
        assert!(!expired(&s, Timestamp(150), Duration::from_nanos(50)));
        assert!(expired(&s, Timestamp(151), Duration::from_nanos(50)));
        assert!(!expired(&s, Timestamp(i64::MAX), Duration::MAX));
    }

    proptest! {
        #[test]
        fn the_oldest_go_and_no_more_than_must(sizes in prop::collection::vec(1..100u64, 0..30), budget in 0..2000u64, reserved in 0..100u64) {
            let live: Vec<_> = (1..).zip(&sizes).map(|(i, b)| segment(i, *b)).collect();
            let go = over_budget(&live, reserved, budget);
            let oldest: Vec<_> = live.iter().take(go.len()).map(|s| s.path.clone()).collect();
            prop_assert_eq!(&go, &oldest);
            let left: u64 = live.iter().skip(go.len()).map(|s| s.bytes).sum();
            prop_assert!(left + reserved <= budget || go.len() == live.len());
            if let Some(last) = go.len().checked_sub(1) {
                prop_assert!(left + live[last].bytes + reserved > budget);
            }
        }
    }
}
