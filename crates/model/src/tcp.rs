//! What a running rig shows of the host's TCP.

use crate::{Histogram, Role, TcpState};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The TCP probe's picture. Counts are since the rig started and never go backwards, and count all connections, those
/// without a record too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TcpStatus {
    /// Connections opened since the start, by role: first those of clients (SYN sent), then of servers (handshake done).
    pub opened: [u64; 2],
    /// Connections that became established, by role.
    pub established: [u64; 2],
    /// Ended connections told in records, by `end_reason`.
    pub ended: Vec<(String, u64)>,
    /// Errors reported to applications, by name (`ECONNREFUSED`, …), whether a record tells of them or not.
    pub errors: Vec<(String, u64)>,
    /// Resets sent, by the kernel's reason (`unknown` before Linux 6.10).
    pub resets_sent: Vec<(String, u64)>,
    /// Resets received.
    pub resets_received: u64,
    /// Segments sent again, by cause: timeout, fast, tlp, syn, syn_ack, other.
    pub retransmits: Vec<(String, u64)>,
    /// Open connections the rig knows of, by state.
    pub open: Vec<(TcpState, u64)>,
    /// Handshakes under way at the listeners: SYN received, not yet acknowledged.
    pub half_open: u64,
    /// The kernel's own counts; absent where they cannot be read.
    pub kernel: Option<KernelTcp>,
    /// Every listening socket.
    pub listeners: Vec<ListenerStatus>,
    /// Services with their distributions.
    pub services: Vec<ServiceStatus>,
    /// The table of connections.
    pub table: TcpTableStatus,
}

/// Counts of the kernel's own for this network namespace, since it was made (/proc/net/netstat, snmp and sockstat).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelTcp {
    /// Handshakes whose last acknowledgement found the accept queue full (TcpExtListenOverflows).
    pub listen_overflows: u64,
    /// SYNs and acknowledgements dropped by listeners, overflows included (TcpExtListenDrops).
    pub listen_drops: u64,
    /// SYNs dropped for a full SYN queue (TcpExtTCPReqQFullDrop).
    pub syn_queue_drops: u64,
    /// SYN cookies sent (TcpExtSyncookiesSent).
    pub syn_cookies: u64,
    /// Sockets in TIME_WAIT now.
    pub time_wait: u64,
    /// Sockets without a process now.
    pub orphans: u64,
    /// Pages of memory that TCP has taken now, in bytes.
    pub memory_bytes: u64,
    /// Segments retransmitted (TcpRetransSegs).
    pub retransmits: u64,
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Address it listens on.
    pub addr: IpAddr,
    /// Port it listens on.
    pub port: u16,
    /// Inode of its network namespace.
    pub netns: u64,
    /// Connections that wait for accept(), when last looked at.
    pub accept_queue: u32,
    /// The most that may wait.
    pub accept_queue_max: u32,
    /// Handshakes under way, when last looked at.
    pub syn_queue: u32,
    /// Connections and SYNs dropped since it listens.
    pub drops: u64,
    /// SYN-ACKs sent again, since the rig knows it.
    pub syn_ack_retransmits: u64,
    /// Process name.
    pub process: Option<String>,
    /// Its id.
    pub pid: Option<u32>,
    /// Its container, or systemd unit.
    pub container: Option<String>,
}

/// What the rig knows of one service: a local port where this host is the server, an address and port where it is the
/// client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// This host's part; null for the sum of all services beyond the cap.
    pub role: Option<Role>,
    /// The remote address, for clients.
    pub addr: Option<IpAddr>,
    /// Its port; the local one for servers.
    pub port: u16,
    /// Connections that became established.
    pub connections: u64,
    /// Round trips of all kinds.
    pub rtt: Histogram,
    /// Those that were acknowledged without data: the wire alone.
    pub rtt_pure: Histogram,
    /// Client: connect() to established. Server: SYN-ACK to ACK.
    pub connect: Histogram,
}

impl ServiceStatus {
    /// As people write it: `:443`, `10.0.0.1:5432`, `[2001:db8::1]:443`, `other`.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.role, self.addr) {
            (None, _) => "other".to_owned(),
            (Some(_), None) => format!(":{}", self.port),
            (Some(_), Some(addr)) => std::net::SocketAddr::new(addr, self.port).to_string(),
        }
    }
}

/// The table of connections in kernel memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpTableStatus {
    /// Sockets in it: connections and listeners.
    pub entries: u64,
    /// The most it holds.
    pub capacity: u64,
    /// Its memory in the kernel, bytes.
    pub bytes: u64,
    /// Connections found open when the rig came to know of them.
    pub adopted: u64,
    /// Open connections whose place was needed for others: told once more, then only in the totals.
    pub evicted: u64,
    /// Connections that found no place: only in the totals.
    pub untracked: u64,
    /// Connections whose end was not seen; the next walk over all sockets missed them.
    pub lost: u64,
    /// Walks over all sockets.
    pub walks: u64,
    /// CPU time of those walks, nanoseconds.
    pub walk_cpu_ns: u64,
}
