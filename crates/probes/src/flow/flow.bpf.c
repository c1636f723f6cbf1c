/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow: who talks to whom, how much. Counts every packet of an interface, per flow and direction.
 *
 * Hooks: tcx ingress and egress (or clsact, the same programs), or XDP for ingress before the stack; one more form for
 * captures. Devices without an Ethernet header (tun, WireGuard) have programs of their own. For bursts: the tracepoint
 * tcp_retransmit_skb. For requests: the first octets of payload (../payload/), copied here.
 * Metrics: netrig_interface_*, netrig_flow_*, netrig_ledger_*, netrig_table_*, netrig_burst_*, netrig_payload_*.
 */
#include "../bpf/clock.h"
#include "../burst/retransmits.h"
#include "followers.h"

static __always_inline int flow_tc(struct __sk_buff *skb, bool ethernet, bool egress)
{
	struct frame frame = {
		.ctx = skb,
		.hook = HOOK_TC,
		.ethernet = ethernet,
		.data = (void *)(long)skb->data,
		.data_end = (void *)(long)skb->data_end,
		.len = skb->len,
		.gso_size = skb->gso_size,
		.now = (__u32)bpf_jiffies64(),
		.iface = iface_of(skb->ifindex),
		.facts = egress ? FLOW_EGRESS : 0,
	};
	struct iface_counts *counts;

	if (frame.gso_size)
		frame.gso_segs = skb->gso_segs;
	if (skb->vlan_present)
		frame.lifted_tag = (skb->vlan_tci & 0xfff) | VLAN_SEEN;
	counts = account(&frame);
	if (!goes_on(counts, frame.now))
		return TC_NEXT;
	if (egress)
		bpf_tail_call_static(skb, &followers, 1);
	else
		bpf_tail_call_static(skb, &followers, 0);
	return TC_NEXT;
}

SEC("tc")
int flow_ingress(struct __sk_buff *skb)
{
	return flow_tc(skb, true, false);
}

SEC("tc")
int flow_egress(struct __sk_buff *skb)
{
	return flow_tc(skb, true, true);
}

SEC("tc")
int flow_ingress_raw(struct __sk_buff *skb)
{
	return flow_tc(skb, false, false);
}

SEC("tc")
int flow_egress_raw(struct __sk_buff *skb)
{
	return flow_tc(skb, false, true);
}

SEC("xdp.frags")
int flow_xdp(struct xdp_md *xdp)
{
	struct frame frame = {
		.ctx = xdp,
		.hook = HOOK_XDP,
		.ethernet = true,
		.data = (void *)(long)xdp->data,
		.data_end = (void *)(long)xdp->data_end,
		.len = bpf_xdp_get_buff_len(xdp),
		.now = (__u32)bpf_jiffies64(),
		.iface = iface_of(xdp->ingress_ifindex),
	};

	account(&frame);
	return XDP_PASS;
}

static __always_inline int flow_replay(struct __sk_buff *skb, bool ethernet)
{
	__u32 zero = 0;
	struct replay_frame *given = bpf_map_lookup_elem(&replay, &zero);
	struct frame frame = {
		.ctx = skb,
		.hook = HOOK_REPLAY,
		.ethernet = ethernet,
		.data = (void *)(long)skb->data,
		.data_end = (void *)(long)skb->data_end,
	};

	if (!given)
		return TC_NEXT;
	frame.captured_len = given->captured_len;
	frame.len = given->wire_len;
	frame.now = given->tick;
	frame.iface = given->iface;
	frame.facts = given->egress ? FLOW_EGRESS : 0;
	account(&frame);
	return TC_NEXT;
}

SEC("tc")
int flow_replay_ethernet(struct __sk_buff *skb)
{
	return flow_replay(skb, true);
}

SEC("tc")
int flow_replay_raw(struct __sk_buff *skb)
{
	return flow_replay(skb, false);
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
