//! A table for people: numbers to the right, text to the left, a dash for null.

use super::cell::Cells;
use datafusion::arrow::datatypes::Schema;
use std::io::{self, Write};

/// Rows held back until the widths are settled; later ones may stick out.
const ROWS_HELD_MAX: usize = 1000;

pub(crate) struct Table {
    names: Vec<String>,
    to_the_right: Vec<bool>,
    widths: Vec<usize>,
    held: Vec<Vec<String>>,
    streaming: bool,
}

impl Table {
    pub(crate) fn new(names: &[String], schema: &Schema) -> Self {
        Self {
            names: names.to_vec(),
            to_the_right: schema.fields().iter().map(|f| f.data_type().is_numeric()).collect(),
            widths: names.iter().map(|n| width(n)).collect(),
            held: Vec::new(),
            streaming: false,
        }
    }

    pub(crate) fn row(&mut self, to: &mut impl Write, columns: &[Cells<'_>], row: usize) -> io::Result<()> {
        let cells = columns.iter().map(|cells| {
            let mut text = String::new();
            if cells.text(row, &mut text) { text } else { "-".to_owned() }
        });
        let cells: Vec<String> = cells.collect();
        if self.streaming {
            return self.print(to, &cells);
        }
        self.held.push(cells);
        if self.held.len() == ROWS_HELD_MAX { self.finish(to) } else { Ok(()) }
    }

    /// Prints the header and the rows held back, once.
    pub(crate) fn finish(&mut self, to: &mut impl Write) -> io::Result<()> {
        if std::mem::replace(&mut self.streaming, true) {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        for row in &held {
            for (width_max, cell) in self.widths.iter_mut().zip(row) {
                *width_max = cell.lines().map(width).max().unwrap_or_default().max(*width_max);
            }
        }
        self.print(to, &self.names)?;
        self.print(to, &self.widths.iter().map(|w| "─".repeat(*w)).collect::<Vec<_>>())?;
        held.iter().try_for_each(|row| self.print(to, row))
    }

    /// One row; a cell of several lines (a query's plan) makes as many lines of the row.
    fn print(&self, to: &mut impl Write, cells: &[String]) -> io::Result<()> {
        let lines = cells.iter().map(|c| c.lines().count()).max().unwrap_or_default().max(1);
        for n in 0..lines {
            let mut line = String::new();
            for (i, cell) in cells.iter().enumerate() {
                let text = cell.lines().nth(n).unwrap_or_default();
                let space = " ".repeat(self.widths[i].saturating_sub(width(text)));
                let (left, right) = if self.to_the_right[i] { (space.as_str(), "") } else { ("", space.as_str()) };
                line.extend([left, text, right, "  "]);
            }
            writeln!(to, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}
