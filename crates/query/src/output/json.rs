//! JSON Lines.

use super::cell::Cells;
use std::io::{self, Write};

/// One row as one line: the record's kind, then the selected columns and nothing else.
pub(crate) fn row(to: &mut impl Write, names: &[String], columns: &[Cells<'_>], row: usize) -> io::Result<()> {
    let mut line = String::from("{");
    // A column of that name is what was asked for; two keys of one name would be no object.
    if !names.iter().any(|n| n == "record") {
        line.push_str("\"record\":\"query\"");
    }
    for (name, cells) in names.iter().zip(columns) {
        if line.len() > 1 {
            line.push(',');
        }
        line.push_str(&serde_json::to_string(name)?);
        line.push(':');
        cells.json(row, &mut line);
    }
    line.push_str("}\n");
    to.write_all(line.as_bytes())
}
