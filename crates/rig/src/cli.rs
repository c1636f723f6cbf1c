//! The command line: words, flags, help. What they do is in [`crate::commands`].

mod bursts;
mod capture;
mod drops;
mod overhead;
mod policy;
mod queues;
mod requests;
mod store;
mod stress;

pub(crate) use bursts::BurstsArgs;
pub(crate) use capture::{CaptureArgs, HookWord};
pub(crate) use drops::DropsArgs;
pub(crate) use overhead::OverheadArgs;
pub(crate) use policy::{
    PolicyApplyArgs, PolicyCheckArgs, PolicyCommand, PolicyConfirmArgs, PolicyRemoveArgs, PolicyShowArgs,
    PolicyTestArgs,
};
pub(crate) use queues::QueuesArgs;
pub(crate) use requests::RequestsArgs;
pub(crate) use store::StoreArgs;
pub(crate) use stress::{StressArgs, StressCommand, StressCompareArgs};

use crate::commands::Since;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use netrig_config::parse_duration;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

/// An eBPF network telemetry rig for Linux hosts: every packet accounted in the kernel, at a cost it measures.
#[derive(Debug, Parser)]
#[command(
    name = "netrig",
    version,
    long_version = long_version(),
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = EXAMPLES,
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  netrig check                           can this host run it?
  netrig run -i eth0                     start the rig (as root)
  netrig flows --top 10                  who talks to whom, and how much
  netrig flows --since 1h --by src_addr  … by source, over the last hour
  netrig connections --failed            what could not be reached, and why
  netrig connections --slow              what lost time, and to what
  netrig explain                         where each service's latency comes from
  netrig explain :8080                   … of one, stage by stage
  netrig requests                        what was asked by DNS, TLS, QUIC and HTTP, and what came back
  netrig requests --failed               … of that, what failed
  netrig drops                           what was dropped, why, and what to do about it
  netrig bursts                          what is too short for averages to show
  netrig queues                          what waits in front of devices, and how long
  netrig overhead                        what the rig costs, and what it gives up to keep its budget
  netrig capture 'tcp port 443' -w x.pcapng  packets themselves, with their processes
  netrig policy check policy.toml        rules for packets: what they say and cost
  netrig query \"SELECT dst_port, sum(bytes) FROM flows GROUP BY 1 ORDER BY 2 DESC LIMIT 5\"
  netrig store                           what is kept, how finely, and for how long
  netrig replay capture.pcapng --json    a capture through the same kernel programs
  netrig stress microburst               what it does under traffic made on purpose, and what would break first

Exit codes: 0 fine, 1 failed, 2 wrong usage or input.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the rig: capture, store and serve, until it is told to stop
    Run(RunArgs),
    /// Say what this kernel and these rights allow, probe by probe
    Check(CheckArgs),
    /// Watch traffic, connections, interfaces, the ledger and the rig's own cost live
    Top(TopArgs),
    /// Print flows from the running rig, its store, or both
    Flows(FlowsArgs),
    /// Print TCP connections: who, how long, how fast, and what went wrong
    Connections(ConnectionsArgs),
    /// Say where the latency comes from: driver, stack, scheduler, application, TCP, queues or wire
    Explain(ExplainArgs),
    /// Print the stages of messages' ways, as they were counted: what explain is made of
    Latency(LatencyArgs),
    /// Print requests (DNS, TLS, QUIC, HTTP): what was asked of whom, what came back, and how long it took
    Requests(RequestsArgs),
    /// Say what was dropped: by which reason, where, of whom, and what to do about it
    Drops(DropsArgs),
    /// Show bursts: milliseconds in which much more passed an interface than on the average
    Bursts(BurstsArgs),
    /// Show what waits in front of devices, for how long, and how busy those are who empty them
    Queues(QueuesArgs),
    /// Show what the rig itself costs, probe by probe, and what is turned down to keep its budget
    Overhead(OverheadArgs),
    /// Capture packets that a filter takes: to pcapng files, or a line each
    Capture(CaptureArgs),
    /// Rules for packets at XDP: dropped, limited or redirected before the stack pays for them
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Ask in SQL: tables flows, connections, latency, drops, bursts, requests, policy_events, ledger, flows_1m and flows_1h
    Query(QueryArgs),
    /// Say what the store holds at which level of detail, what that costs, and how long it will last
    Store(StoreArgs),
    /// Send a capture through the real kernel programs and print its flows
    Replay(ReplayArgs),
    /// Put the rig under traffic made on purpose, in namespaces of its own, and say which part would break first
    Stress(StressArgs),
    /// Print or check configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Write dashboards for Grafana, and rules and alerts for Prometheus
    Dashboards(DashboardsArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write manual pages
    Man(ManArgs),
}

