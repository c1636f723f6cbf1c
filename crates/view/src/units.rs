//! Numbers as people read them: the field's units, three significant digits, never a digit too many.

const BYTE_UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
const RATE_UNITS: [&str; 6] = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s"];
const COUNT_UNITS: [&str; 6] = ["", "k", "M", "G", "T", "P"];
const TIME_UNITS: [&str; 6] = ["µs", "ms", "s", "s", "s", "s"];
const SHORT_TIME_UNITS: [&str; 6] = ["ns", "µs", "ms", "s", "s", "s"];
/// From here on a time is shown in minutes and more.
const SECONDS_UP_TO_US: u64 = 300_000_000;
const NS_PER_S: f64 = 1e9;

/// Bytes in steps of 1000, as networks count: `1.50 kB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    scaled(n as f64, &BYTE_UNITS)
}

/// Bits a second: `12.5 Mbit/s`.
#[must_use]
pub fn bits_per_second(rate: f64) -> String {
    scaled(rate, &RATE_UNITS)
}

/// A rate of things: `1.25k/s`.
#[must_use]
pub fn per_second(rate: f64) -> String {
    let text = scaled(rate, &COUNT_UNITS);
    format!("{}/s", text.replace(' ', ""))
}

/// A rate of things that may be few: `0.2/s`, `3.4/s`, `1.25k/s`.
#[must_use]
pub fn few_per_second(rate: f64) -> String {
    if rate > 0.0 && rate < 9.95 { format!("{rate:.1}/s") } else { per_second(rate) }
}

/// A whole number with its thousands set apart: `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A length of time in its two largest units: `3d 4h`, `5m 6s`, `850 ms`.
#[must_use]
pub fn duration(ns: i64) -> String {
    let total_s = ns.max(0) / 1_000_000_000;
    let parts = [(total_s / 86_400, "d"), (total_s / 3600 % 24, "h"), (total_s / 60 % 60, "m"), (total_s % 60, "s")];
    match parts.iter().position(|(n, _)| *n > 0) {
        None => format!("{} ms", ns.max(0) / 1_000_000),
        Some(3) => format!("{total_s}s"),
        Some(i) => format!("{}{} {}{}", parts[i].0, parts[i].1, parts[i + 1].0, parts[i + 1].1),
    }
}

/// A short time in three digits, a long one as [`duration`]: `312 µs`, `1.23 ms`, `127 s`, `5m 6s`.
#[must_use]
pub fn microseconds(us: u64) -> String {
    if us >= SECONDS_UP_TO_US {
        return duration(i64::try_from(us).unwrap_or(i64::MAX).saturating_mul(1000));
    }
    scaled(us as f64, &TIME_UNITS)
}

/// A time that may be very short in three digits, a long one as [`duration`]: `850 ns`, `3.10 µs`, `1.23 ms`, `5m 6s`.
#[must_use]
pub fn nanoseconds(ns: u64) -> String {
    if ns / 1000 >= SECONDS_UP_TO_US {
        return duration(i64::try_from(ns).unwrap_or(i64::MAX));
    }
    scaled(ns as f64, &SHORT_TIME_UNITS)
}

/// A share in percent, with a digit after the point where it is small: `3.1 %`, `87 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share.abs() * 100.0;
    let sign = if share < 0.0 && percent >= 0.05 { "−" } else { "" };
    if percent < 9.95 { format!("{sign}{percent:.1} %") } else { format!("{sign}{percent:.0} %") }
}

/// `amount` a second over `ns`; nothing can be said over no time.
#[must_use]
pub fn rate(amount: u64, ns: i64) -> Option<f64> {
    (ns > 0).then(|| amount as f64 * NS_PER_S / ns as f64)
}

fn scaled(value: f64, units: &[&str; 6]) -> String {
    let mut value = value.max(0.0);
    let mut unit = 0;
    // 999.5 shows as 1.00 of the next unit, not as 1000 of this one.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = match value {
        _ if unit == 0 => 0,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {}", units[unit]).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_as_people_read_them() {
        let shown = [0, 1, 999, 1000, 1500, 9_994, 9_995, 99_950, 999_499, 999_500, 1_000_000, u64::MAX].map(bytes);
        assert_eq!(
            shown,
            [
                "0 B", "1 B", "999 B", "1.00 kB", "1.50 kB", "9.99 kB", "10.0 kB", "100 kB", "999 kB", "1.00 MB",
                "1.00 MB", "18447 PB"
            ]
        );
    }

    #[test]
    fn rates_counts_and_durations() {
        assert_eq!(bits_per_second(12_500_000.0), "12.5 Mbit/s");
        assert_eq!(per_second(1250.0), "1.25k/s");
        assert_eq!(per_second(3.4), "3/s");
        assert_eq!([0.0, 0.15, 3.4, 9.96].map(few_per_second), ["0/s", "0.1/s", "3.4/s", "10/s"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let s = 1_000_000_000;
        let shown = [850_000_000, 5 * s, 306 * s, 3600 * s, (3 * 86_400 + 4 * 3600 + 59) * s, -1].map(duration);
        assert_eq!(shown, ["850 ms", "5s", "5m 6s", "1h 0m", "3d 4h", "0 ms"]);
    }

    #[test]
    fn short_times() {
        let shown = [0, 312, 999, 1234, 12_000, 210_000, 999_600, 4_200_000, 127_000_000, 306_000_000, u64::MAX];
        assert_eq!(
            shown.map(microseconds),
            [
                "0 µs",
                "312 µs",
                "999 µs",
                "1.23 ms",
                "12.0 ms",
                "210 ms",
                "1.00 s",
                "4.20 s",
                "127 s",
                "5m 6s",
                "106751d 23h"
            ]
        );
    }

    #[test]
    fn times_from_nanoseconds_on_and_shares() {
        let shown = [0, 850, 3_100, 41_000_000, 2_000_000_000, 306_000_000_000].map(nanoseconds);
        assert_eq!(shown, ["0 ns", "850 ns", "3.10 µs", "41.0 ms", "2.00 s", "5m 6s"]);
        assert_eq!(
            [0.0, 0.031, 0.0996, 0.874, 1.0, -0.02].map(percent),
            ["0.0 %", "3.1 %", "10 %", "87 %", "100 %", "−2.0 %"]
        );
    }

    proptest! {
        #[test]
        fn three_significant_digits_are_true(n in 0u64..1_000_000_000_000_000) {
            let text = bytes(n);
            let (number, unit) = text.split_once(' ').expect("number and unit");
            let factor = 1000f64.powi(i32::try_from(BYTE_UNITS.iter().position(|u| *u == unit).expect("unit")).expect("small"));
            let back = number.parse::<f64>().expect("number") * factor;
            prop_assert!((back - n as f64).abs() <= n as f64 * 0.0051, "{} for {}", text, n);
            prop_assert!(number.len() <= 4, "{}", text);
        }
    }
}
