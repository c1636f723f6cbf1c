//! How far back an answer goes.

use netrig_config::parse_duration;
use netrig_model::Timestamp;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// `--since`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// This long before now.
    Ago(Duration),
    /// From this instant on.
    At(Timestamp),
    /// All there is.
    All,
}

impl Since {
    /// The instant it means at `now`; none: no bound.
    pub(crate) fn instant(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Ago(span) => Some(now.plus_ns(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX).saturating_neg())),
            Self::At(instant) => Some(instant),
            Self::All => None,
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        if let Ok(instant) = serde_json::from_value(serde_json::Value::from(text)) {
            return Ok(Self::At(instant));
        }
        let told = |e| format!("{e}: write a time span such as 5m, an instant such as 2026-01-31T08:00:00Z, or all");
        parse_duration(text).map(Self::Ago).map_err(told)
    }
}

/// The time of day.
pub(crate) fn now() -> Timestamp {
    let ns = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    Timestamp(i64::try_from(ns).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_instants_and_all() {
        assert_eq!("5m".parse(), Ok(Since::Ago(Duration::from_secs(300))));
        assert_eq!("all".parse(), Ok(Since::All));
        assert_eq!("2023-11-14T22:13:20Z".parse(), Ok(Since::At(Timestamp(1_700_000_000_000_000_000))));
        assert!("yesterday".parse::<Since>().is_err_and(|e| e.contains("or all")));
    }

    #[test]
    fn a_span_counts_from_now() {
        assert_eq!(Since::Ago(Duration::from_nanos(30)).instant(Timestamp(100)), Some(Timestamp(70)));
    }
}
