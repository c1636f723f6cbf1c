/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a packet to its record in the CPU's ring. */
#ifndef NETRIG_CAPTURE_STORE_H
#define NETRIG_CAPTURE_STORE_H

#include "owner.h"

#define BARRIER() asm volatile("" ::: "memory")

/* libbpf's headers have the helper, not its flag. */
#define RING_FORCE_WAKEUP (1 << 1)

static __always_inline long load_octets(void *from, const int hook, void *to, __u64 octets)
{
	if (hook == CAPTURE_DROP)
		return bpf_probe_read_kernel(to, octets, ((struct capture_frame *)from)->octets);
	return hook == CAPTURE_XDP ? bpf_xdp_load_bytes(from, 0, to, octets) : bpf_skb_load_bytes(from, 0, to, octets);
}

/* So much is copied by words, where it lies in one piece: the helper takes ten times as long. */
#define WORDS_MAX 16

/* Whole words: a record has room for them. False where the packet ends before, or goes on elsewhere. */
static __always_inline bool copy_words(__u64 *to, void *from, void *end, __u64 octets)
{
	if (octets > WORDS_MAX * 8)
		return false;
	/* As many as that, mostly: nothing to ask at each word. */
	if (octets > WORDS_MAX * 8 - 8 && from + WORDS_MAX * 8 <= end) {
		for (int i = 0; i < WORDS_MAX; i++)
			to[i] = *(__u64 *)(from + i * 8);
		return true;
	}
#pragma unroll
	for (int i = 0; i < WORDS_MAX; i++) {
		if (i * 8 >= octets)
			return true;
		if (from + i * 8 + 8 > end)
			return false;
		to[i] = *(__u64 *)(from + i * 8);
	}
	return true;
}

static __always_inline bool copy_first(void *from, const int hook, void *to, __u64 octets)
{
	struct __sk_buff *skb = from;
	struct xdp_md *xdp = from;

	if (hook == CAPTURE_DROP)
		return false;
	if (hook == CAPTURE_XDP)
		return copy_words(to, (void *)(long)xdp->data, (void *)(long)xdp->data_end, octets);
	return copy_words(to, (void *)(long)skb->data, (void *)(long)skb->data_end, octets);
}

/* Waking user space takes a microsecond: it looks by itself now and then, and is woken where much comes. */
static __always_inline void wake(struct capture_cpu *cpu, __u64 octets)
{
	__u64 nothing = 0;

	cpu->unwoken += octets;
	if (cpu->unwoken < settings.wake_octets)
		return;
	cpu->unwoken = 0;
	bpf_ringbuf_output(&wakings, &nothing, sizeof(nothing), RING_FORCE_WAKEUP);
}

/* Where a record of so many octets goes, and in `*at` where that is in the ring's life; none where there is no room. */
static __always_inline struct capture_record *make_room(__u64 ring, __u64 octets, __u64 *at)
{
	struct capture_ends *end = (struct capture_ends *)start_of(ends) + ring;
	__u64 size = 1ull << settings.ring_shift, offset = *at & (size - 1);
	__u8 *start = (__u8 *)start_of(rings) + (ring << settings.ring_shift);

	if (offset + octets > size) {
		*at += size - offset;
		if (*at + octets - *(volatile __u64 *)&end->tail > size)
			return NULL;
		/* There is always room for that: records begin at every eighth octet. */
		asm volatile("" : "+r"(offset));
		*(__u64 *)(start + (offset & (size - 1))) = 0;
		return (struct capture_record *)start;
	}
	if (*at + octets - *(volatile __u64 *)&end->tail > size)
		return NULL;
	asm volatile("" : "+r"(offset));
	return (struct capture_record *)(start + (offset & (size - 1)));
}

/* Behind a record's head: whose it is, and of a drop what is known of it. Tells how many octets that is. */
static __always_inline __u64 store_rare(void *behind, void *from, const int hook, const struct capture_owner *owner)
{
	__u64 octets = 0;

	if (owner) {
		__builtin_memcpy(behind, owner, sizeof(*owner));
		octets = sizeof(*owner);
	}
	if (hook == CAPTURE_DROP) {
		__builtin_memcpy(behind + octets, &((struct capture_frame *)from)->dropped,
				 sizeof(struct capture_dropped));
		octets += sizeof(struct capture_dropped);
	}
	return octets;
}

/* One step of 8 octets for each that has begun. */
static __always_inline __u64 room_of(const struct capture_record *head, const int hook, bool owned)
{
	__u64 rare = (owned ? sizeof(struct capture_owner) : 0) +
		     (hook == CAPTURE_DROP ? sizeof(struct capture_dropped) : 0);

	return (sizeof(*head) + rare + head->captured + 7) & ~7ull;
}

static __always_inline bool store(void *from, const int hook, const struct capture_record *head,
				  const struct capture_owner *owner, __u64 cpu)
{
	__u64 ring = hook == CAPTURE_DROP ? place_in(settings.drop_rings, cpu) : cpu;
	struct capture_ends *end = (struct capture_ends *)start_of(ends) + ring;
	__u64 octets = head->captured, room = room_of(head, hook, owner), at = end->head;
	struct capture_record *record = make_room(ring, room, &at);
	void *to;

	if (!record)
		return false;
	__builtin_memcpy(record, head, sizeof(*record));
	record->owned = !!owner;
	to = (void *)(record + 1) + store_rare(record + 1, from, hook, owner);
	/*
	 * Two bounds, which the compiler would make one of: the verifier before 6.9 knows neither then. Nor does it know that what is not 0
	 * is 1 at least.
	 */
	asm volatile("" : "+r"(octets));
	if ((__s64)octets > 0 && !copy_first(from, hook, to, octets)) {
		asm volatile("" : "+r"(octets));
		if (octets > CAPTURE_OCTETS_MAX || load_octets(from, hook, to, octets)) {
			record->captured = 0;
			room = room_of(record, hook, owner);
		}
	}
	BARRIER();
	*(volatile __u64 *)&end->head = at + room;
	wake(cpu_at(cpu), room);
	return true;
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
	__u32 most = settings.snaplen < CAPTURE_OCTETS_MAX ? settings.snaplen : CAPTURE_OCTETS_MAX;

	return length < most ? length : most;
}

/* The last step, with all told of the packet but how much of it is taken. */
static __always_inline void conclude(void *from, const int hook, struct capture_record *head, __u32 held,
				     const struct capture_owner *owner, struct capture_count *count, __u64 cpu)
{
	if (is_over_rate(head->monotonic_ns)) {
		count->limited++;
		return;
	}
	head->captured = captured_of(held);
	head->lost = count->lost;
	if (!store(from, hook, head, owner, cpu)) {
		count->lost++;
		return;
	}
	count->stored++;
	if (head->captured < head->length)
		count->truncated++;
}

#endif /* NETRIG_CAPTURE_STORE_H */
