/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A message's way in: from the driver to the socket, to whoever waits for it, to the read. */
#ifndef NETRIG_LATENCY_RECEIVE_H
#define NETRIG_LATENCY_RECEIVE_H

#include "place.h"

#define STAMP_NS_MAX (10ull * 1000 * 1000 * 1000) /* an older receive stamp is none: the clock was set */
#define WAKE_NS_MAX (50ull * 1000) /* the reader is woken at once, or does not sleep */
#define WAKES 1024

/* Who was woken for a socket, by the low bits of the socket's address. */
struct wake {
	__u64 sk;
	__u64 at_ns;
	__u64 run_delay_ns; /* what the reader had waited for CPUs until then */
	__u32 pid; /* of the thread */
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WAKES);
	__type(key, __u32);
	__type(value, struct wake);
} wakes SEC(".maps");

static __always_inline struct wake *wake_of(__u64 sk)
{
	__u32 place = (sk >> 6 ^ sk >> 16) & (WAKES - 1);

	return bpf_map_lookup_elem(&wakes, &place);
}

/* The next wake-up on this CPU is this socket's reader's, if one sleeps. */
static __always_inline void expect_wake(struct latency_cpu *cpu, struct sock *sk, __u64 now)
{
	cpu->expects_since_ns = now;
	cpu->expects = (__u64)sk;
}

/* When the driver gave the packet to the kernel, on the monotonic clock; 0: nobody knows. */
static __always_inline __u64 arrival_of(struct sk_buff *skb, __u64 now)
{
	struct latency_gate *gate = the_gate();
	__u64 at = skb->tstamp;

	if (!gate || !at)
		return 0;
	at -= *(volatile __u64 *)&gate->realtime_offset_ns;
	return now - at < STAMP_NS_MAX ? at : 0;
}

/* The packet that came last; NULL: none waits. */
static __always_inline struct sk_buff *latest_of(struct sock *sk)
{
	struct sk_buff *skb = sk->sk_receive_queue.prev;

	return (void *)skb == (void *)&sk->sk_receive_queue ? NULL : skb;
}

/* What the reader's sleep had to do with the wait since `ready_ns`: how long until it was woken, how long until it had a CPU. */
struct waited {
	__u64 wakeup_ns;
	__u64 run_queue_ns;
	bool slept;
	bool woken_reads; /* the one who was woken is who reads */
};

static __always_inline void how_waited(struct waited *waited, __u64 sk, __u64 ready_ns, __u64 read_ns)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct wake *wake = wake_of(sk);
	__u64 run_delay;

	if (!wake || wake->sk != sk || wake->at_ns < ready_ns)
		return;
	waited->slept = true;
	waited->wakeup_ns = wake->at_ns - ready_ns;
	if (wake->pid != task->pid)
		return;
	waited->woken_reads = true;
	run_delay = task->sched_info.run_delay - wake->run_delay_ns;
	if (run_delay > read_ns - wake->at_ns)
		run_delay = read_ns - wake->at_ns;
	waited->run_queue_ns = run_delay;
}

static __always_inline void begin_receive(struct message *m, struct sock *sk, struct latency_cpu *cpu, __u64 now)
{
	struct tcp_sock *tp = TCP_SOCK_TO_READ(sk);
	struct sk_buff *skb = latest_of(sk);

	m->ready_ns = now;
	m->arrived_ns = skb ? arrival_of(skb, now) : 0;
	m->target = tp ? tp->rcv_nxt : 0;
	m->rx = RX_READY;
	m->spell = this_spell();
	if (!(m->facts & FACT_ASKED))
		begin_extra(m);
	await(m, AWAIT_READ);
	expect_wake(cpu, sk, now);
}

/* The answer to a client's question has come. */
static __always_inline void answered(struct message *m, struct sock *sk, struct latency_cpu *cpu, __u64 now)
{
	await_no_more(m, AWAIT_ARRIVAL);
	begin_receive(m, sk, cpu, now);
	m->wire_peer_ns = (m->arrived_ns ?: now) - m->left_ns;
}

static __always_inline bool is_connection(struct sock *sk)
{
	__u8 state = sk->__sk_common.skc_state;

	return sk->sk_protocol == IPPROTO_TCP && state != TCP_LISTEN && state != TCP_CLOSE &&
	       (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6);
}

/* The way in, into the distributions. */
static __noinline int tell_received(struct message *m)
{
	struct latency_service *service;

	if (!m)
		return 0;
	service = service_at(m->place);
	if (!service)
		return 0;
	if (m->arrived_ns)
		TELL(service, STAGE_STACK, m->ready_ns - m->arrived_ns);
	if (m->facts & FACT_SLEPT) {
		TELL(service, STAGE_WAKEUP, m->wakeup_ns);
		if (m->facts & FACT_WOKEN_READ)
			TELL(service, STAGE_RUN_QUEUE, m->run_queue_ns);
		else
			CENSORED(service, STAGE_RUN_QUEUE);
	}
	TELL(service, STAGE_READ, m->wait_ns);
	return 0;
}

/* What was on its way in, or is still to be answered, will not be told of any further. */
static __noinline int lose_received(struct message *m)
{
	struct latency_service *service;

	if (!m)
		return 0;
	service = service_at(m->place);
	if (service && m->rx == RX_ANSWERING)
		tell_received(m);
	if (service && m->facts & FACT_ASKED && m->rx != RX_READY)
		CENSORED(service, STAGE_WIRE_PEER);
	m->rx = RX_IDLE;
	m->facts &= ~(FACT_ASKED | FACT_EXTRA);
	return 0;
}

