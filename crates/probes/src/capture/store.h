/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a packet to its record in the CPU's ring. */
#ifndef NETRIG_CAPTURE_STORE_H
#define NETRIG_CAPTURE_STORE_H

#include "owner.h"

/* libbpf's headers have the helpers, not their flags. */
enum {
	RING_NO_WAKEUP = 1 << 0,
	RING_FORCE_WAKEUP = 1 << 1,
};

/* Room is reserved in steps: the verifier wants to know its size. */
#define STEP_1 128
#define STEP_2 256
#define STEP_3 512
#define STEP_4 1024
#define STEP_5 1536
#define STEP_6 4096
#define STEP_7 16384
#define STEP_8 66048

static __always_inline long load_octets(void *from, const int hook, void *to, __u64 octets)
{
	if (hook == CAPTURE_DROP)
		return bpf_probe_read_kernel(to, octets, from);
	return hook == CAPTURE_XDP ? bpf_xdp_load_bytes(from, 0, to, octets) : bpf_skb_load_bytes(from, 0, to, octets);
}

/* Waking user space takes a microsecond: it looks by itself now and then, and is woken where much comes. */
static __always_inline __u64 wake(struct capture_cpu *cpu, __u64 octets)
{
	cpu->unwoken += octets;
	if (cpu->unwoken < settings.wake_octets)
		return RING_NO_WAKEUP;
	cpu->unwoken = 0;
	return RING_FORCE_WAKEUP;
}

static __always_inline bool put(void *from, const int hook, const struct capture_record *head, void *ring,
				struct capture_cpu *cpu, const __u32 step)
{
	struct capture_record *record = bpf_ringbuf_reserve(ring, sizeof(*record) + step, 0);
	__u64 octets = head->captured;

	if (!record)
		return false;
	__builtin_memcpy(record, head, sizeof(*record));
	/*
	 * Two bounds, which the compiler would make one of: the verifier before 6.9 knows neither then. Nor does it know that what is not 0
	 * is 1 at least.
	 */
	asm volatile("" : "+r"(octets));
	if ((__s64)octets > 0) {
		asm volatile("" : "+r"(octets));
		if (octets > step || load_octets(from, hook, record + 1, octets))
			record->captured = 0;
	}
	bpf_ringbuf_submit(record, wake(cpu, sizeof(*record) + step));
	return true;
}

static __always_inline bool store(void *from, const int hook, const struct capture_record *head, __u64 place)
{
	struct capture_cpu *cpu = cpu_at(place);
	__u32 number = place;
	void *ring = bpf_map_lookup_elem(&rings, &number);
	__u32 octets = head->captured;

	if (!ring)
		return false;
	if (octets <= STEP_1)
		return put(from, hook, head, ring, cpu, STEP_1);
	if (octets <= STEP_2)
		return put(from, hook, head, ring, cpu, STEP_2);
	if (octets <= STEP_3)
		return put(from, hook, head, ring, cpu, STEP_3);
	if (octets <= STEP_4)
		return put(from, hook, head, ring, cpu, STEP_4);
	if (octets <= STEP_5)
		return put(from, hook, head, ring, cpu, STEP_5);
	if (octets <= STEP_6)
		return put(from, hook, head, ring, cpu, STEP_6);
	if (hook == CAPTURE_DROP) /* no more is known of them */
		return false;
	if (octets <= STEP_7)
		return put(from, hook, head, ring, cpu, STEP_7);
	return put(from, hook, head, ring, cpu, STEP_8);
}

static __always_inline bool is_over_rate(__u64 now)
{
	struct capture_gate *all = start_of(gate);

	if (!settings.rate)
		return false;
	if (now - all->second_ns >= 1000000000) {
		all->second_ns = now;
		all->stored = 0;
	}
	/* Beyond the rate no CPU writes to what all of them read. */
	if (all->stored >= settings.rate)
		return true;
	__sync_fetch_and_add(&all->stored, 1);
	return false;
}

/* One in so many of those that match, on each CPU. */
static __always_inline bool is_sampled_out(const struct capture_count *count)
{
	return settings.sampling > 1 && (__u32)count->matched % settings.sampling;
}

static __always_inline __u32 captured_of(__u32 length)
{
	__u32 most = settings.snaplen < STEP_8 ? settings.snaplen : STEP_8;

	return length < most ? length : most;
}

/* The last step, with all told of the packet but how much of it is taken. */
static __always_inline void conclude(void *from, const int hook, struct capture_record *head, __u32 held,
				     struct capture_count *count, __u64 cpu)
{
	if (is_over_rate(head->monotonic_ns)) {
		count->limited++;
		return;
	}
	head->captured = captured_of(held);
	head->lost = count->lost;
	if (!store(from, hook, head, cpu)) {
		count->lost++;
		return;
	}
	count->stored++;
	if (head->captured < head->length)
		count->truncated++;
}

#endif /* NETRIG_CAPTURE_STORE_H */
