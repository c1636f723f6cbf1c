/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams on their way in, for a slice of time: all of them. Each is one packet, known by its buffer until it is read. The
 * hook that sees the read is every TCP reader's too, so it is attached for the slice and until the last of them is read.
 */
#ifndef NETRIG_LATENCY_DATAGRAM_H
#define NETRIG_LATENCY_DATAGRAM_H

#define DATAGRAMS 1024
#define BIND_ADDRESS_LOCK 4 /* sk_userlocks: bound to an address … */
#define BIND_PORT_LOCK 8 /* … and to a port of the application's choice */

struct datagram {
	__u64 skb; /* 0: none */
	__s64 tstamp;
	__u64 sk;
	__u64 ready_ns;
	__u64 arrived_ns;
	struct latency_key key; /* without the process */
};

/* By the low bits of the buffer's address. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DATAGRAMS);
	__type(key, __u32);
	__type(value, struct datagram);
} datagrams SEC(".maps");

static __always_inline struct datagram *datagram_of(__u64 skb)
{
	__u32 place = (skb >> 8 ^ skb >> 18) & (DATAGRAMS - 1);

	return bpf_map_lookup_elem(&datagrams, &place);
}

static __always_inline bool is_datagram_socket(struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_UDP &&
	       (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6);
}

/*
 * There is no connect() and accept() to tell by. An application that chose its port serves on it; one that is connected asks;
 * of the rest the one with the lower port is more likely the server.
 */
static __always_inline __u8 datagram_role(struct sock *sk, __u16 remote_port)
{
	__u32 locks = BPF_CORE_READ_BITFIELD(sk, sk_userlocks);

	if (locks & BIND_PORT_LOCK)
		return LATENCY_ROLE_SERVER;
	if (sk->__sk_common.skc_dport)
		return LATENCY_ROLE_CLIENT;
	if (locks & BIND_ADDRESS_LOCK || remote_port >= sk->__sk_common.skc_num)
		return LATENCY_ROLE_SERVER;
	return LATENCY_ROLE_CLIENT;
}

/* The port and address of whoever is at the other end of a packet: its source (`at` 0) or its destination (1). */
static __always_inline __u16 remote_of_packet(__u64 *addr, struct sk_buff *skb, __u8 *family, int at)
{
	unsigned char *network = skb->head + skb->network_header, first = 0;
	__u32 *words = (__u32 *)addr;
	__be16 port = 0;

	bpf_probe_read_kernel(&port, sizeof(port), skb->head + skb->transport_header + 2 * at);
	bpf_probe_read_kernel(&first, 1, network);
	if (first >> 4 == 6) {
		*family = AF_INET6;
		bpf_probe_read_kernel(addr, 16, network + 8 + 16 * at);
	} else {
		*family = AF_INET;
		bpf_probe_read_kernel(&words[3], 4, network + 12 + 4 * at);
	}
	return bpf_ntohs(port);
}

static __always_inline void key_of_datagram(struct latency_key *key, struct sock *sk, struct sk_buff *skb, int at)
{
	__u64 addr[2] = {};
	__u16 port = remote_of_packet(addr, skb, &key->family, at);

	key->protocol = IPPROTO_UDP;
	key->role = datagram_role(sk, port);
	if (key->role == LATENCY_ROLE_SERVER) {
		key->port = sk->__sk_common.skc_num;
		return;
	}
	key->port = port;
	key->addr[0] = addr[0];
	key->addr[1] = addr[1];
}

static __always_inline void begin_datagram(struct sock *sk, struct latency_cpu *cpu, struct latency_gate *gate)
{
	struct sk_buff *skb = latest_of(sk);
	struct datagram *datagram;
	__u64 now;

	if (!skb)
		return;
	datagram = datagram_of((__u64)skb);
	if (!datagram)
		return;
	now = bpf_ktime_get_ns();
	if (!datagram->skb)
		add(&gate->await_datagram, 1);
	datagram->skb = 0;
	datagram->tstamp = skb->tstamp;
	datagram->sk = (__u64)sk;
	datagram->ready_ns = now;
	datagram->arrived_ns = arrival_of(skb, now);
	__builtin_memset(&datagram->key, 0, sizeof(datagram->key));
	key_of_datagram(&datagram->key, sk, skb, 0);
	datagram->skb = (__u64)skb;
	expect_wake(cpu, sk, now);
}

static __always_inline void tell_datagram(struct datagram *datagram, struct latency_service *service, __u64 now)
{
	struct waited waited = {};

	how_waited(&waited, datagram->sk, datagram->ready_ns, now);
	if (datagram->arrived_ns)
		TELL(service, STAGE_STACK, datagram->ready_ns - datagram->arrived_ns);
	if (waited.slept) {
		TELL(service, STAGE_WAKEUP, waited.wakeup_ns);
		if (waited.woken_reads)
			TELL(service, STAGE_RUN_QUEUE, waited.run_queue_ns);
		else
			CENSORED(service, STAGE_RUN_QUEUE);
	}
	TELL(service, STAGE_READ, now - datagram->ready_ns - waited.wakeup_ns - waited.run_queue_ns);
}

/* A process has read from a buffer: any kind of socket's. */
SEC("tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(latency_copied, struct sk_buff *skb)
{
	struct datagram *datagram = datagram_of((__u64)skb);
	struct latency_gate *gate = the_gate();
	struct latency_service *service;
	struct latency_key key;

	if (!datagram || !gate || datagram->skb != (__u64)skb)
		return 0;
	datagram->skb = 0;
	add(&gate->await_datagram, -1);
	/* The buffer may have been given up and be another packet's. */
	if (datagram->tstamp != skb->tstamp)
		return 0;
	key = datagram->key;
	key_of_process(&key);
	service = service_at(place_of(&key));
	if (service)
		tell_datagram(datagram, service, bpf_ktime_get_ns());
	return 0;
}

#endif /* NETRIG_LATENCY_DATAGRAM_H */
