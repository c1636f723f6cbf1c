/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A message's way out: from the write to TCP, to the queueing discipline, to the driver, to the acknowledgement. */
#ifndef NETRIG_LATENCY_SEND_H
#define NETRIG_LATENCY_SEND_H

#include "receive.h"

#define HELD_NS_MIN 20000 /* less is no wait: what sending costs */
#define BLOCKED_NS_MIN 200000 /* copying takes time too: a megabyte, about so much */
#define SK_PACING_NEEDED 1
#define TCP_NAGLE_OFF 1
#define CHRONO_RWND 2 /* tcp_sock.chrono_type */
#define WMEM_THROTTLED (128 * 1024) /* octets below TCP, from which on it waits for them to leave */

/* message.limits */
enum limit {
	LIMIT_RECEIVE_WINDOW = 1 << 0,
	LIMIT_CONGESTION_WINDOW = 1 << 1,
	LIMIT_PACING = 1 << 2,
	LIMIT_NAGLE = 1 << 3,
	LIMIT_BELOW = 1 << 4, /* TCP keeps little in the queueing discipline, and the rest waits for it */
};

extern int bpf_sock_ops_enable_tx_tstamp(struct bpf_sock_ops_kern *ops, __u64 flags) __ksym __weak;
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;

static __always_inline __u32 jiffies_limited(struct tcp_sock *tp)
{
	__u32 sum = tp->chrono_stat[CHRONO_RWND - 1];

	if (BPF_CORE_READ_BITFIELD(tp, chrono_type) == CHRONO_RWND)
		sum += (__u32)bpf_jiffies64() - tp->chrono_start;
	return sum;
}

/* What will hold what has been written: all of it is in TCP's queue, none of it has been sent. */
static __always_inline __u8 limits_of(struct tcp_sock *tp)
{
	__u32 outstanding = tp->write_seq - tp->snd_una, window = tp->snd_wnd;
	__u64 congestion = (__u64)tp->snd_cwnd * tp->mss_cache;
	struct sock *sk = SOCK(tp);
	__u8 limits = 0;

	if (outstanding > window && window <= congestion)
		limits |= LIMIT_RECEIVE_WINDOW;
	if (outstanding > congestion)
		limits |= LIMIT_CONGESTION_WINDOW;
	if (sk->sk_pacing_status == SK_PACING_NEEDED)
		limits |= LIMIT_PACING;
	if (!(BPF_CORE_READ_BITFIELD(tp, nonagle) & TCP_NAGLE_OFF) && tp->packets_out &&
	    outstanding < 2 * tp->mss_cache)
		limits |= LIMIT_NAGLE;
	if (sk->sk_wmem_alloc.refs.counter > WMEM_THROTTLED)
		limits |= LIMIT_BELOW;
	return limits;
}

static __always_inline __u32 cause_of(struct message *m, struct tcp_sock *tp, __u64 held_ns)
{
	__u64 writing_ns = m->sent_ns - m->write_ns;

	if (writing_ns > held_ns / 2)
		return writing_ns >= BLOCKED_NS_MIN ? CAUSE_SEND_BUFFER : CAUSE_OTHER;
	if (m->limits & LIMIT_RECEIVE_WINDOW || jiffies_limited(tp) != m->window_jiffies)
		return CAUSE_RECEIVE_WINDOW;
	if (m->limits & LIMIT_CONGESTION_WINDOW)
		return CAUSE_CONGESTION_WINDOW;
	if (m->limits & LIMIT_NAGLE)
		return CAUSE_NAGLE;
	return m->limits & LIMIT_PACING ? CAUSE_PACING : CAUSE_OTHER;
}

