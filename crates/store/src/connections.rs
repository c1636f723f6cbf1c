//! Connection records to columns and back.

use crate::field::{Field, Fields};
use crate::record::Record;
use crate::{Range, StoreError, Table};
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use netrig_model::ConnectionRecord;
use std::path::Path;

/// Both ways of all columns, from their names; the struct's types say the rest. Reading finds columns by name, so that files
/// of an older or newer rig are read for what they have.
macro_rules! columns {
    ($($name:ident),* $(,)?) => {
        fn to_batch(schema: SchemaRef, rows: &[ConnectionRecord]) -> Result<RecordBatch, ArrowError> {
            RecordBatch::try_new(schema, vec![$(Field::encode(rows, |r: &ConnectionRecord| &r.$name)),*])
        }

        fn each(batch: &RecordBatch, path: &Path, sink: &mut dyn FnMut(ConnectionRecord)) -> Result<(), StoreError> {
            $(let $name = Fields::find(batch, stringify!($name), path)?;)*
            for row in 0..batch.num_rows() {
                sink(ConnectionRecord { $($name: $name.get(row)?),* });
            }
            Ok(())
        }

        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

columns! {
    window_start, window_end, host, netns, connection_id, role, src_addr, src_port, dst_addr, dst_port, opened,
    established, ended, last_seen, state, end_reason, error, closed_by, reset_by, reset_reason, duration_us,
    connect_us, syn_sent_us, syn_recv_us, established_us, fin_wait1_us, fin_wait2_us, close_wait_us, closing_us,
    last_ack_us, rtt_samples, rtt_us_min, rtt_us_mean, rtt_us_max, rtt_pure_samples, rtt_pure_us_min,
    rtt_pure_us_mean, srtt_us, rttvar_us, kernel_rtt_us_min, cwnd_segments, mss_bytes, bytes_sent,
    bytes_received, segments_sent, segments_received, retransmits, retransmits_timeout, retransmits_fast,
    retransmits_tlp, retransmits_syn, retransmits_syn_ack, retransmits_spurious, out_of_order,
    zero_windows_local, zero_windows_peer, ecn, ce_marks, busy_us, limited_receiver_us, limited_send_buffer_us,
    limited_network_us, older_than_rig, sampling_rate, process, pid, cgroup, container, src_name, dst_name,
}

impl Record for ConnectionRecord {
    const TABLE: Table = Table::Connections;

    fn window(&self) -> Range {
        Range { start: self.window_start, end: self.window_end }
    }

    fn to_batch(schema: SchemaRef, rows: &[Self]) -> Result<RecordBatch, ArrowError> {
        to_batch(schema, rows)
    }

    fn each(batch: &RecordBatch, path: &Path, sink: &mut dyn FnMut(Self)) -> Result<(), StoreError> {
        each(batch, path, sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::CONNECTION_COLUMNS;

    #[test]
    fn the_names_are_the_columns_in_order() {
        assert_eq!(NAMES, CONNECTION_COLUMNS.iter().map(|c| c.name).collect::<Vec<_>>());
    }
}
