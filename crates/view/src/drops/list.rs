//! What was dropped, as lines for people: what it was, how bad that is, and what to do about it.

use super::DropSums;
use super::rows::{DropRow, Dropped, badness};
use super::sums::packets;
use crate::group::{Sum, dashed};
use crate::table::{Column, Style, Table, printable, wrapped};
use crate::units::{count, duration, few_per_second, percent, rate};
use netrig_model::{DropClass, DropSource};

/// Octets in hexadecimal stand in groups of so many digits.
const DIGITS: usize = 4;
/// What stands above the rows of other counters.
const OTHERS: &str = "Other counters count mostly the same packets once more; but what a device or XDP drops never became a packet of the stack, and what sockets refuse has no other count.";
/// From this share on a flow is all there is.
const WHOLE: f64 = 0.9995;

/// What of the drops is listed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// Also those that are harmless.
    pub all: bool,
    /// The first octets of a packet of each row.
    pub examples: bool,
    /// The first rows only, of the kernel's own and of those of other counters.
    pub top: Option<usize>,
    /// What to do about a source's reason at a place, in a sentence.
    pub advice: fn(DropSource, &str, Option<&str>) -> Option<&'static str>,
}

/// Lists them line by line: the sum, the kernel's own rows, then those of other counters, which count much of that again.
pub fn list_drops(dropped: &Dropped, how: Listing, style: Style, sink: &mut dyn FnMut(&str)) {
    let (own, others): (Vec<_>, Vec<_>) = dropped.rows().into_iter().partition(|row| row.source == DropSource::Skb);
    let mut said = |text: String| wrapped(&text, style.width.unwrap_or(usize::MAX)).iter().for_each(|line| sink(line));
    said(sentence(&own, dropped.length_ns()));
    if !own.is_empty() {
        sink("");
        rows(&own, dropped.length_ns(), how, style, sink);
    }
    if others.is_empty() {
        return;
    }
    sink("");
    wrapped(OTHERS, style.width.unwrap_or(usize::MAX)).iter().for_each(|line| sink(line));
    sink("");
    rows(&others, dropped.length_ns(), how, style, sink);
}

/// How many in all, and of each class, the worst first.
fn sentence(own: &[&DropRow], length_ns: i64) -> String {
    let total = own.iter().fold(0u64, |sum, row| sum.saturating_add(row.sums.packets));
    let mut classes: Vec<Option<DropClass>> = DropClass::ALL.iter().copied().map(Some).chain([None]).collect();
    classes.sort_by_key(|class| badness(*class));
    let by_class = classes.into_iter().filter_map(|class| {
        let packets: u64 = own.iter().filter(|row| row.class == class).map(|row| row.sums.packets).sum();
        (packets > 0).then(|| format!("{} {}", count(packets), class_word(class)))
    });
    let by_class: Vec<String> = by_class.collect();
    let colon = if by_class.is_empty() { "" } else { ": " };
    format!("The kernel dropped {} in {}{colon}{}", packets(total), duration(length_ns), by_class.join(", "))
}

fn class_word(class: Option<DropClass>) -> &'static str {
    class.map_or("unknown", DropClass::as_str)
}

fn rows(rows: &[&DropRow], length_ns: i64, how: Listing, style: Style, sink: &mut dyn FnMut(&str)) {
    let harmless = |row: &&&DropRow| !how.all && row.class == Some(DropClass::Harmless);
    let (folded, listed): (Vec<&DropRow>, Vec<&DropRow>) = rows.iter().copied().partition(|row| harmless(&row));
    let shown = &listed[..how.top.unwrap_or(usize::MAX).min(listed.len())];
    if !shown.is_empty() {
        table(shown, length_ns, how).render_lines(style, sink);
    }
    let rest = &listed[shown.len()..];
    let mut footers = Vec::new();
    if !rest.is_empty() {
        footers.push(format!("… and {} more: {}", count(rest.len() as u64), sum(rest).in_words()));
    }
    if !folded.is_empty() {
        let reasons = if folded.len() == 1 { "1 reason".to_owned() } else { format!("{} reasons", folded.len()) };
        footers.push(format!("… and harmless: {} of {reasons}; --all lists them", sum(&folded).in_words()));
    }
    for footer in footers {
        sink(&style.dimmed(&footer));
    }
}

fn sum(rows: &[&DropRow]) -> DropSums {
    let mut sum = DropSums::default();
    rows.iter().for_each(|row| sum.add(&row.sums));
    sum
}

fn table(rows: &[&DropRow], length_ns: i64, how: Listing) -> Table {
    let with_source = rows.iter().any(|row| row.source != DropSource::Skb);
    // Counters know nothing of processes.
    let with_processes = rows.iter().any(|row| row.process().is_some());
    let with_places = rows.iter().any(|row| row.place.is_some());
    let mut columns = vec![Column::text("CLASS", 0)];
    columns.extend(with_source.then(|| Column::text("SOURCE", 0)));
    columns.push(Column::text("REASON", 8).good_at(24));
    columns.extend(with_places.then(|| Column::text("PLACE", 10).good_at(14)));
    columns.push(Column::number("PACKETS"));
    columns.push(Column::number("RATE"));
    columns.push(Column::text("IFACE", 4).good_at(8));
    columns.push(Column::text("WAY", 0).optional());
    columns.extend(with_processes.then(|| Column::text("PROCESS", 6).good_at(12)));
    let mut table = Table::new(columns);
    for row in rows {
        let per_s = rate(row.sums.packets, length_ns).map(few_per_second).unwrap_or_default();
        let mut cells = vec![class_word(row.class).to_owned()];
        cells.extend(with_source.then(|| row.source.as_str().to_owned()));
        cells.push(row.reason.clone());
        cells.extend(with_places.then(|| dashed(row.place.clone().unwrap_or_default())));
        cells.push(count(row.sums.packets));
        cells.push(dashed(per_s));
        cells.push(dashed(row.iface().unwrap_or_default()));
        cells.push(dashed(row.way().unwrap_or_default().to_owned()));
        cells.extend(with_processes.then(|| dashed(row.process().unwrap_or_default())));
        table.push(&cells);
        if let Some((flow, share)) = row.top_flow() {
            table.push_note(&top_flow(&flow, share));
        }
        if let Some(advice) = (how.advice)(row.source, &row.reason, row.place.as_deref()) {
            table.push_note(advice);
        }
        if let Some((flow, octets)) = row.example().filter(|_| how.examples) {
            let of = flow.map_or_else(String::new, |flow| format!(" of {flow}"));
            table.push_note(&format!("A packet{of}: {}", grouped(octets)));
        }
    }
    table
}

/// The flow with most packets, with its share where there are others.
fn top_flow(flow: &str, share: f64) -> String {
    if share < WHOLE { format!("{} of them: {flow}", percent(share)) } else { format!("all of them: {flow}") }
}

/// Octets as captures are shown: `4500 0054`.
fn grouped(octets: &str) -> String {
    let digits: Vec<char> = octets.chars().map(printable).collect();
    digits.chunks(DIGITS).map(|group| group.iter().collect()).collect::<Vec<String>>().join(" ")
}
