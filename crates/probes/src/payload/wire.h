/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the payload part of the flow programs and user space say to each other: a ring of copies for each CPU, in plain memory that both
 * have mapped. Its one writer needs no lock, and its reader no call.
 */
#ifndef NETRIG_PAYLOAD_WIRE_H
#define NETRIG_PAYLOAD_WIRE_H

#include "../bpf/wire.h"

enum {
	PAYLOAD_OCTETS_MAX = 16384, /* of one packet */
	PAYLOAD_PORTS = 8,
	/*
	 * A part of so many of a ring is full when the bell is rung. To wake costs as much as fifty records do, so it is a large part; what
	 * is left holds what comes until whoever was woken has the CPU.
	 */
	PAYLOAD_BELL_PART = 4,
};

/* One CPU's ring: the kernel writes the first cache line, user space the second. wanted = copied + lost. */
struct payload_ends {
	__u64 head; /* octets ever put */
	__u64 wanted; /* packets that were worth a copy */
	__u64 copied;
	__u64 lost; /* the ring had no room */
	__u64 off; /* written by user space: nothing is looked at */
	__u64 reserved1[3];
	__u64 tail; /* octets ever taken */
	__u64 reserved2[7];
} __attribute__((aligned(64)));

/*
 * A packet's payload in a ring; its octets come right behind, and the next record begins at the next 8. Where the time is 0 the ring goes
 * on at its start.
 */
struct payload_record {
	__u64 monotonic_ns;
	struct flow_key key;
	__u64 cgroup; /* of the socket's owner */
	char process[16];
	__u32 pid; /* 0: unknown, and so are the others */
	__u32 sequence; /* TCP: of the first octet of payload */
	__u32 length; /* octets of payload the packet has */
	__u32 captured; /* of them, those that follow */
	__u8 tcp_flags;
	__u8 is_ipv6;
	__u8 reserved[6];
};

/* What the loader fixes before the programs are verified; on = 0 leaves all of it out of the programs. */
struct payload_settings {
	__u32 on;
	__u32 copy_octets; /* of one direction of a flow, until it is known what it is */
	__u32 quic_octets; /* of one QUIC packet: cut short it cannot be deciphered */
	__u32 ring_shift; /* log2 of a ring's octets */
	__be16 dns_ports[PAYLOAD_PORTS]; /* 0: none */
};

#endif /* NETRIG_PAYLOAD_WIRE_H */
