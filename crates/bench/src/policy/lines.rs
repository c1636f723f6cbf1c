//! The policy's figures, for people.

use super::CaseResult;
use super::loading::{LoadingResult, SECONDS_MAX, SwapResult};
use crate::report::verdict;

pub(crate) const CASES_HEAD: &str = "\
A packet under a policy, by test run: ns, and how many times an empty program with the same verdict; medians of interleaved rounds.
What makes packets of other sources is in all of them, except for `one`, where each program is called by itself

family case                       empty  netrig  beyond  ratio     ±  bar          hash   trie";

pub(crate) const LIVE_HEAD: &str = "\
Live frames over a veth pair, native XDP: the sending, the receiving and, where they pass, the stack's share are in all of them

family case                       empty  netrig  beyond  ratio     ±  bar          hash   trie";

pub(crate) fn case(result: &CaseResult) -> String {
    let bar = result.ratio_max.map_or_else(String::new, |max| {
        format!("{max:>4.1} {}", verdict(result.ratio.median, result.ratio_error, max))
    });
    let other = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    format!(
        "{:<6} {:<25} {:>6.1} {:>7.1} {:>7.1} {:>6.2} {:>5.2}  {:<11} {:>5} {:>6}{}",
        result.family,
        result.case,
        result.empty_ns.median,
        result.netrig_ns.median,
        result.netrig_ns.median - result.empty_ns.median,
        result.ratio.median,
        result.ratio_error,
        bar,
        other(result.hash_ratio),
        other(result.trie_ratio),
        if result.miscounted == 0 { String::new() } else { format!("  OFF BY {}", result.miscounted) },
    )
}

pub(crate) const LOADING_HEAD: &str = "\
A list from its file into the kernel, ms: reading, compiling, putting in force

  prefixes       file    read compile     put  in all     ±   bar";

pub(crate) fn loading(result: &LoadingResult) -> String {
    let max = SECONDS_MAX * 1e3;
    format!(
        "{:>10} {:>6.1} MiB {:>7.0} {:>7.0} {:>7.0} {:>7.0} {:>5.0} {:>5.0} {}",
        result.prefixes,
        result.file_bytes as f64 / f64::from(1 << 20),
        result.read_ms.median,
        result.compile_ms.median,
        result.put_ms.median,
        result.in_all_ms.median,
        result.error_ms,
        max,
        verdict(result.in_all_ms.median, result.error_ms, max),
    )
}

pub(crate) const SWAP_HEAD: &str = "\
Policies swapped while packets come, half of which all of them drop

 swaps  ms each          sent          seen       dropped     wrong";

pub(crate) fn swap(result: &SwapResult) -> String {
    format!(
        "{:>6} {:>8.0} {:>13} {:>13} {:>13} {:>9} {}",
        result.swaps,
        result.put_ms.median,
        result.sent,
        result.seen,
        result.dropped,
        result.wrong,
        if result.wrong == 0 { "ok" } else { "over" },
    )
}
