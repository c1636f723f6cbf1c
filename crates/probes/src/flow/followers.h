/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who has packets after their account: the flight recorder, one program for each direction.
 *
 * A tail call to a place that is known when compiling is a jump that the kernel writes into the code, or nothing where the place is
 * empty. One more program at the hook would be an indirect call, for which a packet pays some 25 ns where these are made safe
 * (retpolines). Which packets go on is decided here, by words that the account has in its cache line anyway.
 */
#ifndef NETRIG_FLOW_FOLLOWERS_H
#define NETRIG_FLOW_FOLLOWERS_H

#include "../bpf/account.h"
#include "../bpf/pace.h"

enum {
	BPF_MAP_TYPE_PROG_ARRAY = 3,
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2); /* by direction */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} followers SEC(".maps");

SHARED_ARRAY(passed, __u32); /* [cpu]: packets since the latest that went on, this one among them */

static __noinline __u32 choose_for_followers(struct iface_counts *counts, __u32 now)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u32 taken = pace_take(&counts->follow, &sampling[0].follow, counts->frames, now);
	__u32 *place = bpf_map_lookup_elem(&passed, &cpu);

	if (!place)
		return 0;
	*place = taken;
	return taken;
}

static __always_inline bool goes_on(struct iface_counts *counts, __u32 now)
{
	const struct pace *pace = &sampling[0].follow;

	return counts && pace->period_ticks && pace_may_take(&counts->follow, pace, counts->frames, now) &&
	       choose_for_followers(counts, now);
}

#endif /* NETRIG_FLOW_FOLLOWERS_H */
