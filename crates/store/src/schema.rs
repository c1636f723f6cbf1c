//! The Arrow schema of each table, made from the model's column list.

use crate::Table;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use netrig_model::ColumnType;
use std::sync::{Arc, LazyLock};

/// The Arrow type of a column type.
#[must_use]
pub fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::TimestampNs => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        ColumnType::Text => DataType::Utf8,
        ColumnType::U8 => DataType::UInt8,
        ColumnType::U16 => DataType::UInt16,
        ColumnType::U32 => DataType::UInt32,
        ColumnType::U64 => DataType::UInt64,
        ColumnType::I64 => DataType::Int64,
        ColumnType::Bool => DataType::Boolean,
    }
}

static FLOWS: LazyLock<SchemaRef> = LazyLock::new(|| build(Table::Flows));
static REDUCED_FLOWS: LazyLock<SchemaRef> = LazyLock::new(|| build(Table::FlowsMinute));
static LEDGER: LazyLock<SchemaRef> = LazyLock::new(|| build(Table::Ledger));
static CONNECTIONS: LazyLock<SchemaRef> = LazyLock::new(|| build(Table::Connections));
static LATENCY: LazyLock<SchemaRef> = LazyLock::new(|| build(Table::Latency));
static DROPS: LazyLock<SchemaRef> = LazyLock::new(|| build(Table::Drops));
static BURSTS: LazyLock<SchemaRef> = LazyLock::new(|| build(Table::Bursts));
static REQUESTS: LazyLock<SchemaRef> = LazyLock::new(|| build(Table::Requests));
static POLICY_EVENTS: LazyLock<SchemaRef> = LazyLock::new(|| build(Table::PolicyEvents));

/// The Arrow schema of a table: its columns, in order.
#[must_use]
pub fn schema(table: Table) -> SchemaRef {
    Arc::clone(match table {
        Table::Flows => &FLOWS,
        Table::Ledger => &LEDGER,
        Table::Connections => &CONNECTIONS,
        Table::Latency => &LATENCY,
        Table::Drops => &DROPS,
        Table::Bursts => &BURSTS,
        Table::Requests => &REQUESTS,
        Table::PolicyEvents => &POLICY_EVENTS,
        Table::FlowsMinute | Table::FlowsHour => &REDUCED_FLOWS,
    })
}

fn build(table: Table) -> SchemaRef {
    let fields = table.columns().iter().map(|c| Field::new(c.name, arrow_type(c.kind), c.nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
