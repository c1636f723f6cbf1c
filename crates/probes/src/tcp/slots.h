/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a socket's facts are kept: its storage says which place is its own, the place lies in shared memory. So what
 * happens to a socket finds its place in one step, and user space reads all of them without a system call.
 */
#ifndef NETRIG_TCP_SLOTS_H
#define NETRIG_TCP_SLOTS_H

#include "../bpf/bell_ring.h"
#include "../bpf/shared.h"
#include "../bpf/sender.h"
#include "../bpf/histogram.h"
#include "wire.h"
#include "../bpf/kernel_tcp.h"

enum {
	BPF_MAP_TYPE_HASH = 1,
};

enum {
	BPF_NOEXIST = 1,
	BPF_F_CLONE = 1 << 9,
	BPF_SK_STORAGE_GET_F_CREATE = 1 << 0,
};

SHARED_ARRAY(slots, struct tcp_slot);
SHARED_ARRAY(free_ring, __u64); /* numbers of free places */
SHARED_ARRAY(done_ring, __u64); /* numbers of ended connections' places + 1; user space puts 0 back */
SHARED_ARRAY(ends, struct tcp_ends);
SHARED_ARRAY(totals, struct tcp_totals); /* [cpu] */
SHARED_ARRAY(services, struct tcp_service);

/* Asked only when a connection is established. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct tcp_service_key);
	__type(value, __u32);
} service_places SEC(".maps");

struct tcp_ref {
	__u32 slot;
	__u32 generation;
	/* A connect() that has not come to a SYN yet. */
	__u64 attempt_ns; /* 0: none */
	__u64 attempt_addr[2];
	__be16 attempt_port;
	__u8 attempt_family;
	__u8 reserved[5];
};

/* Freed by the kernel with its socket. Cloned: so an accepted socket begins with its listener's. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct tcp_ref);
} refs SEC(".maps");

const volatile struct tcp_settings settings SEC(".rodata.settings") = {};

static __always_inline struct tcp_ends *the_ends(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ends, &zero);
}

static __always_inline struct tcp_totals *the_totals(void)
{
	__u32 cpu = bpf_get_smp_processor_id() & settings.cpu_mask;

	return bpf_map_lookup_elem(&totals, &cpu);
}

#define COUNT(field)                                          \
	do {                                                  \
		struct tcp_totals *all = the_totals();        \
		if (all)                                      \
			__sync_fetch_and_add(&all->field, 1); \
	} while (0)

static __always_inline struct tcp_slot *slot_at(__u32 number, __u32 generation)
{
	struct tcp_slot *slot = bpf_map_lookup_elem(&slots, &number);

	return slot && slot->generation == generation ? slot : NULL;
}

static __always_inline struct tcp_slot *slot_of_ref(const struct tcp_ref *ref)
{
	return ref ? slot_at(ref->slot, ref->generation) : NULL;
}

/* `sk` may be any form of a pointer to a socket, hence a macro. */
#define SLOT_OF(sk) slot_of_ref(bpf_sk_storage_get(&refs, sk, 0, 0))

#define TAKE_TRIES 16

/* A free place's number, or -1. Others take at the same time, on other CPUs or in softirq on this one. */
static __always_inline __s64 take_free(struct tcp_ends *end)
{
	for (int i = 0; i < TAKE_TRIES; i++) {
		__u64 at = *(volatile __u64 *)&end->free_taken;
		__u32 place = at & settings.ring_mask;
		__u64 *number;

		if (at == *(volatile __u64 *)&end->free_given)
			return -1;
		number = bpf_map_lookup_elem(&free_ring, &place);
		if (!number)
			return -1;
		/* Read before it is taken: afterwards user space may put another there. */
		__s64 taken = *(volatile __u64 *)number;
		if (__sync_val_compare_and_swap(&end->free_taken, at, at + 1) == at)
			return taken;
	}
	return -1;
}

/* Only a socket that will not be met again as this connection: user space gives the place to others soon after. */
static __always_inline void put_done(struct tcp_slot *slot, __u32 number)
{
	struct tcp_ends *end = the_ends();
	__u64 *entry, put, wake_at;
	__u32 place;

	if (!end || (slot->facts & TCP_ENDED))
		return;
	slot->facts |= TCP_ENDED;
	put = __sync_fetch_and_add(&end->done_put, 1);
	place = put & settings.ring_mask;
	entry = bpf_map_lookup_elem(&done_ring, &place);
	if (entry)
		__sync_lock_test_and_set(entry, (__u64)number + 1);
	wake_at = *(volatile __u64 *)&end->wake_at;
	if (wake_at && put + 1 >= wake_at) {
		/* Once; two at the same time may both ring. */
		*(volatile __u64 *)&end->wake_at = 0;
		strike(end);
	}
}

