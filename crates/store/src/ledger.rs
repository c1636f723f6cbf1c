//! Ledger records to columns and back.

use crate::StoreError;
use crate::columns::{maybe_numbers, maybe_texts, numbers, timestamps};
use crate::read_columns::{Columns, Numbers, Optional, Texts, Times};
use arrow_array::RecordBatch;
use arrow_array::types::{Int64Type as I64, UInt64Type as U64};
use arrow_schema::{ArrowError, SchemaRef};
use netrig_model::{Direction, LedgerRecord};
use std::path::Path;

/// One batch, its columns in the order of `LEDGER_COLUMNS`.
pub(crate) fn to_batch(schema: SchemaRef, rows: &[LedgerRecord]) -> Result<RecordBatch, ArrowError> {
    let columns = vec![
        timestamps(rows, |r| r.window_start),
        timestamps(rows, |r| r.window_end),
        maybe_texts(rows, |r| r.host.as_deref()),
        maybe_texts(rows, |r| r.iface.as_deref()),
        maybe_texts(rows, |r| r.direction.map(Direction::as_str)),
        numbers::<U64, _>(rows, |r| r.seen_packets),
        numbers::<U64, _>(rows, |r| r.seen_bytes),
        numbers::<U64, _>(rows, |r| r.told_packets),
        numbers::<U64, _>(rows, |r| r.told_bytes),
        numbers::<U64, _>(rows, |r| r.overflow_packets),
        numbers::<U64, _>(rows, |r| r.overflow_bytes),
        numbers::<U64, _>(rows, |r| r.not_ip_packets),
        numbers::<U64, _>(rows, |r| r.not_ip_bytes),
        numbers::<U64, _>(rows, |r| r.sampled_out_packets),
        numbers::<U64, _>(rows, |r| r.sampled_out_bytes),
        numbers::<I64, _>(rows, |r| r.imbalance_packets),
        numbers::<I64, _>(rows, |r| r.imbalance_bytes),
        maybe_numbers::<U64, _>(rows, |r| r.kernel_packets),
        maybe_numbers::<U64, _>(rows, |r| r.kernel_bytes),
        maybe_numbers::<U64, _>(rows, |r| r.unaccounted_packets),
        maybe_numbers::<U64, _>(rows, |r| r.unsent_packets),
    ];
    RecordBatch::try_new(schema, columns)
}

/// The columns of one batch, found by name.
pub(crate) struct LedgerReader<'a> {
    path: &'a Path,
    times: [Times<'a>; 2],
    host: Texts<'a>,
    iface: Texts<'a>,
    direction: Texts<'a>,
    sums: [Numbers<'a, U64>; 10],
    imbalances: [Numbers<'a, I64>; 2],
    kernel: [Optional<'a, U64>; 4],
}

impl<'a> LedgerReader<'a> {
    pub(crate) fn new(batch: &'a RecordBatch, path: &'a Path) -> Result<Self, StoreError> {
        let c = Columns { batch, path };
        Ok(Self {
            path,
            times: [c.times("window_start")?, c.times("window_end")?],
            host: c.texts("host")?,
            iface: c.texts("iface")?,
            direction: c.texts("direction")?,
            sums: [
                c.numbers("seen_packets")?,
                c.numbers("seen_bytes")?,
                c.numbers("told_packets")?,
                c.numbers("told_bytes")?,
                c.numbers("overflow_packets")?,
                c.numbers("overflow_bytes")?,
                c.numbers("not_ip_packets")?,
                c.numbers("not_ip_bytes")?,
                c.numbers("sampled_out_packets")?,
                c.numbers("sampled_out_bytes")?,
            ],
            imbalances: [c.numbers("imbalance_packets")?, c.numbers("imbalance_bytes")?],
            kernel: [
                c.optional("kernel_packets")?,
                c.optional("kernel_bytes")?,
                c.optional("unaccounted_packets")?,
                c.optional("unsent_packets")?,
            ],
        })
    }

    /// The record in row `i`.
    pub(crate) fn record(&self, i: usize) -> Result<LedgerRecord, StoreError> {
        let [seen_packets, seen_bytes, told_packets, told_bytes, overflow_packets, overflow_bytes, rest @ ..] =
            &self.sums;
        let [not_ip_packets, not_ip_bytes, sampled_out_packets, sampled_out_bytes] = rest;
        Ok(LedgerRecord {
            window_start: self.times[0].get(i),
            window_end: self.times[1].get(i),
            host: self.host.owned(i),
            iface: self.iface.owned(i),
            direction: self.direction.get(i).map(|word| self.way(word)).transpose()?,
            seen_packets: seen_packets.get(i),
            seen_bytes: seen_bytes.get(i),
            told_packets: told_packets.get(i),
            told_bytes: told_bytes.get(i),
            overflow_packets: overflow_packets.get(i),
            overflow_bytes: overflow_bytes.get(i),
            not_ip_packets: not_ip_packets.get(i),
            not_ip_bytes: not_ip_bytes.get(i),
            sampled_out_packets: sampled_out_packets.get(i),
            sampled_out_bytes: sampled_out_bytes.get(i),
            imbalance_packets: self.imbalances[0].get(i),
            imbalance_bytes: self.imbalances[1].get(i),
            kernel_packets: self.kernel[0].get(i),
            kernel_bytes: self.kernel[1].get(i),
            unaccounted_packets: self.kernel[2].get(i),
            unsent_packets: self.kernel[3].get(i),
        })
    }

    fn way(&self, word: &str) -> Result<Direction, StoreError> {
        let known = Direction::BOTH.into_iter().find(|d| d.as_str() == word);
        known.ok_or_else(|| StoreError::damaged(self.path, format!("unknown direction '{word}'")))
    }
}
