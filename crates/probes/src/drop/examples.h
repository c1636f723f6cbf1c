/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A few packets of each group are looked at more closely: their flow and first octets go to user space. */
#ifndef NETRIG_DROP_EXAMPLES_H
#define NETRIG_DROP_EXAMPLES_H

#include "flows.h"

enum {
	BPF_MAP_TYPE_RINGBUF = 27,
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} examples SEC(".maps");

/* So many of a group in a second, on each CPU. */
static __always_inline bool wants_example(struct drop_group *group, struct drop_gate *gate)
{
	__u32 now = (__u32)bpf_jiffies64();

	if (now - group->example_tick >= gate->second_ticks) {
		group->example_tick = now;
		group->examples = 0;
	}
	if (group->examples >= gate->examples_per_second)
		return false;
	group->examples++;
	return true;
}

static __always_inline void copy_octets(struct drop_example *example, struct sk_buff *skb)
{
	__u32 begin = example->flow.family ? skb->network_header : (__u32)(skb->data - skb->head);
	__u32 end = skb->tail;
	__u32 octets = end > begin ? end - begin : 0;

	if (octets > DROP_EXAMPLE_OCTETS)
		octets = DROP_EXAMPLE_OCTETS;
	/* The verifier before 6.9 has to see the bound where it is used. */
	asm volatile("" : "+r"(octets));
	if (octets > DROP_EXAMPLE_OCTETS || bpf_probe_read_kernel(example->octets, octets, skb->head + begin))
		octets = 0;
	example->captured = octets;
}

static __always_inline void look_closer(struct drop_group *group, struct sk_buff *skb, struct sock *sk,
					const struct drop_flow *flow, struct drop_gate *gate)
{
	struct drop_example *example;

	example = bpf_ringbuf_reserve(&examples, sizeof(*example), 0);
	if (!example) {
		__sync_fetch_and_add(&gate->examples_lost, 1);
		return;
	}
	__builtin_memset(example, 0, sizeof(*example));
	example->monotonic_ns = bpf_ktime_get_ns();
	example->key = group->key;
	example->flow = *flow;
	example->flow.packets = 1;
	example->flow.pid = pid_of_socket(sk);
	example->length = skb->len;
	copy_octets(example, skb);
	bpf_ringbuf_submit(example, 0);
}

#endif /* NETRIG_DROP_EXAMPLES_H */
