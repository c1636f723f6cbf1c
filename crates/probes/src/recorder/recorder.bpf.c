/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flight recorder: the last packets of each interface, their first octets, in rings that go round.
 *
 * Hooks: behind the flow probe's programs (../flow/followers.h), which then keep the pace; or tcx ingress and egress (or clsact, the same
 * programs). Metrics: netrig_recorder_*. Nothing is told to user space: it reads
 * the rings when something has happened. A ring belongs to one CPU and interface; programs on these hooks run with bottom halves
 * off and none comes in the midst of another, so it has one writer.
 *
 * All maps are arrays, whose lookups are inlined and check their index themselves: that holds on every kernel, whatever its verifier
 * knows of bounds. A packet that is recorded pays for one helper, the clock: a recording without true times would be no evidence.
 * Under a flood most packets are not recorded (../bpf/pace.h).
 */
#include "../bpf/shared.h"
#include "../bpf/pace.h"
#include "wire.h"

#define PROBES 8 /* entries of the table of interfaces that are looked at; user space puts none further */
#define WORDS_MIN 12
#define WORDS_MAX 60

#define BARRIER() asm volatile("" ::: "memory")

SHARED_ARRAY(rings, struct recorder_ring); /* [cpu][interface] */
SHARED_ARRAY(paces, struct pace); /* one: that of rings whose programs are at a hook of their own */
SHARED_ARRAY(passed, __u32); /* [cpu], the flow probe's: packets since the latest that went on, this one among them */
SHARED_ARRAY(ifaces, struct iface_entry); /* open-addressed by the kernel's index; their number is the ring's + 1 */

/* [cpu][interface][slot]: struct recorder_slot and its octets. The loader sets their size. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct recorder_slot) + WORDS_MAX * 8);
} slots SEC(".maps");

const volatile struct recorder_settings settings SEC(".rodata.settings") = {};

static __always_inline __u32 number_at(__u32 ifindex, __u32 probe)
{
	__u32 at = (ifindex + probe) & settings.iface_mask;
	struct iface_entry *entry = bpf_map_lookup_elem(&ifaces, &at);

	return entry && entry->ifindex == ifindex ? entry->iface : 0;
}

static __noinline __u32 further_number(__u32 ifindex)
{
	__u32 number = 0, i;

#pragma unroll
	for (i = 1; i < PROBES; i++) {
		number = number_at(ifindex, i);
		if (number)
			break;
	}
	return number;
}

/* What is left of the linear part, less than a word: how many octets that were. */
static __always_inline __u32 copy_tail(void *to, void *from, void *end)
{
	__u32 copied = 0;

	if (from + 4 <= end) {
		*(__u32 *)to = *(__u32 *)from;
		to += 4;
		from += 4;
		copied = 4;
	}
	if (from + 2 <= end) {
		*(__u16 *)to = *(__u16 *)from;
		to += 2;
		from += 2;
		copied += 2;
	}
	if (from + 1 <= end) {
		*(__u8 *)to = *(__u8 *)from;
		copied++;
	}
	return copied;
}

/* As much of the linear part as a slot has room for; how much that was. */
static __always_inline __u32 copy_linear(__u64 *to, void *from, void *end)
{
	const __u32 words = settings.words;
	__u32 i;

#pragma unroll
	for (i = 0; i < WORDS_MAX; i++) {
		if (i >= WORDS_MIN && i >= words)
			return i * 8;
		if (from + i * 8 + 8 > end)
			return i * 8 + copy_tail(to + i, from + i * 8, end);
		to[i] = *(__u64 *)(from + i * 8);
	}
	return WORDS_MAX * 8;
}

/* The rest of what is wanted lies in fragments. */
static __noinline __u32 copy_paged(struct __sk_buff *skb, struct recorder_slot *slot, __u32 want)
{
	if (!slot || want - 1 >= settings.words * 8 || want > WORDS_MAX * 8)
		return 0;
	return bpf_skb_load_bytes(skb, 0, slot + 1, want) ? 0 : want;
}

