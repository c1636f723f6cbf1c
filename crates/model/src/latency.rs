//! Where latency comes from: the stages of a message's way through this host and over the wire, and their records.

use crate::record::{opt, req};
use crate::words::words;
use crate::{Column, ColumnType, Histogram, Role, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

words! {
    /// A part of a message's way. In the order of the way: from the interface to the application, and out again.
    Stage {
        /// R1: from the interrupt's request to the network softirq's start. Of the whole host, never of a service.
        Softirq = "softirq",
        /// R2: from the receive stamp at the driver to the socket.
        Stack = "stack",
        /// R3: from the socket to the call that wakes its reader.
        Wakeup = "wakeup",
        /// R4: the woken reader waits for a CPU.
        RunQueue = "run_queue",
        /// R5: the data waits in the socket while its reader runs, or sleeps, or does other things.
        Read = "read",
        /// A: from the read to the first octet of the answer. Servers only.
        Think = "think",
        /// T1: from the write to the moment TCP hands its last octet down.
        TcpQueue = "tcp_queue",
        /// T2: in the queueing discipline, and in TCP where it waits for the discipline to empty.
        Qdisc = "qdisc",
        /// T3: from the driver to the wire, by hardware stamps.
        Nic = "nic",
        /// W: from the driver to an acknowledgement without data.
        Wire = "wire",
        /// W+P: from the driver to an acknowledgement with data; of clients: to the answer's first octets.
        WirePeer = "wire_peer",
        /// The whole: of servers from the request's arrival to the answer's departure, of clients from the write to the
        /// answer's read.
        Total = "total",
    }
}

impl Stage {
    /// Whether it is a part of [`Stage::Total`] for this role: the parts add up to it, but for what could not be seen.
    #[must_use]
    pub fn is_part_of_total(self, role: Option<Role>) -> bool {
        use Stage::{Nic, Qdisc, Read, RunQueue, Softirq, Stack, TcpQueue, Think, Total, Wakeup, Wire, WirePeer};
        match self {
            Stack | Wakeup | RunQueue | Read | TcpQueue | Qdisc => true,
            Think => role != Some(Role::Client),
            WirePeer => role == Some(Role::Client),
            // A server's whole ends at the driver, and a client's peer has the hardware's time in its own.
            Softirq | Nic | Wire | Total => false,
        }
    }
}

words! {
    /// What held a message in TCP's queue.
    QueueCause {
        /// The peer's receive window.
        ReceiveWindow = "receive_window",
        /// The congestion window.
        CongestionWindow = "congestion_window",
        /// Pacing.
        Pacing = "pacing",
        /// Nagle's algorithm: a small segment waits for an acknowledgement.
        Nagle = "nagle",
        /// The send buffer: the application's write had to wait.
        SendBuffer = "send_buffer",
        /// None of these.
        Other = "other",
    }
}

/// One stage's sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSums {
    /// Which.
    pub stage: Stage,
    /// The times.
    pub histogram: Histogram,
    /// Sampled messages that should have passed this stage.
    pub eligible: u64,
    /// Those of them that began it and whose end was not seen.
    pub censored: u64,
}

/// What a place of the latency probe has counted since it was taken: a service as one process has it, one slow connection,
/// the host itself, or the rest of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyService {
    /// Number of its place: 0 is the sum of all beyond the cap, 1 the host.
    pub place: u32,
    /// `tcp` or `udp`; null for the host and the rest.
    pub transport: Option<String>,
    /// This host's part.
    pub role: Option<Role>,
    /// The remote address, for clients.
    pub addr: Option<IpAddr>,
    /// Its port; the local one for servers.
    pub port: Option<u16>,
    /// Process name.
    pub process: Option<String>,
    /// Path of its control group.
    pub cgroup: Option<String>,
    /// Container id, or systemd unit.
    pub container: Option<String>,
    /// Client's address and port, where this is one connection flagged slow.
    pub slow_client: Option<SocketAddr>,
    /// Stages with anything to tell, in order.
    pub stages: Vec<StageSums>,
    /// What held messages in TCP's queue: how many, and their time in all, nanoseconds.
    pub causes: Vec<(QueueCause, u64, u64)>,
    /// The interface with the longest wait in a queueing discipline.
    pub iface: Option<String>,
}

