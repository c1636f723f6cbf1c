/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walks over all sockets: those older than the rig get their places, and what events do not tell is looked up. One walk
 * goes over the sockets of a network namespace, the other over the files of all processes, in all namespaces, and knows
 * whose they are.
 */
#ifndef NETRIG_TCP_WALK_H
#define NETRIG_TCP_WALK_H

#include "other_sockets.h"

/* Ports that are listened on, or were lately: what tells which side an older connection is. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct bound_key);
	__type(value, __u8);
} listening SEC(".maps");

static __always_inline struct bound_key port_key(const struct tcp_slot *slot)
{
	return (struct bound_key){ .netns = slot->netns, .port = slot->local_port, .protocol = IPPROTO_TCP };
}

static __always_inline void look_at_listener(struct tcp_slot *slot, struct tcp_sock *tp)
{
	struct sock *sk = SOCK(tp);
	struct bound_key key = port_key(slot);
	__u8 yes = 1;

	slot->accept_queue = sk->sk_ack_backlog;
	slot->accept_queue_max = sk->sk_max_ack_backlog;
	slot->syn_queue = tp->inet_conn.icsk_accept_queue.qlen.counter;
	slot->drops = sk->sk_drops.counter;
	bpf_map_update_elem(&listening, &key, &yes, 0);
}

/*
 * Places are left for connections that come: who has just made room for them would else take it again, and make room again.
 */
static __always_inline bool may_adopt(struct tcp_sock *tp, struct tcp_ends *end)
{
	__u64 taken = *(volatile __u64 *)&end->free_taken;

	return SOCK(tp)->__sk_common.skc_state == TCP_LISTEN ||
	       *(volatile __u64 *)&end->free_given - taken > settings.slots / 8;
}

/* Gives a socket that is older than the rig, or had none, its place. */
static __always_inline struct tcp_slot *adopt(struct tcp_sock *tp, struct tcp_ends *end)
{
	struct tcp_slot *slot;
	struct bound_key key;
	struct tcp_ref *ref;

	if (!may_adopt(tp, end))
		return NULL;
	ref = bpf_sk_storage_get(&refs, tp, 0, BPF_SK_STORAGE_GET_F_CREATE);
	slot = ref ? take_slot(ref) : NULL;
	if (!slot)
		return NULL;
	copy_addresses(slot, tp);
	set_cgroup_of_socket(slot, SOCK(tp));
	slot->state = SOCK(tp)->__sk_common.skc_state;
	slot->state_since_ns = bpf_ktime_get_ns();
	slot->facts |= TCP_ADOPTED;
	if (slot->state == TCP_LISTEN) {
		slot->role = TCP_ROLE_LISTENER;
		return slot;
	}
	__sync_fetch_and_add(&end->adopted, 1);
	slot->data_segs_in = tp->data_segs_in;
	slot->retransmits_seen = tp->total_retrans;
	slot->rcv_nxt = tp->rcv_nxt;
	key = port_key(slot);
	slot->role = bpf_map_lookup_elem(&listening, &key) ? TCP_ROLE_SERVER : TCP_ROLE_CLIENT;
	find_service(slot);
	return slot;
}

/* Its place, an old one or a new one, with what the kernel knows now. NULL: it needs none, or there is none. */
static __always_inline struct tcp_slot *meet(struct tcp_sock *tp)
{
	__u8 state = SOCK(tp)->__sk_common.skc_state;
	struct tcp_ends *end = the_ends();
	struct tcp_slot *slot;

	if (!end || state == TCP_CLOSE || state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV)
		return NULL;
	/* First come the listeners, by whom the others are understood. */
	if (end->listeners_only && state != TCP_LISTEN)
		return NULL;
	end->walked++;
	slot = SLOT_OF(tp);
	if (!slot)
		slot = adopt(tp, end);
	if (!slot)
		return NULL;
	slot->walk = end->walk;
	if (state == TCP_LISTEN) {
		look_at_listener(slot, tp);
	} else {
		copy_health(slot, tp);
		look_at_windows(slot, tp);
	}
	return slot;
}

/* Of one network namespace: the one in which the walk was begun. */
SEC("iter/tcp")
int tcp_walk(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct tcp_ends *end = the_ends();
	struct tcp_slot *slot;
	struct tcp_sock *tp;
	int flags = 0;

	if (!common || !end)
		return 0;
	/* Listeners come first. The iterator would offer this one again; its reader knows that it is enough. */
	if (end->listeners_only && common->skc_state != TCP_LISTEN)
		return 1;
	tp = TCP_SOCK(common);
	if (!tp)
		return 0;
	slot = meet(tp);
	if (!slot || slot->role == TCP_ROLE_LISTENER || !(slot->facts & TCP_ADOPTED))
		return 0;
	if (bpf_getsockopt(tp, IPPROTO_TCP, TCP_BPF_SOCK_OPS_CB_FLAGS, &flags, sizeof(flags)))
		flags = 0;
	if (flags & BPF_SOCK_OPS_RTT_CB_FLAG)
		return 0;
	flags |= BPF_SOCK_OPS_RTT_CB_FLAG;
	if (bpf_setsockopt(tp, IPPROTO_TCP, TCP_BPF_SOCK_OPS_CB_FLAGS, &flags, sizeof(flags)))
		end->rtt_refused++;
	return 0;
}

SEC("iter/task_file")
int tcp_walk_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct tcp_slot *slot;
	struct socket *socket;
	struct tcp_sock *tp;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP) {
		adopt_other(sk, task);
		return 0;
	}
	tp = TCP_SOCK(sk);
	if (!tp)
		return 0;
	slot = meet(tp);
	/* A process that is about to run another program holds its parent's files for a moment: who accepted knows better. */
	if (slot && !(slot->facts & (TCP_OWNED | TCP_ACCEPTED))) {
		owner_from_task(&slot->owner, task);
		slot->facts |= TCP_OWNED;
	}
	return 0;
}

#endif /* NETRIG_TCP_WALK_H */
