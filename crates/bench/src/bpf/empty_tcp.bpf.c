/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program that does nothing, at the hook where the TCP probe meets every request: what the kernel takes for calling a
 * program there, and what its run-time statistics say of none.
 */
#include "../../../probes/src/tcp/kernel_tcp.h"

SEC("sockops")
int empty_operations(struct bpf_sock_ops *ops)
{
	return 1;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
