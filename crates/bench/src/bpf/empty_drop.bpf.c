/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A program that does nothing, where dropped packets end. */
#include "../../../probes/src/bpf/kernel.h"

SEC("tp_btf/kfree_skb")
int empty_drop(__u64 *ctx)
{
	return 0;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
