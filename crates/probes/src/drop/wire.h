/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the drop probe and user space say to each other. Counts lie in memory-mapped arrays, examples go through a ring.
 *
 * Each CPU has a partition of each table, and within it each program a range of groups: a program never runs twice at once on
 * a CPU (the kernel leaves the inner one out and counts that), so every group has one writer.
 */
#ifndef NETRIG_DROP_WIRE_H
#define NETRIG_DROP_WIRE_H

#include "../bpf/kernel.h"

/* In the order of model's DropSource, as far as programs count. */
enum drop_source {
	DROP_SKB,
	DROP_SOCKET,
	DROP_XDP,
};

enum drop_direction {
	DROP_WAY_UNKNOWN,
	DROP_INGRESS,
	DROP_EGRESS,
};

enum drop_family {
	DROP_FAMILY_OTHER,
	DROP_FAMILY_IPV4,
	DROP_FAMILY_IPV6,
	DROP_FAMILY_ARP,
	DROP_FAMILY_UNIX,
	DROP_FAMILY_NETLINK,
	DROP_FAMILY_PACKET,
};

/* What `reason` says where the kernel has no number for it: whose program counted. */
enum drop_reason_own {
	DROP_REASON_OTHER = 0xffff0000, /* the rest of a program: groups beyond its range */
	DROP_REASON_RCVQUEUE_FULL, /* sock_rcvqueue_full */
	DROP_REASON_UDP_FAIL_QUEUE, /* udp_fail_queue_rcv_skb; `location` is the error's number */
	DROP_REASON_EXCEED_BUF_LIMIT, /* sock_exceed_buf_limit; `location`: 0 send, 1 receive */
	DROP_REASON_XDP_EXCEPTION, /* `location`: the action's number */
	DROP_REASON_XDP_REDIRECT, /* xdp_redirect_err; `location`: the error's number */
	DROP_REASON_XDP_DEVMAP, /* xdp_devmap_xmit */
	DROP_REASON_XDP_CPUMAP, /* xdp_cpumap_enqueue */
	DROP_REASON_XDP_BULK_TX, /* xdp_bulk_tx */
};

/* Whose groups they are: a program is the only writer of its range. */
enum drop_program {
	DROP_PROGRAM_SKB,
	DROP_PROGRAM_RCVQUEUE,
	DROP_PROGRAM_UDP,
	DROP_PROGRAM_LIMIT,
	DROP_PROGRAM_XDP_EXCEPTION,
	DROP_PROGRAM_XDP_REDIRECT,
	DROP_PROGRAM_XDP_DEVMAP,
	DROP_PROGRAM_XDP_CPUMAP,
	DROP_PROGRAM_XDP_BULK_TX,
	DROP_PROGRAMS,
};

/* Groups of one CPU: the range of kfree_skb's program, the other programs' ranges, and the rest of each program. */
enum drop_groups {
	DROP_GROUPS_SKB = 512,
	DROP_GROUPS_EACH = 32,
	DROP_GROUPS_REST = DROP_GROUPS_SKB + (DROP_PROGRAMS - 1) * DROP_GROUPS_EACH, /* 768 */
	DROP_GROUPS = 784,
};

enum {
	DROP_FLOW_WAYS = 2,
	DROP_EXAMPLE_OCTETS = 96,
};

struct drop_key {
	__u64 location; /* address of the instruction after the call; see enum drop_reason_own */
	__u32 reason; /* the kernel's number, with the subsystem's in the upper half; or enum drop_reason_own */
	__u32 ifindex; /* 0: not known */
	__u32 netns; /* inode */
	__u8 source; /* enum drop_source */
	__u8 direction; /* enum drop_direction */
	__u8 family; /* enum drop_family */
	__u8 taken; /* 1: a group; 0: an empty place */
};

/* Cumulative. Given once and never taken back. */
struct drop_group {
	struct drop_key key;
	__u64 packets;
	__u64 bytes;
	__u64 flow_packets_lost; /* of flows that found no room in the table, or had to make room */
	char iface[16]; /* as the device was called when the group began */
	char program[16]; /* XDP: its name */
	__u32 example_tick; /* jiffies at the latest example */
	__u32 examples; /* of that second */
	__u64 reserved[5];
} __attribute__((aligned(64)));

/* One flow of one group, 64 bytes. Both addresses of IPv4 lie in addr[3], as in flow_key. */
struct drop_flow {
	__u64 addr[4]; /* network order */
	__be16 src_port;
	__be16 dst_port;
	__u16 group; /* of this CPU; with the rest, what tells flows apart */
	__u8 protocol;
	__u8 family; /* enum drop_family; 0: an empty place */
	__u64 bytes; /* cumulative since the flow has this place */
	__u32 packets;
	__u32 pid; /* of its socket's owner; 0: unknown */
	__u32 generation; /* odd while the place changes hands; +2 for each new flow */
	__u16 weight; /* packets, less those of other flows that wanted the place */
	__u16 last; /* jiffies / 64 at its latest packet */
} __attribute__((aligned(64)));

/* Through the ring `examples`. */
struct drop_example {
	__u64 monotonic_ns;
	struct drop_key key;
	struct drop_flow flow;
	__u32 length; /* octets of the packet as it was held */
	__u32 captured; /* of them in `octets` */
	__u8 octets[DROP_EXAMPLE_OCTETS]; /* from the network header on; without one, from the data on */
};

/* What user space tells the programs while they run, and what they count together. */
struct drop_gate {
	__u64 examples_per_second; /* of a group on a CPU */
	__u64 second_ticks; /* jiffies of a second */
	__u64 stale; /* 64 jiffies each: a flow without a packet for so long makes room at once */
	__u64 examples_lost; /* the ring was full */
};

/* What the loader fixes before the programs are verified. */
struct drop_settings {
	__u64 seed; /* of the hash: not to be guessed from outside */
	__u32 cpu_mask; /* partitions - 1 */
	__u32 flow_shift; /* 64 - log2(sets of one CPU) */
	__u8 rx_socket; /* kfree_skb's fourth argument is there (6.11) */
	__u8 udp_packet; /* udp_fail_queue_rcv_skb's third argument is there (6.10) */
	__u8 reserved[6];
};

#endif /* NETRIG_DROP_WIRE_H */
