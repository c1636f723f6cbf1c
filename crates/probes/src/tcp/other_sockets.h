/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Owners of sockets other than TCP's. They have no life to tell of, only packets: the flow probe asks for a socket's
 * process when it meets a new flow of it.
 */
#ifndef NETRIG_TCP_OTHER_SOCKETS_H
#define NETRIG_TCP_OTHER_SOCKETS_H

#include "../bpf/sender.h"
#include "attempt.h"

enum {
	BPF_MAP_TYPE_LRU_HASH = 9,
};

/* By process id, its low bits: a later process takes the place of an older one. Names outlive processes here. */
SHARED_ARRAY(processes, struct tcp_owner);

/* Whose a port is, for what only ever receives. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct bound_key);
	__type(value, __u32); /* process id */
} bound_ports SEC(".maps");

static __always_inline void remember_process(struct task_struct *task)
{
	__u32 place = (__u32)task->tgid & settings.process_mask;
	struct tcp_owner *owner = bpf_map_lookup_elem(&processes, &place);

	if (owner)
		owner_from_task(owner, task);
}

/* Written into the socket's storage too: there it is found by who sees the socket's packets. */
static __always_inline void set_sender(struct other_socket *other, struct task_struct *task)
{
	struct tcp_owner owner;

	owner_from_task(&owner, task);
	other->pid = owner.pid;
	other->cgroup = owner.cgroup;
	__builtin_memcpy(other->process, owner.process, sizeof(other->process));
}

static __always_inline bool may_remember_another(void)
{
	struct tcp_ends *end = the_ends();

	if (!end)
		return false;
	if (__sync_fetch_and_add(&end->other_sockets, 1) < settings.other_sockets_max)
		return true;
	__sync_fetch_and_add(&end->other_sockets, -1);
	COUNT(others_untracked);
	return false;
}

SEC("cgroup/sock_create")
int other_made(struct bpf_sock *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct other_socket *other;

	if (ctx->protocol == IPPROTO_TCP || (ctx->family != AF_INET && ctx->family != AF_INET6))
		return 1;
	if (!may_remember_another())
		return 1;
	other = bpf_sk_storage_get(&other_sockets, ctx, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!other)
		return 1;
	set_sender(other, task);
	remember_process(task);
	return 1;
}

static __always_inline int other_bound(struct bpf_sock *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct other_socket *other;

	if (ctx->protocol == IPPROTO_TCP)
		return 1;
	other = bpf_sk_storage_get(&other_sockets, ctx, 0, 0);
	if (!other)
		return 1;
	set_sender(other, task);
	other->bound.netns = task->nsproxy->net_ns->ns.inum;
	other->bound.port = ctx->src_port;
	other->bound.protocol = ctx->protocol;
	remember_process(task);
	bpf_map_update_elem(&bound_ports, &other->bound, &other->pid, 0);
	return 1;
}

SEC("cgroup/post_bind4")
int other_bound4(struct bpf_sock *ctx)
{
	return other_bound(ctx);
}

SEC("cgroup/post_bind6")
int other_bound6(struct bpf_sock *ctx)
{
	return other_bound(ctx);
}

SEC("cgroup/sock_release")
int socket_released(struct bpf_sock *ctx)
{
	struct tcp_ends *end = the_ends();
	struct other_socket *other;

	if (ctx->protocol == IPPROTO_TCP) {
		end_attempt(ctx, bpf_get_current_task_btf());
		return 1;
	}
	other = bpf_sk_storage_get(&other_sockets, ctx, 0, 0);
	if (!other || !end)
		return 1;
	__sync_fetch_and_add(&end->other_sockets, -1);
	if (other->bound.port)
		bpf_map_delete_elem(&bound_ports, &other->bound);
	return 1;
}

/* One that is older than the rig, found among a process' files. */
static __always_inline void adopt_other(struct sock *sk, struct task_struct *task)
{
	struct other_socket *other = bpf_sk_storage_get(&other_sockets, sk, 0, 0);

	if (other || !may_remember_another())
		return;
	other = bpf_sk_storage_get(&other_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!other)
		return;
	set_sender(other, task);
	other->bound.netns = sk->__sk_common.skc_net.net->ns.inum;
	other->bound.port = sk->__sk_common.skc_num;
	other->bound.protocol = sk->sk_protocol;
	remember_process(task);
	if (other->bound.port)
		bpf_map_update_elem(&bound_ports, &other->bound, &other->pid, 0);
}

#endif /* NETRIG_TCP_OTHER_SOCKETS_H */
