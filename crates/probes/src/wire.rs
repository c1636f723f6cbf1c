//! The types that cross the kernel boundary, written by the generator from the BTF of `bpf/wire.bpf.c`.

#[allow(
    unsafe_code,
    missing_docs,
    unused_imports,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::unwrap_used,
    clippy::undocumented_unsafe_blocks,
    clippy::allow_attributes_without_reason,
    reason = "generated code; of its loader nothing is used, only its types"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/wire.skel.rs"));
    pub(super) use imp::types;
}

pub use generated::types::{
    bound_key, burst_bucket, burst_cpu, burst_retransmit, burst_sample, burst_settings, capture_count, capture_cpu,
    capture_dropped, capture_ends, capture_frame, capture_gate, capture_lately, capture_owner, capture_record,
    capture_settings, clock_reading, drop_example, drop_flow, drop_gate, drop_group, drop_key, drop_settings,
    flow_cold, flow_hot, flow_key, flow_sampler, flow_sampling, flow_set4, flow_set6, flow_settings, flow_slot4,
    flow_slot6, iface_counts, iface_entry, latency_cpu, latency_gate, latency_key, latency_service, latency_settings,
    outbox_ends, pace, pace_state, payload_ends, payload_record, payload_settings, policy_addresses, policy_bucket,
    policy_bucket_set, policy_count, policy_dimension, policy_event, policy_gate, policy_layout, policy_ports,
    policy_ranges4, policy_ranges6, policy_removed, policy_row, policy_rule, policy_source, policy_source_set,
    queue_polls, queue_settings, recorder_ring, recorder_settings, recorder_slot, replay_frame, tcp_ends, tcp_owner,
    tcp_service, tcp_settings, tcp_slot, tcp_totals, time_histogram,
};

/// Bits of `flow_key.kind` and of VLAN fields: `bpf/wire.h`'s enums, which the generator does not carry over. The test
/// that loads the real programs and reads every kind of flow back holds them to the C.
pub mod bits {
    /// Else ingress.
    pub const EGRESS: u8 = 1 << 0;
    /// A later fragment.
    pub const FRAGMENT: u8 = 1 << 1;
    /// The destination port is the EtherType.
    pub const NOT_IP: u8 = 1 << 2;
    /// The packet ends before its ports, or its ICMP type and code.
    pub const CUT: u8 = 1 << 4;
    /// The upper bits are the tunnel's kind.
    pub const TUNNEL_SHIFT: u32 = 5;
    /// There is a VLAN id.
    pub const VLAN_SEEN: u16 = 0x1000;
    /// Upper bits of `flow_hot.volume`: TCP flags.
    pub const FLAGS_SHIFT: u32 = 56;
    /// Below them: what the kernel remembers of the flow's payload. The rest are bytes.
    pub const MARK_SHIFT: u32 = 54;
    /// Ways of a set.
    pub const WAYS: usize = 2;
}

