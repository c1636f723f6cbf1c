/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All that is dropped, counted, and nothing else of it. Of netrig's own it has the kernel's types
 * only: it is what netrig is held against.
 */
#include "../../../probes/src/bpf/kernel.h"
#include <bpf/bpf_helpers.h>

enum {
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} drops SEC(".maps");

SEC("tp_btf/kfree_skb")
int count_drop(__u64 *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&drops, &zero);

	if (count)
		++*count;
	return 0;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