/* `end` is the sequence number after all that the write is to send; 0: not known. */
static __always_inline void begin_write(struct message *m, __u32 end)
{
	struct latency_service *service;
	__u64 now;

	if (!(m->awaits & AWAIT_WRITE) || m->tx != TX_IDLE || (m->facts & FACT_ASKED && m->rx == RX_READY))
		return;
	now = bpf_ktime_get_ns();
	await_no_more(m, AWAIT_WRITE | AWAIT_ARRIVAL);
	m->write_ns = m->began_ns = now;
	m->spell = this_spell();
	m->end = end;
	/* Whoever writes again without having been answered did not ask. */
	m->facts &= ~(FACT_TOTAL | FACT_ASKED);
	m->tx = TX_WRITING;
	if (m->rx != RX_ANSWERING) {
		begin_extra(m);
		return;
	}
	await_no_more(m, AWAIT_READ);
	m->rx = RX_IDLE;
	m->began_ns = m->arrived_ns ?: m->ready_ns;
	m->facts |= FACT_TOTAL;
	tell_received(m);
	service = service_at(m->place);
	if (service)
		TELL(service, STAGE_THINK, now - m->read_ns);
}

/* The first octets of an answer, of a question, or of whatever is sent. It comes once for each buffer that is filled. */
SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(latency_write, struct sock *sk, struct msghdr *message)
{
	struct latency_gate *gate = the_gate();
	struct tcp_sock *tp;
	struct message *m;

	if (!gate || !*(volatile __u64 *)&gate->await_write)
		return 0;
	m = MESSAGE_OF(sk);
	if (!m)
		return 0;
	tp = TCP_SOCK_TO_READ(sk);
	if (!tp)
		return 0;
	lose_what_passed_unseen(m);
	begin_write(m, tp->write_seq + (__u32)message->msg_iter.count);
	return 0;
}

/* What was under way will not be told of. */
static __always_inline void lose_sent(struct message *m)
{
	struct latency_service *service = service_at(m->place);

	if (service && (m->tx == TX_WRITING || m->tx == TX_SENT))
		CENSORED(service, STAGE_TCP_QUEUE);
	if (service && m->tx == TX_QUEUED)
		CENSORED(service, STAGE_QDISC);
	if (service && m->unacked_ns)
		CENSORED(service, STAGE_WIRE);
	if (m->tx == TX_WRITING)
		m->facts &= ~FACT_ARMED; /* it is not awaited any more */
	m->unacked_ns = 0;
	m->tx = TX_IDLE;
}

static __always_inline __u32 key_of_skb(struct sk_buff *skb)
{
	struct skb_shared_info *info =
		bpf_rdonly_cast(skb->head + skb->end, bpf_core_type_id_kernel(struct skb_shared_info));

	return info->tskey;
}

/* All of a write is in TCP's queue. */
static __always_inline void written(struct bpf_sock_ops *ops, struct bpf_sock *sk, struct message *m)
{
	struct bpf_sock_ops_kern *kernel = bpf_cast_to_kern_ctx(ops);
	struct tcp_sock *tp = TCP_SOCK_TO_READ(sk);

	if (!settings.write_hook)
		begin_write(m, 0);
	if (!tp || m->tx != TX_WRITING || bpf_sock_ops_enable_tx_tstamp(kernel, 0))
		return;
	m->facts &= ~FACT_ARMED;
	if (!(m->facts & FACT_TOTAL))
		find_place(m, SOCK(tp), role_of(tp));
	m->tskey = key_of_skb(kernel->skb);
	/* The kernel says nothing of a write that has left before it was all written: this is a later one. */
	if (m->end && (__s32)(m->tskey + 1 - m->end) > 0) {
		lose_sent(m);
		return;
	}
	m->limits = limits_of(tp);
	m->window_jiffies = jiffies_limited(tp);
	m->sent_ns = bpf_ktime_get_ns();
	m->tx = TX_SENT;
}

/* The last of it goes to the queueing discipline. */
static __always_inline void scheduled(struct message *m, struct tcp_sock *tp, __u64 now)
{
	struct latency_service *service = service_at(m->place);
	__u64 held_ns = now - m->write_ns;
	__u32 cause;

	m->tx = TX_QUEUED;
	m->queued_ns = now;
	if (!service)
		return;
	if (held_ns >= HELD_NS_MIN) {
		cause = cause_of(m, tp, held_ns);
		if (cause >= CAUSE_PACING && cause != CAUSE_SEND_BUFFER && cause != CAUSE_NAGLE &&
		    m->limits & LIMIT_BELOW) {
			m->queued_ns = m->sent_ns; /* it was the queueing discipline it waited for */
			held_ns = m->sent_ns - m->write_ns;
		} else if (cause < CAUSES) {
			add(&service->cause_messages[cause], 1);
			add(&service->cause_ns[cause], held_ns);
		}
	}
	TELL(service, STAGE_TCP_QUEUE, held_ns);
}

