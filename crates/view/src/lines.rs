//! Records and groups as JSON Lines.

use crate::columns::Groupable;
use crate::field::Field;
use crate::group::{Group, Grouped, Sum};
use crate::table::moves;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

#[derive(Serialize)]
struct Line<'a, R: Serialize> {
    record: &'static str,
    #[serde(flatten)]
    fields: &'a R,
}

/// One record as a line of JSON, without the line feed.
///
/// # Errors
/// When the record cannot be serialised, which no record is known to do.
pub fn record_line<R: Groupable + Serialize>(record: &R) -> serde_json::Result<String> {
    serde_json::to_string(&Line { record: R::WORD, fields: record }).map(harmless)
}

/// One group as a line of JSON, without the line feed: the columns it was grouped by, then its sums.
///
/// # Errors
/// When the group cannot be serialised, which no group is known to do.
pub fn group_line<R: Groupable>(grouped: &Grouped<R>, group: &Group<R::Sums>) -> serde_json::Result<String> {
    serde_json::to_string(&GroupLine { grouped, group }).map(harmless)
}

/// The same JSON, without characters that a terminal obeys: in texts, which is the only place for them, they are escaped.
fn harmless(json: String) -> String {
    if json.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || !json.contains(moves) {
        return json;
    }
    json.chars().fold(String::with_capacity(json.len() + 16), |mut out, c| {
        if moves(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)))
        } else {
            out.push(c)
        }
        out
    })
}

struct GroupLine<'a, R: Groupable> {
    grouped: &'a Grouped<R>,
    group: &'a Group<R::Sums>,
}

impl<R: Groupable> Serialize for GroupLine<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("record", R::WORD)?;
        for (name, field) in self.grouped.by.names().zip(self.grouped.fields(self.group)) {
            map.serialize_entry(name, &value(self.grouped, field))?;
        }
        for (name, sum) in R::Sums::NAMES.iter().zip(self.group.sums.values()) {
            map.serialize_entry(name, &sum)?;
        }
        map.end()
    }
}

fn value<R: Groupable>(grouped: &Grouped<R>, field: Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Number(n) => n.into(),
        Field::Truth(t) => t.into(),
        Field::Address(_) | Field::Time(_) | Field::Word(_) => grouped.text(field).into(),
    }
}
