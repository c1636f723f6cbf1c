//! The kernel side's clock is jiffies: free to read in the kernel, coarse (1 to 10 ms), and unknown in unit and origin to user
//! space. Two readings beside the monotonic clock tell the unit; one at each drain keeps the origin.

use crate::object::test_run;
use crate::{ProbeError, SharedWords};
use netrig_model::Timestamp;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The rates Linux can be built with.
const HZ_KNOWN: [u64; 8] = [100, 128, 200, 250, 256, 300, 1000, 1024];

/// Readings from which the lag of the monotonic clock is taken.
const LAG_READINGS: usize = 8;

/// Jiffies and monotonic nanoseconds at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    jiffies: u64,
    monotonic_ns: u64,
}

impl Reading {
    /// The tick's length, by this reading and a `later` one.
    pub(crate) fn ns_per_tick(self, later: Self) -> u64 {
        let ns = later.monotonic_ns.saturating_sub(self.monotonic_ns).max(1);
        let ticks = later.jiffies.saturating_sub(self.jiffies).max(1);
        1_000_000_000 / nearest_hz(ticks as f64 * 1e9 / ns as f64)
    }
}

pub(crate) fn read(program: BorrowedFd<'_>, clock: &SharedWords) -> Result<Reading, ProbeError> {
    test_run(program, &[]).map_err(|source| ProbeError::TestRun { program: "clock_now", source })?;
    Ok(Reading { jiffies: clock.load(0), monotonic_ns: clock.load(1) })
}

/// Turns ticks into time, and the monotonic clock's instants.
#[derive(Clone, Copy, Debug)]
pub struct TickClock {
    ns_per_tick: u64,
    jiffies: u64,
    at: Timestamp,
    /// What the monotonic clock lacks to the time of day.
    monotonic_lag_ns: i64,
}

impl TickClock {
    /// Waits for two turns of the tick, 60 ms apart, and reckons the unit from them.
    pub(crate) fn calibrate(mut read: impl FnMut() -> Result<Reading, ProbeError>) -> Result<Self, ProbeError> {
        let first = turn(&mut read)?;
        std::thread::sleep(Duration::from_millis(60));
        let second = turn(&mut read)?;
        let ns_per_tick = first.ns_per_tick(second);
        let mut clock = Self { ns_per_tick, jiffies: 0, at: Timestamp(0), monotonic_lag_ns: 0 };
        clock.sync(second);
        // What passes between the two clocks' readings adds to the lag: the smallest of some is nearest.
        for _ in 0..LAG_READINGS {
            let reading = read()?;
            let lag_ns = now().0.wrapping_sub(reading.monotonic_ns.cast_signed());
            clock.monotonic_lag_ns = clock.monotonic_lag_ns.min(lag_ns);
        }
        Ok(clock)
    }

    pub(crate) fn sync(&mut self, reading: Reading) {
        let now = now();
        self.take(reading.jiffies, now);
        self.take_lag(now.0.wrapping_sub(reading.monotonic_ns.cast_signed()));
    }

    /// Between the two clocks' readings a little time passes, now more, now less: within that the lag stays what it is, so
    /// that an instant has the same time of day whenever it is asked for.
    fn take_lag(&mut self, lag_ns: i64) {
        const SCATTER_NS: u64 = 1_000_000;
        if self.monotonic_lag_ns == 0 || lag_ns.abs_diff(self.monotonic_lag_ns) > SCATTER_NS {
            self.monotonic_lag_ns = lag_ns;
        }
    }

    /// A reading falls anywhere into its tick, so readings scatter by a tick. Within that the origin stays where it is:
    /// the time of a packet must not depend on when it is asked for.
    fn take(&mut self, jiffies: u64, at: Timestamp) {
        let passed = jiffies.wrapping_sub(self.jiffies).wrapping_mul(self.ns_per_tick).cast_signed();
        let expected = self.at.plus_ns(passed);
        let late_ns = at.0.wrapping_sub(expected.0);
        let scatter_ns = 2 * self.ns_per_tick.cast_signed();
        let keep = self.jiffies != 0 && (-scatter_ns..=scatter_ns).contains(&late_ns);
        self.at = if keep { expected } else { at };
        self.jiffies = jiffies;
    }

    /// The time of a tick, of which the lowest 32 bits are known: the latest that is not more than hours ahead of the last reading.
    /// Nothing happens later than that, but a connection may have been silent for months.
    #[must_use]
    pub fn timestamp(&self, tick: u32) -> Timestamp {
        const AHEAD_TICKS: u32 = 1 << 24;
        let behind = (self.jiffies as u32).wrapping_add(AHEAD_TICKS).wrapping_sub(tick);
        let ago = i64::from(behind) - i64::from(AHEAD_TICKS);
        self.at.plus_ns(-ago * self.ns_per_tick as i64)
    }