static __always_inline void note_interface(struct latency_service *service, struct sk_buff *skb, __u64 waited_ns)
{
	if (waited_ns <= service->qdisc_ns_max)
		return;
	service->qdisc_ns_max = waited_ns;
	bpf_probe_read_kernel(service->qdisc_iface, sizeof(service->qdisc_iface), &skb->dev->name);
}

/* The driver has the last of it. */
static __always_inline void left(struct message *m, struct sock *sk, struct tcp_sock *tp, struct sk_buff *skb,
				 __u64 now)
{
	struct latency_service *service = service_at(m->place);
	bool client = role_of(tp) == LATENCY_ROLE_CLIENT;

	m->tx = TX_IDLE;
	if (!service)
		return;
	note_interface(service, skb, now - m->queued_ns);
	TELL(service, STAGE_QDISC, now - m->queued_ns);
	if (m->facts & FACT_TOTAL) {
		TELL(service, STAGE_TOTAL, now - m->began_ns);
		judge(m, sk, now - m->began_ns, now);
	}
	if (m->unacked_ns) {
		add(&service->eligible[STAGE_WIRE], 1); /* one at a time waits for its acknowledgement */
	} else {
		m->unacked_key = m->tskey;
		m->segments = tp->data_segs_in;
		m->unacked_ns = now;
	}
	if (client && m->rx == RX_IDLE) {
		m->facts |= FACT_ASKED;
		m->left_ns = now;
		await(m, AWAIT_ARRIVAL);
	} else {
		m->facts &= ~FACT_EXTRA;
	}
}

static __always_inline void acknowledged(struct message *m, struct tcp_sock *tp, __u64 now)
{
	struct latency_service *service = service_at(m->place);
	bool pure = tp->data_segs_in == m->segments;
	__u64 took_ns = now - m->unacked_ns;

	m->unacked_ns = 0;
	if (!service)
		return;
	if (pure)
		TELL(service, STAGE_WIRE, took_ns);
	else if (role_of(tp) != LATENCY_ROLE_CLIENT) /* to a client the answer's own arrival tells more */
		TELL(service, STAGE_WIRE_PEER, took_ns);
}

/* Where a message is, as the kernel says for those that were chosen when they were written. */
static __always_inline void on_its_way(struct bpf_sock_ops *ops, struct bpf_sock *sk, struct message *m,
				       __u32 operation)
{
	struct bpf_sock_ops_kern *kernel = bpf_cast_to_kern_ctx(ops);
	struct tcp_sock *tp = TCP_SOCK_TO_READ(sk);
	struct sk_buff *skb = kernel->skb;
	__u32 key = key_of_skb(skb);
	__u64 now = bpf_ktime_get_ns();
	struct latency_service *service;

	if (!tp)
		return;
	if (operation == BPF_SOCK_OPS_TSTAMP_ACK_CB) {
		if (m->unacked_ns && key == m->unacked_key)
			acknowledged(m, tp, now);
	} else if (operation == BPF_SOCK_OPS_TSTAMP_SND_HW_CB) {
		service = service_at(m->place);
		if (service && m->unacked_ns && key == m->unacked_key)
			TELL(service, STAGE_NIC, now - m->unacked_ns);
	} else if (key != m->tskey) {
		return; /* sent again, or of an earlier message */
	} else if (operation == BPF_SOCK_OPS_TSTAMP_SCHED_CB) {
		if (m->tx == TX_SENT)
			scheduled(m, tp, now);
	} else if (m->tx == TX_QUEUED) {
		left(m, SOCK(tp), tp, skb, now);
	}
}

#endif /* NETRIG_LATENCY_SEND_H */
