/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow table: set-associative, one partition per CPU, in plain shared memory.
 *
 * A hit adds to cumulative counters: three stores to the cache line that the comparison has just read. No atomics: tc
 * and XDP programs run with bottom halves off, so a partition has one writer. A miss takes an empty way of the set or
 * the one whose latest packet is oldest; that one goes to the CPU's outbox as a finished record. A full outbox folds it
 * into its interface's overflow: keys may coarsen, totals never lie.
 *
 * Readers are in user space and never write here. Counters are cumulative, so a reading torn between two of them mends
 * itself at the next one; only a change of hands must be seen, and `generation` shows it: odd while it happens, two
 * more afterwards. The outbox is published before the generation moves: who sees the new one finds the old one's record.
 */
#ifndef NETRIG_TABLE_H
#define NETRIG_TABLE_H

#include "../burst/buckets.h"
#include "bell.h"
#include "maps.h"
#include "sampling.h"
#include "sender.h"

#define FLAGS_SHIFT 56
#define MARK_SHIFT 54

/* Ordering towards the reader. x86 keeps stores in order by itself; elsewhere a fetching atomic is a barrier. */
#if defined(__TARGET_ARCH_x86)
#define PUBLISH(target, value)                                   \
	do {                                                     \
		asm volatile("" ::: "memory");                   \
		*(volatile typeof(target) *)&(target) = (value); \
		asm volatile("" ::: "memory");                   \
	} while (0)
#else
#define PUBLISH(target, value)                                      \
	do {                                                        \
		asm volatile("" ::: "memory");                      \
		(void)__sync_lock_test_and_set(&(target), (value)); \
		asm volatile("" ::: "memory");                      \
	} while (0)
#endif

/* What one packet adds to one flow: itself, or what it stands for. */
struct contribution {
	__u64 bytes;
	__u32 packets;
	__u32 now; /* tick */
	__u8 tcp_flags;
	__u8 tos; /* DSCP and ECN */
	bool inner; /* of a flow inside a tunnel, which stands beside the account */
	__u32 pid; /* of the sender, where it was asked for already; else: */
	struct __sk_buff *skb; /* whom to ask when the flow is new, or NULL */
};

