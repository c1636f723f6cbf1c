//! Records and groups as JSON Lines.

use crate::field::Field;
use crate::group::{Group, Grouped};
use netrig_model::FlowRecord;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

#[derive(Serialize)]
struct Line<'a> {
    record: &'static str,
    #[serde(flatten)]
    flow: &'a FlowRecord,
}

/// One record as a line of JSON, without the line feed.
///
/// # Errors
/// When the record cannot be serialised, which no record is known to do.
pub fn record_line(flow: &FlowRecord) -> serde_json::Result<String> {
    serde_json::to_string(&Line { record: "flows", flow })
}

/// One group as a line of JSON, without the line feed: the columns it was grouped by, then its sums.
///
/// # Errors
/// When the group cannot be serialised, which no group is known to do.
pub fn group_line(grouped: &Grouped, group: &Group) -> serde_json::Result<String> {
    serde_json::to_string(&GroupLine { grouped, group })
}

struct GroupLine<'a> {
    grouped: &'a Grouped,
    group: &'a Group,
}

impl Serialize for GroupLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("record", "flows")?;
        for (name, field) in self.grouped.by.names().zip(self.grouped.fields(self.group)) {
            map.serialize_entry(name, &value(self.grouped, field))?;
        }
        let sums = &self.group.sums;
        map.serialize_entry("packets", &sums.packets)?;
        map.serialize_entry("bytes", &sums.bytes)?;
        map.serialize_entry("reverse_packets", &sums.reverse_packets)?;
        map.serialize_entry("reverse_bytes", &sums.reverse_bytes)?;
        map.serialize_entry("flows", &sums.flows)?;
        map.end()
    }
}

fn value(grouped: &Grouped, field: Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Number(n) => n.into(),
        Field::Truth(t) => t.into(),
        Field::Address(_) | Field::Time(_) | Field::Word(_) => grouped.text(field).into(),
    }
}
