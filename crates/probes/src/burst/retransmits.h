/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What TCP sends again, by time and interface: beside a burst it tells what the burst did. */
#ifndef NETRIG_BURST_RETRANSMITS_H
#define NETRIG_BURST_RETRANSMITS_H

#include "../bpf/account.h"
#include "../bpf/kernel_tcp.h"

SHARED_ARRAY(burst_retransmits, struct burst_retransmit); /* [cpu][BURST_RETRANSMITS] */

static __always_inline struct burst_retransmit *retransmit_at(__u32 cpu, __u64 place)
{
	__u32 at = cpu * BURST_RETRANSMITS + ((__u32)place & (BURST_RETRANSMITS - 1));

	return bpf_map_lookup_elem(&burst_retransmits, &at);
}

/* In a ring of its own: this hook may come between a packet and its account. */
static __always_inline void count_retransmit(__u16 iface, __u32 segments)
{
	__u32 cpu = bpf_get_smp_processor_id() & settings.cpu_mask, number = bpf_ktime_get_ns() / burst.bucket_ns;
	struct burst_cpu *ends = burst_cpu_of(cpu);
	struct burst_retransmit *entry;

	entry = retransmit_at(cpu, ends->retransmits - 1);
	if (entry && ends->retransmits && entry->number == number && entry->iface == iface) {
		entry->segments += segments;
		return;
	}
	entry = retransmit_at(cpu, ends->retransmits);
	if (!entry)
		return;
	entry->number = number;
	entry->iface = iface;
	entry->segments = segments;
	ends->retransmits++;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(burst_retransmit, struct sock *sk, struct sk_buff *skb)
{
	struct dst_entry *route = sk->sk_dst_cache;
	struct tcp_skb_cb *cb = (struct tcp_skb_cb *)skb->cb;
	struct net_device *dev;
	__u16 iface;

	if (!route || sk->__sk_common.skc_net.net->ns.inum != burst.netns)
		return 0;
	dev = route->dev;
	if (!dev)
		return 0;
	iface = iface_of(dev->ifindex);
	if (iface)
		count_retransmit(iface, BPF_CORE_READ(cb, tcp_gso_segs) ?: 1);
	return 0;
}

#endif /* NETRIG_BURST_RETRANSMITS_H */
