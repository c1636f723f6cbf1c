/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A connection's life: from one state to the next, and what each means. */
#ifndef NETRIG_TCP_LIFE_H
#define NETRIG_TCP_LIFE_H

#include "owner.h"

/* The place of a service's distributions; 0, where all others are summed, when there is no room for another. */
static __always_inline __u32 service_place(const struct tcp_service_key *key)
{
	__u32 *known = bpf_map_lookup_elem(&service_places, key), place;
	struct tcp_ends *end = the_ends();
	struct tcp_service *service;

	if (known)
		return *known;
	if (!end || *(volatile __u64 *)&end->services >= settings.services - 1)
		return 0;
	place = __sync_fetch_and_add(&end->services, 1) + 1;
	service = bpf_map_lookup_elem(&services, &place);
	if (!service)
		return 0;
	if (bpf_map_update_elem(&service_places, key, &place, BPF_NOEXIST)) {
		/* Another CPU was first; this place stays empty. */
		known = bpf_map_lookup_elem(&service_places, key);
		return known ? *known : 0;
	}
	service->key = *key;
	return place;
}

static __always_inline void find_service(struct tcp_slot *slot)
{
	struct tcp_service_key key = {};
	struct tcp_service *service;

	key.role = slot->role;
	if (slot->role == TCP_ROLE_SERVER) {
		key.port = slot->local_port;
	} else if (slot->role == TCP_ROLE_CLIENT) {
		key.port = bpf_ntohs(slot->peer_port);
		key.addr[0] = slot->peer_addr[0];
		key.addr[1] = slot->peer_addr[1];
		if (slot->family == AF_INET)
			key.reserved[0] = AF_INET;
	}
	slot->service = slot->role ? service_place(&key) : 0;
	service = bpf_map_lookup_elem(&services, &slot->service);
	if (service)
		__sync_fetch_and_add(&service->connections, 1);
}

static __always_inline void add_connect_time(struct tcp_slot *slot, __u64 ns)
{
	struct tcp_service *service = bpf_map_lookup_elem(&services, &slot->service);

	if (service)
		time_add(&service->connect, ns);
}

/* A place for a socket that has none, or whose last connection in it is over. */
static __always_inline struct tcp_slot *begin(struct tcp_sock *tp, __u8 role, __u64 now)
{
	struct tcp_ref *ref = bpf_sk_storage_get(&refs, tp, 0, BPF_SK_STORAGE_GET_F_CREATE);
	struct tcp_slot *slot = ref ? take_slot(ref) : NULL;

	if (!slot) {
		if (ref)
			ref->attempt_ns = ref->generation =
				0; /* of no place: an accepted socket must not go on as its listener */
		if (role != TCP_ROLE_LISTENER) /* a walk will find it */
			COUNT(untracked);
		return NULL;
	}
	ref->attempt_ns = 0;
	slot->opened_ns = slot->state_since_ns = now;
	copy_addresses(slot, tp);
	slot->role = role;
	return slot;
}

/* connect() */
static __always_inline struct tcp_slot *begin_client(struct tcp_sock *tp, __u64 now)
{
	struct tcp_slot *slot;

	COUNT(opened[0]);
	slot = begin(tp, TCP_ROLE_CLIENT, now);
	if (slot)
		set_owner(slot);
	return slot;
}

/* listen() */
static __always_inline struct tcp_slot *begin_listener(struct tcp_sock *tp, __u64 now)
{
	struct tcp_slot *slot = begin(tp, TCP_ROLE_LISTENER, now);

	if (slot)
		set_owner(slot);
	return slot;
}

/* A handshake's last step has made a socket, in softirq. Until somebody reads from it, its owner is its listener's. */
static __always_inline struct tcp_slot *begin_server(struct tcp_sock *tp, __u64 now)
{
	struct tcp_slot *listener = SLOT_OF(tp), *slot;
	struct tcp_owner owner = {};

	COUNT(opened[1]);
	if (listener)
		owner = listener->owner;
	slot = begin(tp, TCP_ROLE_SERVER, now);
	if (slot) {
		slot->owner = owner;
		set_cgroup_of_socket(slot, SOCK(tp));
	}
	return slot;
}

static __always_inline void established(struct tcp_slot *slot, struct tcp_sock *tp, __u64 now)
{
	__u64 connect_ns = now - slot->opened_ns;

	slot->established_ns = now;
	slot->rcv_nxt = tp->rcv_nxt;
	copy_addresses(slot, tp); /* the port is chosen after SYN_SENT */
	find_service(slot);
	if (slot->role == TCP_ROLE_CLIENT) {
		COUNT(established[0]);
	} else {
		COUNT(established[1]);
		connect_ns = (__u64)(tp->srtt_us >> 3) * 1000;
		slot->retransmits[RETRANSMIT_SYN_ACK] = slot->retransmits_seen = tp->total_retrans;
	}
	slot->connect_us = connect_ns / 1000;
	add_connect_time(slot, connect_ns);
}

static __always_inline void ended(struct tcp_slot *slot, __u32 number, struct tcp_sock *tp, __u64 now)
{
	__u32 error = SOCK(tp)->sk_err;

	slot->ended_ns = now;
	if (slot->role != TCP_ROLE_LISTENER) {
		if (slot->state == TCP_SYN_SENT) {
			copy_addresses(slot, tp);
			/* connect() found no port; nobody is told but its caller. */
			if (!slot->local_port && !error)
				slot->error = EADDRNOTAVAIL;
		}
		copy_health(slot, tp);
		look_at_windows(slot, tp);
	}
	if (error)
		slot->error = error;
	put_done(slot, number);
}

/* From `old` to `new`, for a socket that has a place. */
static __always_inline void step(struct tcp_slot *slot, __u32 number, struct tcp_sock *tp, int old, int new)
{
	__u64 now = bpf_ktime_get_ns();

	slot->state_ns[old & (TCP_STATES - 1)] += now - slot->state_since_ns;
	slot->state_since_ns = now;
	if (new == TCP_ESTABLISHED)
		established(slot, tp, now);
	if (old == TCP_ESTABLISHED || old == TCP_SYN_RECV) {
		if (new == TCP_FIN_WAIT1)
			slot->facts |= TCP_LOCAL_CLOSED_FIRST;
		else if (new == TCP_CLOSE_WAIT)
			slot->facts |= TCP_PEER_CLOSED_FIRST;
	}
	/* Whoever closes it uses it; but who accepted it knows better than a child that has only inherited it. */
	if (!(slot->facts & (TCP_OWNED | TCP_ACCEPTED)) && slot->role == TCP_ROLE_SERVER && runs_for_owner(SOCK(tp)) &&
	    (new == TCP_FIN_WAIT1 || new == TCP_LAST_ACK || new == TCP_CLOSE))
		set_owner(slot);
	if (new == TCP_CLOSE)
		ended(slot, number, tp, now);
	else
		slot->state = new;
}

#endif /* NETRIG_TCP_LIFE_H */
