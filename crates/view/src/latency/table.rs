//! Latency as a table for people.

use super::LatencySums;
use crate::columns::GroupBy;
use crate::field::Field;
use crate::group::{Group, Grouped, Sum, dashed};
use crate::table::{Column, Table};
use netrig_model::LatencyRecord;
use std::net::SocketAddr;

/// The table of an answer: services and their stages, when it was grouped by [`GroupBy::stages`], else the columns asked
/// for.
#[must_use]
pub fn latency_table(grouped: &Grouped<LatencyRecord>) -> Table {
    if grouped.by != GroupBy::stages() {
        return grouped.table();
    }
    let contained = grouped.groups.iter().any(|g| !text_of(grouped, g, "container").is_empty());
    let mut columns = vec![
        Column::text("SERVICE", 12).good_at(24),
        Column::text("ROLE", 0).optional_before(2),
        Column::text("PROCESS", 8).good_at(14),
    ];
    columns.extend(contained.then(|| Column::text("CONTAINER", 8).good_at(14).optional_before(3)));
    columns.push(Column::text("STAGE", 0));
    columns.extend(LatencySums::table_columns());
    let mut table = Table::new(columns);
    for group in &grouped.groups {
        let text = |column| dashed(text_of(grouped, group, column));
        let mut row = vec![service(grouped, group), text("role"), text("process")];
        row.extend(contained.then(|| text("container")));
        row.push(text("stage"));
        row.extend(group.sums.table_cells());
        table.push(&row);
    }
    grouped.set_footer(&mut table, "stages");
    table
}

/// Its name; of a slow connection with the client's address.
fn service(grouped: &Grouped<LatencyRecord>, group: &Group<LatencySums>) -> String {
    let name = text_of(grouped, group, "service");
    match (field(grouped, group, "slow_client_addr"), field(grouped, group, "slow_client_port")) {
        (Field::Address(ip), Field::Number(port)) => {
            format!("{name} ← {}", SocketAddr::new(ip, u16::try_from(port).unwrap_or(0)))
        }
        (Field::Address(ip), _) => format!("{name} ← {ip}"),
        _ => name,
    }
}

fn field(grouped: &Grouped<LatencyRecord>, group: &Group<LatencySums>, column: &str) -> Field {
    grouped.by.position(column).and_then(|i| grouped.fields(group).nth(i)).unwrap_or(Field::Null)
}

fn text_of(grouped: &Grouped<LatencyRecord>, group: &Group<LatencySums>, column: &str) -> String {
    grouped.text(field(grouped, group, column))
}
