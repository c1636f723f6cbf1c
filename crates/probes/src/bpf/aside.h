/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets of the common shapes that lie in their CPU's memory: any while flows are sampled, and super-packets. Global functions, one after
 * the other: the verifier looks at each once, and one in the other would take too much stack.
 */
#ifndef NETRIG_ASIDE_H
#define NETRIG_ASIDE_H

#include "../payload/hooks.h"
#include "sampled.h"

static __always_inline struct family family_of(const __u32 words)
{
	return words == 6 ? family6() : family4();
}

/* Returns whether its payload is to be looked at next. */
static __always_inline int add_aside(__u32 cpu, struct __sk_buff *skb, const __u32 words)
{
	struct aside_packet *packet = &sampler_of(cpu)->packet;
	const struct wire_size size = { .bytes = packet->bytes, .packets = packet->packets };
	__u64 facts = packet->key[words - 2], *slot;
	bool sampled = packet->one_in > 1;
	struct contribution add = {
		.bytes = size.bytes,
		.packets = size.packets,
		.now = packet->now,
		.tcp_flags = packet->tcp_flags,
		.tos = packet->tos,
		.skb = skb,
	};

	cpu &= settings.cpu_mask;
	if (sampled && !(packet->tcp_flags & SAMPLING_ALWAYS) &&
	    !sample(&add, counts_of(cpu, facts >> 32, facts >> 56), cpu, packet->one_in)) {
		left_out(words, packet->key, cpu, &add, size);
		return 0;
	}
	slot = table_add(family_of(words), packet->key, cpu, &add, size);
	return payload.on && !sampled && slot && !is_over(slot, words, packet->tcp_flags);
}

__noinline int add_aside4_tc(struct __sk_buff *skb, __u32 cpu)
{
	return add_aside(cpu, skb, 3);
}

__noinline int add_aside6_tc(struct __sk_buff *skb, __u32 cpu)
{
	return add_aside(cpu, skb, 6);
}

__noinline int add_aside4(__u32 cpu)
{
	return add_aside(cpu, NULL, 3);
}

__noinline int add_aside6(__u32 cpu)
{
	return add_aside(cpu, NULL, 6);
}

/* The payload of one that has just been added. */
static __always_inline int look_aside(struct __sk_buff *skb, __u32 cpu, const __u32 words)
{
	const struct family family = family_of(words);
	struct aside_packet *packet = &sampler_of(cpu)->packet;
	__u64 *slot;

	cpu &= settings.cpu_mask;
	slot = family.table + table_set(&family, cpu, flow_hash(packet->key, words)) * FLOW_WAYS * family.slot_bytes;
	if (!same_flow(slot, packet->key, words))
		slot += family.slot_bytes / sizeof(__u64);
	return hand_on_common(HOOK_TC, skb, slot, words, packet->l3, cpu, 0);
}

__noinline int look_aside4_tc(struct __sk_buff *skb, __u32 cpu)
{
	return look_aside(skb, cpu, 3);
}

__noinline int look_aside6_tc(struct __sk_buff *skb, __u32 cpu)
{
	return look_aside(skb, cpu, 6);
}

#endif /* NETRIG_ASIDE_H */
