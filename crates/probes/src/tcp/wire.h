/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the TCP probe and user space say to each other. All of it lies in memory-mapped arrays.
 *
 * A connection has a place in `slots` from its first state to a moment after its last. User space owns the places that are
 * free: it puts their numbers into the ring `free`, from which programs take them; programs put the number of an ended
 * connection's place into the ring `done`. Each ring has room for all places, so neither can overflow.
 */
#ifndef NETRIG_TCP_WIRE_H
#define NETRIG_TCP_WIRE_H

#include "../bpf/time.h"

enum tcp_role {
	TCP_ROLE_UNKNOWN,
	TCP_ROLE_CLIENT,
	TCP_ROLE_SERVER,
	TCP_ROLE_LISTENER,
};

/* tcp_slot.facts */
enum tcp_fact {
	TCP_OWNED = 1 << 0, /* the owner was written while it used the socket; else inherited from the listener */
	TCP_ADOPTED = 1 << 1, /* it was open already when the rig came to know of it */
	TCP_ENDED = 1 << 2, /* its number is in `done` */
	TCP_LOCAL_CLOSED_FIRST = 1 << 3,
	TCP_PEER_CLOSED_FIRST = 1 << 4,
	TCP_RESET_SENT = 1 << 5,
	TCP_RESET_RECEIVED = 1 << 6,
	TCP_ECN = 1 << 7,
	TCP_PEER_WINDOW_SHUT = 1 << 8, /* at the latest look */
	TCP_OWN_WINDOW_SHUT = 1 << 9,
	TCP_OCTETS_TO_COME = 1 << 11, /* the latest round trip's segment may have had data, not taken in by then */
	TCP_ACCEPTED = 1 << 12, /* the owner is who accepted it */
	TCP_NEVER_LEFT = 1 << 10, /* connect() failed before a SYN was made; its error is known to its caller only */
};

enum tcp_retransmit_cause {
	RETRANSMIT_TIMEOUT,
	RETRANSMIT_FAST,
	RETRANSMIT_TLP,
	RETRANSMIT_SYN,
	RETRANSMIT_SYN_ACK,
	RETRANSMIT_OTHER,
	RETRANSMIT_CAUSES,
	TCP_STATES = 16, /* a power of two beyond the kernel's last state */
};

struct tcp_owner {
	__u32 pid; /* written last; 0: unknown */
	__u32 reserved;
	__u64 cgroup; /* id on the v2 hierarchy */
	char process[16];
};

/* One socket. Times are of the monotonic clock. The lines that a round trip touches come first. */
struct tcp_slot {
	__u32 generation; /* +1 each time the place is given away: who holds an older number holds nothing */
	__u16 facts; /* enum tcp_fact */
	__u8 role; /* enum tcp_role; written last when the place is taken, 0 while it is free */
	__u8 state; /* the kernel's number; once ended, the last one before */
	__u32 active_tick; /* jiffies of the latest sign of life */
	__u32 service; /* place in `services` */
	__u64 rtt_us_sum;
	__u32 rtt_samples;
	__u32 rtt_us_min;
	__u32 rtt_us_max;
	__u32 rtt_pure_samples;
	__u64 rtt_pure_us_sum;
	__u32 rtt_pure_us_min;
	__u32 data_segs_in; /* segments with data received, at the latest round trip … */
	__u32 rcv_nxt; /* … and up to where octets had been taken in */
	__u32 retransmits_seen; /* of the kernel's count, by the hook that tells causes; a walk may come between the two */

	__u64 bytes_sent; /* payload, each octet once */
	__u64 bytes_received; /* payload, in order */
	__u32 segs_out;
	__u32 segs_in;
	__u32 srtt_us; /* ×8, as the kernel keeps it */
	__u32 mdev_us; /* ×4 */
	__u32 min_rtt_us;
	__u32 cwnd;
	__u32 mss;
	__u32 out_of_order;
	__u32 dsack_dups;
	__u32 delivered_ce;
	__u32 zero_windows_peer;
	__u32 zero_windows_own;

