//! Quantities as people write them: `10s`, `64MiB`, `1%`. A number without its unit is never guessed at.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// Why a quantity could not be read; each says how to write it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// `10`
    #[error("has no unit: write \"{0}\"")]
    NoUnit(String),
    /// `10parsec`
    #[error("has the unknown unit `{unit}` (known: {known})")]
    UnknownUnit {
        /// What was found.
        unit: String,
        /// What could have been.
        known: &'static str,
    },
    /// `ten seconds`
    #[error("does not begin with a number")]
    NoNumber,
    /// `1m1h`
    #[error("has its units out of order: the larger comes first, each once, as in \"1h30m\"")]
    Order,
    /// `99999999999999999999d`
    #[error("is too large")]
    TooLarge,
    /// `1.23456%`
    #[error("has more than three digits after the point")]
    TooFine,
}

/// Largest first; `format_duration` and the order check rely on it.
const DURATION_UNITS_US: [(&str, u64); 7] = [
    ("w", 604_800_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];
const DURATION_UNITS_KNOWN: &str = "us, ms, s, m, h, d, w";

/// Microseconds with the micro sign and with the Greek letter; keyboards have the one or the other.
const MICROSECONDS: [&str; 2] = ["\u{b5}s", "\u{3bc}s"];

/// Decimal units come first so that formatting, which goes through the list, prefers the binary one only when it divides.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];
const SIZE_UNITS_KNOWN: &str = "B, kB, KiB, MB, MiB, GB, GiB, TB, TiB";

/// Reads `100us`, `100µs`, `500ms`, `10s`, `24h`, `30d`, `1h30m`; blanks between number and unit are allowed.
///
/// # Errors
/// When a unit is missing or unknown, or the whole does not fit in microseconds.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    let mut total_us = 0u64;
    let mut units_left = &DURATION_UNITS_US[..];
    loop {
        let (number, unit, after) = split_quantity(rest)?;
        if unit.is_empty() {
            return Err(UnitError::NoUnit(format!("{number}s")));
        }
        let unit = if MICROSECONDS.contains(&unit) { "us" } else { unit };
        if !DURATION_UNITS_US.iter().any(|(name, _)| *name == unit) {
            return Err(UnitError::UnknownUnit { unit: unit.to_owned(), known: DURATION_UNITS_KNOWN });
        }
        let at = units_left.iter().position(|(name, _)| *name == unit).ok_or(UnitError::Order)?;
        let part_us = number.checked_mul(units_left[at].1).ok_or(UnitError::TooLarge)?;
        total_us = total_us.checked_add(part_us).ok_or(UnitError::TooLarge)?;
        units_left = &units_left[at + 1..];
        if after.is_empty() {
            return Ok(Duration::from_micros(total_us));
        }
        rest = after;
    }
}

/// Writes a duration in the largest unit that divides it (finer than a microsecond is cut); [`parse_duration`] reads it back.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if us == 0 {
        return "0s".to_owned();
    }
    // Weeks are read, but few write them.
    let days_and_finer = DURATION_UNITS_US.iter().skip(1);
    let (unit, unit_us) = days_and_finer.copied().find(|(_, unit_us)| us % unit_us == 0).unwrap_or(("us", 1));
    format!("{}{unit}", us / unit_us)
}

/// A count of bytes, written with its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// From mebibytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// From gibibytes.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit, after) = split_quantity(text.trim())?;
        if unit.is_empty() {
            return Err(UnitError::NoUnit(Self(number).to_string()));
        }
        let unit = if after.is_empty() { unit } else { text.trim().trim_start_matches(|c: char| c.is_ascii_digit()) };
        let known = SIZE_UNITS.iter().find(|(name, _)| *name == unit || (*name == "kB" && unit == "KB"));
        let (_, factor) = known
            .ok_or_else(|| UnitError::UnknownUnit { unit: unit.trim_start().to_owned(), known: SIZE_UNITS_KNOWN })?;
        number.checked_mul(*factor).map(Self).ok_or(UnitError::TooLarge)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divides = |factor: &u64| self.0 != 0 && self.0.is_multiple_of(*factor);
        let (unit, factor) = SIZE_UNITS.iter().find(|(_, factor)| divides(factor)).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

/// A share, exact to a thousandth of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent {
    thousandths: u32,
}

impl Percent {
    /// From whole percents.
    #[must_use]
    pub const fn whole(percent: u32) -> Self {
        Self { thousandths: percent * 1_000 }
    }

    /// From thousandths of a percent.
    #[must_use]
    pub const fn from_thousandths(thousandths: u32) -> Self {
        Self { thousandths }
    }

