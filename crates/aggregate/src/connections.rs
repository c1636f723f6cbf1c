//! Sockets' readings become connection records.

use netrig_model::{
    ConnectionEnd, ConnectionRecord, Owner, Role, Side, SocketReading, SocketRole, TcpState, Timestamp,
};

/// An open connection that does not change has a record this often.
const QUIET_TOLD_NS: i64 = 60 * 1_000_000_000;
/// The kernel's word for a minimum that was never measured.
const NEVER_MEASURED: u32 = u32::MAX;

/// Names of errors that sockets are given, by the numbers that Linux has on the machines netrig runs on.
const ERRORS: &[(u16, &str)] = &[
    (1, "EPERM"),
    (4, "EINTR"),
    (5, "EIO"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (22, "EINVAL"),
    (32, "EPIPE"),
    (71, "EPROTO"),
    (84, "EILSEQ"),
    (90, "EMSGSIZE"),
    (92, "ENOPROTOOPT"),
    (93, "EPROTONOSUPPORT"),
    (95, "EOPNOTSUPP"),
    (98, "EADDRINUSE"),
    (99, "EADDRNOTAVAIL"),
    (100, "ENETDOWN"),
    (101, "ENETUNREACH"),
    (102, "ENETRESET"),
    (103, "ECONNABORTED"),
    (104, "ECONNRESET"),
    (105, "ENOBUFS"),
    (107, "ENOTCONN"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (112, "EHOSTDOWN"),
    (113, "EHOSTUNREACH"),
];

/// An error's name; its number as text where it has none here.
#[must_use]
pub fn error_name(errno: u16) -> String {
    match ERRORS.iter().find(|(number, _)| *number == errno) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("errno {errno}"),
    }
}

/// How a connection ended, from what its socket was told and whether it had ever been established.
#[must_use]
pub fn end_of(reading: &SocketReading) -> ConnectionEnd {
    let reset = reading.reset_received || reading.reset_sent.is_some();
    let was_established =
        reading.established.is_some() || !matches!(reading.state, TcpState::SynSent | TcpState::SynRecv);
    match error_name(reading.errno).as_str() {
        "ETIMEDOUT" => ConnectionEnd::Timeout,
        "EHOSTUNREACH" | "ENETUNREACH" | "EHOSTDOWN" | "ENETDOWN" => ConnectionEnd::Unreachable,
        "ECONNREFUSED" => ConnectionEnd::Refused,
        "ECONNRESET" => ConnectionEnd::Reset,
        "EPIPE" if reset => ConnectionEnd::Reset,
        "ECONNABORTED" => ConnectionEnd::Aborted,
        _ if reading.never_left => ConnectionEnd::Failed,
        _ if reset => ConnectionEnd::Reset,
        _ if reading.errno != 0 && reading.errno != 32 => ConnectionEnd::Failed,
        _ if was_established => ConnectionEnd::Closed,
        _ => ConnectionEnd::Aborted,
    }
}

/// What all records of a rig share.
#[derive(Clone, Debug, Default)]
pub struct ConnectionTeller {
    /// Host name for the records.
    pub host: Option<String>,
    /// The running kernel's names for why it sends resets, by number.
    pub reset_reasons: Vec<String>,
}

impl ConnectionTeller {
    /// The kernel's name for why it sent a reset; none where it has none, or gave no reason.
    #[must_use]
    pub fn reset_reason(&self, number: usize) -> Option<&str> {
        self.reset_reasons.get(number).map(String::as_str).filter(|name| !name.is_empty() && *name != "not_specified")
    }

    /// A socket's record. A listener has none.
    #[must_use]
    pub fn record(
        &self,
        reading: &SocketReading,
        window: (Timestamp, Timestamp),
        owner: Owner,
        end_reason: ConnectionEnd,
    ) -> Option<ConnectionRecord> {
        let role = match reading.role {
            SocketRole::Client => Role::Client,
            SocketRole::Server => Role::Server,
            SocketRole::Listener => return None,
        };
        let (src, dst) =
            if role == Role::Client { (reading.local, reading.peer) } else { (reading.peer, reading.local) };
        let until = reading.ended.unwrap_or(reading.read);
        let us_since = |t: Timestamp| u64::try_from(until.0.saturating_sub(t.0) / 1000).unwrap_or(0);
        let spent = |number: usize| reading.state_us[number];
        let cause = |which: usize| u64::from(reading.retransmits_by_cause[which]);
        let [network, receiver, send_buffer] = reading.busy_us;
        let some = |n: u32| (n != 0).then_some(n);
        let port = |n: u16| (n != 0).then_some(n);
        let rtt = &reading.rtt;
        let pure = &reading.rtt_pure;
        let mean = |sum: u64, samples: u32| (samples > 0).then(|| (sum / u64::from(samples.max(1))) as u32);
        Some(ConnectionRecord {
            window_start: window.0,
            window_end: window.1,
            host: self.host.clone(),
            netns: (reading.netns != 0).then(|| reading.netns.into()),
            connection_id: reading.id,
            role: Some(role),
            src_addr: Some(src.0).filter(|a| !a.is_unspecified()),
            src_port: port(src.1),
            dst_addr: Some(dst.0).filter(|a| !a.is_unspecified()),
            dst_port: port(dst.1),
            opened: reading.opened,
            established: reading.established,
            ended: reading.ended,
            last_seen: reading.active,
            state: reading.state,
            end_reason,
            error: (reading.errno != 0).then(|| error_name(reading.errno)),
            closed_by: match reading.closed_first {
                (true, _) => Some(Side::Local),
                (_, true) => Some(Side::Peer),
                _ => None,
            },
            reset_by: match (reading.reset_received, reading.reset_sent) {
                (true, _) => Some(Side::Peer),
                (_, Some(_)) => Some(Side::Local),
                _ => None,
            },
            reset_reason: reading.reset_sent.and_then(|n| self.reset_reason(n.into())).map(str::to_owned),
            duration_us: reading.opened.map(us_since),
            connect_us: reading.connect_us.map(u64::from),
            syn_sent_us: spent(2),
            syn_recv_us: spent(3),
            established_us: spent(1),
            fin_wait1_us: spent(4),
            fin_wait2_us: spent(5),
            close_wait_us: spent(8),
            closing_us: spent(11),
            last_ack_us: spent(9),
            rtt_samples: rtt.samples.into(),
            rtt_us_min: (rtt.samples > 0).then_some(rtt.min_us),
            rtt_us_mean: mean(rtt.sum_us, rtt.samples),
            rtt_us_max: (rtt.samples > 0).then_some(rtt.max_us),
            rtt_pure_samples: pure.samples.into(),
            rtt_pure_us_min: (pure.samples > 0).then_some(pure.min_us),
            rtt_pure_us_mean: mean(pure.sum_us, pure.samples),
            srtt_us: some(reading.srtt_us),
            rttvar_us: some(reading.rttvar_us).filter(|_| reading.srtt_us != 0),
            kernel_rtt_us_min: some(reading.kernel_rtt_min_us).filter(|us| *us != NEVER_MEASURED),
            cwnd_segments: some(reading.cwnd),
            mss_bytes: some(reading.mss),
            bytes_sent: reading.bytes_sent,
            bytes_received: reading.bytes_received,
            segments_sent: reading.segments_sent.into(),
            segments_received: reading.segments_received.into(),
            retransmits: u64::from(reading.retransmits),
            retransmits_timeout: cause(0),
            retransmits_fast: cause(1),
            retransmits_tlp: cause(2),
            retransmits_syn: cause(3),
            retransmits_syn_ack: cause(4),
            retransmits_spurious: reading.spurious.into(),
            out_of_order: reading.out_of_order.into(),
            zero_windows_local: reading.zero_windows_local.into(),
            zero_windows_peer: reading.zero_windows_peer.into(),
            ecn: Some(reading.ecn).filter(|_| reading.established.is_some() || reading.adopted),
            ce_marks: reading.ce_marks.into(),
            busy_us: network + receiver + send_buffer,
            limited_receiver_us: receiver,
            limited_send_buffer_us: send_buffer,
            limited_network_us: network,
            older_than_rig: reading.adopted,
            sampling_rate: 1,
            process: owner.process,
            pid: owner.pid,
            cgroup: owner.cgroup,
            container: owner.container,
            src_name: None,
            dst_name: None,
        })
    }
}

/// What was told last of the connection in each place of the table: an open one is told again when it has changed, and
/// once a minute.
#[derive(Clone, Debug, Default)]
pub struct ToldConnections {
    places: Vec<Remembered>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Remembered {
    id: u64,
    likeness: u64,
    told_ns: i64,
}

impl ToldConnections {
    /// For a table of so many places. The memory is touched place by place as they come into use.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self { places: vec![Remembered::default(); places] }
    }

    /// Bytes of one place.
    pub const BYTES_PER_PLACE: usize = size_of::<Remembered>();

    /// Whether an open connection is to be told in the window that ends at `now`; if so, it counts as told.
    pub fn is_due(&mut self, reading: &SocketReading, now: Timestamp) -> bool {
        let Some(told) = self.places.get_mut(reading.place as usize) else { return true };
        let likeness = likeness(reading);
        let quiet_ns = now.0.saturating_sub(told.told_ns);
        if told.id == reading.id && told.likeness == likeness && (0..QUIET_TOLD_NS).contains(&quiet_ns) {
            return false;
        }
        *told = Remembered { id: reading.id, likeness, told_ns: now.0 };
        true
    }
}

/// A number that is another one when something about a connection has changed that a reader would want to know.
fn likeness(reading: &SocketReading) -> u64 {
    let facts = [
        reading.state as u64 | u64::from(reading.errno) << 8 | u64::from(reading.owner.pid) << 32,
        reading.bytes_sent,
        reading.bytes_received,
        u64::from(reading.segments_sent) << 32 | u64::from(reading.segments_received),
        u64::from(reading.retransmits) << 32 | u64::from(reading.rtt.samples),
        u64::from(reading.zero_windows_peer) << 32 | u64::from(reading.zero_windows_local),
    ];
    facts
        .iter()
        .fold(0x9e37_79b9_7f4a_7c15, |hash, fact| (hash ^ fact).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29))
}
