/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A connect() that fails before there is a SYN: no route, an address that cannot be had, a local rule. No state changes and
 * no tracepoint tells of it; what shows it is a socket that was to connect and is released without ever having begun.
 */
#ifndef NETRIG_TCP_ATTEMPT_H
#define NETRIG_TCP_ATTEMPT_H

#include "life.h"

static __always_inline struct tcp_ref *begin_attempt(struct bpf_sock_addr *ctx)
{
	struct tcp_ref *ref;

	if (ctx->protocol != IPPROTO_TCP || !ctx->sk)
		return NULL;
	ref = bpf_sk_storage_get(&refs, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!ref)
		return NULL;
	ref->attempt_ns = bpf_ktime_get_ns();
	ref->attempt_port = ctx->user_port;
	return ref;
}

SEC("cgroup/connect4")
int tcp_connect4(struct bpf_sock_addr *ctx)
{
	struct tcp_ref *ref = begin_attempt(ctx);

	if (ref) {
		ref->attempt_family = AF_INET;
		ref->attempt_addr[0] = 0;
		ref->attempt_addr[1] = (__u64)ctx->user_ip4 << 32;
	}
	return 1;
}

SEC("cgroup/connect6")
int tcp_connect6(struct bpf_sock_addr *ctx)
{
	struct tcp_ref *ref = begin_attempt(ctx);

	if (ref) {
		ref->attempt_family = AF_INET6;
		ref->attempt_addr[0] = ctx->user_ip6[0] | (__u64)ctx->user_ip6[1] << 32;
		ref->attempt_addr[1] = ctx->user_ip6[2] | (__u64)ctx->user_ip6[3] << 32;
	}
	return 1;
}

/* The socket is closed, by the process that had it. */
static __always_inline void end_attempt(struct bpf_sock *ctx, struct task_struct *task)
{
	struct tcp_ref *ref = bpf_sk_storage_get(&refs, ctx, 0, 0);
	struct tcp_slot *slot;

	if (!ref || !ref->attempt_ns)
		return;
	COUNT(opened[0]);
	slot = take_slot(ref);
	if (!slot) {
		COUNT(untracked);
		return;
	}
	slot->facts = TCP_OWNED | TCP_NEVER_LEFT;
	slot->opened_ns = slot->state_since_ns = slot->ended_ns = ref->attempt_ns;
	slot->family = ref->attempt_family;
	slot->peer_addr[0] = ref->attempt_addr[0];
	slot->peer_addr[1] = ref->attempt_addr[1];
	slot->peer_port = ref->attempt_port;
	slot->netns = task->nsproxy->net_ns->ns.inum;
	owner_from_task(&slot->owner, task);
	slot->state = TCP_CLOSE;
	slot->role = TCP_ROLE_CLIENT;
	ref->attempt_ns = 0;
	put_done(slot, ref->slot);
}

#endif /* NETRIG_TCP_ATTEMPT_H */
