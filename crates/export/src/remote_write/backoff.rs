//! How long to wait before a request is made again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// What a server may ask for at most: it must not be able to silence the rig for good.
const ASKED_MAX: Duration = Duration::from_secs(300);

/// Doubles from half a second to half a minute, and anew after each success.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure. `asked` is what the server asked for; `random`, any number, spreads rigs that lost
    /// the same server over the second half of the time, so that they do not all come back at once.
    pub(super) fn next(&mut self, asked: Option<Duration>, random: u64) -> Duration {
        let whole = LONGEST.min(FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)));
        self.failures = self.failures.saturating_add(1);
        let spread = whole / 2 + whole.mul_f64((random % 1_000) as f64 / 2_000.0);
        asked.map_or(spread, |asked| spread.max(asked.min(ASKED_MAX)))
    }

    /// The server took something.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute_and_begin_anew() {
        let mut backoff = Backoff::default();
        let longest: Vec<_> = (0..100).map(|_| backoff.next(None, 999).as_millis()).collect();
        assert_eq!(longest[..4], [499, 999, 1_999, 3_998]);
        assert!(longest[99] <= 30_000 && longest[99] > 29_000, "{}", longest[99]);
        assert_eq!(backoff.next(None, 0), Duration::from_secs(15), "never less than half");
        backoff.succeeded();
        assert_eq!(backoff.next(None, 0), Duration::from_millis(250));
    }

    #[test]
    fn the_server_can_ask_for_more_within_reason() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(Some(Duration::from_secs(7)), 0), Duration::from_secs(7));
        assert_eq!(backoff.next(Some(Duration::ZERO), 0), Duration::from_millis(500), "but not for less");
        assert_eq!(backoff.next(Some(Duration::MAX), 0), ASKED_MAX);
    }
}
