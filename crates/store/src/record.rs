//! What the store asks of a kind of row; the rest of it is the same for every table.

use crate::field::{Field, Fields};
use crate::{Range, StoreError, Table};
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use netrig_model::{
    BurstRecord, ConnectionRecord, DropRecord, FlowRecord, LatencyRecord, LedgerRecord, PolicyEventRecord,
    ReducedFlowRecord, RequestRecord,
};
use std::path::Path;

/// A kind of row.
pub trait Record: Sized {
    /// Where rows of this kind go.
    const TABLE: Table;

    /// The window this row belongs to.
    fn window(&self) -> Range;

    /// Rows as one batch of Arrow columns.
    ///
    /// # Errors
    /// When the columns are not those of the schema, which would be a bug.
    fn to_batch(schema: SchemaRef, rows: &[Self]) -> Result<RecordBatch, ArrowError>;

    /// The rows of a batch read from `path`, one by one.
    ///
    /// # Errors
    /// When a column is missing that cannot be null, or a value is not of its type; the file is named.
    fn each(batch: &RecordBatch, path: &Path, sink: &mut dyn FnMut(Self)) -> Result<(), StoreError>;
}

/// A kind of row by the names of its columns, in their order; the struct's types say the rest. Reading finds columns by
/// name, so that files of an older or newer rig are read for what they have.
macro_rules! record {
    ($record:ident in $table:ident { $($name:ident),* $(,)? }) => {
        impl Record for $record {
            const TABLE: Table = Table::$table;

            fn window(&self) -> Range {
                Range { start: self.window_start, end: self.window_end }
            }

            fn to_batch(schema: SchemaRef, rows: &[Self]) -> Result<RecordBatch, ArrowError> {
                RecordBatch::try_new(schema, vec![$(Field::encode(rows, |row: &Self| &row.$name)),*])
            }

            fn each(batch: &RecordBatch, path: &Path, sink: &mut dyn FnMut(Self)) -> Result<(), StoreError> {
                $(let $name = Fields::find(batch, stringify!($name), path)?;)*
                for row in 0..batch.num_rows() {
                    let record = || Some(Self { $($name: $name.get(row)?),* });
                    match record() {
                        Some(record) => sink(record),
                        None => return [$($name.check(row)),*].into_iter().collect(),
                    }
                }
                Ok(())
            }
        }

        #[cfg(test)]
        impl tests::Named for $record {
            const NAMES: &[&str] = &[$(stringify!($name)),*];
        }
    };
}

record! { FlowRecord in Flows {
    window_start, window_end, first_seen, last_seen, host, iface, netns, vlan, vlan_inner, protocol, transport,
    src_addr, src_port, dst_addr, dst_port, packets, bytes, reverse_packets, reverse_bytes, tcp_flags,
    reverse_tcp_flags, icmp_type, icmp_code, dscp, fragment, tunnel, tunnel_id, sampling_rate, packets_error,
    bytes_error, reverse_packets_error, reverse_bytes_error, end_reason, process,
    pid, cgroup, container, dropped_packets, drop_reason, src_name, dst_name,
} }

record! { ConnectionRecord in Connections {
    window_start, window_end, host, netns, connection_id, role, src_addr, src_port, dst_addr, dst_port, opened,
    established, ended, last_seen, state, end_reason, error, closed_by, reset_by, reset_reason, duration_us,
    connect_us, syn_sent_us, syn_recv_us, established_us, fin_wait1_us, fin_wait2_us, close_wait_us, closing_us,
    last_ack_us, rtt_samples, rtt_us_min, rtt_us_mean, rtt_us_max, rtt_pure_samples, rtt_pure_us_min,
    rtt_pure_us_mean, srtt_us, rttvar_us, kernel_rtt_us_min, cwnd_segments, mss_bytes, bytes_sent,
    bytes_received, segments_sent, segments_received, retransmits, retransmits_timeout, retransmits_fast,
    retransmits_tlp, retransmits_syn, retransmits_syn_ack, retransmits_spurious, out_of_order,
    zero_windows_local, zero_windows_peer, ecn, ce_marks, busy_us, limited_receiver_us, limited_send_buffer_us,
    limited_network_us, older_than_rig, sampling_rate, process, pid, cgroup, container, src_name, dst_name,
} }

record! { LatencyRecord in Latency {
    window_start, window_end, host, service, transport, role, service_addr, service_port, slow_client_addr,
    slow_client_port, stage, samples, eligible, censored, sampling_rate, latency_ns_sum, latency_ns_p50,
    latency_ns_p90, latency_ns_p99, latency_ns_p999, latency_ns_max, histogram, cause, cause_ns_sum, iface, process,
    cgroup, container,
} }