/* An empty place for the socket whose storage is `ref`, or NULL when there is none. */
static __always_inline struct tcp_slot *take_slot(struct tcp_ref *ref)
{
	struct tcp_ends *end = the_ends();
	struct tcp_slot *slot;
	__s64 number;
	__u32 place;

	if (!end)
		return NULL;
	number = take_free(end);
	if (number < 0)
		return NULL;
	place = number;
	slot = bpf_map_lookup_elem(&slots, &place);
	if (!slot)
		return NULL;
	/* User space has emptied it, but for its generation. */
	slot->id = __sync_fetch_and_add(&end->next_id, 1);
	ref->slot = place;
	ref->generation = slot->generation;
	return slot;
}

static __always_inline void copy_addresses(struct tcp_slot *slot, struct tcp_sock *tp)
{
	const struct sock_common *common = &SOCK(tp)->__sk_common;

	slot->family = common->skc_family;
	slot->peer_port = common->skc_dport;
	slot->local_port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
	slot->netns = common->skc_net.net->ns.inum;
	if (slot->family == AF_INET6) {
		__u32 *local = (__u32 *)slot->local_addr, *peer = (__u32 *)slot->peer_addr;

#pragma unroll
		for (int i = 0; i < 4; i++) {
			local[i] = common->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			peer[i] = common->skc_v6_daddr.in6_u.u6_addr32[i];
		}
	} else {
		slot->local_addr[1] = (__u64)common->skc_rcv_saddr << 32;
		slot->peer_addr[1] = (__u64)common->skc_daddr << 32;
	}
}

/* The kernel's count has the peer's FIN for an octet. */
static __always_inline __u64 payload_received(struct tcp_sock *tp)
{
	return tp->bytes_received - (SOCK(tp)->__sk_common.skc_flags >> SOCK_DONE & 1);
}

/* What the kernel knows of how the connection fares. */
static __always_inline void copy_health(struct tcp_slot *slot, struct tcp_sock *tp)
{
	__u32 running = BPF_CORE_READ_BITFIELD(tp, chrono_type), tick = (__u32)bpf_jiffies64();

	slot->bytes_sent = tp->bytes_sent - tp->bytes_retrans;
	slot->bytes_received = payload_received(tp);
	slot->segs_out = tp->segs_out;
	slot->segs_in = tp->segs_in;
	slot->srtt_us = tp->srtt_us;
	slot->mdev_us = tp->mdev_us;
	slot->min_rtt_us = tp->rtt_min.s[0].v;
	slot->cwnd = tp->snd_cwnd;
	slot->mss = tp->mss_cache;
	slot->out_of_order = tp->rcv_ooopack;
	slot->dsack_dups = tp->dsack_dups;
	slot->delivered_ce = tp->delivered_ce;
	slot->total_retrans = tp->total_retrans;
	if (tp->ecn_flags & TCP_ECN_OK)
		slot->facts |= TCP_ECN;
#pragma unroll
	for (int i = 0; i < 3; i++) {
		slot->chrono[i] = tp->chrono_stat[i];
		/* The one that runs has not been added yet. */
		if (running == i + TCP_CHRONO_BUSY)
			slot->chrono[i] += tick - tp->chrono_start;
	}
}

/* Counts how often the peer has shut its window, not for how long. */
static __always_inline void look_at_windows(struct tcp_slot *slot, struct tcp_sock *tp)
{
	__u16 facts = slot->facts;

	if (tp->snd_wnd)
		facts &= ~TCP_PEER_WINDOW_SHUT;
	else if (!(facts & TCP_PEER_WINDOW_SHUT)) {
		facts |= TCP_PEER_WINDOW_SHUT;
		slot->zero_windows_peer++;
	}
	/* What is left of the window last announced. */
	if ((__s32)(tp->rcv_wup + tp->rcv_wnd - tp->rcv_nxt) > 0)
		facts &= ~TCP_OWN_WINDOW_SHUT;
	else if (!(facts & TCP_OWN_WINDOW_SHUT)) {
		facts |= TCP_OWN_WINDOW_SHUT;
		slot->zero_windows_own++;
	}
	slot->facts = facts;
}

#endif /* NETRIG_TCP_SLOTS_H */
