//! How the fields of a record become columns, and columns fields again: by their types, so that a table is a list of names.

use crate::StoreError;
use crate::columns::{
    addresses, bools, maybe_bools, maybe_numbers, maybe_texts, maybe_timestamps, numbers, texts, timestamps,
};
use arrow_array::types::{UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, StringArray, TimestampNanosecondArray};
use netrig_model::{ConnectionEnd, Role, Side, TcpState, Timestamp};
use std::net::IpAddr;
use std::path::Path;

/// A type of values that are there.
pub(crate) trait Value: Sized {
    /// The Arrow array that holds them.
    type Array: Array + 'static;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef;

    fn encode_maybe<R>(rows: &[R], get: impl Fn(&R) -> Option<&Self>) -> ArrayRef;

    /// The value of a row, or what is wrong with it.
    fn decode(array: &Self::Array, row: usize) -> Result<Self, String>;
}

/// A type of fields: a value, or perhaps none.
pub(crate) trait Field: Sized {
    type Value: Value;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef;

    /// None where a null, or a column that is missing in a file of another version, is not this type's to have.
    fn of(value: Option<Self::Value>) -> Option<Self>;
}

impl<V: Value> Field for V {
    type Value = V;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef {
        V::encode(rows, get)
    }

    fn of(value: Option<V>) -> Option<Self> {
        value
    }
}

impl<V: Value> Field for Option<V> {
    type Value = V;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef {
        V::encode_maybe(rows, |r| get(r).as_ref())
    }

    fn of(value: Option<V>) -> Option<Self> {
        Some(value)
    }
}

/// A column of a batch that was read from a file.
pub(crate) struct Fields<'a, F: Field> {
    name: &'static str,
    path: &'a Path,
    array: Option<&'a <F::Value as Value>::Array>,
}

impl<'a, F: Field> Fields<'a, F> {
    pub(crate) fn find(batch: &'a RecordBatch, name: &'static str, path: &'a Path) -> Result<Self, StoreError> {
        let typed = |column: &'a ArrayRef| {
            column.as_any().downcast_ref().ok_or_else(|| {
                StoreError::damaged(path, format!("column {name} has the unexpected type {}", column.data_type()))
            })
        };
        let array = batch.column_by_name(name).map(typed).transpose()?;
        if array.is_none() && F::of(None).is_none() {
            return Err(StoreError::damaged(path, format!("column {name} is missing")));
        }
        Ok(Self { name, path, array })
    }

    pub(crate) fn get(&self, row: usize) -> Result<F, StoreError> {
        let damaged = |why: String| StoreError::damaged(self.path, format!("column {}: {why}", self.name));
        let array = self.array.filter(|a| a.is_valid(row));
        let value = array.map(|a| F::Value::decode(a, row)).transpose().map_err(damaged)?;
        F::of(value).ok_or_else(|| damaged("a value is missing".to_owned()))
    }
}

macro_rules! plain {
    ($($type:ty: $array:ty, $encode:expr, $encode_maybe:expr, $make:expr;)*) => {$(
        impl Value for $type {
            type Array = $array;

            fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef {
                $encode(rows, |r| *get(r))
            }

            fn encode_maybe<R>(rows: &[R], get: impl Fn(&R) -> Option<&Self>) -> ArrayRef {
                $encode_maybe(rows, |r| get(r).copied())
            }

            fn decode(array: &Self::Array, row: usize) -> Result<Self, String> {
                Ok($make(array.value(row)))
            }
        }
    )*};
}

plain! {
    u16: PrimitiveArray<UInt16Type>, numbers::<UInt16Type, _>, maybe_numbers::<UInt16Type, _>, u16::from;
    u32: PrimitiveArray<UInt32Type>, numbers::<UInt32Type, _>, maybe_numbers::<UInt32Type, _>, u32::from;
    u64: PrimitiveArray<UInt64Type>, numbers::<UInt64Type, _>, maybe_numbers::<UInt64Type, _>, u64::from;
    bool: BooleanArray, bools, maybe_bools, bool::from;
    Timestamp: TimestampNanosecondArray, timestamps, maybe_timestamps, Timestamp;
}

impl Value for String {
    type Array = StringArray;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef {
        texts(rows, |r| get(r).as_str())
    }

    fn encode_maybe<R>(rows: &[R], get: impl Fn(&R) -> Option<&Self>) -> ArrayRef {
        maybe_texts(rows, |r| get(r).map(String::as_str))
    }

    fn decode(array: &StringArray, row: usize) -> Result<Self, String> {
        Ok(array.value(row).to_owned())
    }
}

impl Value for IpAddr {
    type Array = StringArray;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef {
        addresses(rows, |r| Some(*get(r)))
    }

    fn encode_maybe<R>(rows: &[R], get: impl Fn(&R) -> Option<&Self>) -> ArrayRef {
        addresses(rows, |r| get(r).copied())
    }

    fn decode(array: &StringArray, row: usize) -> Result<Self, String> {
        array.value(row).parse().map_err(|e| format!("'{}': {e}", array.value(row)))
    }
}

macro_rules! words {
    ($($type:ty),*) => {$(
        impl Value for $type {
            type Array = StringArray;

            fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef {
                texts(rows, |r| get(r).as_str())
            }

            fn encode_maybe<R>(rows: &[R], get: impl Fn(&R) -> Option<&Self>) -> ArrayRef {
                maybe_texts(rows, |r| get(r).map(|word| word.as_str()))
            }

            fn decode(array: &StringArray, row: usize) -> Result<Self, String> {
                let word = array.value(row);
                Self::from_word(word).ok_or_else(|| format!("'{word}' is not a word of this netrig"))
            }
        }
    )*};
}

words!(Role, Side, TcpState, ConnectionEnd);
