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

/*
 * Whether a packet is one of those that nobody takes, which nearly all are: then its interface counts it, and that is all. One look, ahead
 * of all that only those need that are taken. Not while bursts are counted, for buckets have all packets.
 */
static __always_inline bool passed_over(struct iface_counts *counts, __u32 cpu, const struct contribution *add,
					__u32 one_in)
{
	struct flow_sampler *own = sampler_of(cpu);
	__u32 gap = own->gap;

	if (unlikely(gap <= add->packets || add->packets >= one_in || own->one_in != one_in))
		return false;
	if (unlikely(add->tcp_flags & SAMPLING_ALWAYS) || (burst.on && !burst_cpu_of(cpu)->off))
		return false;
	own->gap = gap - add->packets;
	counts->sampled_out_packets += add->packets;
	counts->sampled_out_bytes += add->bytes;
	return true;
}

/* A packet that no flow has is in its bucket all the same; which flows filled that is asked of the others. */
static __always_inline void left_out(const __u32 words, const __u64 *key, __u32 cpu, const struct contribution *add,
				     const struct wire_size size)
{
	if (burst.on)
		table_added(words, key, cpu, add, size, flow_hash(key, words), 0, NULL);
}

#endif /* NETRIG_SAMPLED_H */
