/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The message of a socket that is looked at. It comes in (READY: in the socket, ANSWERING: read), and the next one goes out
 * (WRITING, SENT: TCP has it, QUEUED: the queueing discipline has it). One of each way at a time, and one that waits for its
 * acknowledgement.
 */
#ifndef NETRIG_LATENCY_MESSAGE_H
#define NETRIG_LATENCY_MESSAGE_H

#include "../bpf/histogram.h"
#include "../bpf/shared.h"
#include "../bpf/kernel_tcp.h"
#include "wire.h"

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_NOEXIST = 1,
	BPF_SK_STORAGE_GET_F_CREATE = 1 << 0,
};

SHARED_ARRAY(latencies, struct latency_service);
SHARED_ARRAY(cpus, struct latency_cpu);
SHARED_ARRAY(gates, struct latency_gate);

const volatile struct latency_settings settings SEC(".rodata.settings") = {};

/* message.awaits: which hooks are to look at the socket. */
enum await {
	AWAIT_ARRIVAL = 1 << 0,
	AWAIT_READ = 1 << 1,
	AWAIT_WRITE = 1 << 2,
};

/* message.facts */
enum fact {
	FACT_ARMED = 1 << 0, /* its next message is to be looked at on its way out as well */
	FACT_EXTRA = 1 << 1, /* only because the connection is slow: not for its service's distributions */
	FACT_NEXT_EXTRA = 1 << 2, /* the same of the next message, where it is armed */
	FACT_SLEPT = 1 << 3, /* the reader had to be woken */
	FACT_WOKEN_READ = 1 << 4, /* and is who read */
	FACT_TOTAL = 1 << 5, /* began_ns is the beginning of the whole */
	FACT_ASKED = 1 << 6, /* a client's question has left */
	FACT_SWITCHED = 1 << 7, /* it was this rig that switched the socket's callbacks on */
};

enum receiving {
	RX_IDLE,
	RX_READY,
	RX_ANSWERING,
};

enum sending {
	TX_IDLE,
	TX_WRITING,
	TX_SENT,
	TX_QUEUED,
};

struct message {
	__u32 awaits; /* enum await; changed by atomic operations only */
	__u16 facts;
	__u8 rx;
	__u8 tx;
	__u32 place; /* in `latencies` */
	__u32 target; /* the sequence number up to which it must be read */
	__u32 end; /* the sequence number after the write; 0 where it is not known */
	__u32 spell; /* in which it began: in a later one its end has passed unseen */
	__u64 ready_ns;
	__u64 arrived_ns;
	__u64 read_ns;
	/* Parts of the way in, until they are told. */
	__u64 wakeup_ns;
	__u64 run_queue_ns;
	__u64 wait_ns;
	__u64 wire_peer_ns;
	__u64 began_ns;
	__u64 write_ns;
	__u64 sent_ns;
	__u64 queued_ns;
	__u64 left_ns;
	__u32 tskey;
	__u32 unacked_key; /* of what waits for its acknowledgement */
	__u64 unacked_ns; /* when that left; 0: nothing waits */
	__u32 segments; /* with data, received when that left */
	__u32 window_jiffies; /* limited by the receive window, when it was sent */
	__u64 slow_until_ns;
	__u32 slow_place;
	__u8 limits; /* enum limit, when it was sent */
	__u8 reserved[3];
};

/* Freed by the kernel with its socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct message);
} messages SEC(".maps");

/* `sk` may be any form of a pointer to a socket, hence macros. */
#define MESSAGE_OF(sk) ((struct message *)bpf_sk_storage_get(&messages, sk, 0, 0))
#define MESSAGE_FOR(sk) ((struct message *)bpf_sk_storage_get(&messages, sk, 0, BPF_SK_STORAGE_GET_F_CREATE))

static __always_inline struct latency_gate *the_gate(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&gates, &zero);
}

static __always_inline struct latency_cpu *the_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id() & settings.cpu_mask;

	return bpf_map_lookup_elem(&cpus, &cpu);
}

