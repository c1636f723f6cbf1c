//! A pcapng interface's clock: counts of some unit since some second become nanoseconds since 1970.

use netrig_model::Timestamp;

const NS_PER_S: i128 = 1_000_000_000;

/// How an interface's time stamps are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TickClock {
    /// `if_tsresol`: a power of ten, or with the top bit set of two, that divides the second.
    pub(super) resolution: u8,
    /// `if_tsoffset`: seconds to be added.
    pub(super) offset_s: i64,
}

impl Default for TickClock {
    fn default() -> Self {
        Self { resolution: 6, offset_s: 0 }
    }
}

impl TickClock {
    /// The instant that is `ticks` units after the clock's beginning; the nearest one that can be told where it lies
    /// before 1678 or after 2261.
    pub(super) fn timestamp(self, ticks: u64) -> Timestamp {
        let since_offset_ns = i128::from(ticks) * NS_PER_S / self.units_per_s();
        saturated(i128::from(self.offset_s) * NS_PER_S + since_offset_ns)
    }

    fn units_per_s(self) -> i128 {
        let exponent = u32::from(self.resolution & 0x7f);
        let base: i128 = if self.resolution & 0x80 == 0 { 10 } else { 2 };
        // Beyond 128 bits a unit is so small that 64 bits of them are less than a nanosecond.
        base.checked_pow(exponent).unwrap_or(i128::MAX)
    }
}

/// Seconds since 1970 and a fraction, as pcap has them.
pub(super) fn from_parts(seconds: u32, fraction_ns: u64) -> Timestamp {
    saturated(i128::from(seconds) * NS_PER_S + i128::from(fraction_ns))
}

/// As far from 1970 as a time is told, in 1678 and 2261: nine months within what 64 bits hold, so that no window around
/// it is beyond them.
const FURTHEST_NS: i64 = 9_200_000_000_000_000_000;

fn saturated(ns: i128) -> Timestamp {
    let furthest = i128::from(FURTHEST_NS);
    Timestamp(i64::try_from(ns.clamp(-furthest, furthest)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(resolution: u8, offset_s: i64, ticks: u64) -> i64 {
        TickClock { resolution, offset_s }.timestamp(ticks).0
    }

    #[test]
    fn powers_of_ten_and_of_two_divide_the_second() {
        assert_eq!(at(0, 0, 7), 7_000_000_000);
        assert_eq!(at(3, 0, 1_500), 1_500_000_000);
        assert_eq!(at(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(at(9, 0, 1_700_000_000_123_456_789), 1_700_000_000_123_456_789);
        assert_eq!(at(12, 0, 1_000_000_000_999), 1_000_000_000);
        assert_eq!(at(0x80, 0, 3), 3_000_000_000);
        assert_eq!(at(0x80 | 10, 0, 1024 + 512), 1_500_000_000);
        assert_eq!(at(0x80 | 32, 0, (5 << 32) + (1 << 31)), 5_500_000_000);
    }

    #[test]
    fn offsets_move_to_either_side() {
        assert_eq!(at(6, 1_700_000_000, 250_000), 1_700_000_000_250_000_000);
        assert_eq!(at(6, -2, 500_000), -1_500_000_000);
    }

    #[test]
    fn no_clock_overflows() {
        assert_eq!(at(127, 0, u64::MAX), 0);
        assert_eq!(at(0xff, 0, u64::MAX), 0);
        assert_eq!(at(0, 0, u64::MAX), FURTHEST_NS);
        assert_eq!(at(0, i64::MIN, 0), -FURTHEST_NS);
        assert_eq!(
            from_parts(u32::MAX, u64::from(u32::MAX) * 1000),
            Timestamp(4_294_967_295_000_000_000 + 4_294_967_295_000)
        );
    }
}
