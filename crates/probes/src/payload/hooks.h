/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the flow programs hand on a packet whose payload may matter: after its account, and only then. Global functions, which the
 * verifier looks at once each, before 6.8 also where nobody calls them; what nearly every packet meets, its flow being done, is asked
 * before they are called.
 */
#ifndef NETRIG_PAYLOAD_HOOKS_H
#define NETRIG_PAYLOAD_HOOKS_H

#include "copy.h"

static __always_inline int hand_on(const enum hook hook, void *ctx, __u64 *slot, __u32 words,
				   struct payload_packet *packet)
{
	struct payload_verdict verdict;

	if (payload_ends_of(packet->cpu)->off)
		return 0;
	packet->first = hot_of(slot, words)->packets <= 1;
	packet->is_ipv6 = words == 6;
	packet->ports = slot[words - 2];
	packet->protocol = slot[words - 2] >> 48;
	verdict = look(hook, ctx, packet, slot, words);
	if (verdict.told)
		copy_payload(hook, ctx, packet, slot, words, verdict.octets);
	return 0;
}

/* What the transport's header says; false where it is not whole, or not one. */
static __always_inline bool read_transport(void *l4, void *end, __u8 protocol, struct payload_packet *packet)
{
	__u32 header_len = LEN_UDP;

	if (protocol == PROTO_TCP) {
		if (l4 + LEN_TCP_FLAGS > end)
			return false;
		header_len = (*(__u8 *)(l4 + 12) >> 4) * 4;
		if (header_len < LEN_TCP_MIN)
			return false;
		packet->tcp_flags = *(__u8 *)(l4 + 13);
		packet->sequence = bpf_ntohl(*(__be32 *)(l4 + 4));
		if (packet->tcp_flags & PAYLOAD_SYN)
			packet->sequence++;
	} else if (protocol == PROTO_UDP) {
		__u32 length;

		if (l4 + LEN_UDP > end)
			return false;
		length = bpf_ntohs(*(__be16 *)(l4 + 4));
		if (length >= LEN_UDP && length < packet->length)
			packet->length = length;
	}
	packet->at += header_len;
	packet->length = packet->length > header_len ? packet->length - header_len : 0;
	return true;
}

/* Whether these octets begin anything that a flow between two heads, or one that has not begun here, may go on with. */
static __always_inline bool begins_anything(__u64 octets)
{
	const __u32 letters = 1 << ('C' & 31) | 1 << ('D' & 31) | 1 << ('G' & 31) | 1 << ('H' & 31) | 1 << ('O' & 31) |
			      1 << ('P' & 31) | 1 << ('T' & 31);
	__u32 first = octets & 0xff;

	/* Nearly all begin with another octet. */
	if (first >> 5 == 'A' >> 5 ? !(letters >> (first & 31) & 1) : first - TLS_ALERT > TLS_DATA - TLS_ALERT)
		return false;
	return begins_http(octets) || begins_tls(octets) || begins_tls_record(octets, TLS_DATA) ||
	       octets == HTTP2_PREFACE;
}

/*
 * Whether a TCP packet is of an HTTP flow between two heads, or of one that has not begun here and of which enough was seen, and begins
 * nothing: nearly all packets of a large body, and nothing to do.
 */
static __always_inline bool is_of_body(void *l4, void *end, __u32 mark)
{
	if (mark < PAYLOAD_QUIET || l4 + LEN_TCP_FLAGS > end)
		return false;
	if (*(__u8 *)(l4 + 13) & (PAYLOAD_FIN | PAYLOAD_SYN | PAYLOAD_RST))
		return false;
	if (*(__u8 *)(l4 + 13) & PAYLOAD_PSH && mark == PAYLOAD_QUIET)
		return false;
	l4 += (__u64)(*(__u8 *)(l4 + 12) >> 4) * 4;
	return l4 + sizeof(__u64) <= end && !begins_anything(*(__u64 *)l4);
}

/* A packet of the common shapes, by where its IP header is. */
static __always_inline int hand_on_common(const enum hook hook, void *ctx, __u64 *slot, __u32 words, __u32 l3,
					  __u32 cpu, __u32 captured)
{
	struct payload_packet packet = { .cpu = cpu, .end = captured };
	void *end, *head = first_buffer(hook, ctx, &end) + (l3 & 0x1f);
	const __u32 ip_len = words == 6 ? LEN_IPV6 : LEN_IPV4;

	if (!payload.on || !slot || head + ip_len > end)
		return 0;
	if (is_of_body(head + ip_len, end, mark_in(slot, words)))
		return 0;
	/* Ahead of what it is to spare; what is remembered of the flow stays, as if the packet had been another CPU's. */
	if (payload_ends_of(cpu)->off)
		return 0;
	packet.at = (l3 & 0x1f) + ip_len;
	packet.length = bpf_ntohs(*(__be16 *)(head + (words == 6 ? 4 : 2)));
	if (words == 3)
		packet.length = packet.length > LEN_IPV4 ? packet.length - LEN_IPV4 : 0;
	if (!read_transport(head + ip_len, end, slot[words - 2] >> 48, &packet))
		return 0;
	return hand_on(hook, ctx, slot, words, &packet);
}

