/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A rule in a driver that lets no UDP packet of IPv4 in. Of netrig's own it has the kernel's types
 * only: it is what netrig is held against.
 */
#include "../../../probes/src/bpf/kernel.h"
#include <bpf/bpf_helpers.h>

enum {
	ETHERTYPE_AT = 12,
	PROTOCOL_AT = 14 + 9,
	UDP = 17,
};

SEC("xdp")
int drop_udp4(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + PROTOCOL_AT + 1 > end)
		return XDP_PASS;
	if (data[ETHERTYPE_AT] != 8 || data[ETHERTYPE_AT + 1] != 0 || data[PROTOCOL_AT] != UDP)
		return XDP_PASS;
	return XDP_DROP;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
