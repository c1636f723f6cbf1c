//! What bursts are like on each interface.

use super::ListedBursts;
use super::list::InterfaceBursts;
use crate::group::dashed;
use crate::latency::quantile_ns;
use crate::table::{Column, Table};
use crate::units::{bits_per_second, bytes, count, nanoseconds};
use netrig_model::{Direction, Histogram};
use std::cmp::Reverse;

/// One line for each direction of each interface: how long its bursts last, and what lies between them. Those with most
/// octets in bursts come first.
#[must_use]
pub fn burst_interface_table(listed: &ListedBursts) -> Table {
    let mut table = Table::new(vec![
        Column::text("IFACE", 4).good_at(10),
        Column::text("WAY", 0),
        Column::number("LINK").optional_before(1),
        Column::number("BURSTS"),
        Column::number("BYTES").optional_before(2),
        Column::number("PEAK").optional_before(0),
        Column::number("LENGTH P50"),
        Column::number("P90").optional_before(3),
        Column::number("P99"),
        Column::number("MAX").optional_before(4),
        Column::number("GAP P50"),
        Column::number("P90").optional_before(3),
        Column::number("P99").optional_before(3),
    ]);
    let mut lines: Vec<_> = listed.interfaces.iter().collect();
    lines.sort_by_key(|(ring, bursts)| (Reverse(bursts.sums.bytes), *ring));
    for ((iface, direction), bursts) in lines {
        let mut row = vec![
            dashed(iface.clone().unwrap_or_default()),
            dashed(direction.map(Direction::as_str).unwrap_or_default().to_owned()),
        ];
        row.extend(cells(bursts));
        table.push(&row);
    }
    table
}

fn cells(bursts: &InterfaceBursts) -> [String; 11] {
    let sums = &bursts.sums;
    let rate = |bits: u64| bits_per_second(bits as f64);
    let time = |of: &Histogram, share| dashed(quantile_ns(of, share).map(nanoseconds).unwrap_or_default());
    // A quantile is within 2.2 %; none is longer than the longest.
    let length = |share| quantile_ns(&bursts.lengths, share).map(|ns| ns.min(sums.duration_ns_max));
    let length = |share| dashed(length(share).map(nanoseconds).unwrap_or_default());
    [
        dashed(bursts.link_bits_per_second.map(rate).unwrap_or_default()),
        count(sums.bursts),
        bytes(sums.bytes),
        rate(sums.peak_bits_per_second),
        length(0.5),
        length(0.9),
        length(0.99),
        nanoseconds(sums.duration_ns_max),
        time(&bursts.gaps, 0.5),
        time(&bursts.gaps, 0.9),
        time(&bursts.gaps, 0.99),
    ]
}
