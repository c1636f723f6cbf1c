//! A report on one screen: what the rig saw, what it cost, and which part would break first.

mod page;

use super::figures::{self, many, mebibytes, plain, seconds, share, signed};
use super::flat::{self, FlatVerdict};
use super::knobs::Knobs;
use super::lost;
use super::model::{Report, Stage, Victim};
use super::over_time::{self, Points, is_known, known};
use super::series::{Middle, peak, ratio};
use netrig_view::Style;
use netrig_view::units::{bytes, count, few_per_second, microseconds, nanoseconds, per_second};
use page::Page;
use std::collections::BTreeMap;

/// What there is room for on a screen of forty lines.
const SENTENCE_LINES: usize = 4;
const EVIDENCE: usize = 4;
const LOSSES: usize = 3;
const FILLS: usize = 3;
/// What is no fuller than this, and lost nothing, is of no interest.
const FILL_MIN: f64 = 0.01;
const PROBES: usize = 4;
const LEFT_BEHIND: usize = 1;

/// The report as text.
#[must_use]
pub fn page(report: &Report, style: Style) -> String {
    let mut page = Page::new(style);
    head(&mut page, report);
    bottleneck(&mut page, report);
    packets(&mut page, report);
    over_the_run(&mut page, report);
    probes(&mut page, report);
    rest(&mut page, report);
    page.finish()
}

fn head(page: &mut Page, report: &Report) {
    let machine = &report.machine;
    let rate = report.rate_asked_pps.map(|rate| format!(" at {}", per_second(rate as f64))).unwrap_or_default();
    let cpus = match machine.cpus {
        1 => "1 CPU".to_owned(),
        many => format!("{many} CPUs"),
    };
    page.bold(&format!(
        "netrig stress {}{rate} · {} · seed {} · {}: {cpus}, Linux {} · netrig {}",
        plain(&report.scenario),
        seconds(report.duration_s),
        report.seed,
        plain(&machine.host),
        plain(&machine.kernel),
        plain(&report.version)
    ));
    page.gap();
}

fn bottleneck(page: &mut Page, report: &Report) {
    let found = &report.bottleneck;
    let title = if found.broke { "BROKE" } else { "LIMIT" };
    let stage = if found.stage == Stage::None { "no part".to_owned() } else { found.stage.to_string() };
    page.sentence(title, &format!("{stage}: {}", plain(&found.sentence)), found.broke, SENTENCE_LINES);
    if let Some(setting) = &found.setting {
        let (section, key) = setting.key.split_once('.').unwrap_or(("rig", &setting.key));
        let (now, proposal) = (plain(&setting.now), plain(&setting.proposal));
        page.row("try", &format!("[{section}] {key} = {proposal}   (now {now})"));
    }
    for evidence in found.evidence.iter().take(EVIDENCE) {
        page.dim("", &plain(evidence));
    }
    page.gap();
}

fn packets(page: &mut Page, report: &Report) {
    let traffic = &report.traffic;
    let known = |packets: Option<u64>| packets.map_or_else(|| "not known".to_owned(), count);
    page.titled(
        "PACKETS",
        &format!(
            "offered {}, sent {}, seen {}, told {}, lost {}",
            traffic.offered_packets.map_or_else(|| "without limit".to_owned(), count),
            count(traffic.sent_packets),
            known(traffic.seen_packets),
            known(traffic.told_packets),
            known(traffic.lost_packets)
        ),
    );
    let unaccounted = traffic.unaccounted_packets;
    let text = format!("unaccounted {}", known(unaccounted));
    if unaccounted == Some(0) {
        page.row("", &text)
    } else {
        page.alarm("", &text)
    }
    let losses = lost::by_name(report);
    for loss in losses.iter().take(LOSSES) {
        let part = match loss.unit.as_str() {
            "packets" => format!(" ({})", share(ratio(loss.count as f64, traffic.sent_packets as f64))),
            _ => String::new(),
        };
        let (much, what) = (many(loss.count, &plain(&loss.unit)), plain(&loss.what));
        page.row(&format!("at {}", loss.stage), &format!("{much}{part}: {what}"));
    }
    if let Some(more) = losses.len().checked_sub(LOSSES).filter(|more| *more > 0) {
        page.row("", &format!("and {more} more, see --json"));
    }
    page.gap();
}

fn over_the_run(page: &mut Page, report: &Report) {
    let rates = [
        ("sent", over_time::figure(report, |sample| sample.sent_pps)),
        ("seen", over_time::figure(report, |sample| sample.seen_pps)),
        ("told", over_time::figure(report, |sample| sample.told_pps)),
    ];
    let top = peak(rates.iter().flat_map(|(_, points)| known(points))).unwrap_or(0.0);
    for (name, points) in &rates {
        page.spark(name, points, top, &middle_and_peak(points, &per_second));
    }
    let cpu = over_time::figure(report, |sample| sample.rig_cpu_share_of_core);
    let of_core = |value: f64| format!("{} of a core", share(value));
    page.spark("rig CPU", &cpu, peak(known(&cpu)).unwrap_or(0.0).max(0.1), &middle_and_peak(&cpu, &of_core));
    for (name, points, beside) in fills(report) {
        let full = peak(known(&points)).map(|full| format!("{} full at its peak", share(full)));
        let full = full.unwrap_or_else(|| "how full is not known".to_owned());
        page.spark(&name, &points, 1.0, &format!("{full}{beside}"));
    }
    page.gap();
}

