/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections older than the rig: they get the flags by which they are chosen. */
#ifndef NETRIG_LATENCY_OLDER_H
#define NETRIG_LATENCY_OLDER_H

#include "choose.h"

/* Ports that are listened on: what tells which side an older connection is. Listeners come first in a walk. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct bound_key);
	__type(value, __u8);
} listening SEC(".maps");

/* Of one network namespace: the one in which the walk was begun. */
SEC("iter/tcp")
int latency_walk(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct latency_gate *gate = the_gate();
	struct bound_key key = {};
	struct tcp_sock *tp;
	__u8 yes = 1;
	int flags = 0;

	if (!common || !gate)
		return 0;
	key.netns = common->skc_net.net->ns.inum;
	key.port = common->skc_num;
	key.protocol = IPPROTO_TCP;
	if (common->skc_state == TCP_LISTEN) {
		bpf_map_update_elem(&listening, &key, &yes, 0);
		return 0;
	}
	tp = TCP_SOCK(common);
	if (!tp)
		return 0;
	if (bpf_getsockopt(tp, IPPROTO_TCP, TCP_BPF_SOCK_OPS_CB_FLAGS, &flags, sizeof(flags)))
		flags = 0;
	/* What the rig before this one may have left is taken back. */
	flags &= ~(CHOSEN | CLIENT);
	flags |= BPF_SOCK_OPS_RTT_CB_FLAG | BPF_SOCK_OPS_STATE_CB_FLAG;
	if (!bpf_map_lookup_elem(&listening, &key))
		flags |= CLIENT;
	if (!bpf_setsockopt(tp, IPPROTO_TCP, TCP_BPF_SOCK_OPS_CB_FLAGS, &flags, sizeof(flags)))
		gate->walked++;
	return 0;
}

#endif /* NETRIG_LATENCY_OLDER_H */
