//! What is summed of connections.

use super::lost::lost;
use crate::group::{Sum, dashed};
use crate::table::Column;
use crate::units::{bytes, count, microseconds};
use netrig_model::ConnectionRecord;

/// What is summed for a group of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionSums {
    /// Connections.
    pub connections: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those whose handshake's time is known.
    pub connects: u64,
    /// Those times, summed.
    pub connect_us: u64,
    /// The longest of them.
    pub connect_us_max: u64,
    /// Round trips measured.
    pub rtt_samples: u64,
    /// Their times, summed.
    pub rtt_us: u64,
    /// Segments sent.
    pub segments_sent: u64,
    /// Segments sent again.
    pub retransmits: u64,
    /// Payload octets sent.
    pub bytes_sent: u64,
    /// Payload octets received.
    pub bytes_received: u64,
    /// Time that each connection lost to what took most of it, summed.
    pub lost_us: u64,
}

impl ConnectionSums {
    pub(super) fn of(r: &ConnectionRecord, connections: u64) -> Self {
        let rtt = r.rtt_us_mean.map(|mean| (r.rtt_samples, r.rtt_samples.saturating_mul(mean.into())));
        let (rtt_samples, rtt_us) = rtt.unwrap_or_default();
        Self {
            connections,
            failed: u64::from(r.end_reason.is_failure()),
            connects: u64::from(r.connect_us.is_some()),
            connect_us: r.connect_us.unwrap_or(0),
            connect_us_max: r.connect_us.unwrap_or(0),
            rtt_samples,
            rtt_us,
            segments_sent: r.segments_sent,
            retransmits: r.retransmits,
            bytes_sent: r.bytes_sent,
            bytes_received: r.bytes_received,
            lost_us: lost(r).map_or(0, |lost| lost.us),
        }
    }

    /// Mean time of a handshake.
    #[must_use]
    pub fn connect_us_mean(&self) -> Option<u64> {
        self.connect_us.checked_div(self.connects)
    }

    /// Mean of all round trips.
    #[must_use]
    pub fn rtt_us_mean(&self) -> Option<u64> {
        self.rtt_us.checked_div(self.rtt_samples)
    }
}

impl Sum for ConnectionSums {
    const NAMES: &'static [&'static str] = &[
        "connections",
        "failed",
        "connect_us_mean",
        "connect_us_max",
        "rtt_us_mean",
        "segments_sent",
        "retransmits",
        "bytes_sent",
        "bytes_received",
        "lost_us",
    ];

    fn add(&mut self, other: &Self) {
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        sum(&mut self.connections, other.connections);
        sum(&mut self.failed, other.failed);
        sum(&mut self.connects, other.connects);
        sum(&mut self.connect_us, other.connect_us);
        self.connect_us_max = self.connect_us_max.max(other.connect_us_max);
        sum(&mut self.rtt_samples, other.rtt_samples);
        sum(&mut self.rtt_us, other.rtt_us);
        sum(&mut self.segments_sent, other.segments_sent);
        sum(&mut self.retransmits, other.retransmits);
        sum(&mut self.bytes_sent, other.bytes_sent);
        sum(&mut self.bytes_received, other.bytes_received);
        sum(&mut self.lost_us, other.lost_us);
    }

    fn size(&self) -> u64 {
        self.connections
    }

    fn set_members(&mut self, members: u64) {
        self.connections = members;
    }

    fn values(&self) -> Vec<Option<u64>> {
        vec![
            Some(self.connections),
            Some(self.failed),
            self.connect_us_mean(),
            (self.connects > 0).then_some(self.connect_us_max),
            self.rtt_us_mean(),
            Some(self.segments_sent),
            Some(self.retransmits),
            Some(self.bytes_sent),
            Some(self.bytes_received),
            Some(self.lost_us),
        ]
    }

    fn table_columns() -> Vec<Column> {
        vec![
            Column::number("CONNECTIONS"),
            Column::number("FAILED"),
            Column::number("CONNECT"),
            Column::number("CONNECT MAX").optional(),
            Column::number("RTT"),
            Column::number("RESENT").optional(),
            Column::number("SENT").optional(),
            Column::number("RECEIVED").optional(),
            Column::number("LOST"),
        ]
    }

    fn table_cells(&self) -> Vec<String> {
        let time = |us: Option<u64>| dashed(us.map(microseconds).unwrap_or_default());
        vec![
            count(self.connections),
            count(self.failed),
            time(self.connect_us_mean()),
            time((self.connects > 0).then_some(self.connect_us_max)),
            time(self.rtt_us_mean()),
            count(self.retransmits),
            bytes(self.bytes_sent),
            bytes(self.bytes_received),
            time((self.lost_us > 0).then_some(self.lost_us)),
        ]
    }

    fn in_words(&self) -> String {
        let total = bytes(self.bytes_sent.saturating_add(self.bytes_received));
        format!("{} connections, {} failed, {total}", count(self.connections), count(self.failed))
    }
}
