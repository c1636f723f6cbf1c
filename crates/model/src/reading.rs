//! A TCP socket as the kernel's table has it at one moment.

use crate::{Owner, TcpState, Timestamp};
use std::net::IpAddr;

/// Which part a socket plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketRole {
    /// It connected.
    Client,
    /// It accepted.
    Server,
    /// It listens.
    Listener,
}

/// Who uses a socket, as the kernel knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KernelOwner {
    /// Process id in the host's numbering; 0: unknown.
    pub pid: u32,
    /// Process name, ended by zeros.
    pub process: [u8; 16],
    /// Id of the control group on the v2 hierarchy; 0: unknown.
    pub cgroup: u64,
}

impl KernelOwner {
    /// What the kernel itself says of it.
    #[must_use]
    pub fn bare(&self) -> Owner {
        let end = self.process.iter().position(|octet| *octet == 0).unwrap_or(self.process.len());
        let process = String::from_utf8_lossy(&self.process[..end]).into_owned();
        Owner {
            process: (!process.is_empty()).then_some(process),
            pid: (self.pid != 0).then_some(self.pid),
            ..Owner::default()
        }
    }
}

/// Round trips measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// How many.
    pub samples: u32,
    /// Their sum, microseconds.
    pub sum_us: u64,
    /// The shortest, microseconds; of no meaning without samples.
    pub min_us: u32,
    /// The longest; not kept of the pure ones.
    pub max_us: u32,
}

/// A socket at one moment; counts are of its whole life so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketReading {
    /// Its place in the table.
    pub place: u32,
    /// The connection's id.
    pub id: u64,
    /// Its part.
    pub role: SocketRole,
    /// Its state; once ended, the last one before.
    pub state: TcpState,
    /// Inode of its network namespace.
    pub netns: u32,
    /// Its own address (IPv4 also where an IPv6 socket uses it) and port.
    pub local: (IpAddr, u16),
    /// Its peer's.
    pub peer: (IpAddr, u16),
    /// Who uses it.
    pub owner: KernelOwner,
    /// Whether it was open when the rig came to know of it.
    pub adopted: bool,
    /// When it was opened, unless it was adopted.
    pub opened: Option<Timestamp>,
    /// When it was established, where that was seen.
    pub established: Option<Timestamp>,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// The latest sign of life.
    pub active: Timestamp,
    /// When this was read.
    pub read: Timestamp,
    /// Microseconds in each state, by the kernel's number, the present one included.
    pub state_us: [u64; 16],
    /// What connecting took, microseconds.
    pub connect_us: Option<u32>,
    /// The error given to the application, or 0.
    pub errno: u16,
    /// Whether connect() failed before a SYN was made; then its error is its caller's alone.
    pub never_left: bool,
    /// Whether this side sent a reset, and the kernel's number for why.
    pub reset_sent: Option<u8>,
    /// Whether the peer did.
    pub reset_received: bool,
    /// Who closed first: this side, the peer.
    pub closed_first: (bool, bool),
    /// Whether ECN was agreed on.
    pub ecn: bool,
    /// All round trips.
    pub rtt: RoundTrips,
    /// Those that were acknowledged without data.
    pub rtt_pure: RoundTrips,
    /// Smoothed round trip, its variation and windowed minimum as the kernel has them, microseconds.
    pub srtt_us: u32,
    /// See above.
    pub rttvar_us: u32,
    /// See above.
    pub kernel_rtt_min_us: u32,
    /// Congestion window, segments.
    pub cwnd: u32,
    /// Largest segment, bytes.
    pub mss: u32,
    /// Payload sent, each octet once, bytes.
    pub bytes_sent: u64,
    /// Payload received, bytes.
    pub bytes_received: u64,
    /// Segments sent.
    pub segments_sent: u32,
    /// Segments received.
    pub segments_received: u32,
    /// Segments sent again, all.
    pub retransmits: u32,
    /// Of these by cause, as far as seen: timeout, fast, tail-loss probe, SYN, SYN-ACK, other.
    pub retransmits_by_cause: [u32; 6],
    /// Retransmits that the peer had no need of.
    pub spurious: u32,
    /// Segments out of order.
    pub out_of_order: u32,
    /// Sent segments that were marked.
    pub ce_marks: u32,
    /// Times the peer shut its window, and this side its own.
    pub zero_windows_peer: u32,
    /// See above.
    pub zero_windows_local: u32,
    /// Microseconds busy and free, held up by the peer's window, by the send buffer; each without the others.
    pub busy_us: [u64; 3],
    /// Number of the latest walk that met it.
    pub walk: u32,
    /// Listeners: connections that wait, the most that may, handshakes under way, drops.
    pub queue: [u32; 4],
}
