//! Bursts: milliseconds in which much more passed an interface than on the average; and the records of them.

use crate::record::{opt, req};
use crate::words::words;
use crate::{Column, ColumnType, Direction, Histogram, InterfaceId, Timestamp};
use serde::{Deserialize, Serialize};

/// One fine bucket of one interface and direction, all CPUs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BurstBucket {
    /// Its number: monotonic time divided by the bucket's length.
    pub number: u64,
    /// Octets, as on the wire.
    pub bytes: u64,
    /// Packets, as on the wire.
    pub packets: u64,
    /// Of these, marked by a congested router (ECN CE).
    pub ce_packets: u64,
    /// Segments that this host's TCP sent again (egress).
    pub retransmits: u64,
    /// The flows seen, a bit each by their hash: so many bits set, so many flows.
    pub flows: u128,
}

/// A packet of a flow that was met when a bucket had grown: it stands for what the bucket grew by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BurstSample {
    /// The bucket's number.
    pub number: u64,
    /// The flow, by a number that means something to whoever took the sample.
    pub flow: u64,
    /// Octets that it stands for.
    pub bytes: u64,
}

/// Which interface, which way.
pub type BurstRing = (InterfaceId, Direction);

words! {
    /// Which bound a burst went over.
    BurstTrigger {
        /// The configured share of the link's speed.
        LinkShare = "link_share",
        /// So many times the mean.
        TimesMean = "times_mean",
    }
}

/// A flow's part of a burst, by samples taken each so many octets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BurstFlow {
    /// As people write it: `tcp 10.0.0.1:5201 > 10.0.0.2:40000`.
    pub flow: String,
    /// Its octets in the burst, estimated.
    pub bytes: u64,
    /// Process on this host, where known.
    pub process: Option<String>,
}

impl BurstFlow {
    /// As the column has it; [`BurstRecord::top_flows`] reads it back.
    #[must_use]
    pub fn to_text(flows: &[Self]) -> String {
        serde_json::to_string(flows).unwrap_or_default()
    }
}

/// One burst. Unknown is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "BURST_COLUMNS says what each means, once, for every reader")]
pub struct BurstRecord {
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub host: Option<String>,
    pub iface: Option<String>,
    pub direction: Option<Direction>,
    pub trigger: BurstTrigger,
    pub burst_start: Timestamp,
    pub burst_end: Timestamp,
    pub duration_ns: u64,
    pub gap_ns: Option<u64>,
    pub bytes: u64,
    pub packets: u64,
    pub ce_packets: u64,
    pub retransmits: Option<u64>,
    pub flows: u64,
    pub peak_bits_per_second: u64,
    pub mean_bits_per_second: u64,
    pub link_bits_per_second: Option<u64>,
    pub bucket_ns: u64,
    pub series_start: Timestamp,
    pub series: String,
    pub top_flows: String,
}

impl BurstRecord {
    /// Octets of each bucket around and in the burst.
    #[must_use]
    pub fn series(&self) -> Vec<u64> {
        self.series.split_ascii_whitespace().filter_map(|n| n.parse().ok()).collect()
    }

    /// The largest flows, largest first.
    #[must_use]
    pub fn top_flows(&self) -> Vec<BurstFlow> {
        serde_json::from_str(&self.top_flows).unwrap_or_default()
    }

    /// The busiest bucket's share of the link; none where its speed is not known.
    #[must_use]
    pub fn utilisation(&self) -> Option<f64> {
        let link = self.link_bits_per_second.filter(|link| *link > 0)?;
        Some(self.peak_bits_per_second as f64 / link as f64)
    }

    /// The busiest bucket over the mean before; none before anything had passed.
    #[must_use]
    pub fn peak_to_mean(&self) -> Option<f64> {
        (self.mean_bits_per_second > 0).then(|| self.peak_bits_per_second as f64 / self.mean_bits_per_second as f64)
    }
}

use ColumnType::{Text, TimestampNs, U64};

