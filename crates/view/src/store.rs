//! What a store holds, as a table and as lines of JSON.

use crate::table::{Column, Table};
use crate::units;
use netrig_model::Timestamp;
use serde::Serialize;

const DAY_NS: f64 = 86_400e9;

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
    /// Bytes that a day takes, at the rate of the newest hour.
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
    /// they are.
    pub detail_days: Option<f64>,
}

impl StoredTable {
    /// The rate of so many bytes in so much time, in bytes a day.
    #[must_use]
    pub fn per_day(bytes: u64, ns: i64) -> Option<f64> {
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
    }
    text
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size, shown in three digits")]
fn whole_bytes(bytes: f64) -> u64 {
    bytes.max(0.0) as u64
}