    /// The time of a moment in whole jiffies, which do not wrap: also of one months ago.
    #[must_use]
    pub fn at_jiffies(&self, jiffies: u64) -> Timestamp {
        let since = i128::from(jiffies) - i128::from(self.jiffies);
        let ns = since * i128::from(self.ns_per_tick);
        self.at.plus_ns(i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX }))
    }

    /// When the clocks were read last.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at
    }

    /// The time of day at an instant of the monotonic clock.
    #[must_use]
    pub fn at_monotonic(&self, ns: u64) -> Timestamp {
        Timestamp(ns.cast_signed()).plus_ns(self.monotonic_lag_ns)
    }

    /// The length of a tick: how coarse the times are.
    #[must_use]
    pub fn ns_per_tick(&self) -> u64 {
        self.ns_per_tick
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The first reading of a new tick; gives up waiting after a while, which only makes the estimate coarser.
fn turn(read: &mut impl FnMut() -> Result<Reading, ProbeError>) -> Result<Reading, ProbeError> {
    let first = read()?;
    let begun = Instant::now();
    loop {
        let reading = read()?;
        if reading.jiffies != first.jiffies || begun.elapsed() > Duration::from_millis(40) {
            return Ok(reading);
        }
    }
}

fn nearest_hz(measured: f64) -> u64 {
    let distance = |hz: u64| (measured.ln() - (hz as f64).ln()).abs();
    HZ_KNOWN.into_iter().min_by(|a, b| distance(*a).total_cmp(&distance(*b))).unwrap_or(250)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_rate_becomes_one_that_exists() {
        assert_eq!(nearest_hz(249.2), 250);
        assert_eq!(nearest_hz(1003.0), 1000);
        assert_eq!(nearest_hz(97.0), 100);
    }

    #[test]
    fn a_tick_keeps_its_time_although_readings_scatter_and_follows_a_clock_that_is_set() {
        let mut clock =
            TickClock { ns_per_tick: 4_000_000, jiffies: 100, at: Timestamp(1_000_000_000), monotonic_lag_ns: 0 };
        let first_seen = clock.timestamp(90);
        clock.take(350, Timestamp(2_003_900_000));
        assert_eq!(clock.timestamp(90), first_seen);
        clock.take(600, Timestamp(2_999_000_000));
        assert_eq!(clock.timestamp(90), first_seen);
        clock.take(850, Timestamp(9_000_000_000));
        assert_eq!(clock.timestamp(850), Timestamp(9_000_000_000));
    }

    #[test]
    fn an_instant_keeps_its_time_of_day_while_clocks_are_read_with_scatter() {
        let mut clock = TickClock { ns_per_tick: 4_000_000, jiffies: 1, at: Timestamp(0), monotonic_lag_ns: 0 };
        clock.take_lag(1_000_000_000);
        clock.take_lag(1_000_400_000);
        assert_eq!(clock.at_monotonic(5), Timestamp(1_000_000_005));
        clock.take_lag(3_000_000_000);
        assert_eq!(clock.at_monotonic(5), Timestamp(3_000_000_005), "the time of day was set");
    }

    #[test]
    fn a_tick_of_a_month_ago_is_not_taken_for_one_to_come() {
        let now = Timestamp(1_700_000_000_000_000_000);
        let clock = TickClock { ns_per_tick: 1_000_000, jiffies: (7 << 32) | 5, at: now, monotonic_lag_ns: 0 };
        for days in [24_u64, 25, 31, 49] {
            let ticks = days * 86_400 * 1000;
            let tick = (clock.jiffies - ticks) as u32;
            assert_eq!(clock.timestamp(tick), now.plus_ns(-(ticks as i64) * 1_000_000), "{days} days");
        }
        assert_eq!(clock.timestamp(5 + 3_600_000), now.plus_ns(3_600_000_000_000), "the clock was read an hour ago");
    }

    #[test]
    fn ticks_before_and_after_the_reading_are_found_across_the_wrap() {
        let clock = TickClock {
            ns_per_tick: 4_000_000,
            jiffies: (7 << 32) | 5,
            at: Timestamp(1_000_000_000),
            monotonic_lag_ns: 0,
        };
        assert_eq!(clock.timestamp(5), Timestamp(1_000_000_000));
        assert_eq!(clock.timestamp(u32::MAX), Timestamp(1_000_000_000 - 6 * 4_000_000));
        assert_eq!(clock.timestamp(6), Timestamp(1_004_000_000));
        assert_eq!(clock.at_jiffies((7 << 32) | 6), Timestamp(1_004_000_000));
        assert_eq!(clock.at_jiffies(6 << 32), Timestamp(1_000_000_000 - ((1 << 32) + 5) * 4_000_000));
    }
}
