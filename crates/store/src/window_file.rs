//! A window's file while its rows come.

use crate::encode::Encoder;
use crate::publish::Draft;
use crate::record::Record;
use crate::{Range, Segment, StoreError};
use std::fs::File;
use std::marker::PhantomData;
use std::path::PathBuf;

/// One window of one table on its way to the disk, so that its rows need not be in memory at once; from
/// [`StoreWriter::begin`](crate::StoreWriter::begin). Nothing of it is to be seen before
/// [`StoreWriter::finish`](crate::StoreWriter::finish), and nothing is left if it is dropped instead.
#[must_use = "its rows are stored, or counted as lost, by StoreWriter::finish"]
pub struct WindowFile<R> {
    dir: PathBuf,
    pub(crate) range: Range,
    pub(crate) rows: u64,
    state: State,
    of: PhantomData<fn(&R)>,
}

enum State {
    Empty,
    Writing(Draft, Box<Encoder<File>>),
    /// Rows are counted all the same.
    Failed(StoreError),
}

impl<R: Record> WindowFile<R> {
    pub(crate) fn new(dir: PathBuf, range: Range) -> Self {
        Self { dir, range, rows: 0, state: State::Empty, of: PhantomData }
    }

    /// Takes more rows. After a failure they are only counted; [`StoreWriter::finish`](crate::StoreWriter::finish) tells it.
    pub fn push(&mut self, rows: &[R]) {
        if rows.is_empty() {
            return;
        }
        self.rows += rows.len() as u64;
        self.range = rows.iter().fold(self.range, |all, row| all.union(&row.window()));
        if let Err(error) = self.write(rows) {
            self.state = State::Failed(error);
        }
    }

    /// What it takes of the disk, or will once its rows are there.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.state {
            State::Writing(_, encoder) => encoder.bytes_ahead(),
            State::Empty | State::Failed(_) => 0,
        }
    }

    fn write(&mut self, rows: &[R]) -> Result<(), StoreError> {
        if matches!(self.state, State::Empty) {
            let (draft, file) = Draft::create(&Segment::path_of(&self.dir, R::TABLE, self.range))?;
            let encoder = Encoder::begun_with(R::TABLE, rows.len(), file)
                .map_err(|e| StoreError::writing(R::TABLE.name(), draft.path(), e))?;
            self.state = State::Writing(draft, Box::new(encoder));
        }
        match &mut self.state {
            State::Writing(draft, encoder) => {
                encoder.write_rows(rows).map_err(|e| StoreError::writing(R::TABLE.name(), draft.path(), e))
            }
            State::Empty | State::Failed(_) => Ok(()),
        }
    }

    /// What was written; none without rows.
    pub(crate) fn into_written(self) -> Result<Option<(Draft, Encoder<File>)>, StoreError> {
        match self.state {
            State::Empty => Ok(None),
            State::Writing(draft, encoder) => Ok(Some((draft, *encoder))),
            State::Failed(error) => Err(error),
        }
    }
}
