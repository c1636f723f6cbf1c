/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Makes frames of many flows of one: run by the kernel's live-frame test run, each goes out by a device of the stress's own world.
 *
 * A frame's memory was another's before, whose header the stack may have changed on its way: so the header is written anew each
 * time. Of it, the flow's number changes the source address' last two octets and the source port, and where there is one, the
 * identification of IPv4; checksums are made from sums of all the rest, which user space has made.
 */
#include "../../../probes/src/bpf/kernel.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	WORDS_MAX = 16, /* of eight octets: Ethernet, a tunnel's headers and those inside */
	INTERFACES_MAX = 128, /* a power of two */
	FIRST_PORT = 1024,
	PORTS = 64000,
};

enum draw {
	DRAW_EVEN, /* each flow as likely as any other */
	DRAW_ZIPF, /* each doubling of the rank as likely as the one before */
	DRAW_NEW, /* the next flow after so many packets, and never one that has been */
};

struct frame_settings {
	__u64 header[WORDS_MAX]; /* how each frame begins */
	__u32 words; /* of it, so many */
	__u32 interfaces; /* to send by, one drawn for each frame */
	__u32 draw; /* enum draw */
	__u32 flows;
	__u32 flows_bits; /* of the highest flow's number */
	__u32 packets_per_flow; /* of DRAW_NEW */
	__u32 seed; /* not 0 */
	__u32 source_at; /* where the last two octets of the source address are; this and those below 0: nowhere */
	__u32 port_at; /* the source port */
	__u32 id_at; /* the identification */
	__u32 ip_check_at; /* the checksum of the IPv4 header */
	__u32 ip_sum; /* the sum of what it is of, but for what changes */
	__u32 check_at; /* TCP's or UDP's checksum */
	__u32 sum; /* as above */
	__u32 ifindex[INTERFACES_MAX];
};

const volatile struct frame_settings settings = {};
/* One thread sends by one program: nobody else writes. */
__u32 drawn = 0;
__u32 begun = 0;

/* xorshift32. */
static __always_inline __u32 draw(void)
{
	__u32 x = drawn ? drawn : settings.seed;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	drawn = x;
	return x;
}

static __always_inline __u32 flow_of_this(void)
{
	__u32 bits, flow;

	if (settings.draw == DRAW_NEW)
		return begun++ / settings.packets_per_flow % settings.flows;
	if (settings.draw == DRAW_EVEN)
		return (__u64)draw() * settings.flows >> 32;
	bits = ((__u64)draw() * settings.flows_bits >> 32) & 31;
	flow = (1U << bits) - 1 + (draw() & ((1U << bits) - 1));
	return flow % settings.flows;
}

static __always_inline __u16 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* Checksums add up octets in whatever order they lie in memory: so do these, without turning them. */
SEC("xdp")
int send_frame(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__u32 flow = flow_of_this(), by = 0, i;
	__u16 source = bpf_htons(flow / PORTS), port = bpf_htons(FIRST_PORT + flow % PORTS), id = bpf_htons(flow);
	__u64 *words = data;

	if (data + settings.words * sizeof(__u64) > end)
		return XDP_DROP;
	for (i = 0; i < WORDS_MAX; i++) {
		if (i < settings.words)
			words[i] = settings.header[i];
	}
	if (settings.source_at)
		*(__u16 *)(data + settings.source_at) = source;
	if (settings.port_at)
		*(__u16 *)(data + settings.port_at) = port;
	if (settings.id_at)
		*(__u16 *)(data + settings.id_at) = id;
	if (settings.ip_check_at)
		*(__u16 *)(data + settings.ip_check_at) = folded(settings.ip_sum + source + (settings.id_at ? id : 0));
	if (settings.check_at)
		*(__u16 *)(data + settings.check_at) = folded(settings.sum + source + port);
	if (settings.interfaces > 1)
		by = (__u64)draw() * settings.interfaces >> 32;
	return bpf_redirect(settings.ifindex[by & (INTERFACES_MAX - 1)], 0);
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
