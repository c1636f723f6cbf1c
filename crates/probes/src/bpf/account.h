/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One packet's account: counted on its interface, added to its flow (and to the flow inside its tunnel, when asked).
 * The same code for every hook.
 */
#ifndef NETRIG_ACCOUNT_H
#define NETRIG_ACCOUNT_H

#include "parse_fast.h"
#include "parse_walk.h"
#include "table.h"

/* How a hook describes a packet before it is parsed. Every field is known when compiling or stays in a register. */
struct frame {
	void *ctx;
	enum hook hook;
	bool ethernet; /* else it begins with its IP header */
	void *data;
	void *data_end;
	__u32 len; /* as the stack has it */
	__u32 captured_len; /* replay only */
	__u32 gso_size; /* 0: not a super-packet */
	__u32 gso_segs;
	__u32 now;
	__u32 cpu;
	__u16 iface;
	__u16 lifted_tag; /* that the driver took out of the data: id | VLAN_SEEN, or 0 */
	__u8 facts; /* what the hook knows of the key's kind */
};

/* What is added of a packet, and whether payload is looked at. */
struct slow_account {
	struct contribution add;
	struct wire_size size;
	bool sampled; /* flows are */
};

/* With the payload behind this transport, which is looked at once the flow has its slot; not while flows are sampled, as in parse_fast.h. */
static __always_inline void add_flow(const enum hook hook, void *ctx, const struct slow_frame *frame,
				     struct flow_key *key, bool is_ipv6, __u32 cpu, const struct slow_account *account,
				     const struct transport *transport, struct payload_packet *packet)
{
	const struct contribution *add = &account->add;
	__u64 *slot;

	if (is_ipv6) {
		slot = table_add(family6(), (__u64 *)key, cpu, add, account->size);
		if (!account->sampled)
			payload_rare(hook, ctx, slot, 6, transport, add->tcp_flags, frame, packet);
	} else {
		slot = table_add(family4(), (__u64 *)&key->addr[3], cpu, add, account->size);
		if (!account->sampled)
			payload_rare(hook, ctx, slot, 3, transport, add->tcp_flags, frame, packet);
	}
}

/* While flows are sampled: false for a packet that is left out. */
static __always_inline bool slow_sampled(struct parsed *p, struct iface_counts *counts, __u32 cpu,
					 struct slow_account *account)
{
	__u32 one_in = sampling_rate();

	account->size = (struct wire_size){ .bytes = account->add.bytes, .packets = account->add.packets };
	account->sampled = one_in > 1;
	if (!account->sampled || p->key.kind & FLOW_NOT_IP || p->tcp_flags & SAMPLING_ALWAYS)
		return true;
	if (settings.tunnels && p->has_inner && p->inner_tcp_flags & SAMPLING_ALWAYS)
		return true;
	if (sample(&account->add, counts, cpu, one_in))
		return true;
	if (p->is_ipv6)
		left_out(6, (__u64 *)&p->key, cpu, &account->add, account->size);
	else
		left_out(3, (__u64 *)&p->key.addr[3], cpu, &account->add, account->size);
	return false;
}

static __always_inline int add_parsed(const enum hook hook, void *ctx, struct slow_frame *frame)
{
	__u32 cpu, place = frame->cpu;
	struct parsed *p = bpf_map_lookup_elem(&scratch, &place);
	struct slow_account account = {};
	struct iface_counts *counts;

	if (!p)
		return 0;
	cpu = frame->cpu & settings.cpu_mask;
	account.add = (struct contribution){ .bytes = frame->len, .packets = 1, .now = frame->now };
	counts = counts_of(cpu, frame->iface, frame->facts);
	make_wire_true(&account.add, counts, p->header_len, frame->gso_size, frame->gso_segs, frame->lifted_tag);
	if (p->fault != FAULT_NONE)
		counts->faults[p->fault & (FAULTS - 1)]++;
	p->key.iface = p->inner.iface = frame->iface;
	p->key.kind |= frame->facts;
	p->inner.kind |= frame->facts;
	account.add.tcp_flags = p->tcp_flags;
	account.add.tos = p->tos;
	account.add.pid = frame->pid;
	if (!slow_sampled(p, counts, cpu, &account))
		return 0;
	add_flow(hook, ctx, frame, &p->key, p->is_ipv6, cpu, &account, &p->transport, &p->payload);
	if (settings.tunnels && p->has_inner) {
		account.add.tcp_flags = p->inner_tcp_flags;
		account.add.tos = p->inner_tos;
		account.add.inner = true;
		add_flow(hook, ctx, frame, &p->inner, p->inner_is_ipv6, cpu, &account, &p->inner_transport,
			 &p->payload);
	}
	return 0;
}

