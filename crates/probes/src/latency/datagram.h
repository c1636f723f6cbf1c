/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams on their way in, for a slice of time: of each socket one at a time. It is read when as many have been read as were
 * in the queue with it; the kernel has no tracepoint that names a small one's buffer. The hook that sees the reads is every
 * TCP reader's too, so it is attached for the slice and until the last of them is read.
 */
#ifndef NETRIG_LATENCY_DATAGRAM_H
#define NETRIG_LATENCY_DATAGRAM_H

#define DATAGRAMS 1024
#define DATAGRAM_STALE_NS (3ull * 1000 * 1000 * 1000) /* by then the hook has been taken off in between */
#define MSG_PEEK 2
#define BIND_ADDRESS_LOCK 4 /* sk_userlocks: bound to an address … */
#define BIND_PORT_LOCK 8 /* … and to a port of the application's choice */

struct datagram {
	__u64 sk; /* 0: none */
	__u64 skb;
	__u64 ready_ns;
	__u64 arrived_ns;
	struct latency_key key; /* without the process */
	__s64 left; /* reads until it is read */
};

/* By the low bits of the socket's address. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DATAGRAMS);
	__type(key, __u32);
	__type(value, struct datagram);
} datagrams SEC(".maps");

static __always_inline struct datagram *datagram_of(__u64 sk)
{
	__u32 place = (sk >> 6 ^ sk >> 16) & (DATAGRAMS - 1);

	return bpf_map_lookup_elem(&datagrams, &place);
}

/* Readers take all that has come into a queue of their own. */
static __always_inline struct sk_buff_head *reader_queue_of(struct sock *sk)
{
	struct udp_sock *udp;

	if (!bpf_ksym_exists(bpf_rdonly_cast))
		return &sk->sk_receive_queue;
	udp = bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct udp_sock));
	return &udp->reader_queue;
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
	datagram = datagram_of((__u64)sk);
	if (!datagram)
		return;
	now = bpf_ktime_get_ns();
	if (datagram->sk && now - datagram->ready_ns < DATAGRAM_STALE_NS)
		return;
	add(&gate->await_datagram, 1);
	datagram->sk = 0;
	datagram->skb = (__u64)skb;
	datagram->left = sk->sk_receive_queue.qlen + reader_queue_of(sk)->qlen;
	datagram->ready_ns = now;
	datagram->arrived_ns = arrival_of(skb, now);
	__builtin_memset(&datagram->key, 0, sizeof(datagram->key));
	key_of_datagram(&datagram->key, sk, skb, 0);
	datagram->sk = (__u64)sk;
	expect_wake(cpu, sk, now);
}

static __always_inline void tell_datagram(struct datagram *datagram, struct latency_service *service, __u64 sk,
					  __u64 now)
{
	struct waited waited = {};

	how_waited(&waited, sk, datagram->ready_ns, now);
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

/* One that another reader is still copying has left the queue, and been counted as a read too many. */
static __always_inline bool is_next(struct datagram *datagram, struct sock *sk)
{
	return (__u64)sk->sk_receive_queue.next == datagram->skb || (__u64)reader_queue_of(sk)->next == datagram->skb;
}

/* A process has read from a socket of any kind. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(latency_received, struct sock *sk, int length, int flags)
{
	struct datagram *datagram = datagram_of((__u64)sk);
	struct latency_gate *gate = the_gate();
	struct latency_service *service;
	struct latency_key key;

	if (!datagram || !gate || datagram->sk != (__u64)sk || length < 0 || flags & MSG_PEEK)
		return 0;
	if (__sync_fetch_and_add(&datagram->left, -1) > 1)
		return 0;
	if (is_next(datagram, sk))
		return 0;
	if (__sync_val_compare_and_swap(&datagram->sk, (__u64)sk, 0) != (__u64)sk)
		return 0;
	add(&gate->await_datagram, -1);
	key = datagram->key;
	key_of_process(&key);
	service = service_at(place_of(&key));
	if (service)
		tell_datagram(datagram, service, (__u64)sk, bpf_ktime_get_ns());
	return 0;
}

#endif /* NETRIG_LATENCY_DATAGRAM_H */
