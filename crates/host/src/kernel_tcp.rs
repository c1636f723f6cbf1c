//! The kernel's own counts of TCP, from `/proc/net`.

use crate::error::HostError;
use netrig_model::KernelTcp;
use std::collections::HashMap;
use std::fs;

const NETSTAT: &str = "/proc/thread-self/net/netstat";
const SNMP: &str = "/proc/thread-self/net/snmp";
const SOCKSTAT: &str = "/proc/thread-self/net/sockstat";

/// The kernel's counts of TCP in the network namespace of the calling thread; orphans and memory are the whole host's.
///
/// # Errors
/// When a file cannot be read, or does not have a name that every kernel since 5.8 has.
pub fn kernel_tcp() -> Result<KernelTcp, HostError> {
    let read = |path| fs::read_to_string(path).map_err(|source| HostError::File { path, source });
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(u64::MAX);
    parse(&read(NETSTAT)?, &read(SNMP)?, &read(SOCKSTAT)?, page_bytes)
}

fn parse(netstat: &str, snmp: &str, sockstat: &str, page_bytes: u64) -> Result<KernelTcp, HostError> {
    let netstat = Names { path: NETSTAT, values: header_and_values(netstat) };
    let snmp = Names { path: SNMP, values: header_and_values(snmp) };
    // It has IPv6's sockets too: sockstat6 tells of them only how many are in use.
    let sockstat = Names { path: SOCKSTAT, values: names_and_values(sockstat) };
    Ok(KernelTcp {
        listen_overflows: netstat.get("TcpExt", "ListenOverflows")?,
        listen_drops: netstat.get("TcpExt", "ListenDrops")?,
        syn_queue_drops: netstat.get("TcpExt", "TCPReqQFullDrop")?,
        syn_cookies: netstat.get("TcpExt", "SyncookiesSent")?,
        time_wait: sockstat.get("TCP", "tw")?,
        orphans: sockstat.get("TCP", "orphan")?,
        memory_bytes: sockstat.get("TCP", "mem")?.saturating_mul(page_bytes),
        retransmits: snmp.get("Tcp", "RetransSegs")?,
    })
}

/// Values by what they stand under: `TcpExt` `ListenDrops`.
struct Names<'a> {
    path: &'static str,
    values: HashMap<(&'a str, &'a str), &'a str>,
}

impl Names<'_> {
    fn get(&self, group: &'static str, name: &'static str) -> Result<u64, HostError> {
        let value = self.values.get(&(group, name)).ok_or(HostError::Missing { path: self.path, group, name })?;
        // Counts of things that come and go are sums over processors, and may for a moment read as less than nothing.
        let negative = value.strip_prefix('-').is_some_and(|digits| digits.parse::<u64>().is_ok());
        if negative { Ok(0) } else { value.parse().map_err(|_| HostError::Missing { path: self.path, group, name }) }
    }
}

/// Of `netstat` and `snmp`: pairs of lines that begin with the group's name, of which the first has the names and the second
/// the values.
fn header_and_values(text: &str) -> HashMap<(&str, &str), &str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':')).peekable();
    let mut values = HashMap::new();
    while let Some((group, names)) = lines.next() {
        if let Some((_, row)) = lines.next_if(|(next, _)| *next == group) {
            values.extend(names.split_whitespace().map(|name| (group, name)).zip(row.split_whitespace()));
        }
    }
    values
}

/// Of `sockstat`: `TCP: inuse 1 orphan 0`.
fn names_and_values(text: &str) -> HashMap<(&str, &str), &str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let pairs = lines.flat_map(|(group, rest)| {
        let words: Vec<_> = rest.split_whitespace().collect();
        words.chunks_exact(2).map(|pair| ((group, pair[0]), pair[1])).collect::<Vec<_>>()
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SNMP_TEXT: &str = "Ip: Forwarding DefaultTTL InReceives\nIp: 1 64 149166\nIcmpMsg: InType3\nIcmpMsg: 2\n\
        Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n\
        Tcp: 1 200 120000 -1 1221 476 95 92 0 147892 114721 73 0 258 0\n";
    const SOCKSTAT_TEXT: &str = "sockets: used 290\nTCP: inuse 27 orphan 3 tw 12 alloc 30 mem 4\nUDP: inuse 9 mem 5\n";

    /// Texts with the columns of kernels of three ages; each value is 1000 and its column's place.
    #[test]
    fn columns_are_found_by_name_on_old_and_new_kernels() {
        let expected = |listen_overflows, syn_queue_drops| KernelTcp {
            listen_overflows,
            listen_drops: listen_overflows + 1,
            syn_queue_drops,
            syn_cookies: 1_000,
            time_wait: 12,
            orphans: 3,
            memory_bytes: 4 * 4_096,
            retransmits: 73,
        };
        let kernels = [
            (include_str!("../tests/proc/netstat-4.9"), expected(1_019, 1_079)),
            (include_str!("../tests/proc/netstat-5.10"), expected(1_018, 1_075)),
            (include_str!("../tests/proc/netstat-6.18"), expected(1_022, 1_079)),
        ];
        for (netstat, expected) in kernels {
            assert_eq!(parse(netstat, SNMP_TEXT, SOCKSTAT_TEXT, 4_096).expect("all names are there"), expected);
        }
    }

    #[test]
    fn a_name_that_is_missing_is_named_with_its_file() {
        let error = parse("TcpExt: ListenDrops\nTcpExt: 1\n", SNMP_TEXT, SOCKSTAT_TEXT, 4_096).expect_err("incomplete");
        let expected = "/proc/thread-self/net/netstat has no number for TcpExt ListenOverflows: this is no kernel since Linux 5.8, or a sandbox's imitation of one";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_head_without_its_values_is_passed_over() {
        let values = header_and_values("A: x y\nB: z\nB: 1\nA: 2 3\nnonsense\n");
        assert_eq!(values, HashMap::from([(("B", "z"), "1")]));
    }

    #[test]
    fn a_count_below_nothing_is_nothing() {
        let sockstat = SOCKSTAT_TEXT.replace("tw 12", "tw -1");
        let netstat = include_str!("../tests/proc/netstat-6.18");
        assert_eq!(parse(netstat, SNMP_TEXT, &sockstat, 4_096).expect("numbers").time_wait, 0);
        let sockstat = SOCKSTAT_TEXT.replace("tw 12", "tw many");
        assert!(parse(netstat, SNMP_TEXT, &sockstat, 4_096).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".*", likely in r"((TcpExt|TCP): ?[a-zA-Z0-9 -]{0,20}\n){0,6}") {
            for text in [text, likely] {
                header_and_values(&text);
                names_and_values(&text);
                prop_assert!(parse(&text, SNMP_TEXT, &text, 4_096).is_err());
            }
        }
    }
}
