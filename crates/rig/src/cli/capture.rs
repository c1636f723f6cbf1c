//! `netrig capture`: its words and flags.

use super::ConfigFile;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum, ValueHint};
use netrig_config::parse_duration;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
The filter is what tcpdump's is (man pcap-filter), compiled by libpcap and run in the kernel: packets that it does not take cost \
nanoseconds and never reach this process. Without one, everything is taken. Several words are joined.

Without -w each packet is a line; with it pcapng, with nanoseconds, the direction, the queue and the process of each packet, and \
what was lost. What matched is written or counted as lost, by reason.

Hooks: xdp sees what the driver hands over, before merging; ingress and egress what goes into the stack and comes out of it, \
where the kernel may have merged packets; drop what the kernel throws away, with its reason. Ingress and egress are looked at \
where none is named.

Examples:
  netrig capture -i eth0 -c 10
  netrig capture 'tcp port 443 and host 10.0.0.2' -w out.pcapng
  netrig capture -i any --process nginx -s 128 -w - | tshark -r -
  netrig capture --hook drop 'tcp'                   what is thrown away, and why
  netrig capture -w 'trace-%H%M.pcapng' -G 3600 -W 24
  netrig capture -w ring.pcapng -C 100 -W 10         a ring of ten files of 100 MB
  netrig capture --dump                              the running rig's last seconds")]
pub(crate) struct CaptureArgs {
    /// The filter, in tcpdump's language
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Read the filter from this file
    #[arg(short = 'F', long = "filter-file", value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "filter")]
    pub(crate) filter_file: Option<PathBuf>,
    /// Interface: a name, a pattern such as 'veth*', or any; may be given again. Without it, the uplinks of this host
    #[arg(short = 'i', long = "interface", value_name = "IFACE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) interfaces: Vec<String>,
    /// Write pcapng to this file, or to standard output if it is `-`
    #[arg(short = 'w', long = "write", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) write: Option<PathBuf>,
    /// End after so many packets
    #[arg(short = 'c', long = "count", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Take so many octets of each packet, at most; 0 is all
    #[arg(short = 's', long = "snapshot-length", value_name = "OCTETS", default_value_t = 0)]
    pub(crate) snaplen: u32,
    /// Begin a new file after so many seconds; %H, %M and the like in its name become the time
    #[arg(short = 'G', value_name = "SECONDS", requires = "write", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rotate_seconds: Option<u64>,
    /// Begin a new file when one has more than so many millions of octets
    #[arg(short = 'C', value_name = "MEGABYTES", requires = "write", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rotate_size: Option<u64>,
    /// Keep so many files: with -C the first is overwritten then, with -G the capture ends
    #[arg(short = 'W', value_name = "FILES", requires = "write", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rotate_count: Option<u32>,
    /// Where packets are looked at; may be given again
    #[arg(long = "hook", value_name = "HOOK")]
    pub(crate) hooks: Vec<HookWord>,
    /// Only packets of this process: its number, or its name
    #[arg(long, value_name = "NAME|PID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) process: Option<String>,
    /// Only packets of this container or systemd unit: its name, or the beginning of its id
    #[arg(long, value_name = "NAME|ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) container: Option<String>,
    /// Only one packet in so many of those that match
    #[arg(long, value_name = "1/N", value_parser = sampling)]
    pub(crate) sample: Option<u32>,
    /// Only so many packets a second
    #[arg(long, value_name = "N/s", value_parser = rate)]
    pub(crate) rate: Option<u64>,
    /// Memory for packets on their way from the kernel, KiB, of all CPUs together
    #[arg(short = 'B', long = "buffer-size", value_name = "KIB", default_value_t = 32 * 1024, value_parser = clap::value_parser!(u64).range(64..=64 << 20))]
    pub(crate) buffer_kib: u64,
    /// Do not ask whose packets are
    #[arg(long, conflicts_with_all = ["process", "container"])]
    pub(crate) no_owners: bool,
    /// Have the running rig write down what it remembers of the last seconds, and say where
    #[arg(long, conflicts_with_all = ["filter", "filter_file", "interfaces", "write", "count", "hooks", "process", "container", "sample", "rate"])]
    pub(crate) dump: bool,
    /// With --dump: how much of what follows is written too; without it, as [recorder] after says
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "dump")]
    pub(crate) after: Option<Duration>,
    /// With --dump: why, for the file's story
    #[arg(long, value_name = "TEXT", requires = "dump")]
    pub(crate) reason: Option<String>,
    /// Names are never looked up; taken for tcpdump's sake
    #[arg(short = 'n', hide = true, action = clap::ArgAction::Count)]
    pub(crate) numeric: u8,
    /// Lines are never held back; taken for tcpdump's sake
    #[arg(short = 'l', short_alias = 'U', hide = true, action = clap::ArgAction::Count)]
    pub(crate) line_buffered: u8,
    #[command(flatten)]
    pub(crate) config: ConfigFile,
}

/// Where packets are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HookWord {
    /// What the driver hands over
    Xdp,
    /// What goes into the stack
    Ingress,
    /// What comes out of the stack
    Egress,
    /// What is thrown away
    Drop,
}

fn sampling(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix("1/").unwrap_or(text).parse::<u32>().ok();
    number.filter(|n| *n > 0).ok_or_else(|| "write it as 1/N, as in 1/100".to_owned())
}

fn rate(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).parse::<u64>().ok();
    number.filter(|n| *n > 0).ok_or_else(|| "write it as packets a second, as in 1000/s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_samples_have_a_unit_or_none() {
        assert_eq!((sampling("1/100"), sampling("7")), (Ok(100), Ok(7)));
        assert!(sampling("2/3").is_err() && sampling("0").is_err() && sampling("1/0").is_err());
        assert_eq!((rate("1000/s"), rate("5")), (Ok(1000), Ok(5)));
        assert!(rate("5/min").is_err() && rate("0/s").is_err());
    }
}