/// `drop/wire.h`'s enums.
pub mod drops {
    /// Groups of one CPU.
    pub const GROUPS: usize = 784;
    /// The first so many are those of packets' own end.
    pub const GROUPS_SKB: usize = 512;
    /// From this one on: the rest of each program, that of packets' own end first.
    pub const GROUPS_REST: usize = 768;
    /// Flows of a set.
    pub const FLOW_WAYS: usize = 2;
    /// Counted at packets' own end.
    pub const SOURCE_SKB: u8 = 0;
    /// Told by sockets.
    pub const SOURCE_SOCKET: u8 = 1;
    /// Told by XDP.
    pub const SOURCE_XDP: u8 = 2;
    /// Groups beyond a program's range.
    pub const REASON_OTHER: u32 = 0xffff_0000;
    /// sock_rcvqueue_full
    pub const REASON_RCVQUEUE_FULL: u32 = REASON_OTHER + 1;
    /// udp_fail_queue_rcv_skb; the location is the error's number.
    pub const REASON_UDP_FAIL_QUEUE: u32 = REASON_OTHER + 2;
    /// sock_exceed_buf_limit; the location: 0 send, 1 receive.
    pub const REASON_EXCEED_BUF_LIMIT: u32 = REASON_OTHER + 3;
    /// xdp_exception; the location is the action's number.
    pub const REASON_XDP_EXCEPTION: u32 = REASON_OTHER + 4;
    /// xdp_redirect_err; the location is the error's number.
    pub const REASON_XDP_REDIRECT: u32 = REASON_OTHER + 5;
    /// xdp_devmap_xmit; the location is the error's number.
    pub const REASON_XDP_DEVMAP: u32 = REASON_OTHER + 6;
    /// xdp_cpumap_enqueue; the location is the CPU's number.
    pub const REASON_XDP_CPUMAP: u32 = REASON_OTHER + 7;
    /// xdp_bulk_tx; the location is the error's number.
    pub const REASON_XDP_BULK_TX: u32 = REASON_OTHER + 8;
    /// Direction: ingress; 0 is unknown.
    pub const WAY_INGRESS: u8 = 1;
    /// Direction: egress.
    pub const WAY_EGRESS: u8 = 2;
    /// Family of a packet; 0 is another.
    pub const FAMILY_IPV4: u8 = 1;
    /// Family of a packet.
    pub const FAMILY_IPV6: u8 = 2;
    /// Family of a packet.
    pub const FAMILY_ARP: u8 = 3;
    /// Family of a packet.
    pub const FAMILY_UNIX: u8 = 4;
    /// Family of a packet.
    pub const FAMILY_NETLINK: u8 = 5;
    /// Family of a packet.
    pub const FAMILY_PACKET: u8 = 6;
}

/// `burst/wire.h`'s enums.
pub mod bursts {
    /// Samples of one CPU.
    pub const SAMPLES: usize = 4096;
    /// Retransmits of one CPU.
    pub const RETRANSMITS: usize = 512;
    /// `burst_sample.slot`: a place of IPv6's table.
    pub const SLOT_IPV6: u32 = 1 << 31;
    /// `burst_sample.iface`: egress.
    pub const IFACE_EGRESS: u16 = 1 << 15;
}

/// `payload/wire.h`'s enums.
pub mod payloads {
    /// Of one packet, at most.
    pub const OCTETS_MAX: usize = 16_384;
    /// The longest record with its octets.
    pub const RECORD_OCTETS_MAX: usize = size_of::<super::payload_record>() + OCTETS_MAX;
    /// DNS ports.
    pub const PORTS: usize = 8;
    /// The bell is rung when one part in so many of a ring is full.
    pub const BELL_PART: u32 = 4;
}

/// `recorder/wire.h`'s enums.
pub mod recorder {
    /// `recorder_slot.facts`: on its way out.
    pub const EGRESS: u16 = 1 << 0;
    /// The driver took a VLAN tag out of the data.
    pub const TAG: u16 = 1 << 1;
    /// It is one of 802.1ad.
    pub const SERVICE_TAG: u16 = 1 << 2;
    /// Several segments in one.
    pub const GSO: u16 = 1 << 3;
    /// Bits of these; above them are packets left out since the one before.
    pub const FACTS: u32 = 4;
}

/// `queue/wire.h`'s enums.
pub mod queues {
    /// Places of one CPU.
    pub const PLACES: usize = 128;
    /// What has no device of its own.
    pub const PLACE_BACKLOG: usize = 0;
    /// All beyond the places.
    pub const PLACE_REST: usize = 1;
}

/// `capture/wire.h`'s enums.
pub mod captures {
    /// Where packets were seen.
    pub const HOOK_XDP: u8 = 0;
    /// tcx or clsact, of what is received.
    pub const HOOK_INGRESS: u8 = 1;
    /// tcx or clsact, of what is sent.
    pub const HOOK_EGRESS: u8 = 2;
    /// Thrown away.
    pub const HOOK_DROP: u8 = 3;
    /// Received; 0 is unknown.
    pub const WAY_IN: u8 = 1;
    /// Sent.
    pub const WAY_OUT: u8 = 2;
    /// No queue is known.
    pub const NO_QUEUE: u16 = 0xffff;
    /// The longest record with its octets.
    pub const RECORD_OCTETS_MAX: usize = size_of::<super::capture_record>()
        + size_of::<super::capture_owner>()
        + size_of::<super::capture_dropped>()
        + 66_048;
    /// Flows of a CPU whose owners are remembered.
    pub const LATELY: usize = 2048;
}

