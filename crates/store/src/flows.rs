//! Flow records to columns and back.

use crate::StoreError;
use crate::columns::{addresses, maybe_bools, maybe_numbers, maybe_texts, numbers, texts, timestamps};
use crate::read_columns::{Bools, Columns, Numbers, Optional, Texts, Times};
use arrow_array::RecordBatch;
use arrow_array::types::{UInt8Type as U8, UInt16Type as U16, UInt32Type as U32, UInt64Type as U64};
use arrow_schema::{ArrowError, SchemaRef};
use netrig_model::{EndReason, FlowRecord, TunnelKind};
use std::path::Path;

/// One batch, its columns in the order of `FLOW_COLUMNS`.
pub(crate) fn to_batch(schema: SchemaRef, rows: &[FlowRecord]) -> Result<RecordBatch, ArrowError> {
    let columns = vec![
        timestamps(rows, |r| r.window_start),
        timestamps(rows, |r| r.window_end),
        timestamps(rows, |r| r.first_seen),
        timestamps(rows, |r| r.last_seen),
        maybe_texts(rows, |r| r.host.as_deref()),
        maybe_texts(rows, |r| r.iface.as_deref()),
        maybe_numbers::<U64, _>(rows, |r| r.netns),
        maybe_numbers::<U16, _>(rows, |r| r.vlan),
        maybe_numbers::<U16, _>(rows, |r| r.vlan_inner),
        numbers::<U8, _>(rows, |r| r.protocol),
        maybe_texts(rows, |r| r.transport.as_deref()),
        addresses(rows, |r| r.src_addr),
        maybe_numbers::<U16, _>(rows, |r| r.src_port),
        addresses(rows, |r| r.dst_addr),
        maybe_numbers::<U16, _>(rows, |r| r.dst_port),
        numbers::<U64, _>(rows, |r| r.packets),
        numbers::<U64, _>(rows, |r| r.bytes),
        numbers::<U64, _>(rows, |r| r.reverse_packets),
        numbers::<U64, _>(rows, |r| r.reverse_bytes),
        maybe_numbers::<U8, _>(rows, |r| r.tcp_flags),
        maybe_numbers::<U8, _>(rows, |r| r.reverse_tcp_flags),
        maybe_numbers::<U8, _>(rows, |r| r.icmp_type),
        maybe_numbers::<U8, _>(rows, |r| r.icmp_code),
        maybe_numbers::<U8, _>(rows, |r| r.dscp),
        maybe_bools(rows, |r| r.fragment),
        maybe_texts(rows, |r| r.tunnel.map(TunnelKind::as_str)),
        maybe_numbers::<U32, _>(rows, |r| r.tunnel_id),
        numbers::<U32, _>(rows, |r| r.sampling_rate),
        texts(rows, |r| r.end_reason.as_str()),
        maybe_texts(rows, |r| r.process.as_deref()),
        maybe_numbers::<U32, _>(rows, |r| r.pid),
        maybe_texts(rows, |r| r.cgroup.as_deref()),
        maybe_texts(rows, |r| r.container.as_deref()),
        maybe_texts(rows, |r| r.src_name.as_deref()),
        maybe_texts(rows, |r| r.dst_name.as_deref()),
    ];
    RecordBatch::try_new(schema, columns)
}

