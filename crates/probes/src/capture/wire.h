/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a capture's programs and user space say to each other. Packets go through rings, one of each CPU; counts lie in a memory-mapped
 * area, of which each CPU has a partition.
 */
#ifndef NETRIG_CAPTURE_WIRE_H
#define NETRIG_CAPTURE_WIRE_H

#include "../bpf/kernel.h"

enum capture_hook {
	CAPTURE_XDP,
	CAPTURE_INGRESS,
	CAPTURE_EGRESS,
	CAPTURE_DROP,
};

enum capture_way {
	CAPTURE_WAY_UNKNOWN,
	CAPTURE_WAY_IN,
	CAPTURE_WAY_OUT,
};

enum {
	CAPTURE_FRAME_OCTETS = 4096, /* what is known of a dropped packet, at most */
	CAPTURE_FRAME_SLACK = 64, /* behind that: what is read of it ends in bounds */
	CAPTURE_OCTETS_MAX = 66048, /* of one packet */
	CAPTURE_LATELY = 2048, /* flows of a CPU whose owners are remembered */
	CAPTURE_ASKED_MAX =
		50, /* owners that a CPU looks up in a millisecond, where they are only told: that takes long */
	CAPTURE_NO_QUEUE = 0xffff,
};

/* One hook of one interface, on one CPU. Cumulative. seen >= matched = foreign + sampled_out + limited + lost + stored. */
struct capture_count {
	__u64 seen; /* came by */
	__u64 matched; /* of them, those that the filter takes */
	__u64 foreign; /* another process' or container's, or nobody's, where one was asked for */
	__u64 sampled_out;
	__u64 limited; /* beyond the rate */
	__u64 lost; /* the ring was full */
	__u64 stored; /* in the ring */
	__u64 truncated; /* of them, those that are not whole */
} __attribute__((aligned(64)));

/* What a CPU's programs tell each other; nothing interrupts them on their CPU. */
struct capture_cpu {
	__u64 source; /* whose packet it is: the filter writes it before it hands the packet on */
	__u64 unwoken; /* octets in the ring of which user space has not been told */
	__u64 asking_ns; /* since when owners have been asked for so often */
	__u64 asked;
	__u64 reserved[4];
} __attribute__((aligned(64)));

/* Whose a socket is. */
struct capture_owner {
	__u64 cgroup;
	__u32 pid;
	__u32 reserved;
	char process[16];
};

/* The same, remembered for a flow: one cache line. */
struct capture_lately {
	__u64 hash;
	__u64 asked_ns; /* 0: an empty place */
	struct capture_owner owner; /* pid 0: nobody's */
	__u64 reserved[2];
} __attribute__((aligned(64)));

/* How far a ring's writer and reader have come, octets; each side writes a cache line of its own. */
struct capture_ends {
	__u64 head;
	__u64 reserved1[7];
	__u64 tail;
	__u64 reserved2[7];
} __attribute__((aligned(64)));

/*
 * A packet in a ring. Behind it comes its owner where it has one, then what is known of a drop, then its octets; the next begins at the
 * next 8. Where the time is 0 the ring goes on at its start. What few packets have is not in here: each octet is written by one CPU and read
 * by another.
 */
struct capture_record {
	__u64 monotonic_ns;
	__u32 length; /* octets on the wire, or in memory where the kernel has merged packets; without a lifted tag */
	__u32 captured; /* of them, those that follow */
	__u32 lost; /* of this source on this CPU so far, for want of room in the ring */
	__u16 source;
	__u16 queue; /* that received it; CAPTURE_NO_QUEUE: unknown */
	__u16 vlan_protocol; /* of a tag that the driver has lifted out of the data, host order; 0: there is none */
	__u16 vlan_tci;
	__u8 hook; /* enum capture_hook */
	__u8 way; /* enum capture_way */
	__u8 owned; /* struct capture_owner follows; struct capture_dropped does where the hook says so */
	__u8 reserved;
};

/* What is known of a dropped packet alone. */
struct capture_dropped {
	__u64 location; /* address of the instruction after the call */
	__u32 reason; /* the kernel's number, with the subsystem's in the upper half */
	__u32 ifindex; /* 0: unknown */
	__u8 made_link; /* the link header was not there yet, or no more: it is made of the packet's protocol alone */
	__u8 reserved[7];
};

/* A dropped packet, for the filter to look at. */
struct capture_frame {
	struct capture_record head;
	struct capture_owner owner; /* pid 0: nobody's */
	struct capture_dropped dropped;
	__u8 octets[CAPTURE_FRAME_OCTETS + CAPTURE_FRAME_SLACK];
} __attribute__((aligned(64)));

/* Shared by all CPUs: how many packets of this second have been stored. */
struct capture_gate {
	__u64 second_ns; /* when it began */
	__u64 stored;
	__u64 reserved[6];
} __attribute__((aligned(64)));

/* What the loader fixes before the programs are verified. */
struct capture_settings {
	__u64 seed; /* of hashes: not to be guessed from outside */
	__u64 wake_octets; /* user space is woken when so many have been written to a ring */
	__u64 rate; /* packets a second, all in all; 0: any number */
	char process[16]; /* only its packets; empty: any */
	__u32 cpu_mask; /* partitions - 1 */
	__u32 source_shift; /* log2 of a partition's sources */
	__u32 ring_shift; /* log2 of a ring's octets */
	__u32 drop_rings; /* the first ring of drops */
	__u32 snaplen;
	__u32 sampling; /* one packet in so many */
	__u32 pid; /* only its packets; 0: any */
	__u32 netns; /* drops: inode of the network namespace */
	__u8 owners; /* whose packets are is asked */
	__u8 some_cgroups; /* only those in `cgroups` */
	__u8 some_ifaces; /* drops: only those in `ifaces` */
	__u8 rx_socket; /* kfree_skb's fourth argument is there (6.11) */
	__u8 reserved[4];
};

#endif /* NETRIG_CAPTURE_WIRE_H */
