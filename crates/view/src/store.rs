//! What a store holds, as a table and as lines of JSON.

use crate::table::{Column, Table};
use crate::units;
use netrig_model::Timestamp;
use serde::Serialize;

const DAY_NS: f64 = 86_400e9;

/// From shorter times no rate is told: windows' ends come in surges, and files of windows are not joined yet.
const RATE_SPAN_NS_MIN: i64 = 600_000_000_000;

/// What there is of one table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredTable {
    /// Its name.
    pub table: String,
    /// Its files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of a row; none without rows.
    pub bytes_per_row: Option<f64>,
    /// Start of the oldest window.
    pub start: Timestamp,
    /// End of the newest.
    pub end: Timestamp,
    /// Bytes that a day takes, at the rate of the newest hour; none where its rows cover too little of it.
    pub bytes_per_day: Option<f64>,
    /// What rows of this level can no longer tell; none where they tell all.
    pub forgets: Option<String>,
}

/// What there is of all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoredWhole {
    /// Where.
    pub dir: String,
    /// Files of all tables.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What they may take; none where it is not known.
    pub budget_bytes: Option<u64>,
    /// Days of detail of flows for which there is room at the present rate, beside the levels below it and the other tables as
    /// they are; none where that rate is not known.
    pub detail_days: Option<f64>,
    /// The time that the present rate of flows would be taken from, nanoseconds; none without flows.
    pub detail_rate_span_ns: Option<i64>,
}

impl StoredTable {
    /// The rate of so many bytes in so much time, in bytes a day; none where that is too little time to tell.
    #[must_use]
    pub fn per_day(bytes: u64, ns: i64) -> Option<f64> {
        if ns < RATE_SPAN_NS_MIN {
            return None;
        }
        units::rate(bytes, ns).map(|per_second| per_second * DAY_NS / 1e9)
    }
}

/// One line for each table.
#[must_use]
pub fn store_table(tables: &[StoredTable], whole: &StoredWhole) -> Table {
    let mut table = Table::new(vec![
        Column::text("TABLE", 6),
        Column::number("FILES").optional_before(1),
        Column::number("ROWS"),
        Column::number("BYTES"),
        Column::number("BYTES/ROW"),
        Column::number("SPAN"),
        Column::number("BYTES/DAY"),
        Column::text("FROM", 10).sentence().optional_before(0),
    ]);
    for each in tables {
        table.push(&[
            each.table.clone(),
            units::count(each.files),
            units::count(each.rows),
            units::bytes(each.bytes),
            each.bytes_per_row.map_or_else(|| "-".to_owned(), |bytes| format!("{bytes:.1}")),
            units::duration(each.end.0 - each.start.0),
            each.bytes_per_day.map_or_else(|| "-".to_owned(), |bytes| units::bytes(whole_bytes(bytes))),
            each.start.to_string(),
        ]);
    }
    table.set_footer(footer(whole));
    table
}

/// What levels of flows no longer tell, a sentence each.
#[must_use]
pub fn store_notes(tables: &[StoredTable]) -> Vec<String> {
    let sentence = |each: &StoredTable| Some(format!("{} can no longer tell: {}", each.table, each.forgets.as_ref()?));
    tables.iter().filter_map(sentence).collect()
}

fn footer(whole: &StoredWhole) -> String {
    let mut text = format!("{} in {} files", units::bytes(whole.bytes), units::count(whole.files));
    if let Some(budget) = whole.budget_bytes {
        text.push_str(&format!(" of {}", units::bytes(budget)));
    }
    if let Some(days) = whole.detail_days {
        text.push_str(&format!(
            "; room for {days:.1} days of detail of flows at the present rate, then minutes, then hours"
        ));
    } else if let (Some(_), Some(span_ns)) = (whole.budget_bytes, whole.detail_rate_span_ns.filter(is_young)) {
        text.push_str(&format!(
            "; too young to tell for how many days of detail of flows there is room: the latest cover {}, and {} are needed",
            units::duration(span_ns),
            units::duration(RATE_SPAN_NS_MIN),
        ));
    }
    text
}

fn is_young(span_ns: &i64) -> bool {
    *span_ns < RATE_SPAN_NS_MIN
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size, shown in three digits")]
fn whole_bytes(bytes: f64) -> u64 {
    bytes.max(0.0) as u64
}
