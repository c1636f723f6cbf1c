/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * policy, the door: attached to an interface once, it hands each packet to the generation in force. What must outlive
 * generations is made here.
 *
 * Hooks: XDP.
 * Metrics: netrig_policy_*.
 */
#include "shared.h"
#include "../bpf/clock.h"

enum {
	BPF_MAP_TYPE_PROG_ARRAY = 3,
};

enum {
	IN_FORCE,
	BEFORE,
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} generations SEC(".maps");

/*
 * Each call has a constant index: the kernel makes a plain jump of it. The deadline is compared here, so that a policy that nobody
 * confirmed gives way whatever has become of who applied it.
 */
SEC("xdp.frags")
int policy_entry(struct xdp_md *xdp)
{
	struct policy_gate *gate = the_gate();

	if (gate->deadline && bpf_jiffies64() >= gate->deadline)
		bpf_tail_call_static(xdp, &generations, BEFORE);
	else
		bpf_tail_call_static(xdp, &generations, IN_FORCE);
	__sync_fetch_and_add(&gate->fell_back, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