/// `policy/wire.h`'s sizes.
pub mod policy {
    /// Counters of one CPU.
    pub const RULES: usize = 1024;
    /// Where what always passes is counted.
    pub const SLOT_ALWAYS: u16 = 0;
    /// Places for interfaces.
    pub const IFACES: usize = 64;
    /// How many places an interface may have.
    pub const IFACE_PROBES: usize = 4;
    /// Sets of sources of one CPU.
    pub const SOURCE_SETS: usize = 256;
    /// Sources of a set.
    pub const SOURCE_WAYS: usize = 2;
    /// One packet in so many is looked at for its source.
    pub const SOURCE_SAMPLING: u64 = 16;
    /// Buckets of a set.
    pub const BUCKET_WAYS: u32 = 4;
}

/// `enum policy_act`.
pub mod policy_acts {
    /// The packet ends here.
    pub const DROP: u8 = 0;
    /// It goes to the stack.
    pub const PASS: u8 = 1;
    /// Counted.
    pub const COUNT: u8 = 2;
    /// One in so many told.
    pub const SAMPLE: u8 = 3;
    /// Within the limit it passes.
    pub const LIMIT: u8 = 4;
    /// Out of another interface.
    pub const REDIRECT_INTERFACE: u8 = 5;
    /// To another CPU.
    pub const REDIRECT_CPU: u8 = 6;
    /// SYN cookies above a rate.
    pub const SYN_GUARD: u8 = 7;
}

/// `enum policy_at_once`, in a word's upper half.
pub mod policy_at_once {
    /// More is to be asked.
    pub const NOT: u64 = 0;
    /// It is dropped.
    pub const DROP: u64 = 1;
    /// It passes.
    pub const PASS: u64 = 2;
    /// It passes within a limit.
    pub const LIMIT: u64 = 3;
}

/// `enum policy_rule_flag`.
pub mod policy_rule_flags {
    /// It tells what it would have done.
    pub const SHADOW: u8 = 1 << 0;
    /// A limit counts bytes, else packets.
    pub const LIMIT_BYTES: u8 = 1 << 1;
    /// A bucket for each source prefix, else one.
    pub const LIMIT_SOURCE: u8 = 1 << 2;
}

/// `enum policy_check`.
pub mod policy_checks {
    /// Length of the frame.
    pub const LENGTH: u16 = 1 << 0;
    /// VLAN id.
    pub const VLAN: u16 = 1 << 1;
    /// No VLAN tag.
    pub const UNTAGGED: u16 = 1 << 2;
    /// ICMP type.
    pub const ICMP_TYPE: u16 = 1 << 3;
    /// TCP flags.
    pub const TCP_FLAGS: u16 = 1 << 4;
    /// Kind of fragment.
    pub const FRAGMENT: u16 = 1 << 5;
    /// Receiving interface.
    pub const IFINDEX: u16 = 1 << 6;
    /// EtherType.
    pub const ETHERTYPE: u16 = 1 << 7;
    /// Source MAC address.
    pub const SRC_MAC: u16 = 1 << 8;
    /// Destination MAC address.
    pub const DST_MAC: u16 = 1 << 9;
    /// It asks for what later fragments do not have.
    pub const NEEDS_TRANSPORT: u16 = 1 << 15;
}

/// `enum policy_fragment`.
pub mod policy_fragments {
    /// A first fragment.
    pub const FIRST: u8 = 1 << 0;
    /// A later one.
    pub const LATER: u8 = 1 << 1;
    /// None.
    pub const NONE: u8 = 1 << 2;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn an_ipv4_slot_is_one_cache_line_and_an_ipv6_slot_two() {
        assert_eq!(size_of::<flow_slot4>(), 64);
        assert_eq!(size_of::<flow_slot6>(), 128);
        assert_eq!(size_of::<flow_set4>(), 64 * bits::WAYS);
        assert_eq!(offset_of!(flow_slot6, cold), 64, "a hit on IPv6 touches the first line only");
        assert_eq!(size_of::<flow_key>(), 48);
        assert_eq!(offset_of!(flow_key, src_port), 32);
    }

