/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the burst accounting of the flow programs and user space say to each other. All of it lies in memory-mapped arrays, each CPU
 * the only writer of its partition.
 */
#ifndef NETRIG_BURST_WIRE_H
#define NETRIG_BURST_WIRE_H

#include "../bpf/kernel.h"

/* One fine bucket of one interface, one direction and one CPU. A bucket is of use while its number is the one that is looked for:
 * the ring goes round. */
struct burst_bucket {
	__u32 number; /* monotonic time / length of a bucket, low half */
	__u32 bytes; /* as on the wire */
	__u32 packets;
	__u16 ce_packets; /* marked by a congested router (ECN CE) */
	__u16 next_sample; /* the next one is taken at so many bytes, in units of 4 KiB (BURST_SAMPLE_SHIFT) */
	__u64 flows[2]; /* a bit for each flow, by its hash */
};

enum {
	BURST_SAMPLE_SHIFT = 12,
	BURST_RETRANSMITS = 512, /* of each CPU; the ring goes round */
};

/* A flow that was met when a bucket had grown by so many bytes, which it stands for. */
struct burst_sample {
	__u32 number; /* of the bucket */
	__u32 slot; /* place in the flow table, all CPUs counted through; the top bit: IPv6's */
	__u32 bytes;
	__u16 iface; /* the rig's number; the top bit: egress */
	__u16 generation; /* low half of the flow's: it is that flow still if this has not changed */
};

/* Segments that TCP sent again in one bucket's time over one interface. */
struct burst_retransmit {
	__u32 number;
	__u16 iface;
	__u16 segments;
};

/* One CPU's clock and the ends of its rings. */
struct burst_cpu {
	__u32 number; /* of the bucket that packets are counted in */
	__u32 tick; /* jiffies when the clock was read */
	__u32 left; /* packets until it is read again */
	__u32 step; /* how many that is */
	__u64 read_ns; /* when it was read */
	__u64 clock_reads; /* ever */
	__u64 samples; /* ever put */
	__u64 off; /* written by user space: no bucket is counted in */
	__u64 reserved[2];
	/* Written by TCP's hook alone. */
	__u64 retransmits; /* ever put */
	__u64 reserved2[7];
} __attribute__((aligned(64)));

/* What the loader fixes before the programs are verified; on = 0 leaves all of it out of the programs. */
struct burst_settings {
	__u64 bucket_ns;
	__u32 buckets; /* of one ring; a power of two */
	__u32 cpu_buckets; /* of one CPU's rings */
	__u32 ifaces; /* the rig's numbers from 1 up to this one have rings; a power of two */
	__u32 step_max;
	__u32 near_ns; /* so many packets took less than this: the next reading may wait for twice as many */
	__u32 far_ns; /* or more than this: the next packet reads */
	__u32 netns; /* inode of the namespace whose interfaces are watched */
	__u32 on;
	__u32 samples; /* of each CPU; the ring goes round; a power of two */
	__u32 reserved;
};

#endif /* NETRIG_BURST_WIRE_H */