/// The columns of `bursts`, in order.
pub const BURST_COLUMNS: &[Column] = &[
    req(
        "window_start",
        TimestampNs,
        "start of the window in which the burst was told: within half a second of its end",
    ),
    req("window_end", TimestampNs, "end of that window"),
    opt("host", Text, "host name"),
    opt("iface", Text, "interface name"),
    opt("direction", Text, "ingress or egress, seen from the interface"),
    req("trigger", Text, "which bound it went over: link_share (of the link's speed), times_mean"),
    req("burst_start", TimestampNs, "first bucket, its unused part left out"),
    req("burst_end", TimestampNs, "last bucket, its unused part left out"),
    req("duration_ns", U64, "length: full buckets, and the edges by how full they are"),
    opt("gap_ns", U64, "since the end of the burst before, same interface and direction"),
    req("bytes", U64, "layer-2 octets without FCS, as on the wire"),
    req("packets", U64, "packets, as on the wire"),
    req("ce_packets", U64, "of these, marked by a congested router (ECN CE)"),
    opt("retransmits", U64, "segments that this host's TCP sent again meanwhile; null on ingress"),
    req(
        "flows",
        U64,
        "distinct flows, estimated from 128 bits with a standard error of 7 % up to 100, 10 % at 300; 621 means at least that",
    ),
    req("peak_bits_per_second", U64, "rate of the busiest bucket"),
    req("mean_bits_per_second", U64, "mean rate of up to ten seconds before"),
    opt("link_bits_per_second", U64, "speed of the link, where the driver tells it"),
    req("bucket_ns", U64, "length of a bucket"),
    req("series_start", TimestampNs, "start of the first bucket of `series`"),
    req(
        "series",
        Text,
        "octets of each bucket, separated by spaces: 20 before the burst, the burst, 20 after; at most 400, the first ones",
    ),
    req("top_flows", Text, "JSON list of the largest flows: `flow`, `bytes` (estimated from samples), `process`"),
];

/// One direction of one interface. Counts are since the rig started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BurstInterface {
    /// Interface name.
    pub iface: String,
    /// Which way.
    pub direction: Option<Direction>,
    /// Speed of the link, where the driver tells it.
    pub link_bits_per_second: Option<u64>,
    /// The busiest bucket of the last 60 s.
    pub peak_bits_per_second: u64,
    /// The mean of the last 10 s.
    pub mean_bits_per_second: u64,
    /// The busiest bucket of each of the last 60 s, oldest first, bits a second.
    pub peaks: Vec<u64>,
    /// Bursts.
    pub bursts: u64,
    /// Their octets.
    pub burst_bytes: u64,
    /// Their lengths.
    pub durations: Histogram,
    /// The times between them.
    pub gaps: Histogram,
    /// Buckets that were overwritten before they were read.
    pub buckets_lost: u64,
}

/// The burst probe's picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BurstStatus {
    /// Length of a bucket.
    pub bucket_ns: u64,
    /// Each watched interface that has rings, both ways.
    pub interfaces: Vec<BurstInterface>,
    /// Interfaces that memory had no rings for.
    pub without: Vec<String>,
    /// Kernel memory, bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_list_of_bursts_is_the_struct() {
        let text = r#"{"window_start":"2023-11-14T22:13:20Z","window_end":"2023-11-14T22:13:30Z","trigger":"times_mean",
            "burst_start":"2023-11-14T22:13:21Z","burst_end":"2023-11-14T22:13:21.005Z","duration_ns":5000000,"bytes":1000,
            "packets":1,"ce_packets":0,"flows":1,"peak_bits_per_second":8,"mean_bits_per_second":1,"bucket_ns":1000000,
            "series_start":"2023-11-14T22:13:21Z","series":"0 5 10 5 0",
            "top_flows":"[{\"flow\":\"tcp 10.0.0.1:1 > 10.0.0.2:2\",\"bytes\":1000,\"process\":null}]"}"#;
        let record: BurstRecord = serde_json::from_str(text).expect("required columns are enough");
        assert_eq!(record.series(), [0, 5, 10, 5, 0]);
        assert_eq!(record.top_flows()[0].bytes, 1000);
        assert_eq!(BurstFlow::to_text(&record.top_flows()), record.top_flows);
        assert_eq!(record.utilisation(), None);
        let json = serde_json::to_value(record).expect("serialise");
        let mut got: Vec<_> = json.as_object().expect("an object").keys().cloned().collect();
        let mut columns: Vec<_> = BURST_COLUMNS.iter().map(|c| c.name.to_owned()).collect();
        got.sort();
        columns.sort();
        assert_eq!(got, columns);
    }
}
