/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What crosses the kernel boundary, declared once. wire.bpf.c holds an instance of each struct, so that the skeleton
 * generator writes the same types for Rust from BTF; nothing is kept in sync by hand.
 *
 * All of it lies in memory-mapped arrays: user space reads by loads, without a system call.
 */
#ifndef NETRIG_WIRE_H
#define NETRIG_WIRE_H

#include "kernel.h"

#define FLOW_WAYS 2

/* flow_key.kind: one byte of facts that belong to a flow's identity. */
enum flow_kind {
	FLOW_EGRESS = 1 << 0, /* else ingress */
	FLOW_FRAGMENT = 1 << 1, /* a later fragment: no ports */
	FLOW_NOT_IP = 1 << 2, /* the destination port is the EtherType */
	FLOW_VALID = 1 << 3, /* always set: no flow's key is all zero, as an empty slot's is */
	FLOW_CUT = 1 << 4, /* it ends before its ports, or its ICMP type and code */
	FLOW_TUNNEL_SHIFT = 5, /* upper bits: enum flow_tunnel, 0 outside tunnels */
};

enum flow_tunnel {
	FLOW_TUNNEL_NONE = 0,
	FLOW_TUNNEL_VXLAN = 1,
	FLOW_TUNNEL_GENEVE = 2,
	FLOW_TUNNEL_GRE = 3,
	FLOW_TUNNEL_IPIP = 4,
	FLOW_TUNNEL_6IN4 = 5,
};

/* A VLAN id is 12 bits; this bit says that there is one. */
enum {
	VLAN_SEEN = 0x1000,
};

enum parse_fault {
	FAULT_TRUNCATED,
	FAULT_MALFORMED,
	FAULT_TOO_DEEP,
	FAULT_NONE,
	FAULTS, /* a power of two, so that a mask bounds an index */
};

/*
 * One direction of one flow. 48 bytes; IPv4 (and what is not IP) uses only the last 24 of them, with both addresses in
 * addr[3], so that an IPv4 entry is one cache line and the same code serves both families.
 */
struct flow_key {
	__u64 addr[4]; /* IPv6: source, destination. IPv4: source and destination in addr[3]. Network order. */
	__be16 src_port; /* ICMP: type */
	__be16 dst_port; /* ICMP: code; not IP: EtherType */
	__u16 iface; /* the rig's number, not the kernel's */
	__u8 protocol;
	__u8 kind; /* enum flow_kind */
	__u16 vlan; /* id | VLAN_SEEN, or 0 */
	__u16 vlan_inner;
	__u32 tunnel_id;
};

/* What a hit touches: together with the key, one cache line in both families. */
struct flow_hot {
	__u32 last; /* tick of the latest packet */
	__u32 packets; /* cumulative, wraps: readers take differences */
	__u64 volume; /* bytes in the low 54 bits, 2 of enum payload_mark, TCP flags OR'd in the upper 8: one load, one store */
};

/* What only a new entry touches. */
struct flow_cold {
	__u32 generation; /* odd while the entry changes hands; +2 for each new flow in this place */
	__u32 first; /* tick of the first packet */
	__u32 place; /* in the outbox: which slot of the table this was; in the table unused */
	__u8 dscp;
	__u8 first_flags; /* TCP flags of the first packet: who sent the SYN */
	__u8 reserved[2];
};

struct flow_slot4 {
	__u64 key[3];
	struct flow_hot hot;
	struct flow_cold cold;
	__u32 pid; /* of the process whose socket sent the first packet; 0: unknown */
	__u32 payload; /* what its payload is: payload/state.h */
} __attribute__((aligned(64)));

struct flow_slot6 {
	__u64 key[6];
	struct flow_hot hot;
	struct flow_cold cold;
	__u32 pid;
	__u32 payload;
	__u32 reserved[10];
} __attribute__((aligned(64)));

struct flow_set4 {
	struct flow_slot4 way[FLOW_WAYS];
};

struct flow_set6 {
	struct flow_slot6 way[FLOW_WAYS];
};

/* User space's word on how many packets are taken where not all are to be: pace.h. */
struct pace {
	__u32 period_ticks; /* jiffies after which the pace is looked at again; 0: nobody takes any */
	__u32 share; /* packets of a period; 0: all are taken, however many */
	__u32 burst; /* packets that may be saved up to be taken beyond that, one after the other */
	__u32 epoch; /* another one: what was saved up before does not count */
};

/* How it goes. Packets are numbered by whoever counts them. */
struct pace_state {
	__u32 floor; /* packets are taken whose number's hash is this or more; 0: all */
	__u32 began; /* jiffies when this period did */
	__u32 begun; /* number of the last packet before it */
	__u32 begun_taken; /* packets taken until then */
	__u32 taken; /* packets ever */
	__u32 last; /* number of the latest of them */
	__s32 credit; /* packets that may be taken beyond the share; below 0: that were */
	__u32 epoch;
};

