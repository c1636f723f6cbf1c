//! One line for each service.

use super::picture::Picture;
use super::verdict::verdict;
use crate::group::dashed;
use crate::table::{Column, Table};
use crate::units::{count, nanoseconds};
use netrig_model::{Role, Stage};

/// Slow connections listed for each service.
const SLOW_MAX: usize = 5;

/// The services in the order they come in, each with its slow connections under it, and the host's own line last.
#[must_use]
pub fn overview(pictures: &[Picture]) -> Table {
    let mut table = Table::new(vec![
        Column::text("SERVICE", 10).good_at(22),
        Column::text("ROLE", 0).optional_before(1),
        Column::text("PROCESS", 6).good_at(14).optional_before(0),
        Column::number("MESSAGES").optional_before(2),
        Column::number("TOTAL P50"),
        Column::number("TOTAL P99"),
        Column::text("WHERE", 20).good_at(44).sentence(),
    ]);
    let mut left_out = 0;
    let (slow, services): (Vec<_>, Vec<_>) = pictures.iter().partition(|p| p.key.slow_client.is_some());
    let (host, services): (Vec<_>, Vec<_>) = services.into_iter().partition(|p| p.is_host());
    for service in &services {
        table.push(&row(service, service.key.service.clone()));
        let mine = || slow.iter().filter(|s| is_of(s, service));
        for connection in mine().take(SLOW_MAX) {
            table.push(&row(connection, format!("└ {}", client(connection))));
        }
        left_out += mine().count().saturating_sub(SLOW_MAX);
    }
    // Of some services no message was sampled but those of a slow connection.
    for alone in slow.iter().filter(|s| !services.iter().any(|service| is_of(s, service))) {
        table.push(&row(alone, format!("{} ← {}", alone.key.service, client(alone))));
    }
    for host in host {
        table.push(&row(host, host.key.service.clone()));
    }
    if left_out > 0 {
        table.set_footer(format!("… and {} more slow connections", count(left_out as u64)));
    }
    table
}

/// Whether a slow connection is one of this service's.
pub(super) fn is_of(slow: &Picture, service: &Picture) -> bool {
    let of = |p: &Picture| (p.key.service.clone(), p.key.role, p.key.process.clone(), p.key.container.clone());
    slow.key.cgroup == service.key.cgroup && of(slow) == of(service)
}

pub(super) fn client(slow: &Picture) -> String {
    slow.key.slow_client.map(|at| at.to_string()).unwrap_or_default()
}

fn row(picture: &Picture, name: String) -> [String; 7] {
    let total = |share| picture.stage(Stage::Total).and_then(|s| s.quantile_ns(share));
    let time = |ns: Option<u64>| dashed(ns.map(nanoseconds).unwrap_or_default());
    [
        name,
        dashed(picture.key.role.map(Role::as_str).unwrap_or_default().to_owned()),
        dashed(picture.owner()),
        messages(picture),
        time(total(0.5)),
        time(total(0.99)),
        verdict(picture).sentence,
    ]
}

/// How many messages it is about; marked where sampling makes it a guess.
pub(super) fn messages(picture: &Picture) -> String {
    let guessed = picture.messages() != picture.measured();
    format!("{}{}", if guessed { "~" } else { "" }, count(picture.messages()))
}
