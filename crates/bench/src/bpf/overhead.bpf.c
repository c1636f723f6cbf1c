/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A flood of small packets, and a program that does nothing at the hook where the rig counts packets. */
#include "../../../probes/src/bpf/kernel.h"
#include <bpf/bpf_endian.h>

enum {
	TCX_GO_ON = -1, /* TCX_NEXT of the kernel's UAPI */
	FLOOD_SOURCE_PORT = 34, /* behind Ethernet and an IPv4 header without options */
	FIRST_PORT = 1024,
	HEADER_WORDS = 5, /* of eight octets: Ethernet, IPv4 and a part of UDP */
};

struct flood_settings {
	__u32 redirect_ifindex; /* the device to send by */
	__u32 flows; /* at most 64,000 */
	__u64 header[HEADER_WORDS]; /* how each frame begins */
};

const volatile struct flood_settings flood = {};
/* One CPU sends. */
__u32 drawn = 1;

/* xorshift32: flows are drawn, for caches forget the oldest first, and flows in turn would be what they bear least. */
static __always_inline __u32 draw(void)
{
	__u32 x = drawn;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	drawn = x;
	return x;
}

SEC("tc")
int flood_empty(struct __sk_buff *skb)
{
	return TCX_GO_ON;
}

/* Every frame becomes one of another flow and leaves by the sending device. Its memory was another packet's before, whose header was
 * changed on its way, so that is written anew. Only the source port differs: the IP header's checksum stays what it is, and UDP's is
 * not given. */
SEC("xdp")
int flood_send(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__u32 flow = (__u64)draw() * flood.flows >> 32;
	__u64 *words = data;
	int i;

	if (data + HEADER_WORDS * sizeof(__u64) > end)
		return XDP_DROP;
	for (i = 0; i < HEADER_WORDS; i++)
		words[i] = flood.header[i];
	*(__u16 *)(data + FLOOD_SOURCE_PORT) = bpf_htons(FIRST_PORT + flow);
	return bpf_redirect(flood.redirect_ifindex, 0);
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
