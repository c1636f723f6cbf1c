/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * drop: what the kernel throws away, by reason, place, interface, direction and flow. Counts are kept here, so that a flood of drops
 * costs counts and not events; a few examples of each group go to user space.
 *
 * Hooks: tracepoints by BTF (kfree_skb; sock_rcvqueue_full, udp_fail_queue_rcv_skb, sock_exceed_buf_limit; xdp_exception,
 * xdp_redirect_err, xdp_devmap_xmit, xdp_cpumap_enqueue, xdp_bulk_tx).
 * Metrics: netrig_drops_total, netrig_drop_*.
 */
#include "examples.h"
#include "../bpf/clock.h"

/* Settings are constants to the verifier: what the running kernel's tracepoint does not have is never looked at. */
SEC("tp_btf/kfree_skb")
int drop_skb(__u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct sock *receiver = settings.rx_socket ? (struct sock *)ctx[3] : NULL;
	struct sock *sk = receiver ?: skb->sk;
	struct drop_flow flow = {};
	struct drop_key key = { .location = ctx[1], .reason = (__u32)ctx[2], .source = DROP_SKB, .taken = 1 };
	struct net_device *dev = device_of(skb, &key.netns);
	struct drop_gate *gate = the_gate();
	struct found_group found;

	if (!gate)
		return 0;
	if (!dev)
		key.netns = sk ? netns_of_socket(sk) : 0;
	key.ifindex = dev ? dev->ifindex : skb->skb_iif;
	key.direction = way_of(skb, dev, receiver);
	key.family = family_of(skb, sk);
	found = group_of(DROP_PROGRAM_SKB, &key, dev, NULL);
	if (!found.group)
		return 0;
	count(found.group, 1, skb->len);
	if (flow_of(&flow, skb, key.family)) {
		flow.group = found.place;
		flow.bytes = skb->len;
		flow.last = bpf_jiffies64() >> LAST_SHIFT;
		if (!count_flow(&flow, sk, gate))
			found.group->flow_packets_lost++;
	}
	if (wants_example(found.group, gate))
		look_closer(found.group, skb, sk, &flow, gate);
	return 0;
}

/* A socket that had no room for a packet. */
static __always_inline void socket_full(const __u32 who, struct drop_key *key, struct sock *sk, struct sk_buff *skb)
{
	struct drop_gate *gate = the_gate();
	struct drop_flow flow = {};
	struct found_group found;

	key->source = DROP_SOCKET;
	key->taken = 1;
	key->netns = netns_of_socket(sk);
	key->direction = DROP_INGRESS;
	key->family = skb ? family_of(skb, sk) : DROP_FAMILY_OTHER;
	key->ifindex = skb ? skb->skb_iif : 0;
	found = group_of(who, key, NULL, NULL);
	if (!found.group)
		return;
	count(found.group, 1, skb ? skb->len : 0);
	if (!gate || !skb || !wants_example(found.group, gate))
		return;
	flow_of(&flow, skb, key->family);
	look_closer(found.group, skb, sk, &flow, gate);
}

SEC("tp_btf/sock_rcvqueue_full")
int BPF_PROG(drop_rcvqueue, struct sock *sk, struct sk_buff *skb)
{
	struct drop_key key = { .reason = DROP_REASON_RCVQUEUE_FULL };

	socket_full(DROP_PROGRAM_RCVQUEUE, &key, sk, skb);
	return 0;
}

SEC("tp_btf/udp_fail_queue_rcv_skb")
int drop_udp(__u64 *ctx)
{
	struct drop_key key = { .location = -(__u32)ctx[0], .reason = DROP_REASON_UDP_FAIL_QUEUE };
	struct sk_buff *skb = settings.udp_packet ? (struct sk_buff *)ctx[2] : NULL;

	socket_full(DROP_PROGRAM_UDP, &key, (struct sock *)ctx[1], skb);
	return 0;
}

SEC("tp_btf/sock_exceed_buf_limit")
int BPF_PROG(drop_limit, struct sock *sk, void *protocol, long allocated, int kind)
{
	struct drop_key key = { .location = kind, .reason = DROP_REASON_EXCEED_BUF_LIMIT };

	socket_full(DROP_PROGRAM_LIMIT, &key, sk, NULL);
	return 0;
}

static __always_inline void xdp_lost(const __u32 who, struct drop_key *key, struct net_device *dev,
				     const struct bpf_prog *program, __u64 packets)
{
	struct net *net = dev ? dev->nd_net.net : NULL;
	struct found_group found;

	key->source = DROP_XDP;
	key->taken = 1;
	key->netns = net ? net->ns.inum : 0;
	key->ifindex = dev ? dev->ifindex : 0;
	found = group_of(who, key, dev, program);
	if (found.group)
		count(found.group, packets, 0);
}

SEC("tp_btf/xdp_exception")
int BPF_PROG(drop_xdp_exception, struct net_device *dev, struct bpf_prog *program, __u32 action)
{
	struct drop_key key = { .location = action, .reason = DROP_REASON_XDP_EXCEPTION, .direction = DROP_INGRESS };

	xdp_lost(DROP_PROGRAM_XDP_EXCEPTION, &key, dev, program, 1);
	return 0;
}

SEC("tp_btf/xdp_redirect_err")
int BPF_PROG(drop_xdp_redirect, struct net_device *dev, struct bpf_prog *program, const void *target, int error)
{
	struct drop_key key = { .location = -(__u32)error,
				.reason = DROP_REASON_XDP_REDIRECT,
				.direction = DROP_INGRESS };

	xdp_lost(DROP_PROGRAM_XDP_REDIRECT, &key, dev, program, 1);
	return 0;
}

SEC("tp_btf/xdp_devmap_xmit")
int BPF_PROG(drop_xdp_devmap, struct net_device *from, struct net_device *to, int sent, int drops, int error)
{
	struct drop_key key = { .location = -(__u32)error, .reason = DROP_REASON_XDP_DEVMAP, .direction = DROP_EGRESS };

	if (drops > 0)
		xdp_lost(DROP_PROGRAM_XDP_DEVMAP, &key, to, NULL, drops);
	return 0;
}

SEC("tp_btf/xdp_cpumap_enqueue")
int BPF_PROG(drop_xdp_cpumap, int map_id, unsigned int processed, unsigned int drops, int to_cpu)
{
	struct drop_key key = { .location = to_cpu, .reason = DROP_REASON_XDP_CPUMAP, .direction = DROP_INGRESS };

	if (drops)
		xdp_lost(DROP_PROGRAM_XDP_CPUMAP, &key, NULL, NULL, drops);
	return 0;
}

SEC("tp_btf/xdp_bulk_tx")
int BPF_PROG(drop_xdp_bulk_tx, struct net_device *dev, int sent, int drops, int error)
{
	struct drop_key key = { .location = -(__u32)error,
				.reason = DROP_REASON_XDP_BULK_TX,
				.direction = DROP_EGRESS };

	if (drops > 0)
		xdp_lost(DROP_PROGRAM_XDP_BULK_TX, &key, dev, NULL, drops);
	return 0;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
