/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A distribution of time, as it lies in shared memory. */
#ifndef NETRIG_TIME_H
#define NETRIG_TIME_H

#include "kernel.h"

#define TIME_BUCKETS 528 /* 16 for each doubling, from 2^-25 s (30 ns) to 2^8 s (256 s) */
#define TIME_BUCKET_FIRST (-25 * 16) /* the first one's lower bound: 2^(this / 16) s */

/* In the buckets of Prometheus' native histograms with schema 4. */
struct time_histogram {
	__u64 sum_ns;
	__u32 counts[TIME_BUCKETS]; /* wrap: readers take differences */
};

#endif /* NETRIG_TIME_H */
