//! The section: a row for each scenario.

use netrig_stress::report::model::{Bottleneck, Machine, Report, Stage, Victim};
use netrig_stress::report::summary::Summary;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const UNKNOWN: &str = "–";

/// As Markdown.
pub(super) fn section(reports: &[Report]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(&circumstances(reports));
    text.push_str(&table_head());
    for report in reports {
        let _ = writeln!(text, "| {} |", row(report).join(" | "));
    }
    text.push_str(TAIL);
    text
}

const HEAD: &str = "\
## Under stress

Written by `./dev stress`, of one run of each scenario of [netrig stress](stress.md): traffic that is made to find out which part breaks
first. Its reports tell more.

";

const TAIL: &str = "
- *Offered* and *sent* are packets a second, *seen* the share of those sent that passed the rig's hooks; where both directions are watched it
  may be more than all of them.
- *Lost* is by part of the road, and all of it is counted by name: packets that found the interface's ring full (*driver*), that sampling left
  out of flows (*probe*), that are in totals but in no flow (*table*), and what found no room in *ring*s or in the *store*.
- *CPU* is the medians of the rig's process and of its kernel programs; *ns a packet* is both, for each packet seen.
- *The victim* is somebody else's round trip over the same wire, without the rig → with it; *times* is the median over rounds of p99 with the
  rig by p99 without. The traffic is on the same CPUs.
- *Breaks first* is the part that lost something first; in brackets the one that would be next, where nothing was lost.
";

const COLUMNS: [&str; 11] = [
    "scenario",
    "offered/s",
    "sent/s",
    "seen",
    "lost, by part",
    "unaccounted",
    "CPU, process + kernel, % of a core",
    "ns a packet",
    "victim p50, µs",
    "victim p99, µs; times",
    "breaks first",
];

fn table_head() -> String {
    format!("| {} |\n|{}\n", COLUMNS.join(" | "), "---|".repeat(COLUMNS.len()))
}

/// Where and when; what differs from report to report is told as what it is.
fn circumstances(reports: &[Report]) -> String {
    let machine = |Machine { kernel, cpus, .. }: &Machine| format!("{cpus} CPUs under Linux {kernel}");
    let machines: BTreeSet<String> = reports.iter().map(|report| machine(&report.machine)).collect();
    let versions: BTreeSet<&str> = reports.iter().map(|report| report.version.as_str()).collect();
    let day = |report: &Report| report.started.split('T').next().unwrap_or_default().to_owned();
    let days: BTreeSet<String> = reports.iter().map(day).collect();
    let list = |words: Vec<String>| words.join(", ");
    format!(
        "netrig {} on {}, {}.\n\n",
        list(versions.into_iter().map(str::to_owned).collect()),
        list(machines.into_iter().collect()),
        list(days.into_iter().collect())
    )
}

fn row(report: &Report) -> [String; COLUMNS.len()] {
    let summary = Summary::of(report);
    let known = |value: Option<f64>, words: &dyn Fn(f64) -> String| value.map_or_else(|| UNKNOWN.to_owned(), words);
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    let unaccounted = report.traffic.unaccounted_packets;
    [
        format!("`{}`", report.scenario),
        summary.offered_pps.map_or_else(|| "no limit".to_owned(), rate),
        rate(summary.sent_pps),
        known(summary.seen_share, &|share| format!("{} %", percent(share))),
        lost(&summary, report),
        unaccounted.map_or_else(|| UNKNOWN.to_owned(), |packets| packets.to_string()),
        format!("{} + {}", known(summary.process_share, &percent), known(summary.kernel_share, &percent)),
        known(summary.ns_per_packet, &|ns| format!("{ns:.0}")),
        victim(report, |victim| format!("{:.0} → {:.0}", victim.off.p50_us, victim.on.p50_us)),
        victim(report, |victim| {
            let times = known(victim.p99_ratio_median, &|times| format!("{times:.2}"));
            format!("{:.0} → {:.0}; {times}", victim.off.p99_us, victim.on.p99_us)
        }),
        breaks(&report.bottleneck),
    ]
}

fn victim(report: &Report, words: impl Fn(&Victim) -> String) -> String {
    report.victim.as_ref().map_or_else(|| UNKNOWN.to_owned(), words)
}

/// `1,234,567`.
fn rate(per_second: f64) -> String {
    let digits = format!("{:.0}", per_second.max(0.0));
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn lost(summary: &Summary, report: &Report) -> String {
    let sent = report.traffic.sent_packets;
    let words = |(stage, count, unit): &(Stage, u64, String)| match unit.as_str() {
        "packets" => format!("{stage} {:.2} %", *count as f64 / sent.max(1) as f64 * 100.0),
        unit => format!("{stage} {} {unit}", rate(*count as f64)),
    };
    let all: Vec<String> = summary.lost.iter().map(words).collect();
    match report.traffic.lost_packets {
        _ if !all.is_empty() => all.join(", "),
        Some(_) => "nothing".to_owned(),
        None => UNKNOWN.to_owned(),
    }
}

fn breaks(bottleneck: &Bottleneck) -> String {
    match (bottleneck.stage, bottleneck.broke) {
        (Stage::None, _) => "nothing".to_owned(),
        (stage, true) => format!("**{stage}**"),
        (stage, false) => format!("({stage})"),
    }
}

#[cfg(test)]
mod tests;