/// Which configuration.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// Configuration file; without it, the defaults. NETRIG_SECTION__KEY in the environment overrides either
    #[arg(short = 'c', long = "config", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

/// Which running rig.
#[derive(Debug, Args)]
pub(crate) struct RigAddress {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Address of the running rig; without it, `[serve] listen` of the configuration
    #[arg(long, value_name = "URL", value_parser = url)]
    pub(crate) url: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
The rig stops on SIGINT or SIGTERM: it closes the open window, and nothing of it stays attached. \
SIGHUP reads the configuration again.

Examples:
  netrig run                    the uplinks of this host
  netrig run -i eth0 -i 'veth*' these instead
  netrig run -c /etc/netrig/rig.toml")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// Interface to watch: a name, a pattern such as 'veth*', or auto; may be given again. Overrides [rig] interfaces
    #[arg(short = 'i', long = "interface", value_name = "IFACE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) interfaces: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Exits with 0 only if all that the configuration asks for can run here.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Keys: q quits, Tab or 1-6 changes the screen, s changes the order, p pauses, / filters, arrows scroll.")]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) rig: RigAddress,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Live records and stored ones are one answer, each record once. Where no rig answers, the store alone does; \
stderr says which was used.

With --json, each line is a record as it is stored: a flow that lasts has one for every window. \
With --by or --top they are summed first.

Examples:
  netrig flows --top 10
  netrig flows --since 1h --by src_addr,dst_port
  netrig flows --by process,transport --top 5 --json
  netrig flows --since 2026-01-31T08:00:00Z --json | jq .dst_addr
  netrig flows --store /var/lib/netrig --since all")]
pub(crate) struct FlowsArgs {
    /// How far back: a time span (30s, 5m, 1h30m, 7d), an instant (RFC 3339), or all
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) since: Since,
    /// Group by these columns, separated by commas, and sum; `src` and `dst` stand for address and port
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) by: Option<String>,
    /// Only the N with the most bytes
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

#[derive(Debug, Args)]
#[command(after_help = "\
One line for each connection, by what the rig last knew of it: those that failed first, then those that lost time, then the \
rest by their bytes. WHY says in a sentence what hurts. AGE is how long it has lived; CONNECT the handshake's time; RTT \
the mean of all round trips, RTT MIN the shortest; RESENT segments sent again.

A connection is slow when it lost more than DURATION to one of: its handshake (beyond a round trip), the peer's receive \
window, its own send buffer, segments sent again, round trips far above the shortest, an application that does not close or \
does not read.

With --json, each line is the latest record of a connection, as it is stored. With --by they are summed; \
with --slow, groups that lost most come first, else those of most connections.

Examples:
  netrig connections --top 20
  netrig connections --failed --since 1h
  netrig connections --slow 50ms
  netrig connections --failed --by dst,end_reason
  netrig connections --by process,dst_port --json
  netrig connections --open --json | jq 'select(.state == \"close_wait\")'")]
pub(crate) struct ConnectionsArgs {
    /// Only those that failed, the latest first: refused, timed out, unreachable, reset, given up
    #[arg(long)]
    pub(crate) failed: bool,
    /// Only those that lost more than DURATION to something that has a name, the slowest first [default: 100ms]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "100ms", value_parser = parse_duration)]
    pub(crate) slow: Option<Duration>,
    /// Only those that are open
    #[arg(long, conflicts_with = "failed")]
    pub(crate) open: bool,
    /// How far back: a time span (30s, 5m, 1h30m, 7d), an instant (RFC 3339), or all
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) since: Since,
    /// Group by these columns, separated by commas, and sum; `src` and `dst` stand for address and port
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) by: Option<String>,
    /// Only the first N
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

#[derive(Debug, Args)]
#[command(after_help = "\
One line for each service as one process has it, those whose messages took most time first: how many messages (~ where \
sampling makes it a guess), how long they took, and the stage that most of the time goes to; then another, where the slowest \
are slow in that. Connections that are slow, and so are looked at more closely, come below their service with the client's \
address. `host` is what is the whole host's.

With SERVICE, a bar for each stage in the order of a message's way. MEAN is what the stage takes of each message, so that \
means add up; P50 and the other quantiles are of those that passed it. The total is measured by itself: what its parts do \
not explain is the residual. COVERAGE is how many of the sampled messages were measured; of those CENSORED the end was not \
seen.

With --against, the time from then up to --since is what was: which stage moved most.

Examples:
  netrig explain
  netrig explain :8080 --since 1h
  netrig explain 10.0.0.1:5432
  netrig explain nginx
  netrig explain :53/udp
  netrig explain --against 24h
  netrig explain --json | jq 'select(.dominant == \"run_queue\") | .service'")]