#define PAYLOAD_HOOK(NAME, HOOK, CONTEXT)                                                                         \
	__noinline int payload_common4_##NAME(CONTEXT *ctx, struct flow_slot4 *slot, __u32 l3, __u32 cpu,         \
					      __u32 captured)                                                     \
	{                                                                                                         \
		return hand_on_common(HOOK, ctx, (__u64 *)slot, 3, l3, cpu, captured);                            \
	}                                                                                                         \
	__noinline int payload_common6_##NAME(CONTEXT *ctx, struct flow_slot6 *slot, __u32 l3, __u32 cpu,         \
					      __u32 captured)                                                     \
	{                                                                                                         \
		return hand_on_common(HOOK, ctx, (__u64 *)slot, 6, l3, cpu, captured);                            \
	}                                                                                                         \
	__noinline int payload_rare4_##NAME(CONTEXT *ctx, struct flow_slot4 *slot, struct payload_packet *packet) \
	{                                                                                                         \
		return payload.on && slot && packet ? hand_on(HOOK, ctx, (__u64 *)slot, 3, packet) : 0;           \
	}                                                                                                         \
	__noinline int payload_rare6_##NAME(CONTEXT *ctx, struct flow_slot6 *slot, struct payload_packet *packet) \
	{                                                                                                         \
		return payload.on && slot && packet ? hand_on(HOOK, ctx, (__u64 *)slot, 6, packet) : 0;           \
	}

PAYLOAD_HOOK(tc, HOOK_TC, struct __sk_buff)
PAYLOAD_HOOK(xdp, HOOK_XDP, struct xdp_md)
PAYLOAD_HOOK(replay, HOOK_REPLAY, struct __sk_buff)

/* Nothing more is expected of this direction of the flow. A SYN begins it anew: ports are used again. */
static __always_inline bool is_over(__u64 *slot, __u32 words, __u8 tcp_flags)
{
	return mark_in(slot, words) == PAYLOAD_OVER && !(tcp_flags & PAYLOAD_SYN);
}

/* After the account of a packet of the common shapes. */
static __always_inline void payload_common(const enum hook hook, void *ctx, __u64 *slot, __u32 words, __u32 l3,
					   __u32 cpu, __u32 captured, __u8 tcp_flags)
{
	if (likely(!payload.on || !slot || is_over(slot, words, tcp_flags)))
		return;
	if (words == 3) {
		if (hook == HOOK_TC)
			payload_common4_tc(ctx, (void *)slot, l3, cpu, captured);
		else if (hook == HOOK_XDP)
			payload_common4_xdp(ctx, (void *)slot, l3, cpu, captured);
		else
			payload_common4_replay(ctx, (void *)slot, l3, cpu, captured);
	} else {
		if (hook == HOOK_TC)
			payload_common6_tc(ctx, (void *)slot, l3, cpu, captured);
		else if (hook == HOOK_XDP)
			payload_common6_xdp(ctx, (void *)slot, l3, cpu, captured);
		else
			payload_common6_replay(ctx, (void *)slot, l3, cpu, captured);
	}
}

static __always_inline void payload_found(const enum hook hook, void *ctx, __u64 *slot, __u32 words,
					  struct payload_packet *packet)
{
	if (words == 3) {
		if (hook == HOOK_TC)
			payload_rare4_tc(ctx, (void *)slot, packet);
		else if (hook == HOOK_XDP)
			payload_rare4_xdp(ctx, (void *)slot, packet);
		else
			payload_rare4_replay(ctx, (void *)slot, packet);
	} else {
		if (hook == HOOK_TC)
			payload_rare6_tc(ctx, (void *)slot, packet);
		else if (hook == HOOK_XDP)
			payload_rare6_xdp(ctx, (void *)slot, packet);
		else
			payload_rare6_replay(ctx, (void *)slot, packet);
	}
}

/* Datagrams of a super-packet that are looked at: a QUIC handshake's first flight may be sent as one. */
#define PAYLOAD_SEGMENTS 3

/* After the account of any other packet, whose transport the thorough parser has found. */
static __always_inline void payload_rare(const enum hook hook, void *ctx, __u64 *slot, __u32 words,
					 const struct transport *transport, __u8 tcp_flags,
					 const struct slow_frame *frame, struct payload_packet *packet)
{
	__u32 end = least(transport->end, frame->len), segment = ~0u;

	if (!payload.on || !slot || !transport->at || is_over(slot, words, tcp_flags))
		return;
	*packet = (struct payload_packet){
		.at = transport->at,
		.end = frame->captured_len,
		.sequence = transport->sequence + !!(tcp_flags & PAYLOAD_SYN),
		.tcp_flags = tcp_flags,
		.cpu = frame->cpu,
	};
	if (frame->gso_size && frame->gso_size != GSO_BY_FRAGS && (__u8)(slot[words - 2] >> 48) == PROTO_UDP)
		segment = frame->gso_size;
	for (int i = 0; i < PAYLOAD_SEGMENTS; i++) {
		packet->length = end > packet->at ? least(end - packet->at, segment) : 0;
		payload_found(hook, ctx, slot, words, packet);
		packet->at += packet->length;
		if (segment == ~0u || packet->at >= end)
			return;
	}
}

#endif /* NETRIG_PAYLOAD_HOOKS_H */
