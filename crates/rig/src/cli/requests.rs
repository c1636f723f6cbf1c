//! The words of `netrig requests`.

use super::RigAddress;
use crate::commands::Since;
use clap::{Args, ValueHint};
use netrig_config::parse_duration;
use netrig_model::RequestKind;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
What all requests come to in a sentence, then the latest of them, one line each, the latest first: who asked (the process where it \
is this host's), whom, what, what the answer says, and how long it took from the request's first octet to the answer's. Those that \
failed are marked with ✗: no answer, a DNS code other than NOERROR, a TLS alert, an HTTP status of 400 or more. Where one line \
stands for several requests that are alike, N says for how many, LATENCY is their mean and MAX the longest.

Requests are seen where they pass a watched interface: DNS at the ports of [payload] dns_ports, the openings of TLS and QUIC, HTTP \
in the clear. What stays within this host passes lo, which is watched only if it is named.

With --json, each line is a record as it is stored. With --by they are summed, those of most requests first; `src` and `dst` stand \
for address and port, `dns`, `tls` and `http` for what was asked and answered; with --slow, groups that waited longest in sum come \
first.

Examples:
  netrig requests
  netrig requests --failed --since 1h
  netrig requests --slow 50ms --kind http
  netrig requests --by dst_name
  netrig requests --by process,dns_name,dns_rcode --kind dns --failed
  netrig requests --by kind,http_status --json
  netrig requests --json | jq 'select(.tls_version == \"TLS 1.2\") | .dst_name'")]
pub(crate) struct RequestsArgs {
    /// Only those that failed: no answer, or an error for an answer
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only those that took longer than DURATION, the slowest first [default: [payload] slow of the configuration]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, value_parser = parse_duration)]
    pub(crate) slow: Option<Option<Duration>>,
    /// Only those of this kind: dns, tls, quic, http or http2
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub(crate) kind: Option<RequestKind>,
    /// How far back: a time span (30s, 5m, 1h30m, 7d), an instant (RFC 3339), or all
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) since: Since,
    /// Group by these columns, separated by commas, and sum
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) by: Option<String>,
    /// Only the first N [default: 50 of the table, all of everything else]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// JSON Lines instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) rig: RigAddress,
    /// Read this store; without --url, ask no rig
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,
}

fn kind(word: &str) -> Result<RequestKind, String> {
    RequestKind::from_word(word).ok_or_else(|| {
        let words: Vec<_> = RequestKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("there are {}", words.join(", "))
    })
}
