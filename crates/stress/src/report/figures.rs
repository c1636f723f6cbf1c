//! Figures in words: rates per second, shares in percent.

use netrig_view::units;

/// A share in percent; what is more than nothing never reads as nothing.
pub(crate) fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        percent if percent > 0.0 && percent < 0.1 => "under 0.1 %".to_owned(),
        percent if percent < 100.0 && percent > 99.0 => format!("{:.1} %", (percent * 10.0).floor() / 10.0),
        _ => units::percent(share),
    }
}

/// A change in percent, with its sign: `+2.5 %`, `−17.3 %`.
pub(crate) fn change(change: f64) -> String {
    signed(change * 100.0, " %")
}

/// A figure with its sign and a digit after the point; what rounds to nothing has none but a plus.
pub(crate) fn signed(value: f64, unit: &str) -> String {
    let sign = if value <= -0.05 { '−' } else { '+' };
    format!("{sign}{:.1}{unit}", value.abs())
}

/// A rate of packets: `1.20M packets/s`.
pub(crate) fn packets_per_second(rate: f64) -> String {
    let text = units::per_second(rate);
    format!("{} packets/s", text.trim_end_matches("/s"))
}

/// So many of something: `1,234 packets`, `1 packet`.
pub(crate) fn many(count: u64, unit: &str) -> String {
    let unit = if count == 1 { unit.strip_suffix('s').unwrap_or(unit) } else { unit };
    format!("{} {unit}", units::count(count))
}

/// Seconds in three digits: `0.25 s`, `3.10 s`.
pub(crate) fn seconds(seconds: f64) -> String {
    units::microseconds((seconds.max(0.0) * 1e6).round() as u64)
}

/// A size in the steps that memory comes in: `52.4 MiB`.
pub(crate) fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

/// A time as RFC 3339 has it, to the second.
pub(crate) fn to_the_second(time: &str) -> String {
    let (before, after) = time.split_once('.').unwrap_or((time, ""));
    format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A word that came from outside, without what a terminal would take for an order.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_round_to_nothing_nor_to_all() {
        assert_eq!(
            [0.0, 0.000_01, 0.012, 0.5, 0.9999, 1.0, 1.3].map(share),
            ["0.0 %", "under 0.1 %", "1.2 %", "50 %", "99.9 %", "100 %", "130 %"]
        );
    }

    #[test]
    fn changes_have_their_sign() {
        assert_eq!([0.025, -0.173, 0.0, -0.000_1].map(change), ["+2.5 %", "−17.3 %", "+0.0 %", "+0.0 %"]);
    }

    #[test]
    fn counts_rates_and_times() {
        assert_eq!((many(1, "packets"), many(1234, "rows")), ("1 packet".to_owned(), "1,234 rows".to_owned()));
        assert_eq!(packets_per_second(1_200_000.0), "1.20M packets/s");
        assert_eq!([0.0, 0.25, 3.1].map(seconds), ["0 µs", "250 ms", "3.10 s"]);
        let times = ["2026-11-28T09:49:42.022965987Z", "2026-11-28T09:49:42Z", ""].map(to_the_second);
        assert_eq!(times, ["2026-11-28T09:49:42Z", "2026-11-28T09:49:42Z", ""]);
        assert_eq!(mebibytes(52.4 * 1_048_576.0), "52.4 MiB");
    }

    #[test]
    fn orders_to_the_terminal_are_taken_out() {
        assert_eq!(plain("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}
