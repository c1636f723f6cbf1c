/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who accepts a connection: accept() asks for the peer's name on behalf of most applications, in their process. Whoever
 * accepts without asking for a name is known by the listener, until a walk or the close tells more.
 */
#ifndef NETRIG_TCP_ACCEPT_H
#define NETRIG_TCP_ACCEPT_H

#include "owner.h"

static __always_inline int accepted(struct bpf_sock_addr *ctx)
{
	struct tcp_slot *slot;

	if (ctx->protocol != IPPROTO_TCP || !ctx->sk)
		return 1;
	slot = SLOT_OF(ctx->sk);
	if (slot && slot->role == TCP_ROLE_SERVER && !(slot->facts & TCP_OWNED)) {
		owner_from_task(&slot->owner, bpf_get_current_task_btf());
		slot->facts |= TCP_ACCEPTED;
	}
	return 1;
}

SEC("cgroup/getpeername4")
int tcp_accepted4(struct bpf_sock_addr *ctx)
{
	return accepted(ctx);
}

SEC("cgroup/getpeername6")
int tcp_accepted6(struct bpf_sock_addr *ctx)
{
	return accepted(ctx);
}

#endif /* NETRIG_TCP_ACCEPT_H */
