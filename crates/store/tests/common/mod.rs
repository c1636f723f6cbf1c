//! Rows for tests: plain, and told apart by their packets.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of these")]

mod burst;
mod connection;
mod drop;
mod latency;
mod policy_event;
mod request;

use arrow_array::{RecordBatch, StringArray};
pub(crate) use burst::{burst, bursts};
pub(crate) use connection::{connection, connections};
pub(crate) use drop::{drop_record, drop_records};
pub(crate) use latency::{latencies, latency};
use netrig_model::{Direction, EndReason, FlowRecord, LedgerRecord, Timestamp, TunnelKind};
use netrig_store::{StoreConfig, StoreReader};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
pub(crate) use policy_event::{policy_event, policy_events};
pub(crate) use request::{request, requests};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A time in 2023, aligned to an hour.
pub(crate) const HOUR_0: i64 = 1_700_002_800_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const WINDOW: i64 = 10 * SECOND;
pub(crate) const HOUR: i64 = 3600 * SECOND;

/// The window that starts `seconds` after `HOUR_0`.
pub(crate) fn window(seconds: i64) -> (Timestamp, Timestamp) {
    let start = HOUR_0 + seconds * SECOND;
    (Timestamp(start), Timestamp(start + WINDOW))
}

/// The flow number `n` of a window; its packets are `n`, by which tests know it again.
pub(crate) fn flow(window: (Timestamp, Timestamp), n: u64) -> FlowRecord {
    let v6 = n % 5 == 4;
    let host = |net: u8, i: u64| -> IpAddr {
        let low = (i % 0x1_0000) as u16;
        if v6 {
            Ipv6Addr::new(0x2001, 0xdb8, u16::from(net), 0, 0, 0, 0, low).into()
        } else {
            Ipv4Addr::new(10, net, (low >> 8) as u8, low as u8).into()
        }
    };
    let tcp = !n.is_multiple_of(3);
    FlowRecord {
        window_start: window.0,
        window_end: window.1,
        first_seen: window.0.plus_ns((n as i64 * 7_919_333) % WINDOW),
        last_seen: window.1.plus_ns(-1 - (n as i64 * 104_729) % SECOND),
        host: Some("rig-1".into()),
        iface: Some(if n.is_multiple_of(2) { "eth0" } else { "eth1" }.into()),
        netns: Some(4_026_531_840),
        vlan: (n.is_multiple_of(11)).then_some(100),
        vlan_inner: None,
        protocol: if tcp { 6 } else { 17 },
        transport: Some(if tcp { "tcp" } else { "udp" }.into()),
        src_addr: Some(host(1, n * 31)),
        src_port: Some(32_768 + (n * 37 % 28_000) as u16),
        dst_addr: Some(host(2, n % 61)),
        dst_port: Some([443, 53, 80, 8443][(n % 4) as usize]),
        packets: n,
        bytes: n * 611 + 40,
        reverse_packets: n / 2,
        reverse_bytes: n * 97,
        tcp_flags: tcp.then_some(27),
        reverse_tcp_flags: tcp.then_some(26),
        icmp_type: None,
        icmp_code: None,
        dscp: Some(0),
        fragment: (n.is_multiple_of(97)).then_some(true),
        tunnel: (n.is_multiple_of(89)).then_some(TunnelKind::Vxlan),
        tunnel_id: (n.is_multiple_of(89)).then_some(77),
        sampling_rate: 1,
        packets_error: Some(0),
        bytes_error: Some(0),
        reverse_packets_error: Some(0),
        reverse_bytes_error: Some(0),
        end_reason: if n.is_multiple_of(7) { EndReason::Fin } else { EndReason::Active },
        process: None,
        pid: None,
        cgroup: None,
        container: None,
        dropped_packets: Some(if n.is_multiple_of(41) { 3 } else { 0 }),
        drop_reason: (n.is_multiple_of(41)).then(|| "SOCKET_RCVBUFF".into()),
        src_name: None,
        dst_name: None,
    }
}

/// Flows `from..to` of a window.
pub(crate) fn flows(window: (Timestamp, Timestamp), from: u64, to: u64) -> Vec<FlowRecord> {
    (from..to).map(|n| flow(window, n)).collect()
}

/// A ledger row of a window.
pub(crate) fn ledger(window: (Timestamp, Timestamp), n: u64) -> LedgerRecord {
    LedgerRecord {
        window_start: window.0,
        window_end: window.1,
        host: Some("rig-1".into()),
        iface: Some("eth0".into()),
        direction: Some(if n.is_multiple_of(2) { Direction::Ingress } else { Direction::Egress }),
        seen_packets: n,
        told_packets: n,
        imbalance_bytes: -(n as i64),
        kernel_packets: (n.is_multiple_of(2)).then_some(n),
        ..LedgerRecord::default()
    }
}

/// A store with room for everything.
pub(crate) fn config(dir: &Path) -> StoreConfig {
    StoreConfig { dir: dir.to_owned(), retain: Duration::from_secs(86_400 * 365), budget_bytes: u64::MAX }
}

/// Everything a reader gives, as (start of the window, packets), sorted.
pub(crate) fn stored(dir: &Path) -> Vec<(i64, u64)> {
    let mut rows = Vec::new();
    let reader = StoreReader::open(dir).expect("open");
    reader.flows(None, None, &mut |r| rows.push((r.window_start.0, r.packets))).expect("read");
    rows.sort_unstable();
    rows
}

/// Writes a file anew with this text in every row of a column.
pub(crate) fn rewrite(path: &Path, column: &str, text: &str) {
    let file = std::fs::File::open(path).expect("open");
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).expect("footer").build().expect("reader");
    let batches: Vec<_> = batches.collect::<Result<_, _>>().expect("rows");
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).expect("create"), batches[0].schema(), None).expect("writer");
    for batch in batches {
        let mut columns = batch.columns().to_vec();
        let texts = StringArray::from_iter_values(std::iter::repeat_n(text, batch.num_rows()));
        columns[batch.schema().index_of(column).expect("column")] = Arc::new(texts);
        writer.write(&RecordBatch::try_new(batch.schema(), columns).expect("batch")).expect("write");
    }
    writer.close().expect("close");
}

/// Writes a file anew without these columns.
pub(crate) fn without(path: &Path, columns: &[&str]) {
    let file = std::fs::File::open(path).expect("open");
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).expect("footer").build().expect("reader");
    let batches = batches.map(|batch| {
        let batch = batch.expect("rows");
        let kept = |i: &usize| !columns.contains(&batch.schema().field(*i).name().as_str());
        batch.project(&(0..batch.num_columns()).filter(kept).collect::<Vec<_>>()).expect("columns")
    });
    let batches: Vec<_> = batches.collect();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).expect("create"), batches[0].schema(), None).expect("writer");
    for batch in batches {
        writer.write(&batch).expect("write");
    }
    writer.close().expect("close");
}
