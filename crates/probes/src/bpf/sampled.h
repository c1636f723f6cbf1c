/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The account of packets while flows are sampled. Connections begin and end with packets that are always told, as themselves, and so is
 * what is not IP. Of all others some are taken (sampling.h), and what the rest would have been is counted on their interface:
 *
 *	seen = in flows + overflow + sampled out - extrapolated
 */
#ifndef NETRIG_SAMPLED_H
#define NETRIG_SAMPLED_H

#include "table.h"

/* FIN, SYN, RST. */
#define SAMPLING_ALWAYS 7

/*
 * Makes of a packet what it stands for; false: nothing, it is left out. A super-packet of which fewer packets are taken than it has is told
 * as these, and the others are left out.
 */
static __always_inline bool sample(struct contribution *add, struct iface_counts *counts, __u32 cpu, __u32 one_in)
{
	__u64 packets = add->packets, bytes = add->bytes;
	__u64 for_packets = (__u64)sampler_take(sampler_of(cpu), one_in, packets) * one_in;
	__u64 for_bytes = bytes * for_packets;

	if (packets > 1)
		for_bytes = (for_bytes + packets / 2) / packets;
	if (for_packets < packets) {
		counts->sampled_out_packets += packets - for_packets;
		counts->sampled_out_bytes += bytes - for_bytes;
	} else {
		counts->extrapolated_packets += for_packets - packets;
		counts->extrapolated_bytes += for_bytes - bytes;
	}
	add->packets = for_packets;
	add->bytes = for_bytes;
	return for_packets;
}

/* A packet that no flow has is in its bucket all the same; which flows filled that is asked of the others. */
static __always_inline void left_out(const __u32 words, const __u64 *key, __u32 cpu, const struct contribution *add,
				     const struct wire_size size)
{
	if (burst.on)
		table_added(words, key, cpu, add, size, flow_hash(key, words), 0, NULL);
}

/* The packet of the common shapes that lies in its CPU's memory. */
static __always_inline int add_sampled(__u32 cpu, struct __sk_buff *skb, const __u32 words)
{
	struct sampled_packet *packet = &sampler_of(cpu)->packet;
	const struct wire_size size = { .bytes = packet->bytes, .packets = 1 };
	__u64 facts = packet->key[words - 2];
	struct contribution add = {
		.bytes = size.bytes,
		.packets = 1,
		.now = packet->now,
		.tcp_flags = packet->tcp_flags,
		.tos = packet->tos,
		.skb = skb,
	};

	cpu &= settings.cpu_mask;
	if (!(packet->tcp_flags & SAMPLING_ALWAYS) &&
	    !sample(&add, counts_of(cpu, facts >> 32, facts >> 56), cpu, packet->one_in))
		left_out(words, packet->key, cpu, &add, size);
	else
		table_add(words == 6 ? family6() : family4(), packet->key, cpu, &add, size);
	return 0;
}

/* Global functions: the verifier looks at each once. */
__noinline int add_sampled4_tc(struct __sk_buff *skb, __u32 cpu)
{
	return add_sampled(cpu, skb, 3);
}

__noinline int add_sampled6_tc(struct __sk_buff *skb, __u32 cpu)
{
	return add_sampled(cpu, skb, 6);
}

__noinline int add_sampled4(__u32 cpu)
{
	return add_sampled(cpu, NULL, 3);
}

__noinline int add_sampled6(__u32 cpu)
{
	return add_sampled(cpu, NULL, 6);
}

#endif /* NETRIG_SAMPLED_H */
