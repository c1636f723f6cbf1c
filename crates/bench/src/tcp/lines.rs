//! The TCP probe's figures, for people.

use super::bulk::{START_MS_MAX, StartResult};
use super::hooks::{HOOK_NS_MAX, HookResult};
use super::requests::RequestResult;
use crate::report::{Baseline, change};

pub(crate) const STARTS_HEAD: &str = "\
The TCP probe's start: from nothing to the end of the first walk, ms; and its memory, MiB

 budget   places   load places attach   walk  sockets  in all    bar      tables  promised  free lost";

pub(crate) fn start(result: &StartResult) -> String {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    format!(
        "{:>7.0} {:>8} {:>6.0} {:>6.0} {:>6.0} {:>6.0} {:>8} {:>7.0} {:>6.0} {:<4} {:>7.1} {:>9.1} {:>10.1}{}",
        mib(result.budget_bytes),
        result.places,
        result.load_ms,
        result.places_ms,
        result.attach_ms,
        result.walk_ms,
        result.walked,
        result.start_ms(),
        START_MS_MAX,
        within(result.start_ms(), START_MS_MAX),
        mib(result.tables_bytes),
        mib(result.promised_bytes),
        result.available_bytes as f64 / f64::from(1 << 20),
        if result.tables_bytes > result.promised_bytes { "  MORE THAN PROMISED" } else { "" },
    )
}

pub(crate) const REQUESTS_HEAD: &str = "\
An echo of 200 octets over loopback: CPU of both ends, µs a request; medians of interleaved rounds

requests           CPUs  without  empty adds  netrig adds     ±  middle half    bar          baseline  of a core at 10,000/s";

pub(crate) fn request(result: &RequestResult, baseline: &Baseline) -> String {
    let bar = result.max_us.map_or_else(String::new, |max| format!("{max:>5.2} {}", verdict(result, max)));
    format!(
        "{:<18} {:>4} {:>8.2} {:>11.2} {:>12.2} {:>5.2}  {:<12} {:<12} {:>8} {:>10.2} %",
        result.name,
        result.cpus,
        result.without_us.median,
        result.empty_us.median,
        result.netrig_us.median,
        result.netrig_error_us,
        format!("{:.2}–{:.2}", result.netrig_quartiles_us.0, result.netrig_quartiles_us.1),
        bar,
        change(result.ratio(), baseline.tcp_requests.get(&result.key()).copied()),
        result.share_of_core() * 100.0,
    )
}

pub(crate) const HOOKS_HEAD: &str = "\
Nanoseconds a run of each program, by the kernel's statistics, less what they say of an empty program

program          load            runs    told      ns   bar       baseline";

pub(crate) fn hook(result: &HookResult, baseline: &Baseline) -> String {
    format!(
        "{:<16} {:<12} {:>7} {:>7.0} {:>7.0} {:>5.0} {:<4} {:>9}",
        result.program,
        result.load,
        result.runs,
        result.told_ns,
        result.ns,
        HOOK_NS_MAX,
        within(result.ns, HOOK_NS_MAX),
        change(result.ns, baseline.tcp_hooks_ns.get(&result.key()).copied()),
    )
}

fn within(figure: f64, max: f64) -> &'static str {
    if figure <= max { "ok" } else { "over" }
}

/// Twice the error is the benefit of the doubt, which neither side has.
fn verdict(result: &RequestResult, max: f64) -> &'static str {
    let (added, doubt) = (result.netrig_us.median, 2.0 * result.netrig_error_us);
    if (added - max).abs() < doubt { "unsure" } else { within(added, max) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Figure;

    #[test]
    fn a_bar_is_met_or_missed_only_beyond_doubt() {
        let of = |median, error| {
            let netrig_us = Figure { median, ..Figure::default() };
            verdict(&RequestResult { netrig_us, netrig_error_us: error, ..RequestResult::default() }, 0.5)
        };
        assert_eq!([of(0.3, 0.05), of(0.7, 0.05), of(0.45, 0.05), of(0.55, 0.05)], ["ok", "over", "unsure", "unsure"]);
    }
}