    #[test]
    fn a_connections_place_is_eight_cache_lines_and_what_a_round_trip_writes_comes_first() {
        assert_eq!(size_of::<tcp_slot>(), 512);
        assert!(offset_of!(tcp_slot, data_segs_in) < 64);
        assert!(offset_of!(tcp_slot, total_retrans) < 192);
        assert_eq!(offset_of!(tcp_slot, owner) % 8, 0, "owners are read by words");
        assert_eq!(size_of::<tcp_ends>() % 64, 0);
        assert_eq!(offset_of!(tcp_ends, free_given), 64, "each side writes a cache line of its own");
        assert_eq!(offset_of!(tcp_ends, done_put), 128);
    }

    #[test]
    fn a_group_of_drops_is_two_cache_lines_and_a_flow_of_it_one() {
        assert_eq!(size_of::<drop_group>(), 128);
        assert_eq!(size_of::<drop_flow>(), 64);
        assert_eq!(offset_of!(drop_flow, bytes), 40, "what tells flows apart comes first");
        assert_eq!(offset_of!(drop_key, reason), 8);
        assert_eq!(size_of::<drop_key>(), 24);
    }

    #[test]
    fn a_bursts_bucket_is_half_a_cache_line() {
        assert_eq!(size_of::<burst_bucket>(), 32);
        assert_eq!(size_of::<burst_sample>(), 16);
        assert_eq!(size_of::<burst_cpu>(), 128);
        assert_eq!(offset_of!(burst_cpu, retransmits), 64, "each hook writes a cache line of its own");
    }

    #[test]
    fn payload_comes_right_behind_its_record_and_each_side_writes_a_cache_line_of_its_own() {
        assert_eq!(size_of::<payload_record>(), 104);
        assert_eq!((offset_of!(payload_record, key), offset_of!(payload_record, process)), (8, 64));
        assert_eq!((size_of::<payload_ends>(), offset_of!(payload_ends, tail)), (128, 64));
        assert_eq!(offset_of!(flow_slot4, payload), offset_of!(flow_slot4, pid) + 4, "a new flow writes both at once");
        assert_eq!(offset_of!(flow_slot6, payload), offset_of!(flow_slot6, pid) + 4);
    }

    #[test]
    fn a_devices_polls_are_one_cache_line() {
        assert_eq!(size_of::<queue_polls>(), 64);
        assert_eq!(offset_of!(queue_polls, polls), 24, "what is counted is read by words");
    }

    #[test]
    fn a_policys_row_and_rule_are_one_cache_line_each() {
        assert_eq!(size_of::<policy_row>(), 64);
        assert_eq!(size_of::<policy_rule>(), 64);
        assert_eq!(size_of::<policy_count>(), 64);
        assert_eq!(size_of::<policy_source_set>(), 64);
        assert_eq!(size_of::<policy_bucket_set>(), 64);
    }

    #[test]
    fn a_captured_packets_octets_come_right_behind_its_record() {
        assert_eq!(size_of::<capture_record>(), 32);
        assert_eq!((size_of::<capture_owner>(), size_of::<capture_dropped>()), (32, 24));
        assert_eq!(offset_of!(capture_frame, octets), 32 + 32 + 24);
        assert_eq!(size_of::<capture_count>(), 64);
        assert_eq!(size_of::<capture_cpu>(), 64);
        assert_eq!(size_of::<capture_lately>(), 64);
        assert_eq!(offset_of!(capture_ends, tail), 64, "each side writes a cache line of its own");
    }

    #[test]
    fn what_an_ordinary_packet_counts_lies_in_one_cache_line() {
        assert_eq!(size_of::<iface_counts>(), 192);
        assert!(offset_of!(iface_counts, overflow_packets) == 64);
        assert_eq!(
            (size_of::<flow_sampling>(), size_of::<flow_sampler>()),
            (64, 128),
            "nobody's packets write another's line"
        );
        assert_eq!((offset_of!(flow_sampler, gap), offset_of!(flow_sampler, state)), (4, 8));
        assert_eq!(size_of::<outbox_ends>(), 128);
        assert_eq!(offset_of!(outbox_ends, tail4), 64, "each side writes a cache line of its own");
    }
}
