/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the policy probe and user space say to each other.
 *
 * A generation is a program of its own with tables of its own, so that no packet sees half of two policies. What outlives
 * generations (counters, buckets, the sources that were seen, examples) lies in maps that each one is given.
 */
#ifndef NETRIG_POLICY_WIRE_H
#define NETRIG_POLICY_WIRE_H

#include "../bpf/kernel.h"

/* In the order of the policy crate's Act. */
enum policy_act {
	POLICY_DROP,
	POLICY_PASS,
	POLICY_COUNT,
	POLICY_SAMPLE,
	POLICY_LIMIT,
	POLICY_REDIRECT_INTERFACE,
	POLICY_REDIRECT_CPU,
	POLICY_SYN_GUARD,
};

/* policy_rule.flags */
enum policy_rule_flag {
	POLICY_SHADOW = 1 << 0, /* tells what it would have done */
	POLICY_LIMIT_BYTES = 1 << 1, /* else packets */
	POLICY_LIMIT_SOURCE = 1 << 2, /* a bucket for each source prefix, else one */
};

/* policy_row.checks: which of its fields are looked at. */
enum policy_check {
	POLICY_CHECK_LENGTH = 1 << 0,
	POLICY_CHECK_VLAN = 1 << 1,
	POLICY_CHECK_UNTAGGED = 1 << 2,
	POLICY_CHECK_ICMP_TYPE = 1 << 3,
	POLICY_CHECK_TCP_FLAGS = 1 << 4,
	POLICY_CHECK_FRAGMENT = 1 << 5,
	POLICY_CHECK_IFINDEX = 1 << 6,
	POLICY_CHECK_ETHERTYPE = 1 << 7,
	POLICY_CHECK_SRC_MAC = 1 << 8,
	POLICY_CHECK_DST_MAC = 1 << 9,
	POLICY_NEEDS_TRANSPORT = 1 << 15, /* not a check: it asks for what later fragments do not have */
};

/* What is decided where a row is the first candidate; upper half of a word of 64 bits, above its rule's slot and its rule. */
enum policy_at_once {
	POLICY_AT_ONCE_NOT, /* it asks for more, or others come after it */
	POLICY_AT_ONCE_DROP,
	POLICY_AT_ONCE_PASS,
	POLICY_AT_ONCE_LIMIT,
};

/* A packet's fragment bits, and which of them a row looks for. */
enum policy_fragment {
	POLICY_FRAGMENT_FIRST = 1 << 0,
	POLICY_FRAGMENT_LATER = 1 << 1,
	POLICY_FRAGMENT_NONE = 1 << 2,
};

enum policy_size {
	POLICY_RULES = 1024, /* counters of one CPU */
	POLICY_SLOT_ALWAYS = 0, /* what always passes */
	POLICY_IFACES = 64,
	POLICY_SOURCE_SETS = 256, /* of one CPU */
	POLICY_SOURCE_WAYS = 2,
	POLICY_BUCKET_WAYS = 4,
	POLICY_EVENT_OCTETS = 96,
	POLICY_KIND_IPV6 = 256,
	POLICY_KIND_NOT_IP = 512,
	POLICY_PORT_NONE = 65536,
	POLICY_PORT_UNREADABLE = 65537,
};

/* One conjunction of one rule; 64 bytes. */
struct policy_row {
	__u64 src_mac; /* as the first six octets lie in memory */
	__u64 dst_mac;
	__u32 length_min;
	__u32 length_max;
	__u32 ifindex;
	__u16 rule; /* its place among the rules */
	__u16 checks; /* enum policy_check */
	__u16 vlan_min;
	__u16 vlan_max;
	__u16 ethertype;
	__u8 icmp_min;
	__u8 icmp_max;
	__u8 flags_mask;
	__u8 flags_value;
	__u8 fragments; /* enum policy_fragment: any of these */
	__u8 reserved[21];
};

/* 64 bytes. */
struct policy_rule {
	__u64 expires; /* jiffies; 0: never */
	__u64 cost; /* limit: of a packet, in 1/16 ns; of a byte, in 1/2^20 ns */
	__u64 capacity; /* limit: of a bucket, in 1/16 ns */
	__u64 source_mask[2]; /* limit per source: of IPv6, network order */
	__u32 source_mask4; /* of IPv4, network order */
	__u32 number; /* sample: one in so many; redirect: place in its map; SYN guard: SYNs a second */
	__u16 slot; /* where it is counted */
	__u8 act; /* enum policy_act */
	__u8 flags; /* enum policy_rule_flag */
	__u32 reserved[3];
};

/* Where a dimension's tables begin, in bytes from the area's start. */
struct policy_ranges4 {
	__u32 index; /* of 32-bit words */
	__u32 shift; /* upper bits of an address: address >> shift; 0: all is of class 0 */
	__u32 entries;
	__u32 entry_count;
};