record! { DropRecord in Drops {
    window_start, window_end, host, source, reason, class, place, iface, netns, direction, family, protocol, transport,
    src_addr, src_port, dst_addr, dst_port, packets, bytes, process, pid, cgroup, container, example,
} }

record! { BurstRecord in Bursts {
    window_start, window_end, host, iface, direction, trigger, burst_start, burst_end, duration_ns, gap_ns, bytes,
    packets, ce_packets, retransmits, flows, peak_bits_per_second, mean_bits_per_second, link_bits_per_second,
    bucket_ns, series_start, series, top_flows,
} }

record! { RequestRecord in Requests {
    window_start, window_end, started, host, iface, direction, netns, kind, outcome, failed, transport, src_addr,
    src_port, dst_addr, dst_port, requests, retries, latency_us, latency_us_max, dns_name, dns_type, dns_rcode,
    dns_answers, dns_addresses, tls_sni, tls_alpn, tls_version, tls_cipher, tls_ja4, tls_resumed, tls_ech, tls_alert,
    http_version, http_method, http_host, http_path, http_status, grpc, sampling_rate, process, pid, cgroup, container,
    src_name, dst_name,
} }

record! { PolicyEventRecord in PolicyEvents {
    window_start, window_end, time, host, iface, rule, action, mode, verdict, src_addr, src_port, dst_addr, dst_port,
    protocol, transport, ethertype, length, octets,
} }

record! { LedgerRecord in Ledger {
    window_start, window_end, host, iface, direction, seen_packets, seen_bytes, told_packets, told_bytes,
    overflow_packets, overflow_bytes, not_ip_packets, not_ip_bytes, sampled_out_packets, sampled_out_bytes,
    extrapolated_packets, extrapolated_bytes,
    imbalance_packets, imbalance_bytes, kernel_packets, kernel_bytes, policy_packets, policy_bytes,
    unaccounted_packets, unsent_packets,
} }

// Of both levels; what reads or writes hours names their table.
record! { ReducedFlowRecord in FlowsMinute {
    window_start, window_end, told, records, host, iface, netns, vlan, vlan_inner, protocol, transport, src_addr,
    src_prefix, src_port, dst_addr, dst_prefix, dst_port, packets, bytes, reverse_packets, reverse_bytes, tcp_flags,
    reverse_tcp_flags, icmp_type, icmp_code, fragment, tunnel, tunnel_id, sampling_rate,
    packets_error, bytes_error, reverse_packets_error, reverse_bytes_error, process, container, dropped_packets,
    drop_reason, src_name, dst_name,
} }

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) trait Named {
        const NAMES: &[&str];
    }

    fn is_in_order<R: Record + Named>() {
        assert_eq!(R::NAMES, R::TABLE.columns().iter().map(|c| c.name).collect::<Vec<_>>());
    }

    #[test]
    fn the_names_are_the_columns_in_order() {
        is_in_order::<FlowRecord>();
        is_in_order::<ConnectionRecord>();
        is_in_order::<LatencyRecord>();
        is_in_order::<DropRecord>();
        is_in_order::<BurstRecord>();
        is_in_order::<RequestRecord>();
        is_in_order::<PolicyEventRecord>();
        is_in_order::<LedgerRecord>();
        is_in_order::<ReducedFlowRecord>();
    }

    #[test]
    fn a_column_that_another_version_does_not_write_is_null_where_it_may_be() {
        let rows = [LedgerRecord { iface: Some("eth0".to_owned()), seen_packets: 7, ..LedgerRecord::default() }];
        let mut batch = LedgerRecord::to_batch(crate::schema(Table::Ledger), &rows).expect("batch");
        let read = |batch: &RecordBatch| {
            let mut back = Vec::new();
            LedgerRecord::each(batch, Path::new("/a/file"), &mut |row| back.push(row)).map(|()| back)
        };
        assert_eq!(read(&batch).expect("rows"), rows);
        batch.remove_column(batch.schema().index_of("iface").expect("column"));
        assert_eq!(read(&batch).expect("rows"), [LedgerRecord { iface: None, ..rows[0].clone() }]);
        batch.remove_column(batch.schema().index_of("seen_packets").expect("column"));
        let error = read(&batch).expect_err("a count is missing").to_string();
        assert!(error.contains("/a/file") && error.contains("seen_packets"), "{error}");
    }
}
