/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose packets are. A socket's owner is written into its storage where the socket is made, by who runs then; what a listening socket
 * has, its connections have too, until their process sends something itself. Sockets older than the capture are found among the
 * files of processes.
 */
#ifndef NETRIG_CAPTURE_OWNER_H
#define NETRIG_CAPTURE_OWNER_H

#include "maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct capture_owner);
} owners SEC(".maps");

/* A flow's owner is asked again after so long: ports change hands. Where there was none, one may come soon. */
#define LATELY_NS 500000000ull
#define NOBODY_NS 20000000ull

/* A thread's own name is seldom what people know a process by. */
static __always_inline void owner_from_task(struct capture_owner *owner, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	if (leader) {
		*(__u64 *)&owner->process[0] = *(__u64 *)&leader->comm[0];
		*(__u64 *)&owner->process[8] = *(__u64 *)&leader->comm[8];
	}
	owner->cgroup = task->cgroups->dfl_cgrp->kn->id;
	owner->pid = task->tgid;
}

SEC("cgroup/sock_create")
int owner_made(struct bpf_sock *ctx)
{
	struct capture_owner *owner = bpf_sk_storage_get(&owners, ctx, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (owner)
		owner_from_task(owner, bpf_get_current_task_btf());
	return 1;
}

SEC("iter/task_file")
int owner_found(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct capture_owner *owner;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	sk = socket ? socket->sk : NULL;
	if (!sk)
		return 0;
	owner = bpf_sk_storage_get(&owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (owner)
		owner_from_task(owner, task);
	return 0;
}

static __always_inline bool is_wanted(const struct capture_owner *owner)
{
	const volatile __u64 *wanted = (const volatile __u64 *)settings.process;
	const __u64 *process = (const __u64 *)owner->process;

	if (settings.pid && owner->pid != settings.pid)
		return false;
	if (settings.process[0] && (process[0] != wanted[0] || process[1] != wanted[1]))
		return false;
	return !settings.some_cgroups || bpf_map_lookup_elem(&cgroups, &owner->cgroup);
}

static __always_inline bool some_are_wanted(void)
{
	return settings.pid || settings.process[0] || settings.some_cgroups;
}

/* A socket that is locked for a process is worked on by that one only: who sends is who it has been handed to. */
static __always_inline void refresh_owner(struct capture_owner *owner, struct bpf_sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct task_struct *task;

	if (!tp || !((struct sock *)tp)->sk_lock.owned)
		return;
	task = bpf_get_current_task_btf();
	if (task->tgid != owner->pid)
		owner_from_task(owner, task);
}

/* Of a packet on its way out; none where there is none. */
static __always_inline const struct capture_owner *owner_of_sent(struct __sk_buff *skb)
{
	struct bpf_sock *sk = (struct bpf_sock *)skb->sk;
	struct capture_owner *owner;

	if (!sk)
		return NULL;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return NULL;
	owner = bpf_sk_storage_get(&owners, sk, 0, 0);
	if (!owner)
		return NULL;
	refresh_owner(owner, sk);
	return owner->pid ? owner : NULL;
}

enum {
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	TCP = 6,
	UDP = 17,
};

/* Where a packet's flow is told; the pointers are good for what `find_flow` has looked at. */
struct flow {
	void *addresses; /* the source's, and right behind it the destination's */
	void *ports;
	bool is_ipv4;
	__u8 protocol;
};

static __always_inline bool find_flow(struct flow *flow, struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end, *l3;
	__be16 protocol = skb->protocol;

	/* Of an interface without link headers the packet begins with its network header. */
	l3 = data + 14;
	if (l3 + IPV4_HEADER + 4 > end)
		return false;
	if (*(__be16 *)(data + 12) != protocol) {
		if (skb->vlan_present || *(__u8 *)data >> 4 != (protocol == bpf_htons(0x0800) ? 4 : 6))
			return false;
		l3 = data;
	}
	if (protocol == bpf_htons(0x0800)) {
		if (*(__u8 *)l3 != 0x45 || (*(__be16 *)(l3 + 6) & bpf_htons(0x3fff)))
			return false;
		flow->is_ipv4 = true;
		flow->protocol = *(__u8 *)(l3 + 9);
		flow->addresses = l3 + 12;
		flow->ports = l3 + IPV4_HEADER;
	} else {
		if (protocol != bpf_htons(0x86dd) || l3 + IPV6_HEADER + 4 > end)
			return false;
		flow->is_ipv4 = false;
		flow->protocol = *(__u8 *)(l3 + 6);
		flow->addresses = l3 + 8;
		flow->ports = l3 + IPV6_HEADER;
	}
	return flow->protocol == TCP || flow->protocol == UDP;
}

static __always_inline __u64 mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

static __always_inline __u64 hash_of(const struct flow *flow, __u32 ifindex)
{
	const __u64 *addresses = flow->addresses;
	__u64 hash = mix(settings.seed ^ flow->protocol ^ (__u64)ifindex << 32, addresses[0]);

	if (!flow->is_ipv4) {
		hash = mix(hash, addresses[1]);
		hash = mix(hash, addresses[2]);
		hash = mix(hash, addresses[3]);
	}
	return mix(hash, *(__u32 *)flow->ports);
}

static __always_inline struct bpf_sock *find_socket(struct __sk_buff *skb, const struct flow *flow)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = sizeof(tuple.ipv6);

	if (flow->is_ipv4) {
		size = sizeof(tuple.ipv4);
		__builtin_memcpy(&tuple.ipv4.saddr, flow->addresses, 8);
		__builtin_memcpy(&tuple.ipv4.sport, flow->ports, 4);
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, flow->addresses, 32);
		__builtin_memcpy(&tuple.ipv6.sport, flow->ports, 4);
	}
	if (flow->protocol == TCP)
		return bpf_sk_lookup_tcp(skb, &tuple, size, -1, 0);
	return bpf_sk_lookup_udp(skb, &tuple, size, -1, 0);
}