struct policy_ranges6 {
	__u32 used;
	__u32 parts; /* by upper 16 bits, in 64 bits: see class_of_ipv6 */
	__u32 fine;
	__u32 fine_count;
	__u32 upper;
	__u32 upper_class;
	__u32 upper_count;
	__u32 deeper;
	__u32 deeper_count;
	__u32 lower;
	__u32 lower_class;
	__u32 lower_count;
};

struct policy_dimension {
	__u32 used; /* any row asks for it */
	__u32 sets;
	__u32 classes;
};

struct policy_addresses {
	struct policy_dimension of;
	struct policy_ranges4 v4;
	struct policy_ranges6 v6;
};

struct policy_ports {
	struct policy_dimension of;
	__u32 table; /* of 16-bit classes, by port, NONE and UNREADABLE */
};

/* What the loader fixes before a generation is verified. */
struct policy_layout {
	__u64 seed; /* of hashes: not to be guessed from outside */
	__u32 words; /* of a set of rows: 1, 2, 4, 8 or 16 */
	__u32 set_shift; /* log2 of a set's bytes */
	__u32 rows;
	__u32 row_count;
	__u32 rules;
	__u32 rule_count;
	__u32 kinds; /* sets by family and protocol */
	__u32 all_checks; /* of all rows, OR'd: what nobody asks for is not read */
	__u32 cpu_mask;
	__u32 bucket_mask; /* sets of buckets - 1 */
	__u32 drop_unreadable; /* rules that act drop what they cannot read */
	__u32 sets_end; /* sets of rows come first in the area, and end here */
	__u32 first; /* of each row, in 64 bits: its rule, where that is counted, enum policy_at_once; by the product of its bit */
	__u32 guards_syn; /* a rule does */
	struct policy_addresses src;
	struct policy_addresses dst;
	struct policy_ports src_port;
	struct policy_ports dst_port;
};

/* A rule's counters on one CPU; one cache line, one writer. */
struct policy_count {
	__u64 packets; /* that matched */
	__u64 bytes;
	__u64 over_packets; /* of them, those that it removed, or would have removed */
	__u64 over_bytes;
	__u64 last; /* jiffies at the latest; 0: none yet */
	__u32 example_tick;
	__u32 examples; /* of that second */
	__u64 reserved[2];
} __attribute__((aligned(64)));

/* What policy took from the stack on an interface, on one CPU. */
struct policy_removed {
	__u64 dropped_packets;
	__u64 dropped_bytes;
	__u64 redirected_packets;
	__u64 redirected_bytes;
	__u64 reserved[4];
} __attribute__((aligned(64)));

/* A source among those that a rule met most; 32 bytes. Found by sampling one packet in POLICY_SOURCE_SAMPLING. */
struct policy_source {
	__u64 addr[2]; /* network order; IPv4 in the last four octets, mapped */
	__u32 weight; /* less those of others that wanted the place */
	__u32 packets; /* sampled since it has the place */
	__u16 slot;
	__u8 taken;
	__u8 reserved[5];
};

struct policy_source_set {
	struct policy_source way[POLICY_SOURCE_WAYS];
} __attribute__((aligned(64)));

struct policy_bucket {
	__u64 key; /* of a source and a rule, hashed; 0: free */
	__u64 full_at; /* 1/16 ns: when the bucket will be full again */
};

struct policy_bucket_set {
	struct policy_bucket way[POLICY_BUCKET_WAYS];
} __attribute__((aligned(64)));

/* Through the ring `events`. */
struct policy_event {
	__u64 monotonic_ns;
	__u64 addr[4]; /* as in flow_key, but IPv4's source and destination in addr[3] */
	__u32 ifindex;
	__u32 length;
	__be16 src_port;
	__be16 dst_port;
	__u16 slot;
	__u16 ethertype;
	__u8 protocol;
	__u8 family; /* 4, 6 or 0 */
	__u8 act; /* enum policy_act of the rule */
	__u8 over; /* it was removed, or would have been */
	__u8 shadow;
	__u8 captured; /* octets of the frame */
	__u8 reserved[6];
	__u8 octets[POLICY_EVENT_OCTETS];
};

/* What user space tells the programs while they run, and what they count together. */
struct policy_gate {
	__u64 deadline; /* jiffies: from then on the generation before decides; 0: no deadline */
	__u64 examples_per_second; /* of a rule on a CPU */
	__u64 second_ticks; /* jiffies of a second */
	__u64 events_lost; /* the ring was full */
	__u64 buckets_lost; /* sources that had to make room while their bucket was not full */
	__u64 fell_back; /* packets that met no generation: they passed */
	__u64 layout; /* of this file: who finds these maps pinned knows whether it can read them */
	__u64 reserved[1];
	__u32 ifaces[POLICY_IFACES]; /* the kernel's index; a place's counts are policy_removed's */
};

#endif /* NETRIG_POLICY_WIRE_H */