static __always_inline struct latency_service *service_at(__u32 place)
{
	return bpf_map_lookup_elem(&latencies, &place);
}

static __always_inline void add(__u64 *sum, __u64 gained)
{
	__sync_fetch_and_add(sum, gained);
}

static __always_inline void await_one(struct message *m, __u32 bit, __u64 *waiting)
{
	if (!(__sync_fetch_and_or(&m->awaits, bit) & bit))
		add(waiting, 1);
}

static __always_inline void await_none(struct message *m, __u32 bit, __u64 *waiting)
{
	if (__sync_fetch_and_and(&m->awaits, ~bit) & bit)
		add(waiting, -1);
}

static __always_inline void await(struct message *m, __u32 bits)
{
	struct latency_gate *gate = the_gate();

	if (!gate)
		return;
	if (bits & AWAIT_ARRIVAL)
		await_one(m, AWAIT_ARRIVAL, &gate->await_arrival);
	if (bits & AWAIT_READ)
		await_one(m, AWAIT_READ, &gate->await_read);
	if (bits & AWAIT_WRITE)
		await_one(m, AWAIT_WRITE, &gate->await_write);
}

static __always_inline void await_no_more(struct message *m, __u32 bits)
{
	struct latency_gate *gate = the_gate();

	if (!gate)
		return;
	if (bits & AWAIT_ARRIVAL)
		await_none(m, AWAIT_ARRIVAL, &gate->await_arrival);
	if (bits & AWAIT_READ)
		await_none(m, AWAIT_READ, &gate->await_read);
	if (bits & AWAIT_WRITE)
		await_none(m, AWAIT_WRITE, &gate->await_write);
}

static __noinline int tell_time(struct time_histogram *histogram, __u64 ns)
{
	if (!histogram)
		return 0;
	/* Clocks of two CPUs may differ by a few nanoseconds. */
	time_add(histogram, (__s64)ns < 0 ? 0 : ns);
	return 0;
}

#define TELL(service, stage, ns)                          \
	do {                                              \
		add(&(service)->eligible[stage], 1);      \
		tell_time(&(service)->stages[stage], ns); \
	} while (0)

#define CENSORED(service, stage)                     \
	do {                                         \
		add(&(service)->eligible[stage], 1); \
		add(&(service)->censored[stage], 1); \
	} while (0)

/* 1 message in this many is chosen; 0: none, for the hooks are about to be taken off, or are. */
static __always_inline __u32 sampling(void)
{
	struct latency_gate *gate = the_gate();

	return gate ? *(volatile __u64 *)&gate->sampling : 0;
}

static __always_inline __u32 this_spell(void)
{
	struct latency_gate *gate = the_gate();

	return gate ? *(volatile __u64 *)&gate->spell : 0;
}

/* What was chosen for the next message is true of the one that begins now. */
static __always_inline void begin_extra(struct message *m)
{
	m->facts &= ~FACT_EXTRA;
	if (m->facts & FACT_ARMED && m->facts & FACT_NEXT_EXTRA)
		m->facts |= FACT_EXTRA;
}

/* Messages until the next one is looked at: N on average, never in step with anything. */
static __always_inline __u32 next_countdown(struct latency_cpu *cpu)
{
	__u32 rate = sampling();
	__u64 random = cpu->random;

	if (rate <= 1)
		return 1;
	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	cpu->random = random;
	return 1 + (__u32)(random >> 32) % (2 * rate - 1);
}

/* Softirq may come in between: then one message more or less is looked at. */
static __always_inline bool is_due(struct latency_cpu *cpu, __u32 *countdown)
{
	__u32 left = *countdown;

	if (!sampling())
		return false;
	if (left > 1) {
		*countdown = left - 1;
		return false;
	}
	*countdown = next_countdown(cpu);
	return true;
}

#endif /* NETRIG_LATENCY_MESSAGE_H */
