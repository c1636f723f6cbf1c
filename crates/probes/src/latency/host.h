/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is asked of the whole host, for every packet and interrupt: so only for a slice of every period, in which user space
 * attaches these. The network softirq's delay; the wait in the queueing discipline of what has no callbacks of its own.
 */
#ifndef NETRIG_LATENCY_HOST_H
#define NETRIG_LATENCY_HOST_H

#include "send.h"

#define NET_RX_SOFTIRQ 3
#define EGRESSES 1024
#define SLICE_NS_MAX (10ull * 1000 * 1000 * 1000) /* what began earlier is of an earlier slice */

struct egress {
	__u64 skb; /* 0: none */
	__u64 sk; /* a buffer that was dropped may be another's when it is seen again */
	__u64 queued_ns;
	__u32 place;
	__u32 reserved;
};

/* By the low bits of the buffer's address. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EGRESSES);
	__type(key, __u32);
	__type(value, struct egress);
} egresses SEC(".maps");

static __always_inline struct egress *egress_of(__u64 skb)
{
	__u32 place = (skb >> 8 ^ skb >> 18) & (EGRESSES - 1);

	return bpf_map_lookup_elem(&egresses, &place);
}

SEC("tp_btf/softirq_raise")
int BPF_PROG(latency_raised, unsigned int softirq)
{
	struct latency_cpu *cpu;

	if (softirq != NET_RX_SOFTIRQ)
		return 0;
	cpu = the_cpu();
	if (cpu && !cpu->raised_ns)
		cpu->raised_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(latency_entered, unsigned int softirq)
{
	struct latency_service *host;
	struct latency_cpu *cpu;
	__u64 took_ns;

	if (softirq != NET_RX_SOFTIRQ)
		return 0;
	cpu = the_cpu();
	if (!cpu || !cpu->raised_ns)
		return 0;
	took_ns = bpf_ktime_get_ns() - cpu->raised_ns;
	cpu->raised_ns = 0;
	host = service_at(PLACE_HOST);
	if (host && took_ns < SLICE_NS_MAX)
		TELL(host, STAGE_SOFTIRQ, took_ns);
	return 0;
}

static __always_inline bool is_looked_at(struct sock *sk)
{
	__u16 protocol = sk->sk_protocol;

	return protocol == IPPROTO_UDP || (protocol == IPPROTO_TCP && !settings.tx_callbacks);
}

/* TCP sends in whoever's time it is; a datagram's sender runs. */
static __always_inline __u32 place_of_sender(struct sock *sk, struct sk_buff *skb)
{
	struct latency_key key = {};
	struct tcp_sock *tp;
	struct message *m;

	if (sk->sk_protocol == IPPROTO_UDP) {
		key_of_datagram(&key, sk, skb, 1);
		key_of_process(&key);
		return place_of(&key);
	}
	m = MESSAGE_OF(sk);
	if (m && m->place)
		return m->place;
	tp = TCP_SOCK_TO_READ(sk);
	if (!tp)
		return PLACE_REST;
	key_of_socket(&key, sk, role_of(tp), IPPROTO_TCP);
	if (sk->sk_lock.owned)
		key_of_process(&key);
	return place_of(&key);
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(latency_queued, struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct egress *egress;

	if (!sk || !is_looked_at(sk))
		return 0;
	egress = egress_of((__u64)skb);
	if (!egress)
		return 0;
	egress->place = place_of_sender(sk, skb);
	egress->queued_ns = bpf_ktime_get_ns();
	egress->sk = (__u64)sk;
	egress->skb = (__u64)skb;
	return 0;
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(latency_started, struct sk_buff *skb)
{
	struct egress *egress = egress_of((__u64)skb);
	struct latency_service *service;
	__u64 took_ns;

	if (!egress || egress->skb != (__u64)skb)
		return 0;
	egress->skb = 0;
	if (egress->sk != (__u64)skb->sk)
		return 0;
	took_ns = bpf_ktime_get_ns() - egress->queued_ns;
	service = service_at(egress->place);
	if (!service || took_ns > SLICE_NS_MAX)
		return 0;
	note_interface(service, skb, took_ns);
	TELL(service, STAGE_QDISC, took_ns);
	return 0;
}

#endif /* NETRIG_LATENCY_HOST_H */
