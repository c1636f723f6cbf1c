/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Distributions of time in exponential buckets, 16 for each doubling: Prometheus' native histograms with schema 4, counted
 * here as they will be told. Without floating point: the leading bit gives the doubling, a table and one comparison the
 * sixteenth.
 */
#ifndef NETRIG_HISTOGRAM_H
#define NETRIG_HISTOGRAM_H

#include "time.h"

#define NS_MAX (1ull << 37) /* 137 s; beyond it the multiplication below would overflow */

/* floor(16 × log2(1 + i / 64)) */
static const __u8 sixteenth_near[64] = {
	0,  0,  0,  1,  1,  1,  2,  2,  2,  3,  3,  3,  3,  4,  4,  4,  5,  5,  5,  6,  6,  6,
	6,  7,  7,  7,  7,  8,  8,  8,  8,  9,  9,  9,  9,  10, 10, 10, 10, 10, 11, 11, 11, 11,
	12, 12, 12, 12, 12, 13, 13, 13, 13, 13, 14, 14, 14, 14, 14, 15, 15, 15, 15, 15,
};

/* (2^(i / 16) - 1) × 2^32 */
static const __u32 sixteenth_begins[17] = {
	0,          190154448,  388727752,  596092647,  812638371,  1038771393, 1274916179, 1521515989, 1779033704,
	2047952703, 2328777763, 2622036010, 2928277910, 3248078296, 3582037456, 3930782250, 4294967295,
};

static __always_inline __u32 leading_bit(__u64 value)
{
	__u32 bit = 0;

	if (value >> 32) {
		value >>= 32;
		bit += 32;
	}
	if (value >> 16) {
		value >>= 16;
		bit += 16;
	}
	if (value >> 8) {
		value >>= 8;
		bit += 8;
	}
	if (value >> 4) {
		value >>= 4;
		bit += 4;
	}
	if (value >> 2) {
		value >>= 2;
		bit += 2;
	}
	return bit + (__u32)(value >> 1);
}

static __always_inline __u32 time_bucket(__u64 ns)
{
	__u64 units, fraction;
	__u32 doubling, sixteenth;
	__s32 bucket;

	if (ns > NS_MAX)
		ns = NS_MAX;
	units = ns + ((ns * 79179681) >> 30); /* of 2^-30 s: 1.0737… of a nanosecond */
	if (!units)
		return 0;
	doubling = leading_bit(units);
	fraction = (units << (63 - doubling) << 1) >> 32;
	sixteenth = sixteenth_near[(fraction >> 26) & 63];
	if (fraction >= sixteenth_begins[(sixteenth & 15) + 1])
		sixteenth++;
	bucket = ((__s32)doubling - 30) * 16 + (__s32)sixteenth - TIME_BUCKET_FIRST;
	if (bucket < 0)
		return 0;
	return bucket < TIME_BUCKETS ? bucket : TIME_BUCKETS - 1;
}

static __always_inline void time_add(struct time_histogram *histogram, __u64 ns)
{
	__u32 bucket = time_bucket(ns);

	/* The compiler knows that it is in range and would leave the comparison out; the verifier before 6.9 has to see it. */
	asm volatile("" : "+r"(bucket));
	if (bucket >= TIME_BUCKETS)
		return;
	__sync_fetch_and_add(&histogram->counts[bucket], 1);
	__sync_fetch_and_add(&histogram->sum_ns, ns);
}

#endif /* NETRIG_HISTOGRAM_H */
