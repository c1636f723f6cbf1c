/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the latency probe and user space say to each other. All of it lies in memory-mapped arrays.
 *
 * A place of `latencies` belongs to a service as the processes of one name in one control group have it, or to one connection
 * flagged slow. Places are given once and never taken back: counts never go backwards.
 */
#ifndef NETRIG_LATENCY_WIRE_H
#define NETRIG_LATENCY_WIRE_H

#include "../bpf/time.h"

/* In the order of the message's way. */
enum latency_stage {
	STAGE_SOFTIRQ,
	STAGE_STACK,
	STAGE_WAKEUP,
	STAGE_RUN_QUEUE,
	STAGE_READ,
	STAGE_THINK,
	STAGE_TCP_QUEUE,
	STAGE_QDISC,
	STAGE_NIC,
	STAGE_WIRE,
	STAGE_WIRE_PEER,
	STAGE_TOTAL,
	STAGES,
};

/* What holds a message in TCP's queue. */
enum latency_cause {
	CAUSE_RECEIVE_WINDOW,
	CAUSE_CONGESTION_WINDOW,
	CAUSE_PACING,
	CAUSE_NAGLE,
	CAUSE_SEND_BUFFER,
	CAUSE_OTHER,
	CAUSES,
};

enum latency_role {
	LATENCY_ROLE_UNKNOWN,
	LATENCY_ROLE_CLIENT,
	LATENCY_ROLE_SERVER,
};

#define SLOW_PLACES_MAX 32

enum latency_place {
	PLACE_REST, /* all beyond the cap */
	PLACE_HOST, /* what is the whole host's */
	PLACES_FIXED,
};

struct latency_key {
	__u64 addr[2]; /* the remote address of clients, else 0; network order, IPv4 in the last four bytes */
	__u64 client_addr[2]; /* of a connection flagged slow: its client's */
	__u64 cgroup; /* id on the v2 hierarchy */
	char process[16];
	__u16 port; /* of the service; host order */
	__u16 client_port; /* of a connection flagged slow, else 0; host order */
	__u8 role; /* enum latency_role */
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP; 0: PLACE_REST or PLACE_HOST */
	__u8 family; /* AF_INET, AF_INET6 */
	__u8 reserved;
};

struct latency_service {
	struct latency_key key;
	__u64 eligible[STAGES]; /* sampled messages that should have passed the stage */
	__u64 censored[STAGES]; /* those that began it and whose end was not seen */
	__u64 cause_messages[CAUSES];
	__u64 cause_ns[CAUSES];
	__u64 qdisc_ns_max;
	char qdisc_iface[16]; /* where that was */
	struct time_histogram stages[STAGES];
};

/* A CPU's own cache line. */
struct latency_cpu {
	__u32 receive_countdown; /* messages until the next one is looked at */
	__u32 arm_countdown; /* round trips until the next connection is to look at its next message */
	__u64 expects; /* socket whose reader the next wake-up on this CPU is for */
	__u64 expects_since_ns;
	__u64 raised_ns; /* the network softirq */
	__u64 random;
	__u64 messages; /* that have passed while the hooks were attached */
	__u64 reserved[2];
};

/* What user space tells the programs while they run, and what they count together. */
struct latency_gate {
	__u64 sampling; /* 1 message in this many is chosen; 0: none */
	__u64 slow_ns; /* a message that takes longer flags its connection */
	__u64 realtime_offset_ns; /* the realtime clock beyond the monotonic one */
	__u64 places; /* taken, beyond the fixed ones */
	__u64 slow_places; /* of these, by connections flagged slow */
	__u64 walked; /* older sockets that were given what the probe needs */
	__u64 slice; /* 1 while hooks of the whole host are attached: datagrams are looked at */
	__u64 await_datagram; /* datagrams that are looked at and have not been read */
	/* Sockets that wait for something: a hook that none waits for returns at once. */
	__u64 await_arrival;
	__u64 spell; /* another one each time when the hooks were off; here, where every message is read from anyway */
	__u64 reserved1[6];
	__u64 await_read;
	__u64 reserved2[7];
	__u64 await_write;
	__u64 reserved3[7];
};

/* What the loader fixes before the programs are verified. */
struct latency_settings {
	__u32 places;
	__u32 slow_places_max;
	__u32 cpu_mask;
	__u16 tx_callbacks; /* the kernel has TX timestamp callbacks (6.15) */
	__u16 write_hook; /* and a tracepoint where a write begins (6.16) */
};

#endif /* NETRIG_LATENCY_WIRE_H */
