//! Answers as text: a table for people, JSON Lines and CSV for programs. Rows are written as they come.

mod cell;
mod csv;
mod json;
mod table;

use crate::failure::Failure;
use cell::Cells;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::error::DataFusionError;
use std::io::{BufWriter, Write};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
    Csv,
}

/// Writes an answer.
pub(crate) struct Output<W: Write> {
    names: Vec<String>,
    format: Writer,
    to: BufWriter<W>,
    rows: u64,
}

enum Writer {
    Table(table::Table),
    Json,
    Csv,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(format: Format, schema: &Schema, to: W) -> Self {
        let names = distinct(schema.fields().iter().map(|f| f.name().clone()));
        let format = match format {
            Format::Table => Writer::Table(table::Table::new(&names, schema)),
            Format::Json => Writer::Json,
            Format::Csv => Writer::Csv,
        };
        Self { names, format, to: BufWriter::with_capacity(1 << 16, to), rows: 0 }
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        if self.rows == 0 && matches!(self.format, Writer::Csv) {
            csv::header(&mut self.to, &self.names)?;
        }
        self.rows += batch.num_rows() as u64;
        let columns = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>, _>>();
        let columns = columns.map_err(|e| Failure::running(&DataFusionError::from(e)))?;
        for row in 0..batch.num_rows() {
            match &mut self.format {
                Writer::Table(table) => table.row(&mut self.to, &columns, row)?,
                Writer::Json => json::row(&mut self.to, &self.names, &columns, row)?,
                Writer::Csv => csv::row(&mut self.to, &columns, row)?,
            }
        }
        Ok(())
    }

    /// Writes what is still held back; gives the number of rows.
    pub(crate) fn finish(mut self) -> Result<u64, Failure> {
        match &mut self.format {
            Writer::Table(table) => table.finish(&mut self.to)?,
            Writer::Csv if self.rows == 0 => csv::header(&mut self.to, &self.names)?,
            Writer::Json | Writer::Csv => {}
        }
        self.to.flush()?;
        Ok(self.rows)
    }
}

/// Column names with a number behind each that was there before: keys of a JSON object must differ.
fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for name in names {
        let mut candidate = name.clone();
        let mut n = 2;
        while seen.contains(&candidate) {
            candidate = format!("{name}_{n}");
            n += 1;
        }
        seen.push(candidate);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_given_twice_are_told_apart() {
        let names = ["bytes", "a", "bytes", "bytes", "bytes_2"].map(str::to_owned);
        assert_eq!(distinct(names.into_iter()), ["bytes", "a", "bytes_2", "bytes_3", "bytes_2_2"]);
    }
}