/// Tables, rings and queues, with what is to be said of them beside; those that lost something or are fullest.
fn fills(report: &Report) -> Vec<(String, Points, String)> {
    let tables = over_time::tables(report);
    let (evictions, losses) = (over_time::evictions(report), over_time::ring_losses(report));
    let beside = |of: &BTreeMap<&str, Points>, name: &str, words: fn(f64) -> String| {
        let value = of.get(name).and_then(|points| peak(known(points)));
        value.filter(|value| *value > 0.0).map(words)
    };
    let replaced = |rate: f64| format!(", up to {} replaced", few_per_second(rate));
    let lost = |lost: f64| format!(", {} lost", count(lost as u64));
    let tables = tables.into_iter().map(|(name, points)| (name, points, beside(&evictions, name, replaced)));
    let rings = over_time::rings(report).into_iter();
    let rings = rings.map(|(name, points)| (name, points, beside(&losses, name, lost)));
    let mut all: Vec<_> = tables.chain(rings).collect();
    let rank = |points: &Points, beside: &Option<String>| {
        peak(known(points)).unwrap_or(0.0) + if beside.is_some() { 1.0 } else { 0.0 }
    };
    all.sort_by(|a, b| rank(&b.1, &b.2).total_cmp(&rank(&a.1, &a.2)));
    let shown = all.into_iter().enumerate().take(FILLS);
    let shown = shown.filter(|(at, row)| *at == 0 || rank(&row.1, &row.2) >= FILL_MIN).map(|(_, row)| row);
    shown.map(|(name, points, beside)| (plain(name), points, beside.unwrap_or_default())).collect()
}

fn middle_and_peak(points: &Points, unit: &dyn Fn(f64) -> String) -> String {
    match (Middle::of(known(points)), peak(known(points))) {
        (Some(middle), Some(peak)) => format!("median {}, peak {}", unit(middle.median), unit(peak)),
        _ => "not known".to_owned(),
    }
}

fn probes(page: &mut Page, report: &Report) {
    let (ns, shares, runs) =
        (over_time::probe_ns(report), over_time::probe_shares(report), over_time::probe_runs(report));
    let median = |of: &BTreeMap<&str, Points>, name: &str| {
        Middle::of(of.get(name).into_iter().flat_map(known)).map_or(0.0, |middle| middle.median)
    };
    let mut names: Vec<&str> = ns.iter().filter(|(_, points)| is_known(points)).map(|(name, _)| *name).collect();
    if names.is_empty() {
        page.titled("PROBES", "what they cost was not measured");
        page.gap();
        return;
    }
    names.sort_by(|a, b| median(&shares, b).total_cmp(&median(&shares, a)));
    page.titled("PROBES", &format!("{:>12}  {:>9}  {:>10}   (medians)", "RUNS", "EACH", "OF A CORE"));
    for name in names.into_iter().take(PROBES) {
        let each = nanoseconds(median(&ns, name).max(0.0).round() as u64);
        let (runs, part) = (few_per_second(median(&runs, name)), share(median(&shares, name)));
        page.row(&plain(name), &format!("{runs:>12}  {each:>9}  {part:>10}"));
    }
    page.gap();
}

fn rest(page: &mut Page, report: &Report) {
    memory(page, report);
    let governor = report.samples.iter().filter_map(|sample| sample.governor.as_deref()).next_back();
    if let Some(down) = governor {
        page.titled("GOVERNOR", &format!("turned down to keep the budget: {}", plain(down)));
    }
    victim(page, report);
    limit(page, report);
    let left = &report.left_behind;
    if left.is_empty() {
        page.titled("LEFT", "nothing on the host");
    }
    for (at, sentence) in left.iter().take(LEFT_BEHIND).enumerate() {
        let more = left.len().saturating_sub(LEFT_BEHIND);
        let more = if more > 0 && at + 1 == LEFT_BEHIND { format!(" (and {more} more)") } else { String::new() };
        page.alarm(if at == 0 { "LEFT" } else { "" }, &format!("{}{more}", plain(sentence)));
    }
}

