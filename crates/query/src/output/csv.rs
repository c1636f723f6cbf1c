//! Comma-separated values after RFC 4180: null is the empty field, the empty text is `""`.

use super::cell::Cells;
use std::io::{self, Write};

pub(crate) fn header(to: &mut impl Write, names: &[String]) -> io::Result<()> {
    line(to, names.iter().map(|n| (true, n.clone())))
}

pub(crate) fn row(to: &mut impl Write, columns: &[Cells<'_>], row: usize) -> io::Result<()> {
    line(
        to,
        columns.iter().map(|cells| {
            let mut text = String::new();
            (cells.text(row, &mut text), text)
        }),
    )
}

fn line(to: &mut impl Write, fields: impl Iterator<Item = (bool, String)>) -> io::Result<()> {
    for (i, (known, text)) in fields.enumerate() {
        if i > 0 {
            to.write_all(b",")?;
        }
        match known {
            true if text.is_empty() || text.contains(['"', ',', '\n', '\r']) => {
                write!(to, "\"{}\"", text.replace('"', "\"\""))?
            }
            _ => to.write_all(text.as_bytes())?,
        }
    }
    to.write_all(b"\n")
}
