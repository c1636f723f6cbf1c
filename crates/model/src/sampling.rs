//! How far the counts of a flow may be from the truth where not all of its packets were looked at.
//!
//! Each packet is taken with a chance of 1 in N and stands for N then. Taken independently of each other, P packets have a variance of
//! P·(N−1); gaps between those taken that are drawn evenly have less, but for packets that come 2·N−1 apart each time, which meet with up
//! to P·N: that is assumed. Of octets the variance is N·Σ length², and of lengths only the sum is known: the greatest there can be is that of
//! a flow whose packets are partly the shortest and partly the longest.
//!
//! A normal distribution's 95 % are too narrow where hardly any packet was taken. Of 4·N packets none is taken with a chance of 2 %,
//! so half the interval is never less than that; nor is that of octets less than what so many of the longest packets have, for a
//! flow of short ones may have had them.

/// 95 % of a normal distribution lie within so many deviations of its mean.
const DEVIATIONS: f64 = 1.96;
/// None is met where so many would be on the average: 2 %.
const NONE_MET: f64 = 4.0;
/// The longest frame: Ethernet's, with two tags; jumbo frames, which a flow has whose mean is above that.
const LENGTH_MAX: f64 = 1522.0;
const LENGTH_MAX_JUMBO: f64 = 9018.0;
/// The shortest of TCP over Ethernet, and of IP alone: for flows whose mean is below.
const LENGTH_MIN: f64 = 54.0;
const LENGTH_MIN_BARE: f64 = 20.0;

/// Packets and octets within which the true ones lie with 95 %, for these that were told with one in `sampling_rate` looked at.
///
/// Lengths are taken to lie between 54 octets (20 for flows whose mean is less) and 1522 (9018, or twice the mean where that is more, for flows
/// whose mean is above 1522).
#[must_use]
pub fn error_bounds(packets: u64, bytes: u64, sampling_rate: u32) -> (u64, u64) {
    if sampling_rate <= 1 {
        return (0, 0);
    }
    let (packets, bytes, rate) = (packets as f64, bytes as f64, f64::from(sampling_rate));
    let half = |variance: f64, least: f64| ((DEVIATIONS.powi(2) * variance + least.powi(2)).sqrt()).ceil() as u64;
    let mean = if packets > 0.0 { bytes / packets } else { 0.0 };
    let longest = if mean <= LENGTH_MAX { LENGTH_MAX } else { LENGTH_MAX_JUMBO.max(2.0 * mean) };
    let squares = mean_square(mean, longest);
    (half(packets * rate, NONE_MET * rate), half(packets * rate * squares, NONE_MET * rate * longest))
}

/// The greatest mean of squares that lengths of this mean can have, none longer than `longest`.
fn mean_square(mean: f64, longest: f64) -> f64 {
    let shortest = if mean >= LENGTH_MIN { LENGTH_MIN } else { LENGTH_MIN_BARE.min(mean) };
    (shortest + longest) * mean - shortest * longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_counted_whole_is_exact() {
        assert_eq!(error_bounds(1_000_000, 1_000_000_000, 1), (0, 0));
        assert_eq!(error_bounds(5, 300, 0), (0, 0));
    }

    #[test]
    fn bounds_are_those_of_the_arithmetic() {
        // 10,000 packets at 1/64: 1.96 · √(10,000 · 64), and 4 · 64 beside it.
        assert_eq!(error_bounds(10_000, 15_220_000, 64), (1_589, 2_418_094));
        // Nothing was met: up to four times 64 may have passed, as long as can be.
        assert_eq!(error_bounds(0, 0, 64), (256, 256 * 1522));
        assert_eq!(error_bounds(1, 54, 64).0, 257);
    }

    proptest! {
        #[test]
        fn no_lengths_within_the_limits_have_greater_squares(lengths in prop::collection::vec(54_u32..=1522, 1..200)) {
            let count = lengths.len() as f64;
            let mean = lengths.iter().map(|l| f64::from(*l)).sum::<f64>() / count;
            let squares = lengths.iter().map(|l| f64::from(*l).powi(2)).sum::<f64>() / count;
            prop_assert!(squares <= mean_square(mean, LENGTH_MAX) * 1.000_001);
        }

        #[test]
        fn bounds_grow_with_counts_and_rates(packets in 1_u64..1 << 40, mean in 54_u64..9000, rate in 2_u32..65_536) {
            let of = |packets, rate| error_bounds(packets, packets * mean, rate);
            let (least, more, coarser) = (of(packets, rate), of(2 * packets, rate), of(packets, rate + 1));
            prop_assert!(least.0 >= 4 * u64::from(rate) && least.1 > 0);
            prop_assert!(least.0 <= more.0 && least.0 <= coarser.0);
        }
    }
}
