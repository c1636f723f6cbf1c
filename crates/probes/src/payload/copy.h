/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a packet to its record in the CPU's ring. */
#ifndef NETRIG_PAYLOAD_COPY_H
#define NETRIG_PAYLOAD_COPY_H

#include "../bpf/table.h"
#include "look.h"

static __always_inline struct payload_ends *payload_ends_of(__u32 cpu)
{
	struct payload_ends *all = start_of(payload_ends);

	return all + (cpu & settings.cpu_mask);
}

/*
 * Where a record of so many octets goes, and in `*at` where that is in the ring's life; none where there is no room. Octets are added, not
 * OR'd: before 6.9 the verifier knows bounds of nothing else.
 */
static __always_inline struct payload_record *payload_room(struct payload_ends *end, __u64 cpu, __u64 octets, __u64 *at)
{
	__u64 size = 1ull << payload.ring_shift, offset = *at & (size - 1);
	__u8 *start = (__u8 *)start_of(payload_rings) + ((cpu & settings.cpu_mask) << payload.ring_shift);
	bool fits = offset + octets <= size;

	if (!fits)
		*at += size - offset;
	if (*at + octets - *(volatile __u64 *)&end->tail > size)
		return NULL;
	asm volatile("" : "+r"(offset));
	if (fits)
		return (struct payload_record *)(start + (offset & (size - 1)));
	/* There is always room for that: records begin at every eighth octet. */
	*(__u64 *)(start + (offset & (size - 1))) = 0;
	return (struct payload_record *)start;
}

/* The process whose socket sends the packet, where it is one of this host and not TCP's. */
static __always_inline void tell_sender(const enum hook hook, void *ctx, struct payload_record *record)
{
	struct __sk_buff *skb = ctx;
	struct other_socket *other;
	struct bpf_sock *sk;

	if (hook != HOOK_TC)
		return;
	sk = (struct bpf_sock *)skb->sk;
	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return;
	other = bpf_sk_storage_get(&other_sockets, sk, 0, 0);
	if (!other)
		return;
	record->pid = other->pid;
	record->cgroup = other->cgroup;
	__builtin_memcpy(record->process, other->process, sizeof(record->process));
}

/* `key`: the family's words of a flow_key. */
static __always_inline void fill_record(struct payload_record *record, const struct payload_packet *packet,
					const __u64 *key, __u32 words)
{
	__u64 *whole = (__u64 *)&record->key;

#pragma unroll
	for (int i = 0; i < 6; i++)
		whole[i] = i < 6 - words ? 0 : key[i - (6 - words)];
	record->monotonic_ns = bpf_ktime_get_ns();
	record->cgroup = 0;
	__builtin_memset(record->process, 0, sizeof(record->process));
	record->pid = 0;
	record->sequence = packet->sequence;
	record->length = packet->length;
	record->captured = 0;
	record->tcp_flags = packet->tcp_flags;
	record->is_ipv6 = packet->is_ipv6;
}

static __always_inline void copy_payload(const enum hook hook, void *ctx, const struct payload_packet *packet,
					 const __u64 *key, __u32 words, __u32 wanted)
{
	struct payload_ends *end = payload_ends_of(packet->cpu);
	__u64 at = end->head, octets, held = frame_end(hook, ctx, packet);
	struct payload_record *record;

	held = held > packet->at ? held - packet->at : 0;
	octets = held < wanted ? held : wanted;
	if (octets > PAYLOAD_OCTETS_MAX)
		octets = PAYLOAD_OCTETS_MAX;
	end->wanted++;
	record = payload_room(end, packet->cpu, (sizeof(*record) + octets + 7) & ~7ull, &at);
	if (!record) {
		end->lost++;
		return;
	}
	fill_record(record, packet, key, words);
	if (packet->protocol == PROTO_UDP)
		tell_sender(hook, ctx, record);
	if (!load_some(hook, ctx, packet->at, record + 1, octets, PAYLOAD_OCTETS_MAX))
		record->captured = octets;
	end->copied++;
	at += (sizeof(*record) + record->captured + 7) & ~7ull;
	PUBLISH(end->head, at);
	wake_if_over(at - *(volatile __u64 *)&end->tail, 1ull << payload.ring_shift, PAYLOAD_BELL_PART);
}

#endif /* NETRIG_PAYLOAD_COPY_H */
