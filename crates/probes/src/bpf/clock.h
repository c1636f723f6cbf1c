/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two clocks at one moment: programs use jiffies, which cost nothing; user space wants to know what time that is. */
#ifndef NETRIG_CLOCK_H
#define NETRIG_CLOCK_H

#include "shared.h"

SHARED_ARRAY(clock, struct clock_reading);

SEC("syscall")
int clock_now(void *unused)
{
	__u32 zero = 0;
	struct clock_reading *reading = bpf_map_lookup_elem(&clock, &zero);

	if (!reading)
		return 1;
	reading->jiffies = bpf_jiffies64();
	reading->monotonic_ns = bpf_ktime_get_ns();
	return 0;
}

#endif /* NETRIG_CLOCK_H */
