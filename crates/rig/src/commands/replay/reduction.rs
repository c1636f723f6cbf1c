//! `netrig replay --reduction`: what each level of the store still tells of a capture, beside the exact truth.

use crate::output::{Output, table_style};
use netrig_model::FlowRecord;
use netrig_store::reduce::{LevelReport, Recall, report};
use netrig_view::{Column, Table, units};
use serde_json::json;

/// Prints the report of these records.
pub(super) fn print(flows: &[FlowRecord], as_json: bool) -> anyhow::Result<()> {
    let levels = report(flows)?;
    let records = flows.len() as u64;
    let mut out = Output::stdout();
    if as_json {
        levels.iter().for_each(|level| out.line(&line(level, records).to_string()));
    } else {
        table(&levels, records).render_lines(table_style(), &mut |line| out.line(line));
    }
    out.finish()?;
    Ok(())
}

fn name(level: &LevelReport) -> String {
    level.level.map_or_else(|| "flows".to_owned(), |level| level.table().to_string())
}

fn per_record(level: &LevelReport, records: u64) -> Option<f64> {
    (records > 0).then(|| level.bytes as f64 / records as f64)
}

/// By how much the number of different ones is told wrong, as a share of the truth.
fn distinct_error(recall: &Recall) -> f64 {
    let (told, truth) = (recall.distinct_told as f64, recall.distinct as f64);
    if truth > 0.0 { (told - truth) / truth } else { 0.0 }
}

fn line(level: &LevelReport, records: u64) -> serde_json::Value {
    let subject = |recall: &Recall| {
        json!({
            "by": recall.subject.as_str(),
            "top_found": recall.found,
            "top_sought": recall.sought,
            "distinct": recall.distinct,
            "distinct_told": recall.distinct_told,
            "distinct_error": distinct_error(recall),
        })
    };
    json!({
        "record": "reduction",
        "level": name(level),
        "records": records,
        "rows": level.rows,
        "bytes": level.bytes,
        "bytes_per_record": per_record(level, records),
        "sum_error": level.sum_error,
        "subjects": level.recalls.iter().map(subject).collect::<Vec<_>>(),
    })
}

fn table(levels: &[LevelReport], records: u64) -> Table {
    let mut table = Table::new(vec![
        Column::text("LEVEL", 8),
        Column::number("ROWS"),
        Column::number("BYTES"),
        Column::number("BYTES/RECORD"),
        Column::number("SUM ERROR"),
        Column::text("BY", 8),
        Column::number("TOP 100"),
        Column::number("DISTINCT"),
        Column::number("TOLD"),
        Column::number("ERROR"),
    ]);
    for level in levels {
        for (i, recall) in level.recalls.iter().enumerate() {
            let first = |text: String| if i == 0 { text } else { String::new() };
            table.push(&[
                first(name(level)),
                first(units::count(level.rows)),
                first(units::bytes(level.bytes)),
                first(per_record(level, records).map(|bytes| format!("{bytes:.2}")).unwrap_or_default()),
                first(level.sum_error.to_string()),
                recall.subject.as_str().to_owned(),
                format!("{}/{}", recall.found, recall.sought),
                units::count(recall.distinct as u64),
                units::count(recall.distinct_told as u64),
                format!("{:+.1} %", 100.0 * distinct_error(recall)),
            ]);
        }
    }
    table
}
