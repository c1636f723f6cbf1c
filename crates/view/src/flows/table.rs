//! Flows and groups of them as a table for people.

use crate::columns::By;
use crate::field::Field;
use crate::group::{Group, Grouped, dashed};
use crate::table::{Column, Table};
use crate::units;
use netrig_model::transport_name;
use std::net::IpAddr;

type FlowGroup = Group<super::FlowSums>;

/// The table of an answer: flows as endpoints, when it was grouped by what tells flows apart, else the columns asked for.
#[must_use]
pub fn flow_table(grouped: &Grouped) -> Table {
    if grouped.by != By::flow() {
        return grouped.table();
    }
    let mut table = flows(grouped);
    grouped.set_footer(&mut table, "flows");
    table
}

fn flows(grouped: &Grouped) -> Table {
    // Where nothing was dropped, or nobody looked, there is nothing to say.
    let with_drops = grouped.groups.iter().any(|g| g.sums.dropped_packets.is_some_and(|n| n > 0));
    let mut columns = vec![
        Column::text("SRC", 12),
        Column::text("DST", 12),
        Column::text("PROTO", 0),
        Column::number("PACKETS"),
        Column::number("BYTES"),
        Column::number("SENT").optional(),
        Column::number("RECEIVED").optional(),
        Column::number("RATE"),
        Column::text("IFACE", 6),
    ];
    columns.extend(with_drops.then(|| Column::number("DROPPED").optional_before(1)));
    let mut table = Table::new(columns);
    for group in &grouped.groups {
        let sums = &group.sums;
        let name = |column| text_of(grouped, group, column);
        let mut row = vec![
            endpoint(grouped, group, "src_addr", "src_port"),
            endpoint(grouped, group, "dst_addr", "dst_port"),
            transport(grouped, group),
            sums.packets_text(),
            sums.bytes_text(),
            sums.sent_text(),
            sums.received_text(),
            sums.rate(),
            place(&name("iface"), &name("vlan"), &name("vlan_inner")),
        ];
        row.extend(with_drops.then(|| dashed(sums.dropped_packets.map(units::count).unwrap_or_default())));
        table.push(&row);
    }
    table
}

fn field(grouped: &Grouped, group: &FlowGroup, column: &str) -> Field {
    grouped.by.position(column).and_then(|i| grouped.fields(group).nth(i)).unwrap_or(Field::Null)
}

fn text_of(grouped: &Grouped, group: &FlowGroup, column: &str) -> String {
    grouped.text(field(grouped, group, column))
}

fn endpoint(grouped: &Grouped, group: &FlowGroup, address: &str, port: &str) -> String {
    match (field(grouped, group, address), field(grouped, group, port)) {
        (Field::Address(IpAddr::V6(ip)), Field::Number(port)) => format!("[{ip}]:{port}"),
        (Field::Address(ip), Field::Number(port)) => format!("{ip}:{port}"),
        (address, _) => dashed(grouped.text(address)),
    }
}

/// The protocol's name, with what else tells such flows apart.
fn transport(grouped: &Grouped, group: &FlowGroup) -> String {
    let mut text = match (field(grouped, group, "transport"), field(grouped, group, "protocol")) {
        (Field::Null, Field::Number(n)) => {
            u8::try_from(n).ok().and_then(transport_name).map_or_else(|| format!("proto {n}"), str::to_owned)
        }
        (name, _) => dashed(grouped.text(name)),
    };
    if let (Field::Number(kind), Field::Number(code)) =
        (field(grouped, group, "icmp_type"), field(grouped, group, "icmp_code"))
    {
        text.push_str(&format!(" {kind}/{code}"));
    }
    if matches!(field(grouped, group, "fragment"), Field::Truth(true)) {
        text.push_str(" frag");
    }
    let tunnel = text_of(grouped, group, "tunnel");
    if !tunnel.is_empty() {
        text.push_str(&format!(" in {tunnel} {}", text_of(grouped, group, "tunnel_id")));
    }
    text.trim_end().to_owned()
}

fn place(iface: &str, vlan: &str, inner: &str) -> String {
    let mut text = dashed(iface.to_owned());
    for tag in [vlan, inner] {
        if !tag.is_empty() {
            text.push_str(&format!(".{tag}"));
        }
    }
    text
}
