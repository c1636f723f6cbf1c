//! What takes turns at the same traffic: nothing, a program that does nothing, the rig as it may be set, and what else people run.

use std::path::Path;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    /// Nothing is attached.
    Off,
    /// Nothing again: what differs from [`Contender::Off`] is noise.
    OffAgain,
    /// A program that does nothing, where the rig counts packets.
    Empty,
    Flows,
    Default,
    /// The same, when its governor has had its time with the load.
    Settled,
    Everything,
    TcpdumpNull,
    TcpdumpFile,
    Softflowd,
    Pmacctd,
}

/// Everyone, in the order of turns: the rig's default stands between nothing and nothing again.
pub(crate) const ALL: [Contender; 11] = [
    Contender::Off,
    Contender::Default,
    Contender::OffAgain,
    Contender::Settled,
    Contender::Empty,
    Contender::Flows,
    Contender::Everything,
    Contender::TcpdumpNull,
    Contender::TcpdumpFile,
    Contender::Softflowd,
    Contender::Pmacctd,
];

/// Flows and nothing else.
const FLOWS: &str = "\
[tcp]\nenabled = false\n[latency]\nenabled = false\n[drop]\nenabled = false\n[burst]\nenabled = false
[queue]\nenabled = false\n[payload]\nenabled = false\n[policy]\nenabled = false\n[recorder]\nenabled = false\n";

/// All that can be switched on, as fine as it goes but for the length of a bucket.
const EVERYTHING: &str = "\
[rig]\ncpu = \"100%\"\nmemory = \"128MiB\"\n[flow]\ntunnels = true\n[tcp]\nreads = true\n[latency]\nsampling = 1
[drop]\nexamples = 1000\n[burst]\nbucket = \"1ms\"\n[payload]\ncontent = \"full\"\npath = \"keep\"\ncopy = \"16KiB\"
[recorder]\nmemory = \"32MiB\"\nsnaplen = 480\n";

impl Contender {
    /// As tables and JSON call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::OffAgain => "off, again",
            Self::Empty => "empty program",
            Self::Flows => "netrig, flows alone",
            Self::Default => "netrig, default",
            Self::Settled => "netrig, default, settled",
            Self::Everything => "netrig, everything on",
            Self::TcpdumpNull => "tcpdump -w /dev/null",
            Self::TcpdumpFile => "tcpdump -s 128 -w FILE",
            Self::Softflowd => "softflowd",
            Self::Pmacctd => "pmacctd",
        }
    }

    pub(crate) fn is_rig(self) -> bool {
        matches!(self, Self::Flows | Self::Default | Self::Settled | Self::Everything)
    }

    /// The program that is run, if it is another's.
    pub(crate) fn foreign_program(self) -> Option<&'static str> {
        match self {
            Self::TcpdumpNull | Self::TcpdumpFile => Some("tcpdump"),
            Self::Softflowd => Some("softflowd"),
            Self::Pmacctd => Some("pmacctd"),
            _ => None,
        }
    }

    /// Arguments for another's program, and the file it needs in `folder`.
    pub(crate) fn foreign_arguments(self, iface: &str, folder: &Path) -> Vec<String> {
        let file = |name: &str| folder.join(name).display().to_string();
        let text = match self {
            Self::TcpdumpNull => format!("-n -Z root -i {iface} -w /dev/null"),
            Self::TcpdumpFile => format!("-n -Z root -i {iface} -s 128 -w {}", file("capture.pcap")),
            Self::Softflowd => {
                format!("-d -i {iface} -v 9 -n {COLLECTOR} -p {} -c {}", file("softflowd.pid"), file("softflowd.ctl"))
            }
            Self::Pmacctd => format!("-f {}", file("pmacctd.conf")),
            _ => String::new(),
        };
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// The configuration it is run with: the file's name, and what stands in it.
    pub(crate) fn configuration(self, iface: &str, folder: &Path) -> Option<(&'static str, String)> {
        let rig = |text: &str| {
            // The section may be there already.
            let watched = format!("[rig]\ninterfaces = [\"{iface}\"]\n");
            let rest = text.strip_prefix("[rig]\n").unwrap_or(text);
            ("rig.toml", watched + rest)
        };
        match self {
            Self::Flows => Some(rig(FLOWS)),
            Self::Default | Self::Settled => Some(rig("")),
            Self::Everything => Some(rig(EVERYTHING)),
            Self::Pmacctd => Some(("pmacctd.conf", pmacctd(iface, folder))),
            _ => None,
        }
    }
}

/// Where flows are sent to that somebody exports: nobody reads them there.
pub(crate) const COLLECTOR: &str = "127.0.0.1:9995";

/// Flows by their five fields, told every ten seconds as the rig does.
fn pmacctd(iface: &str, folder: &Path) -> String {
    format!(
        "daemonize: false\npcap_interface: {iface}\nplugins: print\n\
         aggregate: src_host, dst_host, src_port, dst_port, proto\nprint_refresh_time: 10\nprint_output: csv\n\
         print_output_file: {}\n",
        folder.join("flows.csv").display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn everyone_has_a_turn_and_a_name_of_its_own() {
        let names: BTreeSet<_> = ALL.iter().map(|contender| contender.name()).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn each_has_what_it_needs_to_be_run() {
        for contender in ALL {
            let (foreign, folder) = (contender.foreign_program().is_some(), Path::new("/x"));
            assert_eq!(foreign, !contender.foreign_arguments("eth0", folder).is_empty(), "{contender:?}");
            let file = contender.configuration("eth0", folder);
            assert_eq!(file.is_some(), contender.is_rig() || contender == Contender::Pmacctd, "{contender:?}");
            let sections = file.map_or(0, |(_, text)| text.matches("[rig]").count());
            assert_eq!(sections, usize::from(contender.is_rig()), "{contender:?}");
        }
    }
}
