/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet's first octets of payload, and what follows from them for its flow: state.h's rules. */
#ifndef NETRIG_PAYLOAD_LOOK_H
#define NETRIG_PAYLOAD_LOOK_H

#include "state.h"

/* Where it is not known how far a packet goes in one piece, its offset is bounded for the verifier's sake. */
#define AT_MAX 0x3fff

/* Where the frame ends, as far as there is any of it. */
static __always_inline __u32 frame_end(const enum hook hook, void *ctx, const struct payload_packet *packet)
{
	if (hook == HOOK_REPLAY)
		return packet->end;
	if (hook == HOOK_XDP)
		return bpf_xdp_get_buff_len(ctx);
	return ((struct __sk_buff *)ctx)->len;
}

static __always_inline long load_payload(const enum hook hook, void *ctx, __u32 at, void *to, __u64 octets)
{
	return hook == HOOK_XDP ? bpf_xdp_load_bytes(ctx, at, to, octets) : bpf_skb_load_bytes(ctx, at, to, octets);
}

/*
 * The same where it is not known how many octets they are: none of them, or more than `most`, fails. Two bounds, of which the compiler
 * would make one: before 6.9 the verifier knows neither then. Nor does it know that what is not 0 is 1 at least.
 */
static __always_inline long load_some(const enum hook hook, void *ctx, __u32 at, void *to, __u64 octets,
				      const __u64 most)
{
	asm volatile("" : "+r"(octets));
	if ((__s64)octets <= 0)
		return -1;
	asm volatile("" : "+r"(octets));
	if (octets > most)
		return -1;
	return load_payload(hook, ctx, at, to, octets);
}

static __always_inline void *first_buffer(const enum hook hook, void *ctx, void **end)
{
	struct __sk_buff *skb = ctx;
	struct xdp_md *xdp = ctx;

	*end = (void *)(long)(hook == HOOK_XDP ? xdp->data_end : skb->data_end);
	return (void *)(long)(hook == HOOK_XDP ? xdp->data : skb->data);
}

/* How many octets there are to look at: eight, or what the packet has. */
static __always_inline __u32 octets_there(const enum hook hook, void *ctx, const struct payload_packet *packet)
{
	__u32 end = frame_end(hook, ctx, packet);

	if (end <= packet->at)
		return 0;
	return least(least(packet->length, end - packet->at), 8);
}

/* Octets that the packet does not have are 0. */
static __always_inline __u64 first_octets(const enum hook hook, void *ctx, const struct payload_packet *packet,
					  __u32 *count)
{
	__u64 octets = 0, at = packet->at;
	void *end, *data = first_buffer(hook, ctx, &end);

	if (hook != HOOK_REPLAY && packet->length >= 8 && at <= AT_MAX && data + at + 8 <= end) {
		*count = 8;
		return *(__u64 *)(data + at);
	}
	*count = octets_there(hook, ctx, packet);
	if (load_some(hook, ctx, at, &octets, *count, 8))
		*count = 0;
	return octets;
}

/* Whether an HTTP head ends with this packet, as far as can be told: an empty line is its last. */
static __always_inline bool ends_head(const enum hook hook, void *ctx, const struct payload_packet *packet)
{
	__u32 last = 0, at = packet->at + packet->length - sizeof(last);

	if (packet->length < sizeof(last) || at + sizeof(last) > frame_end(hook, ctx, packet))
		return false;
	return !load_payload(hook, ctx, at, &last, sizeof(last)) && last == FOUR('\r', '\n', '\r', '\n');
}

static __always_inline struct payload_verdict look_http(const enum hook hook, void *ctx,
							const struct payload_packet *packet,
							struct payload_state *state, bool begins)
{
	struct payload_verdict verdict;

	if (begins)
		state->budget = payload.copy_octets;
	if (!state->budget)
		return (struct payload_verdict){};
	verdict = copied(state, packet->length);
	if (state->budget && ends_head(hook, ctx, packet))
		state->budget = 0;
	return verdict;
}

/* A packet that begins nothing. */
static __always_inline struct payload_verdict look_undecided(const struct payload_packet *packet,
							     struct payload_state *state, __u64 octets)
{
	struct payload_verdict verdict = {};

	if (state->begun) {
		state->done = state->looked >= PAYLOAD_LOOKS;
		return verdict;
	}
	state->done = begins_tls_record(octets, TLS_DATA);
	if (state->looked == 1)
		state->budget = payload.copy_octets;
	if (state->done || !(packet->tcp_flags & PAYLOAD_PSH))
		return verdict;
	if (packet->length > state->budget) {
		state->budget = 0;
		return verdict;
	}
	return copied(state, packet->length);
}