static __always_inline void write_slot(struct __sk_buff *skb, struct recorder_slot *slot, __u16 facts)
{
	const __u32 room = settings.words * 8;
	__u32 len = skb->len, want = len < room ? len : room, captured, whole;

	slot->time_ns = bpf_ktime_get_ns();
	slot->len = len;
	slot->ifindex = skb->ifindex;
	slot->queue = facts & RECORDER_EGRESS ? 0 : skb->queue_mapping;
	if (skb->vlan_present) {
		facts |= RECORDER_TAG;
		if (skb->vlan_proto == bpf_htons(0x88a8))
			facts |= RECORDER_SERVICE_TAG;
		slot->tag = skb->vlan_tci;
	}
	if (skb->gso_size)
		facts |= RECORDER_GSO;
	slot->facts = facts;
	captured = copy_linear((__u64 *)(slot + 1), (void *)(long)skb->data, (void *)(long)skb->data_end);
	if (captured < want) {
		whole = copy_paged(skb, slot, want);
		if (whole)
			captured = whole;
	}
	slot->captured = captured;
}

/* A ring, and its number. */
struct found_ring {
	struct recorder_ring *ring;
	__u32 at;
};

static __always_inline struct found_ring ring_of(__u32 ifindex)
{
	__u32 number = number_at(ifindex, 0);
	struct found_ring found = {};

	if (!number)
		number = further_number(ifindex);
	if (!number)
		return found;
	found.at = bpf_get_smp_processor_id() * settings.ifaces + number - 1;
	found.ring = bpf_map_lookup_elem(&rings, &found.at);
	return found;
}

/* What was left out before it stands above the facts. */
static __always_inline void record(struct __sk_buff *skb, struct found_ring to, __u32 left_out, __u16 facts)
{
	struct recorder_ring *ring = to.ring;
	__u32 at = ring->at, slot_at = to.at * settings.slots + at;
	struct recorder_slot *slot = bpf_map_lookup_elem(&slots, &slot_at);
	__u64 place = ring->next;

	if (!slot)
		return;
	ring->left_out += left_out;
	if (left_out > RECORDER_LEFT_OUT_MAX)
		left_out = RECORDER_LEFT_OUT_MAX;
	slot->sequence = 2 * place + 1;
	BARRIER();
	write_slot(skb, slot, facts | left_out << RECORDER_FACTS);
	BARRIER();
	slot->sequence = 2 * place + 2;
	ring->next = place + 1;
	ring->at = at + 1 < settings.slots ? at + 1 : 0;
}

/* At a hook of its own. */
static __always_inline int record_some(struct __sk_buff *skb, __u16 facts)
{
	__u32 zero = 0, now = (__u32)bpf_jiffies64(), number, taken;
	const struct pace *pace = bpf_map_lookup_elem(&paces, &zero);
	struct found_ring to = ring_of(skb->ifindex);

	if (!to.ring || !pace)
		return TC_NEXT;
	number = ++to.ring->seen;
	if (!pace_may_take(&to.ring->state, pace, number, now))
		return TC_NEXT;
	taken = pace_take(&to.ring->state, pace, number, now);
	if (taken)
		record(skb, to, taken - 1, facts);
	return TC_NEXT;
}

/* Behind the flow probe's, which has chosen this packet. */
static __always_inline int record_chosen(struct __sk_buff *skb, __u16 facts)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u32 *since = bpf_map_lookup_elem(&passed, &cpu);
	struct found_ring to = ring_of(skb->ifindex);

	if (to.ring && since)
		record(skb, to, *since - 1, facts);
	return TC_NEXT;
}

SEC("tc")
int recorder_ingress(struct __sk_buff *skb)
{
	return record_some(skb, 0);
}

SEC("tc")
int recorder_egress(struct __sk_buff *skb)
{
	return record_some(skb, RECORDER_EGRESS);
}

SEC("tc")
int recorder_behind_ingress(struct __sk_buff *skb)
{
	return record_chosen(skb, 0);
}

SEC("tc")
int recorder_behind_egress(struct __sk_buff *skb)
{
	return record_chosen(skb, RECORDER_EGRESS);
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
