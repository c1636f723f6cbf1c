/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture: packets that a filter takes, to user space.
 *
 * At an interface the filter itself is attached: a program made of the expression (probes::capture), so that a packet that does not
 * match meets nothing else. It counts what comes by, writes down whose packet it is, and hands on what it takes to a program here.
 *
 * Hooks: XDP, tcx or clsact in both directions, the tracepoint kfree_skb by BTF.
 */
#include "drop.h"

SEC("xdp.frags")
int capture_xdp(struct xdp_md *xdp)
{
	__u64 cpu = this_cpu();
	struct capture_count *count = count_of(cpu, cpu_at(cpu)->source);
	struct capture_record head = {
		.length = bpf_xdp_get_buff_len(xdp),
		.source = cpu_at(cpu)->source,
		.queue = xdp->rx_queue_index,
		.hook = CAPTURE_XDP,
		.way = CAPTURE_WAY_IN,
	};

	count->matched++;
	if (is_sampled_out(count)) {
		count->sampled_out++;
		return XDP_PASS;
	}
	head.monotonic_ns = bpf_ktime_get_ns();
	conclude(xdp, CAPTURE_XDP, &head, head.length, NULL, count, cpu);
	return XDP_PASS;
}

static __always_inline void take(struct __sk_buff *skb, const int hook)
{
	__u64 cpu = this_cpu();
	struct capture_count *count = count_of(cpu, cpu_at(cpu)->source);
	struct capture_record head = {
		.length = skb->len,
		.source = cpu_at(cpu)->source,
		.queue = CAPTURE_NO_QUEUE,
		.hook = hook,
		.way = hook == CAPTURE_INGRESS ? CAPTURE_WAY_IN : CAPTURE_WAY_OUT,
	};
	const struct capture_owner *owner = NULL;

	count->matched++;
	head.monotonic_ns = bpf_ktime_get_ns();
	if (settings.owners)
		owner = hook == CAPTURE_EGRESS ? owner_of_sent(skb) : owner_of_received(skb, head.monotonic_ns);
	if (some_are_wanted() && (!owner || !is_wanted(owner))) {
		count->foreign++;
		return;
	}
	if (is_sampled_out(count)) {
		count->sampled_out++;
		return;
	}
	if (skb->vlan_present) {
		head.vlan_protocol = bpf_ntohs(skb->vlan_proto);
		head.vlan_tci = skb->vlan_tci;
	}
	/* What has been received is numbered from 1 on; 0 is unknown. On its way out the driver may yet choose another. */
	if (hook == CAPTURE_INGRESS && skb->queue_mapping)
		head.queue = skb->queue_mapping - 1;
	conclude(skb, hook, &head, head.length, owner, count, cpu);
}

SEC("tc")
int capture_ingress(struct __sk_buff *skb)
{
	take(skb, CAPTURE_INGRESS);
	return TC_NEXT;
}

SEC("tc")
int capture_egress(struct __sk_buff *skb)
{
	take(skb, CAPTURE_EGRESS);
	return TC_NEXT;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