impl LatencyService {
    /// As people write it: `:443`, `10.0.0.1:5432`, `:53/udp`, `host`, `other`.
    #[must_use]
    pub fn name(&self) -> String {
        service_name(self.transport.as_deref(), self.addr, self.port, self.place == HOST_PLACE)
    }
}

/// The place of what belongs to the whole host.
pub const HOST_PLACE: u32 = 1;

fn service_name(transport: Option<&str>, addr: Option<IpAddr>, port: Option<u16>, host: bool) -> String {
    let suffix = if transport == Some("udp") { "/udp" } else { "" };
    match (addr, port) {
        (Some(addr), Some(port)) => format!("{}{suffix}", SocketAddr::new(addr, port)),
        (None, Some(port)) => format!(":{port}{suffix}"),
        _ if host => "host".to_owned(),
        _ => "other".to_owned(),
    }
}

/// The latency probe's picture. Counts are since the rig started and never go backwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyStatus {
    /// One message in so many is looked at.
    pub sampling_rate: u32,
    /// Stages that this host cannot show, and why.
    pub unseen: Vec<(Stage, String)>,
    /// Everything counted.
    pub services: Vec<LatencyService>,
    /// Places taken.
    pub places: u64,
    /// The most there can be.
    pub places_max: u64,
    /// Kernel memory, bytes.
    pub bytes: u64,
}

/// One stage of one service as one process has it, in one window. Unknown is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "LATENCY_COLUMNS says what each means, once, for every reader")]
pub struct LatencyRecord {
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub host: Option<String>,
    pub service: String,
    pub transport: Option<String>,
    pub role: Option<Role>,
    pub service_addr: Option<IpAddr>,
    pub service_port: Option<u16>,
    pub slow_client_addr: Option<IpAddr>,
    pub slow_client_port: Option<u16>,
    pub stage: Stage,
    pub samples: u64,
    pub eligible: u64,
    pub censored: u64,
    pub sampling_rate: u32,
    pub latency_ns_sum: u64,
    pub latency_ns_p50: Option<u64>,
    pub latency_ns_p90: Option<u64>,
    pub latency_ns_p99: Option<u64>,
    pub latency_ns_p999: Option<u64>,
    pub latency_ns_max: Option<u64>,
    pub histogram: String,
    pub cause: Option<QueueCause>,
    pub cause_ns_sum: Option<u64>,
    pub iface: Option<String>,
    pub process: Option<String>,
    pub cgroup: Option<String>,
    pub container: Option<String>,
}

use ColumnType::{Text, TimestampNs, U16, U32, U64};

/// The columns of `latency`, in order.
pub const LATENCY_COLUMNS: &[Column] = &[
    req("window_start", TimestampNs, "start of the window"),
    req("window_end", TimestampNs, "end of the window"),
    opt("host", Text, "host name"),
    req("service", Text, "as people write it: `:443`, `10.0.0.1:5432`, `:53/udp`; `host` for what is the whole host's"),
    opt("transport", Text, "tcp or udp"),
    opt("role", Text, "this host's part: client or server"),
    opt("service_addr", Text, "remote address, for clients"),
    opt("service_port", U16, "its port; the local one for servers"),
    opt("slow_client_addr", Text, "set where the row is of one connection flagged slow: its client's address"),
    opt("slow_client_port", U16, "its port"),
    req(
        "stage",
        Text,
        "softirq, stack, wakeup, run_queue, read, think, tcp_queue, qdisc, nic, wire, wire_peer, total: see docs/latency.md",
    ),
    req("samples", U64, "messages measured"),
    req("eligible", U64, "sampled messages that should have passed this stage: samples / eligible is its coverage"),
    req("censored", U64, "those that began it and whose end was not seen"),
    req("sampling_rate", U32, "1 message in this many was looked at"),
    req("latency_ns_sum", U64, "sum of the times"),
    opt("latency_ns_p50", U64, "median, within 3 %"),
    opt("latency_ns_p90", U64, "90 of 100 are below, within 3 %"),
    opt("latency_ns_p99", U64, "99 of 100 are below, within 3 %"),
    opt("latency_ns_p999", U64, "999 of 1000 are below, within 3 %"),
    opt("latency_ns_max", U64, "longest, within 3 %"),
    req(
        "histogram",
        Text,
        "the distribution, to be summed: `bucket:count` pairs, where bucket i holds times in (2^((i−1)/16), 2^(i/16)] s",
    ),
    opt(
        "cause",
        Text,
        "of tcp_queue: what held messages longest: receive_window, congestion_window, pacing, nagle, send_buffer, other",
    ),
    opt("cause_ns_sum", U64, "its part of the sum"),
    opt("iface", Text, "of qdisc: the interface with the longest wait"),
    opt("process", Text, "process name on this host"),
    opt("cgroup", Text, "control group of the process"),
    opt("container", Text, "container id of the process, or systemd unit"),
];

