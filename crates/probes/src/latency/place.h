/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose distributions a message belongs to. */
#ifndef NETRIG_LATENCY_PLACE_H
#define NETRIG_LATENCY_PLACE_H

#include "message.h"

/* A connection flagged slow keeps its place for so long after its last slow message; another may then have it. */
#define SLOW_NS (10ull * 1000 * 1000 * 1000)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct latency_key);
	__type(value, __u32);
} latency_places SEC(".maps");

/* By number of place, from PLACES_FIXED on: until when it is taken. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} slow_places SEC(".maps");

/*
 * A socket's part is in its callback flags, for it needs storage only when it is looked at. Of those without flags the lower
 * port is more likely the server's.
 */
static __always_inline __u8 role_of(struct tcp_sock *tp)
{
	const struct sock_common *common = &SOCK(tp)->__sk_common;
	__u8 flags = tp->bpf_sock_ops_cb_flags;
	bool client = flags & BPF_SOCK_OPS_RETRANS_CB_FLAG;

	if (!(flags & BPF_SOCK_OPS_STATE_CB_FLAG))
		client = common->skc_num > bpf_ntohs(common->skc_dport);
	return client ? LATENCY_ROLE_CLIENT : LATENCY_ROLE_SERVER;
}

static __always_inline void remote_of(__u64 *addr, struct sock *sk)
{
	const struct sock_common *common = &sk->__sk_common;
	__u32 *words = (__u32 *)addr;

	if (common->skc_family != AF_INET6) {
		addr[1] = (__u64)common->skc_daddr << 32;
		return;
	}
#pragma unroll
	for (int i = 0; i < 4; i++)
		words[i] = common->skc_v6_daddr.in6_u.u6_addr32[i];
}

static __always_inline void local_of(__u64 *addr, struct sock *sk)
{
	const struct sock_common *common = &sk->__sk_common;
	__u32 *words = (__u32 *)addr;

	if (common->skc_family != AF_INET6) {
		addr[1] = (__u64)common->skc_rcv_saddr << 32;
		return;
	}
#pragma unroll
	for (int i = 0; i < 4; i++)
		words[i] = common->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
}

static __always_inline void key_of_socket(struct latency_key *key, struct sock *sk, __u8 role, __u8 protocol)
{
	key->role = role;
	key->protocol = protocol;
	key->family = sk->__sk_common.skc_family;
	if (role == LATENCY_ROLE_SERVER) {
		key->port = sk->__sk_common.skc_num;
	} else {
		key->port = bpf_ntohs(sk->__sk_common.skc_dport);
		remote_of(key->addr, sk);
	}
}

/* To be called by whoever works for the process. */
static __always_inline void key_of_process(struct latency_key *key)
{
	struct task_struct *task = bpf_get_current_task_btf(), *leader = task->group_leader;

	if (leader) {
		*(__u64 *)&key->process[0] = *(__u64 *)&leader->comm[0];
		*(__u64 *)&key->process[8] = *(__u64 *)&leader->comm[8];
	}
	key->cgroup = task->cgroups->dfl_cgrp->kn->id;
}

static __noinline __u32 place_of(struct latency_key *key)
{
	struct latency_gate *gate = the_gate();
	struct latency_service *service;
	__u32 *known, place;

	if (!key || !gate)
		return PLACE_REST;
	known = bpf_map_lookup_elem(&latency_places, key);
	if (known)
		return *known;
	if (*(volatile __u64 *)&gate->places + PLACES_FIXED >= settings.places)
		return PLACE_REST;
	place = __sync_fetch_and_add(&gate->places, 1) + PLACES_FIXED;
	service = service_at(place);
	if (!service)
		return PLACE_REST;
	if (bpf_map_update_elem(&latency_places, key, &place, BPF_NOEXIST)) {
		/* Another CPU was first; this place stays empty. */
		known = bpf_map_lookup_elem(&latency_places, key);
		return known ? *known : PLACE_REST;
	}
	service->key = *key;
	return place;
}

/* The place of a TCP socket's service, as the process that runs has it. */
static __always_inline void find_place(struct message *m, struct sock *sk, __u8 role)
{
	struct latency_key key = {};

	if (m->facts & FACT_EXTRA) {
		m->place = m->slow_place;
		return;
	}
	key_of_socket(&key, sk, role, IPPROTO_TCP);
	key_of_process(&key);
	m->place = place_of(&key);
}

/* A place for a connection that is slow, whose service has a place already. 0: there is none. */
static __always_inline __u32 take_slow_place(__u32 service_place, struct sock *sk, __u64 now)
{
	struct latency_service *service = service_at(service_place);
	struct latency_key key;
	__u32 place = 0;

	if (!service)
		return 0;
	key = service->key;

	for (__u32 n = 0; n < SLOW_PLACES_MAX; n++) {
		__u32 i = n; /* its address is taken, and the verifier has to see the loop's own end */
		__u64 *until = bpf_map_lookup_elem(&slow_places, &i), was;

		if (n >= settings.slow_places_max || !until)
			break;
		was = *(volatile __u64 *)until;
		/* Rested for as long again: user space has told the last of it. */
		if (was && now < was + 2 * SLOW_NS)
			continue;
		if (__sync_val_compare_and_swap(until, was, now + SLOW_NS) == was) {
			place = n + PLACES_FIXED;
			break;
		}
	}
	service = service_at(place);
	if (!place || !service)
		return 0;
	if (key.role != LATENCY_ROLE_CLIENT) {
		remote_of(key.client_addr, sk);
		key.client_port = bpf_ntohs(sk->__sk_common.skc_dport);
	} else {
		local_of(key.client_addr, sk);
		key.client_port = sk->__sk_common.skc_num;
	}
	service->key = key;
	return place;
}

static __always_inline void keep_slow_place(struct message *m, __u64 now)
{
	__u32 i = m->slow_place - PLACES_FIXED;
	__u64 *until = bpf_map_lookup_elem(&slow_places, &i);

	m->slow_until_ns = now + SLOW_NS;
	if (until)
		*until = m->slow_until_ns;
}

/* A whole took this long: is the connection slow, so that each of its messages is to be looked at? */
static __noinline int judge(struct message *m, struct sock *sk, __u64 took_ns, __u64 now)
{
	struct latency_gate *gate = the_gate();

	if (!m || !sk || !gate || !gate->slow_ns || took_ns < gate->slow_ns)
		return 0;
	if (!m->slow_place || now >= m->slow_until_ns)
		m->slow_place = take_slow_place(m->place, sk, now);
	if (m->slow_place)
		keep_slow_place(m, now);
	return 0;
}

#endif /* NETRIG_LATENCY_PLACE_H */