pub(crate) struct ExplainArgs {
    /// Only this: :PORT or PORT, ADDR:PORT of a remote service, with /udp for datagrams; or the name of a process or unit
    #[arg(value_name = "SERVICE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) service: Option<String>,
    /// How far back: a time span (30s, 5m, 1h30m, 7d), an instant (RFC 3339), or all
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) since: Since,
    /// Say what has changed since a time before: from this far back up to --since
    #[arg(long, value_name = "TIME")]
    pub(crate) against: Option<Since>,
    /// JSON Lines instead of a table: one object for each service
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) rig: RigAddress,
    /// Read this store; without --url, ask no rig
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
One line for each stage of each service as one process has it, summed over the time; quantiles are those of all its messages. \
TIME is the sum of what was measured, by which lines are ordered. Connections that are slow have lines of their own, after ← \
their client's address.

With --json, each line is a record as it is stored: one for each stage, service and window. With --by or --top they are summed \
first; --by leaves slow connections out unless slow_client is among the columns, for every message of theirs is looked at.

Examples:
  netrig latency --top 10
  netrig latency --by service,stage --since 1h
  netrig latency --by stage
  netrig latency --by slow_client,stage
  netrig latency --json | jq 'select(.stage == \"total\") | .latency_ns_p99'")]
pub(crate) struct LatencyArgs {
    /// How far back: a time span (30s, 5m, 1h30m, 7d), an instant (RFC 3339), or all
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub(crate) since: Since,
    /// Group by these columns, separated by commas, and sum; `slow_client` stands for its address and port
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) by: Option<String>,
    /// Only the N with most time
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

#[derive(Debug, Args)]
#[command(after_help = "\
The query runs in a process of its own, netrig-query, so that no query can hurt the rig; \
`netrig-query --help` has its limits on memory and disk.

Examples:
  netrig query \"SELECT src_addr, sum(bytes) FROM flows GROUP BY 1 ORDER BY 2 DESC LIMIT 5\"
  netrig query \"SELECT end_reason, count(*) FROM connections WHERE end_reason <> 'open' GROUP BY 1\"
  netrig query \"SELECT * FROM ledger WHERE imbalance_packets <> 0\"")]
pub(crate) struct QueryArgs {
    /// The query
    #[arg(value_name = "SQL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) sql: String,
    /// JSON Lines instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Comma-separated values instead of a table
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    #[command(flatten)]
    pub(crate) rig: RigAddress,
    /// Read this store; without --url, ask no rig
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
pcap and pcapng, also compressed (gzip, zstd). The capture's own timestamps count. \
Needs the rights to load kernel programs; sends nothing.

Examples:
  netrig replay capture.pcap
  netrig replay capture.pcapng.zst --json
  netrig replay capture.pcap --reduction")]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) config: ConfigFile,
    /// The capture
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// JSON Lines instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Instead of flows: what of them each level of the store still tells, beside the exact truth
    #[arg(long)]
    pub(crate) reduction: bool,
    /// Tell the flows inside VXLAN, GENEVE, GRE and IP-in-IP tunnels beside the outer ones, as [flow] tunnels does
    #[arg(long)]
    pub(crate) tunnels: bool,
    /// Only this probe; may be given again
    #[arg(long = "probe", value_name = "NAME")]
    pub(crate) probes: Vec<String>,
}

/// `netrig config`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a configuration file with every setting at its default, explained
    Default,
    /// Say whether a configuration is right, and where not
    Check(ConfigFile),
    /// Print the JSON schema of the configuration
    Schema,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  netrig completions bash > /usr/share/bash-completion/completions/netrig
  netrig completions zsh > \"${fpath[1]}/_netrig\"")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Writes grafana/*.json, to import, and prometheus/recording.rules.yml and prometheus/alerts.rules.yml, for
rule_files. A file of that name that netrig did not write, or that somebody changed, stays as it is.

Example:
  netrig dashboards --out /etc/netrig/dashboards")]
pub(crate) struct DashboardsArgs {
    /// Folder for the files; made when it is missing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// Replace files that netrig did not write, too
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  netrig man --out /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Folder for the pages; made when it is missing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
}

/// The version, and the kernel it would run on: what a report of a problem needs first.
fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        format!("{}\nkernel {}", env!("CARGO_PKG_VERSION"), kernel.trim())
    });
    &TEXT
}

fn url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").ok_or("an address begins with http://, as in http://127.0.0.1:9798")?;
    if rest.is_empty() { Err("no host named".to_owned()) } else { Ok(text.trim_end_matches('/').to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