    /// 1% is 0.01.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.thousandths) / 100_000.0
    }
}

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let number_length = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(number_length);
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || decimals.contains('.') || number.ends_with('.') {
            return Err(UnitError::NoNumber);
        }
        match unit.trim_start() {
            "%" => {}
            "" => return Err(UnitError::NoUnit(format!("{number}%"))),
            unit => return Err(UnitError::UnknownUnit { unit: unit.to_owned(), known: "%" }),
        }
        if decimals.len() > 3 {
            return Err(UnitError::TooFine);
        }
        let digits = format!("{whole}{decimals:0<3}");
        digits.parse().map(Self::from_thousandths).map_err(|_| UnitError::TooLarge)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.thousandths / 1_000, self.thousandths % 1_000);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let decimals = format!("{rest:03}");
        write!(f, "{whole}.{}%", decimals.trim_end_matches('0'))
    }
}

/// Splits `10s rest` into 10, `s` and `rest`, blanks at the seams dropped.
fn split_quantity(text: &str) -> Result<(u64, &str, &str), UnitError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Err(UnitError::NoNumber);
    }
    let number = number.parse().map_err(|_| UnitError::TooLarge)?;
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(letters);
    Ok((number, unit, after.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_with_their_units() {
        let ms = |text: &str| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(ms("500ms"), Ok(500));
        let us = |text: &str| parse_duration(text).map(|d| d.as_micros());
        assert_eq!(us("100us"), Ok(100));
        assert_eq!((us("100\u{b5}s"), us("2ms 100 \u{3bc}s")), (Ok(100), Ok(2_100)));
        assert_eq!(us("1us1\u{b5}s"), Err(UnitError::Order));
        assert_eq!(ms(" 10 s "), Ok(10_000));
        assert_eq!(ms("1h30m"), Ok(5_400_000));
        assert_eq!(ms("30d"), Ok(30 * 86_400_000));
        assert_eq!(ms("10"), Err(UnitError::NoUnit("10s".to_owned())));
        assert_eq!(ms("1m1h"), Err(UnitError::Order));
        assert_eq!(ms("1s1s"), Err(UnitError::Order));
        assert_eq!(ms("ten"), Err(UnitError::NoNumber));
        assert_eq!(ms(""), Err(UnitError::NoNumber));
        assert_eq!(ms("-1s"), Err(UnitError::NoNumber));
        assert_eq!(ms("99999999999999w"), Err(UnitError::TooLarge));
        assert!(matches!(ms("10sec"), Err(UnitError::UnknownUnit { unit, .. }) if unit == "sec"));
    }

    #[test]
    fn sizes_tell_binary_from_decimal_units() {
        let bytes = |text: &str| text.parse::<ByteSize>().map(|s| s.0);
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("500 MB"), Ok(500_000_000));
        assert_eq!(bytes("1KB"), Ok(1_000));
        assert_eq!(bytes("67108864"), Err(UnitError::NoUnit("64MiB".to_owned())));
        assert!(matches!(bytes("64M"), Err(UnitError::UnknownUnit { unit, .. }) if unit == "M"));
        assert!(matches!(bytes("1GiB 5MiB"), Err(UnitError::UnknownUnit { unit, .. }) if unit == "GiB 5MiB"));
        assert_eq!(bytes("99999999TiB"), Err(UnitError::TooLarge));
    }

    #[test]
    fn percentages_are_exact() {
        let read = |text: &str| text.parse::<Percent>();
        assert_eq!(read("1%"), Ok(Percent::whole(1)));
        assert_eq!(read("0.25%").map(|p| p.to_string()), Ok("0.25%".to_owned()));
        assert_eq!(read("1"), Err(UnitError::NoUnit("1%".to_owned())));
        assert_eq!(read("0.0001%"), Err(UnitError::TooFine));
        assert_eq!(read(".5%"), Err(UnitError::NoNumber));
        assert_eq!(read("5.%"), Err(UnitError::NoNumber));
        assert_eq!(read("99999999%"), Err(UnitError::TooLarge));
        assert!((Percent::whole(1).fraction() - 0.01).abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(us in any::<u64>(), bytes in any::<u64>(), thousandths in any::<u32>()) {
            let duration = Duration::from_micros(us);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
            let percent = Percent::from_thousandths(thousandths);
            prop_assert_eq!(percent.to_string().parse(), Ok(percent));
        }

        #[test]
        fn no_text_makes_them_panic(text in "\\PC{0,20}|[0-9. a-zA-Z%]{0,12}") {
            let _ = parse_duration(&text);
            let _ = text.parse::<ByteSize>();
            let _ = text.parse::<Percent>();
        }
    }
}
