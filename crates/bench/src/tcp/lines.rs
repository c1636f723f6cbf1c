//! The TCP probe's figures, for people.

use super::bulk::{START_MS_MAX, StartResult};
use super::requests::RequestResult;
use crate::report::{Baseline, change, verdict, within};

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
    let bar = result.max_us.map_or_else(String::new, |max| {
        format!("{max:>5.2} {}", verdict(result.netrig_us.median, result.netrig_error_us, max))
    });
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