	__u32 chrono[3]; /* jiffies busy, limited by the peer's window, by the send buffer; exclusive */
	__u32 total_retrans; /* the kernel's, at the latest look */
	__u32 retransmits[RETRANSMIT_CAUSES];
	__u16 error; /* errno */
	__u8 reset_reason; /* enum sk_rst_reason of the running kernel, where a reset was sent */
	__u8 family; /* AF_INET, AF_INET6 */
	__be16 peer_port;
	__u16 local_port;
	__u64 id;
	__u32 netns;
	__u32 walk; /* number of the latest walk over all sockets that met it */

	__u32 connect_us;
	__u32 reserved1;
	__u64 opened_ns; /* 0: before the rig */
	__u64 established_ns;
	__u64 state_since_ns;
	__u64 ended_ns;
	__u64 state_ns[TCP_STATES]; /* time spent in each, without the present one */

	__u64 local_addr[2]; /* network order; IPv4 in the last four bytes */
	__u64 peer_addr[2];
	struct tcp_owner owner;

	/* Listeners. */
	__u32 accept_queue;
	__u32 accept_queue_max;
	__u32 syn_queue;
	__u32 drops;
	__u64 reserved[4];
} __attribute__((aligned(64)));

struct tcp_service_key {
	__u64 addr[2]; /* the remote address of clients; else 0 */
	__u16 port; /* host order */
	__u8 role;
	__u8 reserved[5];
};

struct tcp_service {
	struct tcp_service_key key; /* role 0: the sum of all beyond the cap */
	__u64 connections;
	struct time_histogram rtt;
	struct time_histogram rtt_pure;
	struct time_histogram connect;
};

#define TCP_REASONS 64
#define TCP_ERRNOS 256

/* One CPU's totals, of all connections, those without a place too. Added to by atomic adds: one CPU's, but in process
 * context and in softirq. */
struct tcp_totals {
	__u64 opened[2]; /* clients, servers */
	__u64 established[2];
	__u64 untracked; /* found no place */
	__u64 unknown_ends; /* ended without having had one */
	__u64 resets_received;
	__u64 others_untracked; /* sockets other than TCP's, beyond what may be remembered */
	__u64 retransmits[8]; /* by enum tcp_retransmit_cause */
	__u64 resets_sent[TCP_REASONS];
	__u64 errors[TCP_ERRNOS]; /* by errno */
};

/* The ends of the rings, each on a line of its own. Heads and tails count for ever. */
struct tcp_ends {
	__u64 free_taken; /* by programs */
	__u64 reserved0[7];
	__u64 free_given; /* by user space */
	__u64 wake_at; /* by user space, 0 by who rings: the bell rings once so many of `done` have been put */
	__u64 reserved1[6];
	__u64 done_put; /* by programs */
	__u64 reserved2[7];
	__u64 next_id;
	__u64 services; /* places given to services */
	__u64 other_sockets; /* other than TCP's, remembered now */
	__u64 walk; /* number of the present walk */
	__u64 walked; /* sockets it has met */
	__u64 adopted; /* connections */
	__u64 rtt_refused; /* older sockets for which the kernel did not switch the round-trip callback on */
	__u64 listeners_only; /* the present walk is to look at listeners only */
};

/* What the loader fixes before the programs are verified. */
struct tcp_settings {
	__u32 slots;
	__u32 ring_mask; /* a power of two that holds all slots - 1 */
	__u32 services; /* places, the first (0) of which is for all others */
	__u32 other_sockets_max;
	__u32 cpu_mask;
	__u32 process_mask;
	__u32 retransmit_tells_error; /* the tracepoint's third argument, in newer kernels: also of attempts that came to nothing */
	__u32 reserved;
};

#endif /* NETRIG_TCP_WIRE_H */
