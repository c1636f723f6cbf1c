//! How the fields of a record become columns, and columns fields again: by their types, so that a table is a list of names.

use crate::StoreError;
use crate::columns::{
    addresses, bools, maybe_bools, maybe_numbers, maybe_texts, maybe_timestamps, numbers, texts, timestamps,
};
use arrow_array::types::{Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, StringArray, TimestampNanosecondArray};
use netrig_model::{
    BurstTrigger, ConnectionEnd, Direction, DropClass, DropSource, EndReason, PacketFamily, PolicyAction, PolicyMode,
    PolicyVerdict, QueueCause, RequestKind, RequestOutcome, Role, Side, Stage, TcpState, Timestamp, Told, TunnelKind,
};
use std::net::IpAddr;
use std::path::Path;

/// A type of values that are there.
pub(crate) trait Value: Sized {
    /// The Arrow array that holds them.
    type Array: Array + 'static;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef;

    fn encode_maybe<R>(rows: &[R], get: impl Fn(&R) -> Option<&Self>) -> ArrayRef;

    /// The value of a row; none where it cannot be one of this type.
    fn decode(array: &Self::Array, row: usize) -> Option<Self>;

    /// What is there instead.
    fn fault(_array: &Self::Array, row: usize) -> String {
        format!("row {row} has no such value")
    }
}

/// A type of fields: a value, or perhaps none.
pub(crate) trait Field: Sized {
    type Value: Value;

    /// Whether a null, or a column that is missing in a file of another version, is this type's to have.
    const NULLABLE: bool;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef;

    fn decode(array: Option<&<Self::Value as Value>::Array>, row: usize) -> Option<Self>;
}

impl<V: Value> Field for V {
    type Value = V;
    const NULLABLE: bool = false;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef {
        V::encode(rows, get)
    }

    #[inline]
    fn decode(array: Option<&V::Array>, row: usize) -> Option<Self> {
        V::decode(array?, row)
    }
}

impl<V: Value> Field for Option<V> {
    type Value = V;
    const NULLABLE: bool = true;

    fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef {
        V::encode_maybe(rows, |r| get(r).as_ref())
    }

    #[inline]
    fn decode(array: Option<&V::Array>, row: usize) -> Option<Self> {
        match array {
            Some(array) if array.is_valid(row) => V::decode(array, row).map(Some),
            _ => Some(None),
        }
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
        let column = batch.column_by_name(name);
        if !F::NULLABLE && column.is_none_or(|column| column.null_count() > 0) {
            return Err(StoreError::damaged(path, format!("column {name} is missing, or some of its values are")));
        }
        let typed = |column: &'a ArrayRef| {
            column.as_any().downcast_ref().ok_or_else(|| {
                StoreError::damaged(path, format!("column {name} has the unexpected type {}", column.data_type()))
            })
        };
        let array = column.filter(|column| column.null_count() < column.len()).map(typed).transpose()?;
        Ok(Self { name, path, array })
    }

    /// The field in a row; none where it is damaged. What is wrong is said by [`Self::check`], apart, for it is asked for
    /// rarely and a result that carries it makes reading a quarter slower.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<F> {
        F::decode(self.array, row)
    }

    #[cold]
    pub(crate) fn check(&self, row: usize) -> Result<(), StoreError> {
        match (self.get(row), self.array) {
            (None, Some(array)) => {
                let fault = F::Value::fault(array, row);
                Err(StoreError::damaged(self.path, format!("column {}: {fault}", self.name)))
            }
            _ => Ok(()),
        }
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

            #[inline]
            fn decode(array: &Self::Array, row: usize) -> Option<Self> {
                Some($make(array.value(row)))
            }
        }
    )*};
}

plain! {
    u8: PrimitiveArray<UInt8Type>, numbers::<UInt8Type, _>, maybe_numbers::<UInt8Type, _>, u8::from;
    u16: PrimitiveArray<UInt16Type>, numbers::<UInt16Type, _>, maybe_numbers::<UInt16Type, _>, u16::from;
    u32: PrimitiveArray<UInt32Type>, numbers::<UInt32Type, _>, maybe_numbers::<UInt32Type, _>, u32::from;
    u64: PrimitiveArray<UInt64Type>, numbers::<UInt64Type, _>, maybe_numbers::<UInt64Type, _>, u64::from;
    i64: PrimitiveArray<Int64Type>, numbers::<Int64Type, _>, maybe_numbers::<Int64Type, _>, i64::from;
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

    fn decode(array: &StringArray, row: usize) -> Option<Self> {
        Some(array.value(row).to_owned())
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

    fn decode(array: &StringArray, row: usize) -> Option<Self> {
        array.value(row).parse().ok()
    }

    fn fault(array: &StringArray, row: usize) -> String {
        format!("'{}' is no IP address", array.value(row))
    }
}

macro_rules! words {
    ($($type:ty: $all:expr;)*) => {$(
        impl Value for $type {
            type Array = StringArray;

            fn encode<R>(rows: &[R], get: impl Fn(&R) -> &Self) -> ArrayRef {
                texts(rows, |r| get(r).as_str())
            }

            fn encode_maybe<R>(rows: &[R], get: impl Fn(&R) -> Option<&Self>) -> ArrayRef {
                maybe_texts(rows, |r| get(r).map(|word| word.as_str()))
            }

            fn decode(array: &StringArray, row: usize) -> Option<Self> {
                let word = array.value(row);
                $all.iter().copied().find(|each| each.as_str() == word)
            }

            fn fault(array: &StringArray, row: usize) -> String {
                format!("'{}' is not a word of this netrig", array.value(row))
            }
        }
    )*};
}

words! {
    Role: Role::ALL;
    Side: Side::ALL;
    TcpState: TcpState::ALL;
    ConnectionEnd: ConnectionEnd::ALL;
    Stage: Stage::ALL;
    QueueCause: QueueCause::ALL;
    DropSource: DropSource::ALL;
    DropClass: DropClass::ALL;
    PacketFamily: PacketFamily::ALL;
    BurstTrigger: BurstTrigger::ALL;
    PolicyAction: PolicyAction::ALL;
    PolicyMode: PolicyMode::ALL;
    PolicyVerdict: PolicyVerdict::ALL;
    RequestKind: RequestKind::ALL;
    RequestOutcome: RequestOutcome::ALL;
    Told: Told::ALL;
    Direction: Direction::BOTH;
    TunnelKind: [TunnelKind::Vxlan, TunnelKind::Geneve, TunnelKind::Gre, TunnelKind::Ipip, TunnelKind::SixInFour];
    EndReason: [
        EndReason::Idle, EndReason::Active, EndReason::Fin, EndReason::Rst, EndReason::Evicted, EndReason::Forced
    ];
}
