/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the flight recorder and user space say to each other. All of it lies in memory-mapped arrays, each CPU the only writer of its
 * rings; user space only reads them, and tells the kernel which interface has which ring.
 */
#ifndef NETRIG_RECORDER_WIRE_H
#define NETRIG_RECORDER_WIRE_H

#include "../bpf/wire.h"

enum recorder_fact {
	RECORDER_EGRESS = 1 << 0, /* else ingress */
	RECORDER_TAG = 1 << 1, /* the driver took a VLAN tag out of the data: it stands in `tag` */
	RECORDER_SERVICE_TAG = 1 << 2, /* it is one of 802.1ad, else of 802.1Q */
	RECORDER_GSO = 1 << 3, /* a super-packet: several segments in one */
	RECORDER_FACTS = 4, /* bits of these; above them: packets left out since the one before */
	RECORDER_LEFT_OUT_MAX = 0xfff,
};

/*
 * What precedes a packet's first octets. A packet that is recorded at place n of its ring (all places ever used are counted) has the
 * sequence 2n + 2, and 2n + 1 while it is being written: whoever reads the sequence before and after reading the rest knows whether
 * it was overwritten meanwhile, and how many have been overwritten unread.
 */
struct recorder_slot {
	__u64 sequence;
	__u64 time_ns; /* monotonic */
	__u32 len; /* of the whole packet as the stack has it */
	__u32 ifindex;
	__u16 captured; /* octets that follow */
	__u16 tag; /* its control information: priority and id */
	__u16 queue; /* ingress: the receive queue + 1; 0: unknown */
	__u16 facts; /* enum recorder_fact */
};

/* One CPU's ring of one interface. */
struct recorder_ring {
	__u64 next; /* places ever used */
	__u64 left_out; /* packets ever that were not recorded, for the pace */
	__u32 at; /* the slot of the next one: next modulo the slots */
	__u32 seen; /* packets ever, where no other program counts them */
	struct pace_state state; /* of these */
	__u64 reserved;
} __attribute__((aligned(64)));

/* What the loader fixes before the programs are verified. */
struct recorder_settings {
	__u32 ifaces; /* rings of each CPU */
	__u32 slots; /* of a ring */
	__u32 iface_mask; /* entries of the table of interfaces - 1 */
	__u32 words; /* octets of a packet that a slot has room for, / 8 */
};

#endif /* NETRIG_RECORDER_WIRE_H */
