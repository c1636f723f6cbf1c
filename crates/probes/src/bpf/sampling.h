/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which packets are added to flows while not all are. A packet that is taken stands for `one_in` packets of its own length, so sums stay
 * unbiased, whenever the rate changes. What is sampled are packets as they were on the wire: a super-packet is as many as it has segments.
 *
 * Each CPU counts down to the next packet it takes. The gaps between them are drawn evenly from 1 to twice the rate less one, so their mean
 * is the rate, and no traffic keeps step with them. The first one after a change of rate is drawn as if this had gone on for ever: from
 * any packet on, each is then taken with the same chance.
 *
 * Nothing of this touches what an interface has seen: that is counted before.
 */
#ifndef NETRIG_SAMPLING_H
#define NETRIG_SAMPLING_H

#include "maps.h"

SHARED_AREA(samplers, struct flow_sampler); /* [cpu] */

/* Of one super-packet, beyond its whole multiples of the rate. More are as good as never drawn: all but the last would have to be short. */
#define SAMPLING_DRAWS_MAX 8

/* Up to 1 every packet is taken. */
static __always_inline __u32 sampling_rate(void)
{
	return *(volatile __u32 *)&sampling[0].one_in;
}

/* xorshift64*, whose upper half is the good one. */
static __always_inline __u32 sampler_random(struct flow_sampler *own)
{
	__u64 state = own->state;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	own->state = state;
	return (state * 0x2545f4914f6cdd1dull) >> 32;
}

/* Evenly from 1 to `most`. */
static __always_inline __u32 sampler_draw(struct flow_sampler *own, __u32 most)
{
	return ((__u64)sampler_random(own) * most >> 32) + 1;
}

/* What is left of a gap that began long ago: the lesser of two different ones of 1 to twice the rate. */
static __always_inline __u32 sampler_first_gap(struct flow_sampler *own, __u32 one_in)
{
	__u32 one = sampler_draw(own, 2 * one_in), other = sampler_draw(own, 2 * one_in - 1);

	other += other >= one;
	return one < other ? one : other;
}

/* How many of so many packets are taken. Whole multiples of the rate need no chance. */
static __always_inline __u32 sampler_take(struct flow_sampler *own, __u32 one_in, __u32 packets)
{
	__u32 taken = 0;
	__s32 gap;

	if (own->one_in != one_in) {
		own->one_in = one_in;
		own->gap = sampler_first_gap(own, one_in);
	}
	if (packets >= one_in) {
		taken = packets / one_in;
		packets -= taken * one_in;
	}
	gap = own->gap - packets;
	for (int i = 0; i < SAMPLING_DRAWS_MAX && gap <= 0; i++) {
		taken++;
		gap += sampler_draw(own, 2 * one_in - 1);
	}
	own->gap = gap > 0 ? gap : 1;
	return taken;
}

static __always_inline struct flow_sampler *sampler_of(__u32 cpu)
{
	struct flow_sampler *all = start_of(samplers);

	return all + (cpu & settings.cpu_mask);
}

#endif /* NETRIG_SAMPLING_H */
