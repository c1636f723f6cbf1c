//! Times of day, for tables whose rows are moments.

/// Of these instants, whether not all are on one day.
pub(crate) fn on_several_days(instants: impl Iterator<Item = String>) -> bool {
    let mut days = instants.map(|at| day(&at).to_owned());
    let first = days.next();
    days.any(|other| Some(other) != first)
}

/// `11-14`
fn day(at: &str) -> &str {
    at.get(5..10).unwrap_or_default()
}

/// Hour, minute, second and milliseconds, after the day where it is wanted: `11-14 22:13:21.005`.
pub(crate) fn clock(at: &str, with_day: bool) -> String {
    let time = at.trim_end_matches('Z').get(11..).unwrap_or_default();
    let day = if with_day { format!("{} ", day(at)) } else { String::new() };
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    format!("{day}{seconds}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_milliseconds() {
        assert_eq!(clock("2023-11-14T22:13:20Z", true), "11-14 22:13:20.000");
        assert_eq!(clock("2023-11-14T22:13:20.0054Z", false), "22:13:20.005");
    }

    #[test]
    fn days_are_told_where_they_differ() {
        let days = |instants: &[&str]| on_several_days(instants.iter().map(|at| (*at).to_owned()));
        assert!(!days(&[]) && !days(&["2023-11-14T22:13:20Z", "2023-11-14T23:00:00Z"]));
        assert!(days(&["2023-11-14T22:13:20Z", "2023-11-15T00:00:00Z"]));
    }
}
