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

/* How a hook describes a packet before it is parsed. */
struct frame {
	struct source source;
	void *data;
	void *data_end;
	__u32 len; /* as the stack has it */
	__u32 gso_size; /* 0: not a super-packet */
	__u32 gso_segs;
	__u32 now;
	__u16 iface;
	__u16 lifted_tci; /* tag that the driver took out of the data, if lifted_tag */
	bool lifted_tag;
	__u8 egress;
};

#define GSO_BY_FRAGS 0xffff

/* Segments of a super-packet. Some drivers leave the count to whoever needs it. */
static __always_inline __u32 segments(const struct frame *frame, __u32 header_len)
{
	if (frame->gso_segs || frame->gso_size == GSO_BY_FRAGS || frame->len <= header_len)
		return frame->gso_segs ?: 1;
	return (frame->len - header_len + frame->gso_size - 1) / frame->gso_size;
}

/* What the walk needs to know of a frame beside its bytes. */
struct walk_request {
	__u32 captured_len;
	__u16 lifted_tag;
	bool ethernet;
	bool tunnels;
};

static __always_inline int walk_frame(const enum hook hook, void *ctx, struct walk_request *request, struct parsed *p)
{
	struct walk w = {
		.source = { .ctx = ctx, .hook = hook, .ethernet = request->ethernet, .captured_len = request->captured_len },
		.out = p,
		.tunnels = request->tunnels,
		.key.vlan = request->lifted_tag,
	};

	parse_walk(hook, &w);
	return 0;
}

/*
 * Global functions: the verifier looks at each once, not once for every way in which a packet can be uncommon; and the
 * common packet does not carry their code and stack.
 */
__noinline int walk_tc(struct __sk_buff *skb, struct walk_request *request, struct parsed *p)
{
	if (!request || !p)
		return 0;
	return walk_frame(HOOK_TC, skb, request, p);
}

__noinline int walk_xdp(struct xdp_md *xdp, struct walk_request *request, struct parsed *p)
{
	if (!request || !p)
		return 0;
	return walk_frame(HOOK_XDP, xdp, request, p);
}

__noinline int walk_replay(struct __sk_buff *skb, struct walk_request *request, struct parsed *p)
{
	if (!request || !p)
		return 0;
	return walk_frame(HOOK_REPLAY, skb, request, p);
}

static __always_inline bool carries_tunnel(const struct parsed *p)
{
	return p->key.protocol == PROTO_UDP && (is_udp_tunnel_port(bpf_ntohs(p->key.dst_port)) ||
						is_udp_tunnel_port(bpf_ntohs(p->key.src_port)));
}

static __always_inline void parse(struct frame *frame, struct parsed *p)
{
	const bool in_one_piece = frame->source.hook != HOOK_REPLAY || frame->source.captured_len >= 128;
	const __u16 tag = frame->lifted_tag ? (frame->lifted_tci & 0xfff) | VLAN_SEEN : 0;

	p->key.vlan = tag;
	p->fault = FAULT_NONE;
	if (in_one_piece && !settings.no_fast_path && parse_fast(frame->data, frame->data_end, frame->source.ethernet, p)) {
		if (!((settings.tunnels || frame->gso_size) && carries_tunnel(p)))
			return;
	}
	struct walk_request request = {
		.captured_len = frame->source.captured_len,
		.lifted_tag = tag,
		.ethernet = frame->source.ethernet,
		.tunnels = settings.tunnels || frame->gso_size,
	};

	*p = (struct parsed){};
	if (frame->source.hook == HOOK_TC)
		walk_tc(frame->source.ctx, &request, p);
	else if (frame->source.hook == HOOK_XDP)
		walk_xdp(frame->source.ctx, &request, p);
	else
		walk_replay(frame->source.ctx, &request, p);
}

static __always_inline void add_flow(struct flow_key *key, bool is_ipv6, __u32 cpu, const struct contribution *add)
{
	if (is_ipv6)
		table_add(family6(), (__u64 *)key, cpu, add);
	else
		table_add(family4(), (__u64 *)&key->addr[3], cpu, add);
}

__noinline int add_inner(struct parsed *p, __u32 cpu, struct contribution *outer)
{
	struct contribution add;

	if (!p || !outer)
		return 0;
	add = *outer;
	add.tcp_flags = p->inner_tcp_flags;
	add.dscp = p->inner_dscp;
	cpu &= settings.cpu_mask;
	add_flow(&p->inner, p->inner_is_ipv6, cpu, &add);
	return 0;
}

/* A CPU that was added after the tables were sized: it has no partition, but its packets are counted all the same. */
static __noinline void account_without_table(const struct frame *frame, __u8 facts)
{
	struct iface_counts *counts = counts_of(settings.cpu_mask + 1, frame->iface, facts);

	if (!counts)
		return;
	__sync_fetch_and_add(&counts->frames, 1);
	__sync_fetch_and_add(&counts->frame_bytes, frame->len);
	__sync_fetch_and_add(&counts->overflow_packets, 1);
	__sync_fetch_and_add(&counts->overflow_bytes, frame->len);
}

static __always_inline void account(struct frame *frame)
{
	const __u8 facts = FLOW_VALID | (frame->egress ? FLOW_EGRESS : 0);
	__u32 cpu = bpf_get_smp_processor_id();
	struct contribution add = { .bytes = frame->len, .packets = 1, .now = frame->now };
	struct iface_counts *counts;
	struct parsed p = {};

	if (cpu > settings.cpu_mask)
		return account_without_table(frame, facts);
	counts = counts_of(cpu, frame->iface, facts);
	if (!counts)
		return;
	parse(frame, &p);
	counts->frames++;
	counts->frame_bytes += frame->len;
	if (frame->gso_size) {
		add.packets = segments(frame, p.header_len);
		add.bytes += (__u64)(add.packets - 1) * p.header_len;
	}
	if (frame->lifted_tag)
		add.bytes += (__u64)LEN_VLAN * add.packets;
	if (add.bytes != frame->len || add.packets != 1) {
		counts->extra_packets += add.packets - 1;
		counts->extra_bytes += add.bytes - frame->len;
	}
	if (p.fault != FAULT_NONE)
		counts->faults[p.fault & (FAULTS - 1)]++;
	add.tcp_flags = p.tcp_flags;
	add.dscp = p.dscp;
	p.key.iface = frame->iface;
	p.key.kind |= facts;
	add_flow(&p.key, p.is_ipv6, cpu, &add);
	if (settings.tunnels && p.has_inner) {
		p.inner.iface = frame->iface;
		p.inner.kind |= facts;
		add_inner(&p, cpu, &add);
	}
}

/* The rig's number for an interface; 0, which is counted too, for one it was not told of. */
static __always_inline __u16 iface_of(__u32 ifindex)
{
#pragma unroll
	for (__u32 probe = 0; probe < 8; probe++) {
		__u32 at = (ifindex + probe) & settings.iface_mask;
		struct iface_entry *entry = bpf_map_lookup_elem(&ifaces, &at);

		if (!entry)
			break;
		if (entry->ifindex == ifindex)
			return entry->iface;
	}
	return 0;
}

#endif /* NETRIG_ACCOUNT_H */
