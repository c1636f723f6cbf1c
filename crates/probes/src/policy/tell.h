/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is told of a rule: its counts, its sources, and a few of its packets. */
#ifndef NETRIG_POLICY_TELL_H
#define NETRIG_POLICY_TELL_H

#include "limit.h"

/* One packet in so many is looked at for its source. */
#define SOURCE_SAMPLING 16
#define WEIGHT_MAX 0xffff
#define IFACE_PROBES 4

static __always_inline __u32 this_cpu(void)
{
	return bpf_get_smp_processor_id() & layout.cpu_mask;
}

static __always_inline struct policy_count *count_of(__u32 cpu, __u32 slot)
{
	struct policy_count *all = counts;

	asm volatile("" : "+r"(all));
	return all + place_in(cpu * POLICY_RULES, slot & (POLICY_RULES - 1));
}

/* The lighter of a set grows lighter by each packet of another source, and makes room when nothing is left of it. */
static __noinline int note_source(__u64 upper, __u64 lower, __u32 slot)
{
	__u64 addr[2] = { upper, lower }, hash;
	struct policy_source_set *set;
	struct policy_source *place;
	__u32 at;

	hash = (layout.seed ^ addr[0]) * 0xc2b2ae3d27d4eb4full + addr[1] * 0x9e3779b97f4a7c15ull + slot;
	hash = (hash ^ hash >> 32) * 0xff51afd7ed558ccdull;
	at = place_in(this_cpu() * POLICY_SOURCE_SETS, (__u32)(hash >> 40) & (POLICY_SOURCE_SETS - 1));
	set = bpf_map_lookup_elem(&sources, &at);
	if (!set)
		return 0;
#pragma unroll
	for (int i = 0; i < POLICY_SOURCE_WAYS; i++) {
		place = &set->way[i];
		if (place->taken && place->slot == slot && place->addr[0] == addr[0] && place->addr[1] == addr[1]) {
			place->packets++;
			if (place->weight < WEIGHT_MAX)
				place->weight++;
			return 0;
		}
	}
	place = set->way[1].weight < set->way[0].weight ? &set->way[1] : &set->way[0];
	if (place->weight > 1) {
		place->weight--;
		return 0;
	}
	/* A reader that meets this half done shows one packet for the wrong source, once. */
	*place = (struct policy_source){
		.addr = { addr[0], addr[1] }, .weight = 1, .packets = 1, .slot = slot, .taken = 1
	};
	return 0;
}

/* So many of a rule in a second, on each CPU. */
static __always_inline bool wants_example(struct policy_count *count, const struct policy_gate *gate)
{
	__u32 now = (__u32)bpf_jiffies64();

	if (now - count->example_tick >= gate->second_ticks) {
		count->example_tick = now;
		count->examples = 0;
	}
	if (count->examples >= gate->examples_per_second)
		return false;
	count->examples++;
	return true;
}

static __noinline int send_example(struct xdp_md *xdp, const struct subject *s, const struct policy_rule *rule,
				   bool over)
{
	struct policy_gate *gate = the_gate();
	struct policy_event *event;
	__u64 octets;

	if (!s || !rule)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&gate->events_lost, 1);
		return 0;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->monotonic_ns = bpf_ktime_get_ns();
	/* Of IPv4 only the last word was read, of what is not IP none. */
	if (s->kind < POLICY_KIND_IPV6)
		event->addr[3] = s->addr[3];
	else if (s->kind < POLICY_KIND_NOT_IP)
		__builtin_memcpy(event->addr, s->addr, sizeof(event->addr));
	event->ifindex = xdp->ingress_ifindex;
	event->length = s->length;
	event->src_port = s->src_port < POLICY_PORT_NONE ? bpf_htons(s->src_port) : 0;
	event->dst_port = s->dst_port < POLICY_PORT_NONE ? bpf_htons(s->dst_port) : 0;
	event->slot = rule->slot;
	event->ethertype = s->ethertype;
	event->protocol = s->protocol;
	event->family = s->kind < POLICY_KIND_IPV6 ? 4 : (s->kind < POLICY_KIND_NOT_IP ? 6 : 0);
	event->act = rule->act;
	event->over = over;
	event->shadow = rule->flags & POLICY_SHADOW;
	octets = s->length < POLICY_EVENT_OCTETS ? s->length : POLICY_EVENT_OCTETS;
	/* Two bounds, which the compiler would make one of: the verifier before 6.9 knows neither then. */
	asm volatile("" : "+r"(octets));
	if (octets >= LEN_ETHERNET) {
		asm volatile("" : "+r"(octets));
		if (octets <= POLICY_EVENT_OCTETS && !bpf_xdp_load_bytes(xdp, 0, event->octets, octets))
			event->captured = octets;
	}
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Counts; tells whether an example is wanted too. `one_in`: of a rule that samples, else 0. */
static __always_inline bool tell(const struct subject *s, __u32 cpu, __u32 slot, bool over, __u32 one_in)
{
	struct policy_count *count = count_of(cpu, slot);
	__u64 packets = ++count->packets;

	count->bytes += s->length;
	if (over) {
		count->over_packets++;
		count->over_bytes += s->length;
	}
	count->last = bpf_jiffies64();
	if (!(packets & (SOURCE_SAMPLING - 1))) {
		if (s->kind < POLICY_KIND_IPV6)
			note_source(0, (__u64)(__u32)s->addr[3] << 32 | bpf_htonl(0xffff), slot);
		else if (s->kind < POLICY_KIND_NOT_IP)
			note_source(s->addr[0], s->addr[1], slot);
	}
	return one_in ? bpf_get_prandom_u32() % one_in == 0 : wants_example(count, the_gate());
}

/* The place of an interface among the counts of what was removed; 0, where none is, for those that nobody named. */
static __always_inline __u32 place_of(const struct policy_gate *gate, __u32 ifindex)
{
#pragma unroll
	for (__u32 i = 0; i < IFACE_PROBES; i++) {
		__u32 at = (ifindex + i) & (POLICY_IFACES - 1);

		if (at && gate->ifaces[at] == ifindex)
			return at;
	}
	return 0;
}

/* The stack will not see this packet: the interface's account must know. */
static __always_inline void tell_removed(struct xdp_md *xdp, __u32 cpu, __u32 length, bool redirected)
{
	struct policy_gate *gate = the_gate();
	struct policy_removed *mine = removed;

	asm volatile("" : "+r"(mine));
	mine += place_in(cpu * POLICY_IFACES, place_of(gate, xdp->ingress_ifindex));
	if (redirected) {
		mine->redirected_packets++;
		mine->redirected_bytes += length;
	} else {
		mine->dropped_packets++;
		mine->dropped_bytes += length;
	}
}

#endif /* NETRIG_POLICY_TELL_H */