/* The hooks were off since it began. What it waits for now is what comes next, if anything. */
static __always_inline void lose_what_passed_unseen(struct message *m)
{
	struct latency_service *service = service_at(m->place);

	if (m->spell == this_spell() || (m->rx == RX_IDLE && !(m->facts & FACT_ASKED)))
		return;
	/* Whose a message is that nobody has been seen to read, only an earlier one of the socket can tell. */
	if (service && m->rx == RX_READY && m->place != PLACE_REST)
		CENSORED(service, STAGE_READ);
	lose_received(m);
	await_no_more(m, m->facts & FACT_ARMED ? AWAIT_READ : AWAIT_ARRIVAL | AWAIT_READ | AWAIT_WRITE);
}

#include "datagram.h"

/* Octets wait in a socket of any kind. */
SEC("tp_btf/sk_data_ready")
int BPF_PROG(latency_ready, struct sock *sk)
{
	struct latency_gate *gate = the_gate();
	struct latency_cpu *cpu = the_cpu();
	struct message *m;
	bool due;

	if (!cpu || !gate)
		return 0;
	cpu->expects = 0;
	cpu->messages++;
	due = is_due(cpu, &cpu->receive_countdown);
	if (!due && !*(volatile __u64 *)&gate->await_arrival && !*(volatile __u64 *)&gate->slice)
		return 0;
	if (!is_connection(sk)) {
		if (gate->slice && is_datagram_socket(sk))
			begin_datagram(sk, cpu, gate);
		return 0;
	}
	m = due ? MESSAGE_FOR(sk) : MESSAGE_OF(sk);
	if (!m)
		return 0;
	lose_what_passed_unseen(m);
	if (m->rx == RX_READY)
		return 0;
	if (m->awaits & AWAIT_ARRIVAL) {
		if (m->facts & FACT_ASKED)
			answered(m, sk, cpu, bpf_ktime_get_ns());
		else
			begin_receive(m, sk, cpu, bpf_ktime_get_ns());
	} else if (due && m->rx == RX_IDLE) {
		begin_receive(m, sk, cpu, bpf_ktime_get_ns());
	}
	return 0;
}

/* Somebody is woken: the reader of a socket, if one has just been given something on this CPU. */
SEC("tp_btf/sched_waking")
int BPF_PROG(latency_waking, struct task_struct *task)
{
	struct latency_cpu *cpu = the_cpu();
	struct wake *wake;
	__u64 sk, now;

	if (!cpu || !cpu->expects)
		return 0;
	sk = cpu->expects;
	cpu->expects = 0;
	now = bpf_ktime_get_ns();
	wake = wake_of(sk);
	if (!wake || now - cpu->expects_since_ns > WAKE_NS_MAX)
		return 0;
	wake->sk = sk;
	wake->at_ns = now;
	wake->run_delay_ns = task->sched_info.run_delay;
	wake->pid = task->pid;
	return 0;
}

static __always_inline void read_first(struct message *m, struct sock *sk, __u64 now)
{
	struct waited waited = {};

	how_waited(&waited, (__u64)sk, m->ready_ns, now);
	m->facts &= ~(FACT_SLEPT | FACT_WOKEN_READ);
	if (waited.slept)
		m->facts |= FACT_SLEPT;
	if (waited.woken_reads)
		m->facts |= FACT_WOKEN_READ;
	m->wakeup_ns = waited.wakeup_ns;
	m->run_queue_ns = waited.run_queue_ns;
	m->wait_ns = now - m->ready_ns - waited.wakeup_ns - waited.run_queue_ns;
}

/* A client has read the first of its answer. */
static __always_inline void end_question(struct message *m, struct sock *sk, __u64 now)
{
	struct latency_service *service = service_at(m->place);

	m->rx = RX_IDLE;
	await_no_more(m, AWAIT_READ);
	tell_received(m);
	if (service) {
		TELL(service, STAGE_WIRE_PEER, m->wire_peer_ns);
		TELL(service, STAGE_TOTAL, now - m->began_ns);
	}
	judge(m, sk, now - m->began_ns, now);
	m->facts &= ~(FACT_ASKED | FACT_EXTRA);
}

/* A process, or splice() for it, has taken octets from the socket. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(latency_read, struct sock *sk)
{
	struct latency_gate *gate = the_gate();
	struct tcp_sock *tp;
	struct message *m;
	__u64 now;

	if (!gate || !*(volatile __u64 *)&gate->await_read)
		return 0;
	m = MESSAGE_OF(sk);
	if (!m || !(m->awaits & AWAIT_READ))
		return 0;
	tp = TCP_SOCK_TO_READ(sk);
	if (!tp)
		return 0;
	lose_what_passed_unseen(m);
	now = bpf_ktime_get_ns();
	if (m->rx == RX_ANSWERING) {
		m->read_ns = now; /* there was more of the question */
		return 0;
	}
	if (m->rx != RX_READY || (__s32)(tp->copied_seq - m->target) < 0)
		return 0;
	read_first(m, sk, now);
	if (m->facts & FACT_ASKED) {
		end_question(m, sk, now);
		return 0;
	}
	find_place(m, sk, role_of(tp));
	m->read_ns = now;
	if (m->facts & FACT_ARMED && role_of(tp) != LATENCY_ROLE_CLIENT) {
		/* Told with the answer; more of the question may come before that. Of clients it is the rest of an answer. */
		m->rx = RX_ANSWERING;
		await(m, AWAIT_ARRIVAL | AWAIT_WRITE);
		return 0;
	}
	m->rx = RX_IDLE;
	await_no_more(m, AWAIT_READ | AWAIT_ARRIVAL);
	tell_received(m);
	return 0;
}

#endif /* NETRIG_LATENCY_RECEIVE_H */
