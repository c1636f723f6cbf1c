//! Requests for people: what all of them come to, then one line for each.

use super::ListedRequests;
use super::choice::longest_us;
use super::words::{answer, what, who, whom};
use crate::clock::{clock, on_several_days};
use crate::group::dashed;
use crate::table::{Column, Style, Table, wrapped};
use crate::units::{count, duration, microseconds};
use netrig_model::RequestRecord;

/// What stands before those that failed, also where there are no colours.
const FAILED: &str = "✗";

/// Lists them line by line.
pub fn list_requests(listed: &ListedRequests, style: Style, sink: &mut dyn FnMut(&str)) {
    wrapped(&sentence(listed), style.width.unwrap_or(usize::MAX)).iter().for_each(|line| sink(line));
    if listed.requests.is_empty() {
        return;
    }
    sink("");
    let mut table = table(&listed.requests);
    if let Some(footer) = footer(listed) {
        table.set_footer(footer);
    }
    table.render_lines(style, sink);
}

/// How many, of which kinds, how many failed, and how long they took.
fn sentence(listed: &ListedRequests) -> String {
    let totals = &listed.totals;
    let thing = if totals.requests == 1 { "request" } else { "requests" };
    let what = listed.choice.counted(thing);
    let mut text = format!("{} {what} in {}", count(totals.requests), duration(listed.length_ns));
    if listed.kinds.len() > 1 {
        let kinds = listed.kinds.iter().map(|(kind, n)| format!("{} {}", count(*n), kind.as_str()));
        text += &format!(": {}", kinds.collect::<Vec<_>>().join(", "));
    }
    text.push('.');
    let unanswered = match totals.unanswered {
        0 => String::new(),
        n if n == totals.failed => ", without an answer".to_owned(),
        n => format!(", {} of them without an answer", count(n)),
    };
    if totals.failed > 0 && !listed.choice.failed {
        text += &format!(" {} failed{unanswered}.", count(totals.failed));
    } else if totals.unanswered > 0 {
        text += &format!(" {} without an answer.", count(totals.unanswered));
    }
    let quantile = |share| totals.latency_us_quantile(share).map(microseconds);
    if let (Some(half), Some(most), Some(longest)) = (quantile(0.5), quantile(0.99), totals.latency_us_max) {
        let longest = microseconds(longest);
        text += &format!(" Answers: median {half}, 99 % within {most}, longest {longest}.");
    }
    if listed.choice.slow_us.is_some() && listed.folded {
        text += " Where a line stands for several, the slowest of them is meant, and all are counted.";
    }
    text
}

fn table(requests: &[RequestRecord]) -> Table {
    let with_days = on_several_days(requests.iter().map(|r| r.started.to_string()));
    let with_marks = requests.iter().any(|r| r.failed);
    let folded = requests.iter().any(|r| r.requests > 1);
    let mut columns: Vec<Column> = with_marks.then(|| Column::text("", 0)).into_iter().collect();
    columns.extend([
        Column::text("AT (UTC)", 0),
        // What was asked tells it nearly always.
        Column::text("KIND", 0).optional(),
        Column::text("WHO", 8).good_at(12).sentence(),
        Column::text("→ WHOM", 10).good_at(20),
        Column::text("WHAT", 12).good_at(24),
        Column::text("ANSWER", 8).good_at(16).sentence(),
        Column::number("LATENCY"),
    ]);
    columns.extend(folded.then(|| Column::number("MAX").optional_before(1)));
    columns.extend(folded.then(|| Column::number("N")));
    let mut table = Table::new(columns);
    for r in requests {
        let mut row: Vec<String> = with_marks.then(|| mark(r)).into_iter().collect();
        row.extend([
            clock(&r.started.to_string(), with_days),
            r.kind.as_str().to_owned(),
            dashed(who(r)),
            format!("→ {}", dashed(whom(r))),
            dashed(what(r)),
            answer(r),
            time(r.latency_us),
        ]);
        row.extend(folded.then(|| time(longest_us(r))));
        row.extend(folded.then(|| times(r.requests)));
        table.push(&row);
        if r.failed {
            table.alarm();
        }
    }
    table
}

fn mark(r: &RequestRecord) -> String {
    if r.failed { FAILED.to_owned() } else { String::new() }
}

fn times(n: u64) -> String {
    if n > 1 { format!("×{}", count(n)) } else { String::new() }
}

fn time(us: Option<u64>) -> String {
    dashed(us.map(microseconds).unwrap_or_default())
}

/// What is not listed, and how it would be.
fn footer(listed: &ListedRequests) -> Option<String> {
    let rest = &listed.rest;
    if rest.requests == 0 {
        return None;
    }
    let order = if listed.choice.slow_us.is_some() { "faster" } else { "earlier" };
    let failed = match rest.failed {
        0 => String::new(),
        _ if listed.choice.failed => String::new(),
        n => format!(", {} of them failed: --failed lists those", count(n)),
    };
    let s = if rest.requests == 1 { "" } else { "s" };
    Some(format!("… and {} {order} one{s}{failed}", count(rest.requests)))
}
