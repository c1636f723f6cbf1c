/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose a socket is: the process that runs while the socket is locked for a process. */
#ifndef NETRIG_TCP_OWNER_H
#define NETRIG_TCP_OWNER_H

#include "slots.h"

/* A thread's own name is seldom what people know a process by. */
static __always_inline void owner_from_task(struct tcp_owner *owner, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	__builtin_memset(owner, 0, sizeof(*owner));
	if (leader) {
		*(__u64 *)&owner->process[0] = *(__u64 *)&leader->comm[0];
		*(__u64 *)&owner->process[8] = *(__u64 *)&leader->comm[8];
	}
	owner->cgroup = task->cgroups->dfl_cgrp->kn->id;
	owner->pid = task->tgid;
}

/* In softirq whoever was interrupted runs. A socket that is locked for a process is worked on by that one only. */
static __always_inline bool runs_for_owner(struct sock *sk)
{
	return sk->sk_lock.owned;
}

static __always_inline void set_owner(struct tcp_slot *slot)
{
	owner_from_task(&slot->owner, bpf_get_current_task_btf());
	slot->facts |= TCP_OWNED;
}

/* Where no process is known: the control group the socket was made in. */
static __always_inline void set_cgroup_of_socket(struct tcp_slot *slot, struct sock *sk)
{
	struct cgroup *cgroup = sk->sk_cgrp_data.cgroup;

	if (!slot->owner.cgroup && cgroup)
		slot->owner.cgroup = cgroup->kn->id;
}

#endif /* NETRIG_TCP_OWNER_H */