static __always_inline void ask_owner(struct capture_owner *owner, struct __sk_buff *skb, const struct flow *flow)
{
	struct bpf_sock *sk = find_socket(skb, flow);
	struct capture_owner *found;

	owner->pid = 0;
	if (!sk)
		return;
	found = bpf_sk_storage_get(&owners, sk, 0, 0);
	if (found)
		*owner = *found;
	bpf_sk_release(sk);
}

/* Among very many flows not each is asked for: other packets of theirs tell whose they are, or nobody does. */
static __always_inline bool may_ask(__u64 now)
{
	struct capture_cpu *cpu = cpu_at(this_cpu());

	if (some_are_wanted())
		return true;
	if (now - cpu->asking_ns > 1000000) {
		cpu->asking_ns = now;
		cpu->asked = 0;
	}
	return cpu->asked++ < CAPTURE_ASKED_MAX;
}

/*
 * Of a packet that has arrived; none where there is none. Which socket it will meet is looked up, once for a flow in a while: that takes
 * long.
 */
static __noinline const struct capture_owner *owner_of_received(struct __sk_buff *skb, __u64 now)
{
	struct capture_lately *known = start_of(lately);
	struct flow flow;
	bool is_other;
	__u64 hash;

	if (!find_flow(&flow, skb))
		return NULL;
	hash = hash_of(&flow, skb->ifindex);
	known += place_in(this_cpu() * CAPTURE_LATELY, hash & (CAPTURE_LATELY - 1));
	is_other = known->hash != hash;
	if (is_other || now - known->asked_ns > (known->owner.pid ? LATELY_NS : NOBODY_NS)) {
		if (may_ask(now)) {
			ask_owner(&known->owner, skb, &flow);
			known->hash = hash;
			known->asked_ns = now;
		} else if (is_other) {
			return NULL;
		}
	}
	return known->owner.pid ? &known->owner : NULL;
}

#endif /* NETRIG_CAPTURE_OWNER_H */
