//! Connections as a table for people.

use super::{RankedConnections, why, why_slow};
use crate::group::dashed;
use crate::table::{Column, Table};
use crate::units::{bytes, count, microseconds};
use netrig_model::{ConnectionEnd, ConnectionRecord, Role};
use std::net::{IpAddr, SocketAddr};

/// A container's id is as telling in twelve digits, and fits.
const CONTAINER_DIGITS: usize = 12;

/// One line for each connection.
#[must_use]
pub fn connection_table(ranked: &RankedConnections) -> Table {
    let contained = ranked.connections.iter().any(|r| r.container.is_some());
    let mut table = Table::new(columns(contained));
    for r in &ranked.connections {
        let slow_us = ranked.choice.slow_from_us();
        let why = if ranked.choice.slow_us.is_some() { why_slow(r, slow_us) } else { why(r, slow_us) };
        let mut row = vec![process(r)];
        row.extend(contained.then(|| dashed(r.container.as_deref().map(container).unwrap_or_default())));
        row.extend([
            dashed(r.role.map(Role::as_str).unwrap_or_default().to_owned()),
            endpoint(r.src_name.as_deref(), r.src_addr, r.src_port),
            format!("→ {}", endpoint(r.dst_name.as_deref(), r.dst_addr, r.dst_port)),
            state(r).to_owned(),
            time(r.duration_us),
            time(r.connect_us),
            time(r.rtt_us_mean.map(u64::from)),
            time(r.rtt_us_min.map(u64::from)),
            count(r.retransmits),
            bytes(r.bytes_sent),
            bytes(r.bytes_received),
            dashed(why),
        ]);
        table.push(&row);
    }
    if ranked.rest.connections > 0 {
        let rest = &ranked.rest;
        let total = bytes(rest.bytes_sent.saturating_add(rest.bytes_received));
        let (more, failed) = (count(rest.connections), count(rest.failed));
        table.set_footer(format!("… and {more} more connections: {failed} failed, {total}"));
    }
    table
}

/// Where there is no room for all, what WHY tells with numbers goes first.
fn columns(contained: bool) -> Vec<Column> {
    let mut columns = vec![Column::text("PROCESS", 8).good_at(14)];
    columns.extend(contained.then(|| Column::text("CONTAINER", 8).good_at(14).optional_before(3)));
    columns.extend([
        Column::text("ROLE", 0).optional_before(6),
        Column::text("SRC", 10).good_at(21),
        Column::text("→ DST", 12).good_at(23),
        Column::text("STATE", 0).optional(),
        Column::number("AGE").optional_before(1),
        Column::number("CONNECT").optional_before(3),
        Column::number("RTT").optional_before(2),
        Column::number("RTT MIN").optional_before(5),
        Column::number("RESENT").optional_before(4),
        Column::number("SENT").optional_before(4),
        Column::number("RECEIVED").optional_before(4),
        Column::text("WHY", 20).good_at(50).sentence(),
    ]);
    columns
}

fn process(r: &ConnectionRecord) -> String {
    match (r.process.as_deref(), r.pid) {
        (Some(name), Some(pid)) => format!("{name} {pid}"),
        (Some(name), None) => name.to_owned(),
        (None, Some(pid)) => pid.to_string(),
        (None, None) => "-".to_owned(),
    }
}

fn container(name: &str) -> String {
    let is_id = name.len() > CONTAINER_DIGITS && name.bytes().all(|b| b.is_ascii_hexdigit());
    name.chars().take(if is_id { CONTAINER_DIGITS } else { usize::MAX }).collect()
}

fn endpoint(name: Option<&str>, addr: Option<IpAddr>, port: Option<u16>) -> String {
    match (name, addr, port) {
        (Some(name), _, Some(port)) => format!("{name}:{port}"),
        (Some(name), _, None) => name.to_owned(),
        (None, Some(ip), Some(port)) => SocketAddr::new(ip, port).to_string(),
        (None, Some(ip), None) => ip.to_string(),
        (None, None, _) => "-".to_owned(),
    }
}

/// TCP's state while it is open, and how it ended.
fn state(r: &ConnectionRecord) -> &'static str {
    if r.end_reason == ConnectionEnd::Open { r.state.as_str() } else { r.end_reason.as_str() }
}

fn time(us: Option<u64>) -> String {
    dashed(us.map(microseconds).unwrap_or_default())
}