/// The columns of one batch, found by name, so that files of an older or newer rig are read for what they have.
pub(crate) struct FlowReader<'a> {
    path: &'a Path,
    times: [Times<'a>; 4],
    host: Texts<'a>,
    iface: Texts<'a>,
    netns: Optional<'a, U64>,
    vlan: Optional<'a, U16>,
    vlan_inner: Optional<'a, U16>,
    protocol: Numbers<'a, U8>,
    transport: Texts<'a>,
    src_addr: Texts<'a>,
    src_port: Optional<'a, U16>,
    dst_addr: Texts<'a>,
    dst_port: Optional<'a, U16>,
    counts: [Numbers<'a, U64>; 4],
    tcp_flags: Optional<'a, U8>,
    reverse_tcp_flags: Optional<'a, U8>,
    icmp_type: Optional<'a, U8>,
    icmp_code: Optional<'a, U8>,
    dscp: Optional<'a, U8>,
    fragment: Bools<'a>,
    tunnel: Texts<'a>,
    tunnel_id: Optional<'a, U32>,
    sampling_rate: Numbers<'a, U32>,
    end_reason: Texts<'a>,
    process: Texts<'a>,
    pid: Optional<'a, U32>,
    cgroup: Texts<'a>,
    container: Texts<'a>,
    src_name: Texts<'a>,
    dst_name: Texts<'a>,
}

impl<'a> FlowReader<'a> {
    pub(crate) fn new(batch: &'a RecordBatch, path: &'a Path) -> Result<Self, StoreError> {
        let c = Columns { batch, path };
        Ok(Self {
            path,
            times: [c.times("window_start")?, c.times("window_end")?, c.times("first_seen")?, c.times("last_seen")?],
            host: c.texts("host")?,
            iface: c.texts("iface")?,
            netns: c.optional("netns")?,
            vlan: c.optional("vlan")?,
            vlan_inner: c.optional("vlan_inner")?,
            protocol: c.numbers("protocol")?,
            transport: c.texts("transport")?,
            src_addr: c.texts("src_addr")?,
            src_port: c.optional("src_port")?,
            dst_addr: c.texts("dst_addr")?,
            dst_port: c.optional("dst_port")?,
            counts: [
                c.numbers("packets")?,
                c.numbers("bytes")?,
                c.numbers("reverse_packets")?,
                c.numbers("reverse_bytes")?,
            ],
            tcp_flags: c.optional("tcp_flags")?,
            reverse_tcp_flags: c.optional("reverse_tcp_flags")?,
            icmp_type: c.optional("icmp_type")?,
            icmp_code: c.optional("icmp_code")?,
            dscp: c.optional("dscp")?,
            fragment: c.bools("fragment")?,
            tunnel: c.texts("tunnel")?,
            tunnel_id: c.optional("tunnel_id")?,
            sampling_rate: c.numbers("sampling_rate")?,
            end_reason: c.texts("end_reason")?,
            process: c.texts("process")?,
            pid: c.optional("pid")?,
            cgroup: c.texts("cgroup")?,
            container: c.texts("container")?,
            src_name: c.texts("src_name")?,
            dst_name: c.texts("dst_name")?,
        })
    }

    /// The record in row `i`.
    pub(crate) fn record(&self, i: usize) -> Result<FlowRecord, StoreError> {
        Ok(FlowRecord {
            window_start: self.times[0].get(i),
            window_end: self.times[1].get(i),
            first_seen: self.times[2].get(i),
            last_seen: self.times[3].get(i),
            host: self.host.owned(i),
            iface: self.iface.owned(i),
            netns: self.netns.get(i),
            vlan: self.vlan.get(i),
            vlan_inner: self.vlan_inner.get(i),
            protocol: self.protocol.get(i),
            transport: self.transport.owned(i),
            src_addr: self.src_addr.parsed(i, self.path)?,
            src_port: self.src_port.get(i),
            dst_addr: self.dst_addr.parsed(i, self.path)?,
            dst_port: self.dst_port.get(i),
            packets: self.counts[0].get(i),
            bytes: self.counts[1].get(i),
            reverse_packets: self.counts[2].get(i),
            reverse_bytes: self.counts[3].get(i),
            tcp_flags: self.tcp_flags.get(i),
            reverse_tcp_flags: self.reverse_tcp_flags.get(i),
            icmp_type: self.icmp_type.get(i),
            icmp_code: self.icmp_code.get(i),
            dscp: self.dscp.get(i),
            fragment: self.fragment.get(i),
            tunnel: self.tunnel.get(i).map(|t| self.tunnel_kind(t)).transpose()?,
            tunnel_id: self.tunnel_id.get(i),
            sampling_rate: self.sampling_rate.get(i),
            end_reason: self.reason(self.end_reason.get(i).unwrap_or_default())?,
            process: self.process.owned(i),
            pid: self.pid.get(i),
            cgroup: self.cgroup.owned(i),
            container: self.container.owned(i),
            src_name: self.src_name.owned(i),
            dst_name: self.dst_name.owned(i),
        })
    }

    fn tunnel_kind(&self, word: &str) -> Result<TunnelKind, StoreError> {
        use TunnelKind::{Geneve, Gre, Ipip, SixInFour, Vxlan};
        let known = [Vxlan, Geneve, Gre, Ipip, SixInFour].into_iter().find(|k| k.as_str() == word);
        known.ok_or_else(|| StoreError::damaged(self.path, format!("unknown tunnel '{word}'")))
    }

    fn reason(&self, word: &str) -> Result<EndReason, StoreError> {
        use EndReason::{Active, Evicted, Fin, Forced, Idle, Rst};
        let known = [Idle, Active, Fin, Rst, Evicted, Forced].into_iter().find(|r| r.as_str() == word);
        known.ok_or_else(|| StoreError::damaged(self.path, format!("unknown end_reason '{word}'")))
    }
}