fn memory(page: &mut Page, report: &Report) {
    let last = |of: &dyn Fn(&super::model::Sample) -> Option<u64>| report.samples.iter().rev().find_map(of);
    let own = last(&|sample| sample.own_bytes).map(|own| format!("process {} of its own", mebibytes(own as f64)));
    let mapped = last(&|sample| Some(sample.rss_bytes?.saturating_sub(sample.own_bytes?)));
    let mapped = mapped.map(|mapped| format!("{} mapped", mebibytes(mapped as f64)));
    let kernel = last(&|sample| sample.kernel_bytes).map(|kernel| format!("maps {}", mebibytes(kernel as f64)));
    let store = last(&|sample| sample.store_bytes).map(|store| format!("files {}", bytes(store)));
    let known: Vec<String> = [own, mapped, kernel, store].into_iter().flatten().collect();
    page.titled("MEMORY", &if known.is_empty() { "not measured".to_owned() } else { known.join(", ") });
    let flat = flat::own(&report.samples).map(|flat| format!("its own: {}", flat_words(&flat)));
    let metered = metered(report).map(|metered| format!("with maps {metered}"));
    let known: Vec<String> = [flat, metered].into_iter().flatten().collect();
    if !known.is_empty() {
        page.dim("", &known.join("; "));
    }
}

/// What `[rig] memory` counts, and how much of it there was at most, in words.
pub(crate) fn metered(report: &Report) -> Option<String> {
    let both = report.samples.iter().filter_map(|sample| Some((sample.own_bytes? + sample.kernel_bytes?) as f64));
    let budget = Knobs::of(&report.rig_config).config().rig.memory.0;
    Some(format!("at most {} of {}", mebibytes(peak(both)?), mebibytes(budget as f64)))
}

/// Whether memory is flat, in words.
pub(crate) fn flat_words(flat: &flat::Flatness) -> String {
    let slope = flat.slope_bytes_per_s.zip(flat.error_bytes_per_s).map(|(slope, error)| {
        format!("{} ± {:.1} kB/s over {}", signed(slope / 1e3, ""), error / 1e3, seconds(flat.over_s))
    });
    match (flat.verdict, slope) {
        (FlatVerdict::Unsure, None) => "too short a run to say".to_owned(),
        (verdict, slope) => format!("{} ({})", verdict.as_str(), slope.unwrap_or_default()),
    }
}

fn victim(page: &mut Page, report: &Report) {
    let Some(victim) = &report.victim else {
        page.titled("VICTIM", "not measured");
        return;
    };
    let us = |us: f64| microseconds(us.max(0.0).round() as u64);
    let ratio = victim.p99_ratio_median.filter(|ratio| ratio.is_finite());
    let slower = ratio.map(|ratio| figures::change(ratio - 1.0));
    let slower = slower.unwrap_or_else(|| "not known".to_owned());
    let (off, on) = (&victim.off, &victim.on);
    let text = format!(
        "p99 {} without the rig, {} with it: {slower} ({})",
        us(off.p99_us),
        us(on.p99_us),
        rounds_words(victim)
    );
    if is_slower(victim) {
        page.alarm("VICTIM", &text)
    } else {
        page.titled("VICTIM", &text)
    }
    let parts = [(off.p50_us, on.p50_us, "p50"), (off.p999_us, on.p999_us, "p99.9")];
    let parts = parts.map(|(off, on, name)| format!("{name} {} and {}", us(off), us(on)));
    page.dim("", &format!("{}; {} and {} round trips", parts.join(", "), count(off.count), count(on.count)));
}

/// Slower than this by the rig is more than is promised.
const VICTIM_BAR: f64 = 1.05;
/// Fewer rounds than this have no median worth the name.
const ROUNDS_MIN: usize = 3;

/// Whether the victim was slowed by more than is promised, as far as that can be told.
pub(crate) fn is_slower(victim: &Victim) -> bool {
    victim.rounds.len() >= ROUNDS_MIN && victim.p99_ratio_median.is_some_and(|ratio| ratio > VICTIM_BAR)
}

/// What the victim's median is worth.
pub(crate) fn rounds_words(victim: &Victim) -> String {
    match victim.rounds.len() {
        few if few < ROUNDS_MIN => format!("{}: too few to say", many(few as u64, "rounds")),
        rounds => format!("median of {rounds} rounds"),
    }
}

fn limit(page: &mut Page, report: &Report) {
    let Some(limit) = &report.limit else { return };
    page.titled("RATE", &limit_words(limit));
}

/// What the search for the highest rate found, in words.
pub(crate) fn limit_words(limit: &super::model::Limit) -> String {
    let rate = |pps: u64| format!("{} packets/s", per_second(pps as f64).trim_end_matches("/s"));
    let runs = many(limit.steps.len() as u64, "runs");
    let lossy = limit.lowest_pps_with_loss;
    let first = limit.steps.iter().filter(|step| Some(step.pps) == lossy).find_map(|step| step.first_loss);
    let first = first.map(|stage| format!(", first at {stage}")).unwrap_or_default();
    match (limit.highest_pps_without_loss, lossy) {
        (Some(clean), Some(lossy)) => {
            format!("no loss up to {}, loss from {}{first} ({runs})", rate(clean), rate(lossy))
        }
        (Some(clean), None) => format!("no loss up to {}, more was not sent ({runs})", rate(clean)),
        (None, Some(lossy)) => format!("loss at every rate down to {}{first} ({runs})", rate(lossy)),
        (None, None) => format!("not found ({runs})"),
    }
}