/* One CPU's account of one interface in one direction. Only the first two are written by an ordinary packet. */
struct iface_counts {
	__u64 frames; /* in the stack's units: a super-packet is one */
	__u64 frame_bytes;
	__u64 extra_packets; /* what the wire has beyond that: further segments … */
	__u64 extra_bytes; /* … their headers, and tags that the driver lifted out */
	struct pace_state follow; /* which packets go on to the followers */
	__u64 overflow_packets; /* evicted entries that found the outbox full, as on the wire */
	__u64 overflow_bytes;
	__u64 faults[FAULTS]; /* by enum parse_fault */
	__u64 inner_overflow_packets; /* the same for inner flows, which stand beside the account */
	__u64 inner_overflow_bytes;
	__u64 sampled_out_packets; /* while flows are sampled: not added to any flow, as on the wire … */
	__u64 sampled_out_bytes;
	__u64 extrapolated_packets; /* … and what those that were added stand for beyond themselves */
	__u64 extrapolated_bytes;
	__u64 reserved[4];
} __attribute__((aligned(64)));

/* User space's words to the programs: they may change at any time. */
struct flow_sampling {
	__u32 one_in; /* packets; up to 1 all of them are added to their flows */
	__u32 reserved;
	__u32 asleep; /* user space sleeps for long, and wants to be woken (bell.h); taken back by who does */
	__u32 reserved2;
	struct pace follow; /* of each CPU, interface and direction */
	__u32 reserved3[8];
} __attribute__((aligned(64)));

/*
 * A packet of the common shapes on its way to a function that does the rest (aside.h): while flows are sampled, and super-packets. The way
 * of all others knows nothing of it, and keeps what it reads in registers. The stack has no room for it.
 */
struct aside_packet {
	__u64 key[6]; /* as its family has it */
	__u32 bytes; /* as on the wire */
	__u32 now; /* tick */
	__u32 one_in;
	__u32 packets; /* as on the wire: more than one of a super-packet */
	__u8 tcp_flags;
	__u8 tos;
	__u8 l3; /* offset of its IP header */
	__u8 reserved[5];
};

/* One CPU's choice of the packets it takes: sampling.h. */
struct flow_sampler {
	__u32 one_in; /* for which the gap was drawn */
	__u32 gap; /* packets up to the next that is taken, itself among them */
	__u64 state; /* of its random numbers: never 0 */
	struct aside_packet packet;
	__u64 reserved[5];
} __attribute__((aligned(64)));

/* One CPU's ends of its two outboxes; the kernel writes the first cache line, user space the second. */
struct outbox_ends {
	__u64 head4; /* entries ever put */
	__u64 head6;
	__u64 inserts4; /* flows that found an empty slot or took another's */
	__u64 inserts6;
	__u64 evictions4;
	__u64 evictions6;
	__u64 overflows4; /* evictions that found the outbox full */
	__u64 overflows6;
	__u64 tail4; /* entries ever taken */
	__u64 tail6;
	__u64 reserved[6];
} __attribute__((aligned(64)));

/* Open-addressed: which of the rig's numbers an interface has. */
struct iface_entry {
	__u32 ifindex; /* 0: free */
	__u32 iface;
};

/* What the loader fixes before the programs are verified. Sizes are powers of two. */
struct flow_settings {
	__u64 seed; /* of the hash: not to be guessed from outside */
	__u32 shift4; /* 64 - log2(sets of one CPU) */
	__u32 shift6;
	__u32 outbox_mask4;
	__u32 outbox_mask6;
	__u32 cpu_mask; /* partitions - 1 */
	__u32 iface_mask; /* iface_entry's - 1 */
	__u32 iface_count_mask; /* interfaces that can be counted - 1 */
	__u8 tunnels; /* tell inner flows */
	__u8 no_fast_path; /* for tests: every packet by the thorough parser */
	__u8 reserved[2];
};

/* In replay, what test run cannot carry. */
struct replay_frame {
	__u32 tick; /* the packet's number is its time */
	__u32 wire_len; /* length on the wire, whatever was captured or fits into a test run */
	__u32 captured_len;
	__u16 iface;
	__u8 egress;
	__u8 reserved;
};

/* A port that a socket other than TCP's is bound to: what only ever receives has no packet on its way out to tell whose it
 * is. */
struct bound_key {
	__u32 netns;
	__u16 port; /* host order */
	__u8 protocol;
	__u8 reserved;
};

/* Two clocks at one moment: ticks are the low half of jiffies. */
struct clock_reading {
	__u64 jiffies;
	__u64 monotonic_ns;
};

#endif /* NETRIG_WIRE_H */
