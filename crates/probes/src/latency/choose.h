/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which connections are to look at their next message: one round trip in so many chooses its own. Until then a connection costs
 * nothing but that count, for the kernel calls no program for it.
 *
 * A connection's callback flags tell what it is: RETRANS marks clients, RTO those that are chosen. What they switch on beside
 * that is rare.
 */
#ifndef NETRIG_LATENCY_CHOOSE_H
#define NETRIG_LATENCY_CHOOSE_H

#include "send.h"

#define CHOSEN BPF_SOCK_OPS_RTO_CB_FLAG
#define CLIENT BPF_SOCK_OPS_RETRANS_CB_FLAG

static __always_inline void switch_callbacks(struct bpf_sock_ops *ops, int on)
{
	bpf_setsockopt(ops, SOL_SOCKET, SK_BPF_CB_FLAGS, &on, sizeof(on));
}

/* It has been acknowledged, and nobody saw it leave. */
static __always_inline bool is_overtaken(struct message *m, struct tcp_sock *tp)
{
	__u32 last = m->tx == TX_WRITING ? m->end - 1 : m->tskey;

	return tp && m->tx != TX_IDLE && (m->tx != TX_WRITING || m->end) && (__s32)(tp->snd_una - last) > 0;
}

static __always_inline void choose(struct bpf_sock_ops *ops, struct bpf_sock *sk, __u32 flags, __u16 facts)
{
	struct message *m = settings.tx_callbacks ? MESSAGE_FOR(sk) : NULL;

	if (!m)
		return;
	/* Another rig on this host may have switched the callbacks off; a segment that is sent again may be part of another. */
	if (!(flags & CHOSEN) || is_overtaken(m, TCP_SOCK_TO_READ(sk)))
		lose_sent(m);
	if (!(flags & CHOSEN)) {
		switch_callbacks(ops, SK_BPF_CB_TX_TIMESTAMPING);
		bpf_sock_ops_cb_flags_set(ops, flags | CHOSEN);
		m->facts |= FACT_SWITCHED;
	}
	if (m->facts & FACT_ARMED)
		return;
	m->facts = (m->facts & ~FACT_NEXT_EXTRA) | FACT_ARMED | facts;
	await(m, flags & CLIENT ? AWAIT_WRITE : AWAIT_WRITE | AWAIT_ARRIVAL);
}

/* Its next message would begin unseen. */
static __always_inline void disarm(struct message *m)
{
	if (!(m->facts & FACT_ARMED) || m->rx == RX_ANSWERING)
		return;
	m->facts &= ~(FACT_ARMED | FACT_NEXT_EXTRA);
	await_no_more(m, m->facts & FACT_ASKED ? AWAIT_WRITE : AWAIT_ARRIVAL | AWAIT_WRITE);
}

/* Every message of a slow connection is looked at; any other rests until it is chosen again. */
static __always_inline void go_on_or_rest(struct bpf_sock_ops *ops, struct bpf_sock *sk, __u32 flags)
{
	struct message *m = MESSAGE_OF(sk);

	if (m && is_overtaken(m, TCP_SOCK_TO_READ(sk)))
		lose_sent(m);
	if (!m || m->tx != TX_IDLE)
		return;
	lose_what_passed_unseen(m);
	if (!sampling())
		disarm(m);
	if (m->facts & (FACT_ARMED | FACT_ASKED))
		return;
	if (sampling() && m->slow_until_ns && bpf_ktime_get_ns() < m->slow_until_ns) {
		choose(ops, sk, flags, FACT_NEXT_EXTRA);
		return;
	}
	/* They are on for another rig as well, which would be left without. */
	if (!(m->facts & FACT_SWITCHED))
		return;
	m->facts &= ~FACT_SWITCHED;
	switch_callbacks(ops, 0);
	bpf_sock_ops_cb_flags_set(ops, flags & ~CHOSEN);
}

static __always_inline void round_trip(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	struct latency_cpu *cpu = the_cpu();
	__u32 flags = ops->bpf_sock_ops_cb_flags;

	if (!cpu)
		return;
	if (is_due(cpu, &cpu->arm_countdown))
		choose(ops, sk, flags, 0);
	else if (flags & CHOSEN)
		go_on_or_rest(ops, sk, flags);
}

/* Nobody waits for a connection that is over. */
static __always_inline void closed(struct bpf_sock *sk)
{
	struct message *m = MESSAGE_OF(sk);

	if (!m)
		return;
	await_no_more(m, AWAIT_ARRIVAL | AWAIT_READ | AWAIT_WRITE);
	lose_sent(m);
	lose_received(m);
	m->facts = 0;
}

SEC("sockops")
int latency_operations(struct bpf_sock_ops *ops)
{
	__u32 operation = ops->op, flags = BPF_SOCK_OPS_RTT_CB_FLAG | BPF_SOCK_OPS_STATE_CB_FLAG;
	struct bpf_sock *sk = ops->sk;
	struct latency_cpu *cpu;
	struct message *m;

	if (!sk)
		return 1;
	switch (operation) {
	case BPF_SOCK_OPS_RTT_CB:
		round_trip(ops, sk);
		break;
	case BPF_SOCK_OPS_TSTAMP_SENDMSG_CB:
	case BPF_SOCK_OPS_TSTAMP_SCHED_CB:
	case BPF_SOCK_OPS_TSTAMP_SND_SW_CB:
	case BPF_SOCK_OPS_TSTAMP_SND_HW_CB:
	case BPF_SOCK_OPS_TSTAMP_ACK_CB:
		m = settings.tx_callbacks ? MESSAGE_OF(sk) : NULL;
		if (!m)
			break;
		if (operation == BPF_SOCK_OPS_TSTAMP_SENDMSG_CB)
			written(ops, sk, m);
		else
			on_its_way(ops, sk, m, operation);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (ops->args[1] == TCP_CLOSE)
			closed(sk);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		flags |= CLIENT;
		/* fallthrough */
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		flags |= ops->bpf_sock_ops_cb_flags;
		bpf_sock_ops_cb_flags_set(ops, flags);
		cpu = the_cpu();
		if (cpu && is_due(cpu, &cpu->arm_countdown))
			choose(ops, sk, flags, 0);
		break;
	}
	return 1;
}

#endif /* NETRIG_LATENCY_CHOOSE_H */
