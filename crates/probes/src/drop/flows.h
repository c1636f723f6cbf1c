/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose packets a group's were: set-associative, a partition per CPU, written by kfree_skb's program alone. Where a set is full
 * the lighter flow grows lighter by each packet of another, and makes room when nothing is left of it, or when it is stale: the heavy
 * ones stay, however many others there are. What was not counted by flow is counted as that in its group.
 */
#ifndef NETRIG_DROP_FLOWS_H
#define NETRIG_DROP_FLOWS_H

#include "../bpf/sender.h"
#include "groups.h"

#define WEIGHT_MAX 0xffff
#define LAST_SHIFT 6

struct drop_flow_set {
	struct drop_flow way[DROP_FLOW_WAYS];
};

SHARED_ARRAY(flows, struct drop_flow_set); /* [cpu][set] */

static __always_inline __u64 hash_of_flow(const struct drop_flow *flow)
{
	const __u64 *words = (const __u64 *)flow;
	__u64 hash = settings.seed + words[3] * 0x9e3779b97f4a7c15ull + words[4] * 0xc2b2ae3d27d4eb4full;

	if (flow->family == DROP_FAMILY_IPV6)
		hash += words[0] * 0xd6e8feb86659fd93ull + words[1] * 0xa0761d6478bd642full +
			words[2] * 0xe7037ed1a0b428dbull;
	hash ^= hash >> 32;
	return hash * 0xff51afd7ed558ccdull;
}

/* The words that tell flows apart come first. */
static __always_inline bool same_drop_flow(const struct drop_flow *a, const struct drop_flow *b)
{
	const __u64 *left = (const __u64 *)a, *right = (const __u64 *)b;

	return !((left[3] ^ right[3]) | (left[4] ^ right[4]) | (left[0] ^ right[0]) | (left[1] ^ right[1]) |
		 (left[2] ^ right[2]));
}

static __always_inline __u32 pid_of_socket(struct sock *sk)
{
	struct other_socket *other;

	if (!sk)
		return 0;
	other = bpf_sk_storage_get(&other_sockets, sk, 0, 0);
	return other ? other->pid : 0;
}

static __always_inline void take_place(struct drop_flow *place, const struct drop_flow *flow, __u32 pid)
{
	const __u64 *from = (const __u64 *)flow;
	__u64 *to = (__u64 *)place;
	__u32 generation = place->generation | 1;

	*(volatile __u32 *)&place->generation = generation;
	asm volatile("" ::: "memory");
#pragma unroll
	for (int i = 0; i < 5; i++)
		to[i] = from[i];
	place->packets = 1;
	place->bytes = flow->bytes;
	place->pid = pid;
	place->weight = 1;
	place->last = flow->last;
	asm volatile("" ::: "memory");
	*(volatile __u32 *)&place->generation = generation + 1;
}

static __always_inline void add_packet(struct drop_flow *place, const struct drop_flow *flow)
{
	place->bytes += flow->bytes;
	place->packets++;
	place->last = flow->last;
	if (place->weight < WEIGHT_MAX)
		place->weight++;
}

static __always_inline bool is_free(const struct drop_flow *place, __u16 now, const struct drop_gate *gate)
{
	return !place->family || (__u16)(now - place->last) > gate->stale;
}

/* Counts one packet of `flow`, whose `bytes` and `last` are this packet's. False: it found no room. */
static __always_inline bool count_flow(const struct drop_flow *flow, struct sock *sk, const struct drop_gate *gate)
{
	__u32 cpu = bpf_get_smp_processor_id() & settings.cpu_mask;
	__u32 at = (cpu << (64 - settings.flow_shift)) + (__u32)(hash_of_flow(flow) >> settings.flow_shift);
	struct drop_flow_set *set = bpf_map_lookup_elem(&flows, &at);
	struct drop_flow *first, *second, *lighter;

	if (!set)
		return false;
	first = &set->way[0];
	second = &set->way[1];
	if (same_drop_flow(first, flow)) {
		add_packet(first, flow);
		return true;
	}
	if (same_drop_flow(second, flow)) {
		add_packet(second, flow);
		return true;
	}
	if (is_free(first, flow->last, gate))
		lighter = first;
	else if (is_free(second, flow->last, gate))
		lighter = second;
	else {
		lighter = second->weight < first->weight ? second : first;
		if (lighter->weight > 1) {
			lighter->weight--;
			return false;
		}
	}
	take_place(lighter, flow, pid_of_socket(sk));
	return true;
}

#endif /* NETRIG_DROP_FLOWS_H */