impl Histogram {
    /// As a column of text holds it: `-160:3 -159:12`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let pairs: Vec<_> = self.buckets.iter().map(|(bucket, count)| format!("{bucket}:{count}")).collect();
        pairs.join(" ")
    }

    /// Back from a column of text; none for what is not one.
    #[must_use]
    pub fn from_text(text: &str, sum_ns: u64) -> Option<Self> {
        let mut buckets = Vec::new();
        for pair in text.split_ascii_whitespace() {
            let (bucket, count) = pair.split_once(':')?;
            let (bucket, count): (i32, u64) = (bucket.parse().ok()?, count.parse().ok()?);
            if buckets.last().is_some_and(|(before, _)| *before >= bucket) {
                return None;
            }
            buckets.push((bucket, count));
        }
        Some(Self { buckets, sum_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_list_of_latency_is_the_struct() {
        let text = r#"{"window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:30Z","service":":80",
            "stage":"think","samples":1,"eligible":1,"censored":0,"sampling_rate":16,"latency_ns_sum":5,"histogram":"-300:1"}"#;
        let record: LatencyRecord = serde_json::from_str(text).expect("required columns are enough");
        let json = serde_json::to_value(record).expect("serialise");
        let mut got: Vec<_> = json.as_object().expect("an object").keys().cloned().collect();
        let mut columns: Vec<_> = LATENCY_COLUMNS.iter().map(|c| c.name.to_owned()).collect();
        got.sort();
        columns.sort();
        assert_eq!(got, columns);
    }

    #[test]
    fn services_have_the_names_people_write() {
        let name = |transport, addr: Option<&str>, port, host| {
            service_name(transport, addr.map(|a| a.parse().expect("address")), port, host)
        };
        assert_eq!(name(Some("tcp"), None, Some(443), false), ":443");
        assert_eq!(name(Some("udp"), None, Some(53), false), ":53/udp");
        assert_eq!(name(Some("tcp"), Some("2001:db8::1"), Some(443), false), "[2001:db8::1]:443");
        assert_eq!(name(None, None, None, true), "host");
        assert_eq!(name(None, None, None, false), "other");
    }

    #[test]
    fn a_histogram_goes_through_text_and_back() {
        let histogram = Histogram { buckets: vec![(-320, 7), (-3, 1), (12, 99)], sum_ns: 5 };
        assert_eq!(histogram.to_text(), "-320:7 -3:1 12:99");
        assert_eq!(Histogram::from_text(&histogram.to_text(), 5), Some(histogram));
        assert_eq!(Histogram::from_text("", 0), Some(Histogram::default()));
        for bad in ["1", "1:x", "2:1 1:1", "a:1"] {
            assert_eq!(Histogram::from_text(bad, 0), None, "{bad}");
        }
    }

    #[test]
    fn the_parts_of_a_whole_depend_on_the_role() {
        let parts = |role| Stage::ALL.iter().filter(|s| s.is_part_of_total(role)).count();
        assert_eq!((parts(Some(Role::Server)), parts(Some(Role::Client))), (7, 7));
    }
}
