//! A report as one HTML file: charts and tables, with nothing from elsewhere and no script, in light and dark.

mod charts;
mod tables;

use super::escape::escape;
use super::figures::{seconds, to_the_second};
use super::model::{Report, Stage};
use super::text::{flat_words, limit_words, metered};
use super::{flat, json};
use netrig_view::units::{count, per_second};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");
/// A page that came from a run may be looked at anywhere: a browser is told to fetch nothing for it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The report as a file for a browser.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut out = String::with_capacity(64 << 10);
    let title = format!("netrig stress {}", report.scenario);
    let title = escape(&title);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    head(&mut out, report);
    bottleneck(&mut out, report);
    figures(&mut out, report);
    tables::losses(&mut out, report);
    charts::all(&mut out, report);
    memory(&mut out, report);
    tables::victim(&mut out, report);
    limit(&mut out, report);
    tables::ledger(&mut out, report);
    left_behind(&mut out, report);
    sources(&mut out, report);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn head(out: &mut String, report: &Report) {
    let machine = &report.machine;
    let rate = report.rate_asked_pps.map_or_else(String::new, |rate| {
        format!(", {} packets/s asked for", per_second(rate as f64).trim_end_matches("/s"))
    });
    let _ = writeln!(
        out,
        "<p class=\"quiet\">{}, {}{rate}, seed {} · {}: {} CPUs, {} GiB, Linux {} · netrig {}</p>",
        escape(&to_the_second(&report.started)),
        seconds(report.duration_s),
        report.seed,
        escape(&machine.host),
        machine.cpus,
        machine.memory_bytes >> 30,
        escape(&machine.kernel),
        escape(&report.version)
    );
}

fn bottleneck(out: &mut String, report: &Report) {
    let found = &report.bottleneck;
    let class = if found.broke { "verdict broke" } else { "verdict" };
    let stage = match found.stage {
        Stage::None => "no part is at its limit".to_owned(),
        Stage::Generator => "the generator was the limit".to_owned(),
        stage if found.broke => format!("{stage} broke first"),
        stage => format!("{stage} would break first"),
    };
    let _ =
        writeln!(out, "<section class=\"{class}\" aria-label=\"Verdict\">\n<p class=\"quiet\">{}</p>", escape(&stage));
    let _ = writeln!(out, "<p class=\"sentence\">{}</p>", escape(&found.sentence));
    if let Some(setting) = &found.setting {
        let (section, key) = setting.key.split_once('.').unwrap_or(("rig", &setting.key));
        let (proposal, now) = (escape(&setting.proposal), escape(&setting.now));
        let _ =
            writeln!(out, "<p>Try <code>[{}] {} = {proposal}</code>; it was {now}.</p>", escape(section), escape(key));
    }
    if !found.evidence.is_empty() {
        out.push_str("<ul>\n");
        found.evidence.iter().for_each(|line| _ = writeln!(out, "<li>{}</li>", escape(line)));
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

fn figures(out: &mut String, report: &Report) {
    let traffic = &report.traffic;
    let known = |packets: Option<u64>| packets.map_or_else(|| "not known".to_owned(), count);
    let figures = [
        ("offered", traffic.offered_packets.map_or_else(|| "without limit".to_owned(), count)),
        ("sent", count(traffic.sent_packets)),
        ("seen", known(traffic.seen_packets)),
        ("told", known(traffic.told_packets)),
        ("lost, by name", known(traffic.lost_packets)),
        ("unaccounted", known(traffic.unaccounted_packets)),
    ];
    out.push_str("<h2>Packets</h2>\n<dl class=\"figures\">\n");
    for (name, figure) in figures {
        let bad = name == "unaccounted" && traffic.unaccounted_packets != Some(0);
        let class = if bad { " class=\"bad\"" } else { "" };
        let _ = writeln!(out, "<div><dt>{name}</dt><dd{class}>{figure}</dd></div>");
    }
    out.push_str("</dl>\n");
}

fn memory(out: &mut String, report: &Report) {
    if let Some(flat) = flat::own(&report.samples) {
        let _ = writeln!(out, "<p>What the process has for itself: {}.</p>", escape(&flat_words(&flat)));
    }
    if let Some(metered) = metered(report) {
        let _ = writeln!(out, "<p>It and the maps: {}.</p>", escape(&metered));
    }
}

fn limit(out: &mut String, report: &Report) {
    let Some(limit) = &report.limit else { return };
    let _ = writeln!(out, "<h2>The highest rate without loss</h2>\n<p>{}</p>", escape(&limit_words(limit)));
    tables::limit(out, limit);
}

fn left_behind(out: &mut String, report: &Report) {
    out.push_str("<h2>Left on the host</h2>\n");
    if report.left_behind.is_empty() {
        out.push_str("<p>Nothing.</p>\n");
        return;
    }
    out.push_str("<ul class=\"bad\">\n");
    report.left_behind.iter().for_each(|line| _ = writeln!(out, "<li>{}</li>", escape(line)));
    out.push_str("</ul>\n");
}

/// What the run was made of, and the whole report for who wants to compute with it.
fn sources(out: &mut String, report: &Report) {
    let config = escape(&report.rig_config);
    let _ = writeln!(
        out,
        "<h2>Sources</h2>\n<details><summary>The rig's configuration</summary>\n<pre>{config}</pre></details>"
    );
    if let Ok(line) = json::line(report) {
        let _ = writeln!(out, "<details><summary>The report as JSON</summary>\n<pre>{}</pre></details>", escape(&line));
    }
}
