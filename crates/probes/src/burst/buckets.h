/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Traffic in fine buckets: part of a packet's account, in rings of buckets indexed by time, one for each CPU, interface and
 * direction.
 *
 * The clock is what is dear: 34 ns. It is read anew when jiffies have changed and after so many packets: twice as many each time
 * while they come fast, one by one as soon as they do not. So a fast train of packets pays a fraction of a reading each, and a
 * packet is counted too early by an eighth of a bucket, or, where a fast train has just ended, with the few that follow it, by a
 * jiffy at most.
 */
#ifndef NETRIG_BURST_BUCKETS_H
#define NETRIG_BURST_BUCKETS_H

#include "../bpf/bell.h"
#include "../bpf/maps.h"
#include "wire.h"

SHARED_AREA(bursts, struct burst_bucket); /* [cpu][interface][direction][bucket] */
SHARED_AREA(burst_cpus, struct burst_cpu);
SHARED_ARRAY(burst_samples, struct burst_sample); /* [cpu][sample] */

const volatile struct burst_settings burst SEC(".rodata.burst") = {};

#define BURST_CE 3 /* of the ECN bits */

/* A packet, as the account has it. It stays in registers: nobody takes its address. */
struct burst_packet {
	__u32 cpu;
	__u16 iface;
	bool egress;
	bool congested; /* marked so (ECN CE) */
	__u32 bytes;
	__u32 packets;
	__u32 tick; /* jiffies */
	__u64 hash; /* of its flow */
	__u32 slot; /* of its flow, all CPUs counted through; the top bit: IPv6's */
	const __u32 *
		generation; /* of the slot, read when it is asked for: it may lie in another cache line. NULL: it has none */
};

/* An address that the compiler sees made it makes anew for each field, rather than keep it: so it does not see it (start_of). */
static __always_inline struct burst_cpu *burst_cpu_of(__u32 cpu)
{
	struct burst_cpu *all = start_of(burst_cpus);

	return start_of(all + (cpu & settings.cpu_mask));
}

static __noinline __u32 read_clock(struct burst_cpu *clock, __u32 tick)
{
	__u64 now = bpf_ktime_get_ns(), took = now - clock->read_ns;

	if (took > burst.far_ns)
		clock->step = 1;
	else if (!clock->left && took < burst.near_ns && clock->step < burst.step_max)
		clock->step *= 2;
	clock->left = clock->step;
	clock->read_ns = now;
	clock->tick = tick;
	clock->clock_reads++;
	clock->number = now / burst.bucket_ns;
	return clock->number;
}

/*
 * Of which bucket this packet is. A super-packet of many segments comes later after the one before it than a single packet would, but not
 * as many times as late.
 */
static __always_inline __u32 number_of(struct burst_cpu *clock, __u32 tick, __u32 packets)
{
	__u32 left = clock->left, weight = 1 + (packets >> 3);

	if (likely(left > weight)) {
		clock->left = left - weight;
		if (likely(clock->tick == tick))
			return clock->number;
	} else {
		clock->left = 0;
	}
	return read_clock(clock, tick);
}

/*
 * Powers of two are added, not OR'd, and multiplied with the constant (to the verifier settings are) on the right: before 6.9 it
 * knows bounds of nothing else. The two products do not wait for each other.
 */
static __always_inline struct burst_bucket *bucket_of(const struct burst_packet packet, __u32 number)
{
	__u64 cpu = packet.cpu & settings.cpu_mask, ring = (packet.iface - 1) & (burst.ifaces - 1);
	__u64 buckets = burst.buckets, cpu_buckets = burst.cpu_buckets;
	struct burst_bucket *all = start_of(bursts), *mine;

	ring *= 2;
	asm volatile("" : "+r"(ring));
	ring += packet.egress;
	asm volatile("%0 *= %1" : "+r"(ring) : "r"(buckets));
	asm volatile("%0 *= %1" : "+r"(cpu) : "r"(cpu_buckets));
	mine = start_of(all + (ring + (number & (burst.buckets - 1))));
	return start_of(mine + cpu);
}

/* `whose`: as burst_sample has it, the interface's number below and the flow's generation above. */
static __noinline int take_sample(struct burst_cpu *clock, __u32 cpu, __u32 slot, __u32 whose, __u32 bytes)
{
	__u32 at = (cpu & settings.cpu_mask) * burst.samples + ((__u32)clock->samples & (burst.samples - 1));
	struct burst_sample *sample = bpf_map_lookup_elem(&burst_samples, &at);

	if (!sample)
		return 0;
	sample->number = clock->number;
	sample->slot = slot;
	sample->bytes = bytes;
	sample->iface = whose;
	sample->generation = whose >> 16;
	clock->samples++;
	/* How many of them have been read is not known here. */
	if (!((__u32)clock->samples & (burst.samples / 8 - 1)))
		wake_if_full(1, 1);
	return 0;
}

/*
 * A sample at the first 4 KiB, then each time the bucket has grown by about an eighth: few of a full one, some of a small one. By
 * about: packets that come in turns would else be met by the same one of them each time. What a sample stands for is what lies
 * between two of them on the average, or itself where it is larger.
 */
static __noinline int next_sample(struct burst_bucket *bucket, __u32 units)
{
	__u32 random = bpf_get_prandom_u32() & 0xffff, next = units + 1 + (((units >> 2) + 1) * random >> 16);

	bucket->next_sample = next > 0xffff ? 0xffff : next;
	return 0;
}

static __always_inline void sample_flow(struct burst_cpu *clock, struct burst_bucket *bucket, __u32 bytes,
					const struct burst_packet packet)
{
	__u32 units = bytes >> BURST_SAMPLE_SHIFT, stands_for;

	if (likely(!packet.generation || units < bucket->next_sample || units >= 0xffff))
		return;
	next_sample(bucket, units);
	stands_for = (1 + (units - 1) / 9) << BURST_SAMPLE_SHIFT;
	take_sample(clock, packet.cpu, packet.slot,
		    packet.iface | (packet.egress ? 1 << 15 : 0) | *packet.generation << 16,
		    stands_for > packet.bytes ? stands_for : packet.bytes);
}

static __noinline int begin_bucket(struct burst_bucket *bucket, __u32 number)
{
	*bucket = (struct burst_bucket){ .number = number, .next_sample = 1 };
	return 0;
}

static __always_inline void count_in_bucket(const struct burst_packet packet)
{
	__u32 number, bytes, bit = (packet.hash >> 25) & 127;
	struct burst_cpu *clock = burst_cpu_of(packet.cpu);
	struct burst_bucket *bucket;

	/* 0, the unknown ones' number, is far above. */
	if ((__u32)packet.iface - 1 >= burst.ifaces)
		return;
	/* In the line that the clock needs anyway. */
	if (unlikely(clock->off))
		return;
	number = number_of(clock, packet.tick, packet.packets);
	bucket = bucket_of(packet, number);
	if (unlikely(bucket->number != number))
		begin_bucket(bucket, number);
	bytes = bucket->bytes + packet.bytes;
	bucket->bytes = bytes;
	bucket->packets += packet.packets;
	if (unlikely(packet.congested))
		bucket->ce_packets += packet.packets;
	bucket->flows[bit >> 6] |= 1ull << (bit & 63);
	sample_flow(clock, bucket, bytes, packet);
}

#endif /* NETRIG_BURST_BUCKETS_H */
