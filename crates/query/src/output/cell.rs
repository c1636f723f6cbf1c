//! One column of a batch, cell by cell as text.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StructArray};
use datafusion::arrow::datatypes::{
    DataType, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use netrig_model::Timestamp;
use std::fmt::{self, Write};

/// Appends the text of a cell that is not null.
type Text<'a> = Box<dyn Fn(usize, &mut String) + 'a>;

/// The cells of one column.
pub(crate) struct Cells<'a> {
    array: &'a dyn Array,
    text: Text<'a>,
    json: Json,
}

/// How a cell's text becomes JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Json {
    /// It is JSON as it stands.
    AsIs,
    /// It is a string.
    Quoted,
    /// It is a number, unless it is one that JSON does not know.
    Float,
}

impl<'a> Cells<'a> {
    pub(crate) fn new(column: &'a ArrayRef) -> Result<Self, ArrowError> {
        let array: &'a dyn Array = column.as_ref();
        let (text, json): (Text<'a>, Json) = match array.data_type() {
            DataType::Timestamp(unit, _) => (timestamps(array, *unit), Json::Quoted),
            DataType::Float64 => {
                let values = array.as_primitive::<Float64Type>();
                (Box::new(|i, out| put(out, format_args!("{:?}", values.value(i)))), Json::Float)
            }
            DataType::Float32 => {
                let values = array.as_primitive::<Float32Type>();
                (Box::new(|i, out| put(out, format_args!("{:?}", values.value(i)))), Json::Float)
            }
            DataType::Utf8View => (Box::new(|i, out| out.push_str(array.as_string_view().value(i))), Json::Quoted),
            DataType::Utf8 => (Box::new(|i, out| out.push_str(array.as_string::<i32>().value(i))), Json::Quoted),
            DataType::List(_) => (lists(array)?, Json::AsIs),
            DataType::Struct(_) => (structs(array.as_struct())?, Json::AsIs),
            other => {
                let formatter = ArrayFormatter::try_new(array, &FormatOptions::default())?;
                let plain = other.is_integer() || other.is_decimal() || matches!(other, DataType::Boolean);
                let json = if plain { Json::AsIs } else { Json::Quoted };
                (Box::new(move |i, out| put(out, format_args!("{}", formatter.value(i)))), json)
            }
        };
        Ok(Self { array, text, json })
    }

    /// Appends the cell's text; false, and nothing appended, for null.
    pub(crate) fn text(&self, row: usize, out: &mut String) -> bool {
        let known = !self.array.is_null(row) && *self.array.data_type() != DataType::Null;
        if known {
            (self.text)(row, out);
        }
        known
    }

    /// Appends the cell as JSON.
    pub(crate) fn json(&self, row: usize, out: &mut String) {
        let begin = out.len();
        if !self.text(row, out) {
            return out.push_str("null");
        }
        match self.json {
            Json::AsIs => {}
            Json::Float if out[begin..].contains(['N', 'i']) => out.replace_range(begin.., "null"),
            Json::Float => {}
            Json::Quoted => {
                let text = out.split_off(begin);
                // A string always has a JSON form.
                out.push_str(&serde_json::to_string(&text).unwrap_or_default());
            }
        }
    }
}

fn put(out: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}

/// RFC 3339 in UTC with nine digits, as everywhere in netrig.
fn timestamps(array: &dyn Array, unit: TimeUnit) -> Text<'_> {
    let (value, ns): (Box<dyn Fn(usize) -> i64>, i64) = match unit {
        TimeUnit::Second => (Box::new(|i| array.as_primitive::<TimestampSecondType>().value(i)), 1_000_000_000),
        TimeUnit::Millisecond => (Box::new(|i| array.as_primitive::<TimestampMillisecondType>().value(i)), 1_000_000),
        TimeUnit::Microsecond => (Box::new(|i| array.as_primitive::<TimestampMicrosecondType>().value(i)), 1_000),
        TimeUnit::Nanosecond => (Box::new(|i| array.as_primitive::<TimestampNanosecondType>().value(i)), 1),
    };
    Box::new(move |i, out| put(out, format_args!("{}", Timestamp(value(i).saturating_mul(ns)))))
}

fn lists(array: &dyn Array) -> Result<Text<'_>, ArrowError> {
    let list = array.as_list::<i32>();
    let items = Cells::new(list.values())?;
    Ok(Box::new(move |i, out| {
        out.push('[');
        let (from, to) = (list.value_offsets()[i], list.value_offsets()[i + 1]);
        for item in from..to {
            if item > from {
                out.push(',');
            }
            items.json(usize::try_from(item).unwrap_or_default(), out);
        }
        out.push(']');
    }))
}

fn structs(array: &StructArray) -> Result<Text<'_>, ArrowError> {
    let fields = array.columns().iter().map(Cells::new).collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(move |i, out| {
        out.push('{');
        for (n, (name, cells)) in array.column_names().iter().zip(&fields).enumerate() {
            if n > 0 {
                out.push(',');
            }
            out.push_str(&serde_json::to_string(name).unwrap_or_default());
            out.push(':');
            cells.json(i, out);
        }
        out.push('}');
    }))
}
