/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program that does nothing, at the hook where the TCP probe meets every request: what the kernel takes for calling a
 * program there, and what its run-time statistics say of none.
 */
#include "../../../probes/src/bpf/kernel_tcp.h"

SEC("sockops")
int empty_ops(struct bpf_sock_ops *ops)
{
	/* Asked for, so that the kernel calls it as often. */
	if (ops->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB || ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_RTT_CB_FLAG);
	return 1;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