/* A packet with payload. */
static __always_inline struct payload_verdict look_tcp(const enum hook hook, void *ctx,
						       const struct payload_packet *packet, struct payload_state *state)
{
	struct payload_verdict verdict = {};
	__u32 count;
	__u64 octets = first_octets(hook, ctx, packet, &count);
	bool begins = false;

	if (!count)
		return verdict;
	if (state->kind == PAYLOAD_UNDECIDED) {
		state->kind =
			!state->looked && is_dns_port(packet->ports) ? PAYLOAD_DNS : tcp_kind(state, octets, count);
		if (state->looked < PAYLOAD_LOOKS)
			state->looked++;
		if (state->kind == PAYLOAD_UNDECIDED)
			return look_undecided(packet, state, octets);
		state->budget = payload.copy_octets;
		begins = true;
	}
	if (state->kind == PAYLOAD_HTTP && count == 8 && begins_hello(octets)) {
		state->kind = PAYLOAD_TLS;
		state->budget = payload.copy_octets;
		begins = true;
	}
	switch (state->kind) {
	case PAYLOAD_HTTP:
		return look_http(hook, ctx, packet, state, begins || begins_http(octets));
	case PAYLOAD_TLS:
		if (!begins && begins_tls_record(octets, TLS_DATA)) {
			state->done = true;
			return verdict;
		}
		/* fallthrough */
	case PAYLOAD_HTTP2:
		verdict = copied(state, packet->length);
		state->done = !state->budget;
		return verdict;
	case PAYLOAD_DNS:
		verdict = copied(state, packet->length);
		verdict.told = verdict.octets;
		if (packet->tcp_flags & PAYLOAD_PSH)
			state->budget = payload.copy_octets;
		return verdict;
	}
	return verdict;
}

/* The end of a connection, which tells of requests that they will not be answered. */
static __always_inline bool tells_end(const struct payload_packet *packet, const struct payload_state *state)
{
	if (!(packet->tcp_flags & (PAYLOAD_FIN | PAYLOAD_RST)))
		return false;
	return state->kind != PAYLOAD_UNDECIDED || (!state->looked && !packet->first);
}

static __always_inline struct payload_verdict look_udp(const enum hook hook, void *ctx,
						       const struct payload_packet *packet, struct payload_state *state)
{
	struct payload_verdict verdict = {};
	__u64 octets;
	__u32 count;

	if (state->kind == PAYLOAD_UNDECIDED && !state->looked && is_dns_port(packet->ports))
		state->kind = PAYLOAD_DNS;
	if (state->kind == PAYLOAD_DNS)
		return (struct payload_verdict){ true, least(packet->length, payload.copy_octets) };
	octets = first_octets(hook, ctx, packet, &count);
	if (!count)
		return verdict;
	state->looked++;
	state->done = state->looked >= PAYLOAD_LOOKS;
	if (begins_quic(octets)) {
		state->kind = PAYLOAD_QUIC;
		return (struct payload_verdict){ true, least(packet->length, payload.quic_octets) };
	}
	state->done |= state->kind == PAYLOAD_QUIC && is_quic_short(octets);
	return verdict;
}

/* What is to be done with a packet, and what is remembered of it. */
static __always_inline struct payload_verdict look(const enum hook hook, void *ctx, const struct payload_packet *packet,
						   __u64 *slot, __u32 words)
{
	__u32 *word = pid_of(slot, words) + 1;
	struct payload_state state = state_of(*word);
	struct payload_verdict verdict = {};

	if (packet->protocol == PROTO_TCP) {
		if (packet->tcp_flags & PAYLOAD_SYN)
			state = (struct payload_state){ .begun = true };
		if (state.done)
			return verdict;
		if (packet->length)
			verdict = look_tcp(hook, ctx, packet, &state);
		if (tells_end(packet, &state))
			verdict.told = true;
		state.done |= packet->tcp_flags & (PAYLOAD_FIN | PAYLOAD_RST);
	} else if (packet->protocol == PROTO_UDP) {
		if (state.done || !packet->length)
			return verdict;
		verdict = look_udp(hook, ctx, packet, &state);
	} else {
		state.done = true;
	}
	*word = word_of(&state);
	set_mark(slot, words, mark_of(&state));
	return verdict;
}

#endif /* NETRIG_PAYLOAD_LOOK_H */