static __always_inline int parse_slowly(const enum hook hook, void *ctx, struct slow_frame *frame)
{
	__u32 cpu = frame->cpu;
	struct parsed *p = bpf_map_lookup_elem(&scratch, &cpu);
	struct walk w = {
		.source = { .ctx = ctx, .ethernet = frame->ethernet, .captured_len = frame->captured_len },
		.out = p,
		/* A super-packet's segments repeat the inner headers too. */
		.tunnels = settings.tunnels || frame->gso_size,
		.payload = payload.on,
		.key.vlan = frame->lifted_tag,
	};

	if (!p)
		return 0;
	*p = (struct parsed){};
	parse_walk(hook, &w);
	return 0;
}

/*
 * Global functions: the verifier looks at each once, not once for every way in which a packet can be uncommon; and the
 * common packet does not carry their code and stack. One after the other, for one in the other would take too much stack.
 */
#define SLOW_WAY(NAME, HOOK, CONTEXT)                                              \
	__noinline int parse_slowly_##NAME(CONTEXT *ctx, struct slow_frame *frame) \
	{                                                                          \
		return frame ? parse_slowly(HOOK, ctx, frame) : 0;                 \
	}                                                                          \
	__noinline int add_parsed_##NAME(CONTEXT *ctx, struct slow_frame *frame)   \
	{                                                                          \
		return frame ? add_parsed(HOOK, ctx, frame) : 0;                   \
	}

SLOW_WAY(tc, HOOK_TC, struct __sk_buff)
SLOW_WAY(xdp, HOOK_XDP, struct xdp_md)
SLOW_WAY(replay, HOOK_REPLAY, struct __sk_buff)

/*
 * A super-packet of TCP's, straight down: how many words its key has that lies in its CPU's memory now (aside.h), or 1 where nothing is
 * left to do. 0: it is for the thorough way, and nothing of it has been counted.
 */
static __always_inline int add_super(struct __sk_buff *skb, const struct slow_frame *frame, const bool is_ipv6)
{
	void *data = (void *)(long)skb->data;
	struct fast f = {
		.hook = HOOK_TC,
		.ctx = skb,
		.end = (void *)(long)skb->data_end,
		.cpu = frame->cpu & settings.cpu_mask,
		.iface = frame->iface,
		.vlan = frame->lifted_tag,
		.kind = frame->facts,
		.super = frame,
		.add = { .bytes = frame->len, .packets = 1, .now = frame->now },
	};

	if (frame->ethernet) {
		if (data + LEN_ETHERNET > f.end)
			return 0;
		if (*(__be16 *)(data + 12) != (is_ipv6 ? bpf_htons(ETH_IPV6) : bpf_htons(ETH_IPV4)))
			return 0;
		data += LEN_ETHERNET;
		f.l3 = LEN_ETHERNET;
	}
	f.counts = counts_of(f.cpu, f.iface, f.kind);
	if (!(is_ipv6 ? fast_ipv6(&f, data) : fast_ipv4(&f, data)))
		return 0;
	return f.aside_words ?: 1;
}

__noinline int add_super4_tc(struct __sk_buff *skb, struct slow_frame *frame)
{
	return frame ? add_super(skb, frame, false) : 0;
}

__noinline int add_super6_tc(struct __sk_buff *skb, struct slow_frame *frame)
{
	return frame ? add_super(skb, frame, true) : 0;
}

static __always_inline bool go_super(struct __sk_buff *skb, struct slow_frame *frame)
{
	int words;

	if (settings.no_fast_path)
		return false;
	words = add_super4_tc(skb, frame) ?: add_super6_tc(skb, frame);
	if (words == 3 && add_aside4_tc(skb, frame->cpu))
		look_aside4_tc(skb, frame->cpu);
	if (words == 6 && add_aside6_tc(skb, frame->cpu))
		look_aside6_tc(skb, frame->cpu);
	return words;
}

