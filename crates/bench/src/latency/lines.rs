//! The latency probe's figures, for people.

use super::requests::RequestResult;
use super::transfers::TransferResult;
use super::whole::{SHARE_MAX, WholeResult};
use crate::report::{Baseline, change, verdict};

pub(crate) const REQUESTS_HEAD: &str = "\
What the latency probe adds to an echo of 200 octets over loopback: CPU of both ends, µs a round trip and a message (half of it);
medians of interleaved rounds; 1/16 beside tcp: what it adds to the TCP probe

requests           CPUs  attached            without    adds     ±  middle half    slices'  a message  bar          baseline  of a core at 10,000/s";

pub(crate) fn request(result: &RequestResult, baseline: &Baseline) -> String {
    let (message, error) = result.message_us();
    let bar = result.max_us.map_or_else(String::new, |max| format!("{max:>5.2} {}", verdict(message, error, max)));
    format!(
        "{:<18} {:>4}  {:<19} {:>7.2} {:>7.2} {:>5.2}  {:<14} {:>7.3} {:>10.2} {:<12} {:>8} {:>10.2} %",
        result.load,
        result.cpus,
        result.contender,
        result.without_us.median,
        result.added_us.median,
        result.error_us,
        format!("{:.2}–{:.2}", result.quartiles_us.0, result.quartiles_us.1),
        result.slices_us,
        message,
        bar,
        change(result.ratio(), baseline.latency_requests.get(&result.key()).copied()),
        result.share_of_core() * 100.0,
    )
}

pub(crate) const WHOLE_HEAD: &str = "\
The latency probe as the rig runs it, 10,000 requests a second on two CPUs: shares of a core, %

attached          without  ends add   turns  in all     ±    bar";

pub(crate) fn whole(result: &WholeResult) -> String {
    format!(
        "{:<16} {:>8.2} {:>9.2} {:>7.3} {:>7.2} {:>5.2}  {:>5.2} {}",
        result.contender,
        result.without.median * 100.0,
        result.ends.median * 100.0,
        result.turns.median * 100.0,
        result.in_all.median * 100.0,
        result.error * 100.0,
        SHARE_MAX * 100.0,
        verdict(result.in_all.median, result.error, SHARE_MAX),
    )
}

pub(crate) const TRANSFERS_HEAD: &str = "\
As many octets as there is room for, over loopback on two CPUs

attached             Gbit/s    kept      ±   baseline  CPU ns a KiB";

pub(crate) fn transfer(result: &TransferResult, baseline: &Baseline) -> String {
    format!(
        "{:<19} {:>7.2} {:>7.3} {:>6.3} {:>10} {:>13.1}",
        result.contender,
        result.bytes_per_second.median * 8.0 / 1e9,
        result.kept.median,
        result.kept_error,
        change(result.kept.median, baseline.latency_kept.get(&result.contender).copied()),
        result.ns_per_kib.median,
    )
}
