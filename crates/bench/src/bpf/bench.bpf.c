/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a packet costs: three programs that each make a packet of the next flow and then do nothing, what the textbook
 * says, or what netrig does. Test run calls them in a tight loop; the difference to the first is the cost.
 *
 * netrig's programs are the very ones the rig loads: their source is included whole.
 */
#include "../../../probes/src/flow/flow.bpf.c"
#include "textbook.h"

enum {
	PACKET_IPV4_SOURCE = LEN_ETHERNET + 12,
	PACKET_IPV6_SOURCE = LEN_ETHERNET + 8,
	PACKET_IPV4_PORT = LEN_ETHERNET + LEN_IPV4,
	PACKET_IPV6_PORT = LEN_ETHERNET + LEN_IPV6,
	PACKET_MIN = LEN_ETHERNET + LEN_IPV6 + LEN_UDP,
	FIRST_ADDRESS = 0x0a000000, /* 10.0.0.0 */
};

/* Where a CPU is in the sequence; a cache line each. */
struct bench_cursor {
	__u64 at;
	__u64 reserved[7];
} __attribute__((aligned(64)));

struct bench_settings {
	__u32 sequence_mask;
	__u32 cpu_mask;
	__u32 redirect_ifindex; /* live frames: the device to send by */
	__u32 reserved;
};

SHARED_ARRAY(sequence, __u32); /* which flow each packet belongs to, written before a case */
SHARED_ARRAY(cursors, struct bench_cursor);

const volatile struct bench_settings bench = {};
/* Every packet a flow of its own: the cursor itself is the flow's number, and the CPU's. */
volatile __u32 all_new = 0;

static __always_inline __u32 next_flow(void)
{
	__u32 cpu = bpf_get_smp_processor_id() & bench.cpu_mask;
	struct bench_cursor *cursor = bpf_map_lookup_elem(&cursors, &cpu);
	__u32 at, *flow;

	if (!cursor)
		return 0;
	at = cursor->at++;
	if (all_new)
		return at | cpu << 24;
	at = (at + cpu * (bench.sequence_mask / 2 + 1)) & bench.sequence_mask; /* the same flows, not in step */
	flow = bpf_map_lookup_elem(&sequence, &at);
	return flow ? *flow : 0;
}

/* Turns the packet into one of the next flow. */
static __always_inline void renew(void *data, void *end, bool is_ipv6)
{
	__u32 flow = next_flow();

	if (data + PACKET_MIN > end)
		return;
	*(__u32 *)(data + (is_ipv6 ? PACKET_IPV6_SOURCE + 12 : PACKET_IPV4_SOURCE)) = bpf_htonl(FIRST_ADDRESS + flow);
	*(__u16 *)(data + (is_ipv6 ? PACKET_IPV6_PORT : PACKET_IPV4_PORT)) = flow;
}

static __always_inline void renew_skb(struct __sk_buff *skb, bool is_ipv6)
{
	renew((void *)(long)skb->data, (void *)(long)skb->data_end, is_ipv6);
}

SEC("tc")
int bench_empty4(struct __sk_buff *skb)
{
	renew_skb(skb, false);
	return TC_NEXT;
}

SEC("tc")
int bench_empty6(struct __sk_buff *skb)
{
	renew_skb(skb, true);
	return TC_NEXT;
}

SEC("tc")
int bench_textbook4(struct __sk_buff *skb)
{
	renew_skb(skb, false);
	textbook(skb);
	return TC_NEXT;
}

SEC("tc")
int bench_textbook6(struct __sk_buff *skb)
{
	renew_skb(skb, true);
	textbook(skb);
	return TC_NEXT;
}

SEC("tc")
int bench_netrig4(struct __sk_buff *skb)
{
	renew_skb(skb, false);
	return flow_tc(skb, true, false);
}

SEC("tc")
int bench_netrig6(struct __sk_buff *skb)
{
	renew_skb(skb, true);
	return flow_tc(skb, true, false);
}

/* Live path: what is attached to the receiving device. */
SEC("tc")
int live_empty(struct __sk_buff *skb)
{
	return TC_NEXT;
}

SEC("tc")
int live_textbook(struct __sk_buff *skb)
{
	textbook(skb);
	return TC_NEXT;
}

/* Live path: every frame becomes one of the next flow and leaves by the sending device. */
SEC("xdp")
int live_send(struct xdp_md *xdp)
{
	renew((void *)(long)xdp->data, (void *)(long)xdp->data_end, false);
	return bpf_redirect(bench.redirect_ifindex, 0);
}