static __always_inline void go_slowly(const struct frame *frame)
{
	struct slow_frame slow = {
		.len = frame->len,
		.captured_len = frame->captured_len,
		.gso_size = frame->gso_size,
		.gso_segs = frame->gso_segs,
		.now = frame->now,
		.cpu = frame->cpu,
		.iface = frame->iface,
		.lifted_tag = frame->lifted_tag,
		.facts = frame->facts,
		.ethernet = frame->ethernet,
	};

	if (frame->hook == HOOK_TC && frame->gso_size && go_super(frame->ctx, &slow))
		return;
	/* Super-packets are TCP's, nearly all. */
	if (frame->hook == HOOK_TC && !frame->gso_size)
		slow.pid = sender_pid(frame->ctx);
	if (frame->hook == HOOK_TC) {
		parse_slowly_tc(frame->ctx, &slow);
		add_parsed_tc(frame->ctx, &slow);
	} else if (frame->hook == HOOK_XDP) {
		parse_slowly_xdp(frame->ctx, &slow);
		add_parsed_xdp(frame->ctx, &slow);
	} else {
		parse_slowly_replay(frame->ctx, &slow);
		add_parsed_replay(frame->ctx, &slow);
	}
}

/* A CPU that was added after the tables were sized: it has no partition, but its packets are counted all the same. */
static __noinline int account_without_table(__u32 len, __u16 iface, __u8 facts)
{
	struct iface_counts *counts = counts_in(settings.cpu_mask + 1, iface, facts);

	__sync_fetch_and_add(&counts->frames, 1);
	__sync_fetch_and_add(&counts->frame_bytes, len);
	__sync_fetch_and_add(&counts->overflow_packets, 1);
	__sync_fetch_and_add(&counts->overflow_bytes, len);
	return 0;
}

/* False: the packet is for the thorough way. */
static __always_inline bool account_fast(const struct frame *frame, struct iface_counts *counts)
{
	struct fast f = {
		.hook = frame->hook,
		.ctx = frame->ctx,
		.captured_len = frame->captured_len,
		.end = frame->data_end,
		.cpu = frame->cpu,
		.iface = frame->iface,
		.vlan = frame->lifted_tag,
		.kind = frame->facts,
		.counts = counts,
		.add = { .bytes = frame->len, .packets = 1, .now = frame->now },
	};

	if (frame->hook == HOOK_TC)
		f.add.skb = frame->ctx;
	if (unlikely(settings.no_fast_path || frame->gso_size))
		return false;
	if (frame->hook == HOOK_REPLAY && frame->captured_len < FAST_BYTES_MAX)
		return false;
	if (unlikely(frame->lifted_tag))
		f.add.bytes += LEN_VLAN;
	if (!add_fast(&f, frame->data, frame->ethernet))
		return false;
	if (unlikely(frame->lifted_tag))
		counts->extra_bytes += LEN_VLAN;
	return true;
}

/* Where the packet was counted; NULL on a CPU without a partition. */
static __always_inline struct iface_counts *account(struct frame *frame)
{
	struct iface_counts *counts;

	frame->facts |= FLOW_VALID;
	/* A replay's packets come one by one, so they share a partition whichever CPU each runs on: the same capture, the same
	 * evictions. */
	frame->cpu = frame->hook == HOOK_REPLAY ? 0 : bpf_get_smp_processor_id();
	if (unlikely(frame->cpu > settings.cpu_mask)) {
		account_without_table(frame->len, frame->iface, frame->facts);
		return NULL;
	}
	counts = counts_of(frame->cpu, frame->iface, frame->facts);
	counts->frames++;
	counts->frame_bytes += frame->len;
	if (unlikely(!account_fast(frame, counts)))
		go_slowly(frame);
	return counts;
}

#define IFACE_PROBES_MAX 8

static __always_inline struct iface_entry *iface_entry_at(__u32 place)
{
	struct iface_entry *all = start_of(ifaces);

	return all + (place & settings.iface_mask);
}

/* Further places of an interface whose first is another's. */
__noinline int iface_further(__u32 ifindex)
{
	for (__u32 probe = 1; probe < IFACE_PROBES_MAX; probe++) {
		struct iface_entry *entry = iface_entry_at(ifindex + probe);

		if (entry->ifindex == ifindex)
			return entry->iface;
	}
	return 0;
}

/* The rig's number for an interface; 0, which is counted too, for one it was not told of. */
static __always_inline __u16 iface_of(__u32 ifindex)
{
	struct iface_entry *entry = iface_entry_at(ifindex);

	return likely(entry->ifindex == ifindex) ? entry->iface : iface_further(ifindex);
}

#endif /* NETRIG_ACCOUNT_H */
