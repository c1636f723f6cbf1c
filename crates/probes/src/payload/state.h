/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is remembered of one direction of a flow, in one word of its slot; 0 for a new one.
 *
 *   kind       what it is, once that is known
 *   looked     packets with payload that have been looked at for that
 *   budget     octets that are copied yet
 *   begun      its SYN was seen here. Else the flow is older, or came from another CPU, whose slot knows more
 *   done       nothing more is of interest: what nearly every packet meets, so it is the sign
 *
 * TCP, by packets with payload (a SYN begins anew):
 *   undecided  a DNS port: DNS. Begins a TLS handshake, HTTP/1 or HTTP/2: that, with a whole budget, and goes on there. The first packet may
 *              be shorter than 8 octets and only begin to. After 8 packets: done. Of a flow that has not begun here, what was written at
 *              once may be the rest of something: it is copied within a budget; and requests may come at any time, so that only
 *              enciphered data says done.
 *   TLS        copied within the budget; then done, or earlier, as soon as a packet begins with enciphered data.
 *   HTTP/1     a packet that begins with a request's or an answer's line has a whole budget. It is copied within that, and so are the next
 *              ones until one ends with an empty line. All others only have their first octets looked at, for the life of the flow; or
 *              until it is TLS, behind CONNECT.
 *   HTTP/2     copied within the budget; then done.
 *   DNS        copied within the budget, which is whole again behind each packet with PSH: the end of what was written at once.
 *   FIN, RST   of a flow whose kind is known: told, with whatever the packet has; then done. Also where nothing has ever been said in this
 *              direction: it will not be answered.
 *
 * UDP:
 *   undecided  a DNS port: DNS. Begins a QUIC handshake: QUIC, and goes on there. After 8 packets: done.
 *   DNS        each packet is copied, up to a budget each, for the life of the flow.
 *   QUIC       Initial packets are copied, up to what one may be long. Done after 8 packets, or with the first short header.
 *
 * All else is done with its first packet.
 */
#ifndef NETRIG_PAYLOAD_STATE_H
#define NETRIG_PAYLOAD_STATE_H

#include "../bpf/table.h"
#include "detect.h"
#include "maps.h"

enum payload_kind {
	PAYLOAD_UNDECIDED,
	PAYLOAD_TLS,
	PAYLOAD_HTTP,
	PAYLOAD_HTTP2,
	PAYLOAD_DNS,
	PAYLOAD_QUIC,
};

/*
 * What nearly every packet needs to know of that word, in two bits of the slot's `volume`, which the account has just written: the word itself
 * is in another cache line where addresses are long. Kept in step with it by whoever looks.
 */
enum payload_mark {
	PAYLOAD_ASK = 0, /* the word says more */
	PAYLOAD_OVER = 1, /* done */
	PAYLOAD_QUIET = 2, /* only what begins something is of interest, or what was written at once (PSH) */
	PAYLOAD_SILENT = 3, /* only what begins something */
};

#define PAYLOAD_DONE (1u << 31)
#define PAYLOAD_BEGUN (1u << 30)
#define PAYLOAD_LOOKED (0xffu << 16)
#define PAYLOAD_KIND_SHIFT 24
#define PAYLOAD_LOOKS 8 /* packets with payload, until nothing more is expected */

/* The state, taken apart. */
struct payload_state {
	__u32 budget; /* 16 bits */
	__u8 looked;
	__u8 kind;
	bool begun;
	bool done;
};

/* What is to be done with a packet. */
struct payload_verdict {
	bool told;
	__u32 octets; /* to be copied of it */
};

static __always_inline struct payload_state state_of(__u32 word)
{
	return (struct payload_state){
		.budget = word & 0xffff,
		.looked = (word >> 16) & 0xff,
		.kind = (word >> PAYLOAD_KIND_SHIFT) & 0x3f,
		.begun = word & PAYLOAD_BEGUN,
		.done = word & PAYLOAD_DONE,
	};
}

static __always_inline __u32 word_of(const struct payload_state *state)
{
	return state->budget | (__u32)state->looked << 16 | (__u32)state->kind << PAYLOAD_KIND_SHIFT |
	       (state->begun ? PAYLOAD_BEGUN : 0) | (state->done ? PAYLOAD_DONE : 0);
}

static __always_inline enum payload_mark mark_of(const struct payload_state *state)
{
	bool unknown = state->kind == PAYLOAD_UNDECIDED && !state->begun && state->looked >= PAYLOAD_LOOKS;

	if (state->done)
		return PAYLOAD_OVER;
	if (state->budget)
		return unknown ? PAYLOAD_QUIET : PAYLOAD_ASK;
	return unknown || state->kind == PAYLOAD_HTTP ? PAYLOAD_SILENT : PAYLOAD_ASK;
}

static __always_inline __u32 mark_in(__u64 *slot, __u32 words)
{
	return (hot_of(slot, words)->volume >> MARK_SHIFT) & 3;
}

static __always_inline void set_mark(__u64 *slot, __u32 words, enum payload_mark mark)
{
	struct flow_hot *hot = hot_of(slot, words);
	__u64 others = hot->volume & ~(3ull << MARK_SHIFT);

	/* Added, not OR'd: see counts_in. */
	hot->volume = others + ((__u64)mark << MARK_SHIFT);
}

static __always_inline bool is_dns_port(__u32 ports)
{
#pragma unroll
	for (int i = 0; i < PAYLOAD_PORTS; i++) {
		__u16 port = payload.dns_ports[i];

		if (port && ((ports & 0xffff) == port || ports >> 16 == port))
			return true;
	}
	return false;
}

static __always_inline __u32 least(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

/* The octets that are there of `count`, at most eight. */
static __always_inline __u64 octets_mask(__u32 count)
{
	return count >= 8 ? ~0ull : (1ull << (count * 8)) - 1;
}

static __always_inline struct payload_verdict copied(struct payload_state *state, __u32 length)
{
	struct payload_verdict verdict = { .told = true, .octets = least(length, state->budget) };

	state->budget -= verdict.octets;
	return verdict;
}

/* Of a TCP flow that is undecided: what it is, by this packet. */
static __always_inline __u8 tcp_kind(const struct payload_state *state, __u64 octets, __u32 count)
{
	__u64 mask = octets_mask(count);

	if (begins_http(octets))
		return PAYLOAD_HTTP;
	if (begins_tls(octets))
		return PAYLOAD_TLS;
	if (octets == HTTP2_PREFACE)
		return PAYLOAD_HTTP2;
	if (state->looked)
		return PAYLOAD_UNDECIDED;
	if (count == 8)
		return begins_http2_answer(octets) ? PAYLOAD_HTTP2 : PAYLOAD_UNDECIDED;
	if (may_begin_http(octets, mask))
		return PAYLOAD_HTTP;
	if (octets == (HTTP2_PREFACE & mask))
		return PAYLOAD_HTTP2;
	return may_begin_tls(octets, mask) ? PAYLOAD_TLS : PAYLOAD_UNDECIDED;
}

#endif /* NETRIG_PAYLOAD_STATE_H */