static __always_inline __u32 sender_pid(struct __sk_buff *skb)
{
	struct bpf_sock *sk = (struct bpf_sock *)skb->sk;
	struct other_socket *other;

	if (!sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 0;
	other = bpf_sk_storage_get(&other_sockets, sk, 0, 0);
	return other ? other->pid : 0;
}

/* One family's places, as the generic code below needs them. `words` is known when compiling. */
struct family {
	void *table;
	void *outbox;
	__u32 words; /* of the key */
	__u32 slot_bytes;
	__u32 shift;
	__u32 outbox_mask;
};

static __always_inline struct family family4(void)
{
	return (struct family){ start_of(table4),          &outbox4,        3,
				sizeof(struct flow_slot4), settings.shift4, settings.outbox_mask4 };
}

static __always_inline struct family family6(void)
{
	return (struct family){ start_of(table6),          &outbox6,        6,
				sizeof(struct flow_slot6), settings.shift6, settings.outbox_mask6 };
}

static __always_inline struct flow_hot *hot_of(__u64 *slot, __u32 words)
{
	return (struct flow_hot *)(slot + words);
}

static __always_inline struct flow_cold *cold_of(__u64 *slot, __u32 words)
{
	return (struct flow_cold *)(slot + words + 2);
}

/* Multiplications in parallel, then one to bring every bit to the top, where the set's number is taken from. */
static __always_inline __u64 flow_hash(const __u64 *key, __u32 words)
{
	__u64 hash = settings.seed;

	hash += key[0] * 0x9e3779b97f4a7c15ull;
	hash += key[1] * 0xc2b2ae3d27d4eb4full;
	hash += (key[2] ^ (key[2] >> 32)) * 0x165667b19e3779f9ull;
	if (words == 6) {
		hash += key[3] * 0xd6e8feb86659fd93ull;
		hash += key[4] * 0xa0761d6478bd642full;
		hash += key[5] * 0xe7037ed1a0b428dbull;
	}
	hash ^= hash >> 32;
	return hash * 0xff51afd7ed558ccdull;
}

static __always_inline bool same_flow(const __u64 *slot, const __u64 *key, __u32 words)
{
	__u64 differs = (slot[0] ^ key[0]) | (slot[1] ^ key[1]) | (slot[2] ^ key[2]);

	if (words == 6)
		differs |= (slot[3] ^ key[3]) | (slot[4] ^ key[4]) | (slot[5] ^ key[5]);
	return !differs;
}

/*
 * Before 6.9 the verifier knows bounds only of what is added, masked, or multiplied and shifted by a constant: so the
 * product is written with its constant (to the verifier settings are) on the right, which the compiler would not keep,
 * and the direction is added in a step of its own, which the compiler would make an OR.
 */
static __always_inline struct iface_counts *counts_in(__u32 partition, __u16 iface, __u8 kind)
{
	__u64 row = partition, rows = (__u64)settings.iface_count_mask + 1;
	struct iface_counts *all = start_of(counts), *both_ways;

	asm volatile("%0 *= %1" : "+r"(row) : "r"(rows));
	both_ways = start_of(all + (row + (iface & settings.iface_count_mask)) * 2);
	return both_ways + (kind & FLOW_EGRESS);
}

/* Masked although it is in range: where the compiler spills a CPU's number, the verifier forgets what it knew of it. */
static __always_inline struct iface_counts *counts_of(__u32 cpu, __u16 iface, __u8 kind)
{
	return counts_in(cpu & settings.cpu_mask, iface, kind);
}

static __always_inline __u32 *pid_of(__u64 *slot, __u32 words)
{
	return (__u32 *)(slot + words + 4);
}

static __always_inline void fold_into_overflow(__u64 *slot, __u32 words, __u32 cpu)
{
	__u64 facts = slot[words - 2]; /* ports, interface, protocol, kind */
	__u8 kind = facts >> 56;
	struct iface_counts *counts = counts_of(cpu, facts >> 32, kind);
	struct flow_hot *hot = hot_of(slot, words);
	__u64 bytes = hot->volume & ((1ull << MARK_SHIFT) - 1);

	if (kind >> FLOW_TUNNEL_SHIFT) {
		counts->inner_overflow_packets += hot->packets;
		counts->inner_overflow_bytes += bytes;
	} else {
		counts->overflow_packets += hot->packets;
		counts->overflow_bytes += bytes;
	}
}

/* A call, for the thorough way has no stack left for what this needs (Linux 6.1 counts it by 32 octets). */
static __noinline int outbox_grew(const struct outbox_ends *end)
{
	wake_if_full(end->head4 - *(volatile __u64 *)&end->tail4, settings.outbox_mask4);
	wake_if_full(end->head6 - *(volatile __u64 *)&end->tail6, settings.outbox_mask6);
	return 0;
}

/* Hands a slot's record to user space; its place and generation tell the reader what it has already counted of it. */
static __always_inline void evict(const struct family *family, __u64 *slot, __u32 place, __u32 cpu,
				  struct outbox_ends *end)
{
	const bool v6 = family->words == 6;
	__u64 head = v6 ? end->head6 : end->head4;
	__u64 tail = *(volatile __u64 *)(v6 ? &end->tail6 : &end->tail4);
	__u32 at = cpu * (family->outbox_mask + 1) + ((__u32)head & family->outbox_mask);
	__u64 *record;

	if (v6)
		end->evictions6++;
	else
		end->evictions4++;
	record = bpf_map_lookup_elem(family->outbox, &at);
	if (!record || head - tail > family->outbox_mask) {
		fold_into_overflow(slot, family->words, cpu);
		if (v6)
			end->overflows6++;
		else
			end->overflows4++;
		return;
	}
#pragma unroll
	for (int i = 0; i < 11; i++) {
		if (i < family->words + 5)
			record[i] = slot[i];
	}
	cold_of(record, family->words)->place = place;
	if (v6)
		PUBLISH(end->head6, head + 1);
	else
		PUBLISH(end->head4, head + 1);
	outbox_grew(end);
}

static __always_inline void take_over(const struct family *family, __u64 *slot, const __u64 *key,
				      const struct contribution *add)
{
	const __u32 words = family->words;
	struct flow_hot *hot = hot_of(slot, words);
	struct flow_cold *cold = cold_of(slot, words);
	__u32 generation = cold->generation | 1;
	/* Asked before the change of hands begins, which readers wait for. */
	__u32 pid = add->skb ? sender_pid(add->skb) : add->pid;

	PUBLISH(cold->generation, generation);
#pragma unroll
	for (int i = 0; i < 6; i++) {
		if (i < words)
			slot[i] = key[i];
	}
	hot->last = add->now;
	hot->packets = add->packets;
	hot->volume = add->bytes | ((__u64)add->tcp_flags << FLAGS_SHIFT);
	cold->first = add->now;
	cold->dscp = add->tos >> 2;
	cold->first_flags = add->tcp_flags;
	slot[words + 4] = pid; /* and of its payload nothing is known */
	PUBLISH(cold->generation, generation + 1);
}

static __always_inline void add_to(struct flow_hot *hot, const struct contribution *add)
{
	hot->volume = (hot->volume + add->bytes) | ((__u64)add->tcp_flags << FLAGS_SHIFT);
	hot->packets += add->packets;
	hot->last = add->now;
}

static __always_inline bool is_empty(__u64 *slot, __u32 words)
{
	return !hot_of(slot, words)->volume;
}

/* A packet as it is on the wire, whatever it stands for. */
struct wire_size {
	__u32 bytes;
	__u32 packets;
};

/* The packet's part in its interface's burst, once its flow has its slot. */
static __always_inline void table_added(const __u32 words, const __u64 *key, __u32 cpu, const struct contribution *add,
					const struct wire_size size, __u64 hash, __u32 place, __u64 *slot)
{
	__u64 facts = key[words - 2]; /* ports, interface, protocol, kind */

	if (unlikely(!burst.on || add->inner))
		return;
	count_in_bucket((struct burst_packet){
		.cpu = cpu,
		.iface = facts >> 32,
		.egress = (facts >> 56) & FLOW_EGRESS,
		.congested = (add->tos & BURST_CE) == BURST_CE,
		.bytes = size.bytes,
		.packets = size.packets,
		.tick = add->now,
		.hash = hash,
		.slot = place | (words == 6 ? 1u << 31 : 0),
		.generation = slot ? &cold_of(slot, words)->generation : NULL,
	});
}

/* A flow that is in no way of its set: takes an empty one, or the one whose latest packet is oldest. */
static __always_inline __u64 *table_insert(const struct family *family, const __u64 *key, __u32 cpu,
					   const struct contribution *add, __u64 set, __u64 *first, __u64 *second)
{
	const __u32 words = family->words;
	struct outbox_ends *end = bpf_map_lookup_elem(&ends, &cpu);
	__u64 *victim = first;

	if (!end)
		return NULL;
	if (words == 6)
		end->inserts6++;
	else
		end->inserts4++;
	if (!is_empty(first, words) &&
	    (is_empty(second, words) || (__s32)(hot_of(second, words)->last - hot_of(first, words)->last) < 0))
		victim = second;
	if (!is_empty(victim, words))
		evict(family, victim, set * FLOW_WAYS + (victim == second), cpu, end);
	take_over(family, victim, key, add);
	return victim;
}

/* Added, not OR'd: see counts_in. */
static __always_inline __u64 table_set(const struct family *family, __u32 cpu, __u64 hash)
{
	return ((__u64)cpu << (64 - family->shift)) + (hash >> family->shift);
}

/* Adds a packet to its flow, and returns its slot. `key` is the family's part of a flow_key. */
static __always_inline __u64 *table_add(const struct family family, const __u64 *key, __u32 cpu,
					const struct contribution *add, const struct wire_size size)
{
	const __u32 words = family.words;
	__u64 hash = flow_hash(key, words);
	__u64 set = table_set(&family, cpu, hash);
	__u64 *first = family.table + set * FLOW_WAYS * family.slot_bytes;
	__u64 *second = first + family.slot_bytes / sizeof(__u64), *slot = first;

	if (likely(same_flow(first, key, words))) {
		add_to(hot_of(first, words), add);
	} else if (likely(same_flow(second, key, words))) {
		add_to(hot_of(second, words), add);
		slot = second;
	} else {
		slot = table_insert(&family, key, cpu, add, set, first, second);
		if (!slot)
			return NULL;
	}
	table_added(words, key, cpu, add, size, hash, set * FLOW_WAYS + (slot == second), slot);
	return slot;
}

#endif /* NETRIG_TABLE_H */
