//! Arrow columns back to values, by name and with their types checked once a batch.

use crate::StoreError;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, BooleanArray, PrimitiveArray, RecordBatch, StringArray, TimestampNanosecondArray};
use netrig_model::Timestamp;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

/// A batch of one file, for looking up columns in.
pub(crate) struct Columns<'a> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) path: &'a Path,
}

impl<'a> Columns<'a> {
    fn find<A: Array + 'static>(&self, name: &str) -> Result<Option<&'a A>, StoreError> {
        let Some(column) = self.batch.column_by_name(name) else { return Ok(None) };
        match column.as_any().downcast_ref() {
            Some(typed) => Ok(Some(typed)),
            None => Err(StoreError::damaged(
                self.path,
                format!("column {name} has the unexpected type {}", column.data_type()),
            )),
        }
    }

    fn need<A: Array + 'static>(&self, name: &str) -> Result<&'a A, StoreError> {
        self.find(name)?.ok_or_else(|| StoreError::damaged(self.path, format!("column {name} is missing")))
    }

    pub(crate) fn times(&self, name: &str) -> Result<Times<'a>, StoreError> {
        self.need::<TimestampNanosecondArray>(name).map(Times)
    }

    pub(crate) fn numbers<P: ArrowPrimitiveType>(&self, name: &str) -> Result<Numbers<'a, P>, StoreError> {
        self.need::<PrimitiveArray<P>>(name).map(Numbers)
    }

    pub(crate) fn optional<P: ArrowPrimitiveType>(&self, name: &str) -> Result<Optional<'a, P>, StoreError> {
        self.find::<PrimitiveArray<P>>(name).map(Optional)
    }

    pub(crate) fn bools(&self, name: &str) -> Result<Bools<'a>, StoreError> {
        self.find::<BooleanArray>(name).map(Bools)
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Texts<'a>, StoreError> {
        self.find::<StringArray>(name).map(Texts)
    }
}

/// A column of timestamps.
pub(crate) struct Times<'a>(&'a TimestampNanosecondArray);

impl Times<'_> {
    pub(crate) fn get(&self, i: usize) -> Timestamp {
        Timestamp(self.0.value(i))
    }
}

/// A column of numbers that has no nulls.
pub(crate) struct Numbers<'a, P: ArrowPrimitiveType>(&'a PrimitiveArray<P>);

impl<P: ArrowPrimitiveType> Numbers<'_, P> {
    pub(crate) fn get(&self, i: usize) -> P::Native {
        self.0.value(i)
    }
}

/// A column of numbers that may be null, or not be there at all.
pub(crate) struct Optional<'a, P: ArrowPrimitiveType>(Option<&'a PrimitiveArray<P>>);

impl<P: ArrowPrimitiveType> Optional<'_, P> {
    pub(crate) fn get(&self, i: usize) -> Option<P::Native> {
        self.0.filter(|a| a.is_valid(i)).map(|a| a.value(i))
    }
}

/// A column of truth values, or none.
pub(crate) struct Bools<'a>(Option<&'a BooleanArray>);

impl Bools<'_> {
    pub(crate) fn get(&self, i: usize) -> Option<bool> {
        self.0.filter(|a| a.is_valid(i)).map(|a| a.value(i))
    }
}

/// A column of text, or none.
pub(crate) struct Texts<'a>(Option<&'a StringArray>);

impl<'a> Texts<'a> {
    pub(crate) fn get(&self, i: usize) -> Option<&'a str> {
        self.0.filter(|a| a.is_valid(i)).map(|a| a.value(i))
    }

    pub(crate) fn owned(&self, i: usize) -> Option<String> {
        self.get(i).map(str::to_owned)
    }

    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, i: usize, path: &Path) -> Result<Option<T>, StoreError> {
        let Some(text) = self.get(i) else { return Ok(None) };
        text.parse().map(Some).map_err(|e| StoreError::damaged(path, format!("'{text}': {e}")))
    }
}
