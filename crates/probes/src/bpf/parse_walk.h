/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every shape: a walk over the headers, one a step, in a loop whose bound the verifier knows. Bytes are read by helper
 * calls, so it does not matter in which buffer of the packet they lie; about 20 ns a header, which only uncommon
 * packets pay.
 *
 * A packet that ends inside a header, contradicts itself or is deeper than the bound is told as what could be read
 * before that, with the fault counted.
 */
#ifndef NETRIG_PARSE_WALK_H
#define NETRIG_PARSE_WALK_H

#include "packet.h"

/* More than any honest packet has: an IPv6 chain of 97 extension headers is in a public test capture. */
#define WALK_STEPS_MAX 192

enum layer {
	LAYER_ETHERNET, /* a MAC header is next */
	LAYER_TYPE, /* what `next` says as an EtherType */
	LAYER_PROTOCOL, /* what `next` says as an IP protocol number */
	LAYER_END,
};

struct walk {
	struct source source;
	struct parsed *out;
	/* From here on it changes. */
	struct flow_key key; /* of the level being read */
	struct transport transport;
	__u32 at; /* offset of the next header */
	__u16 next;
	__u8 layer; /* enum layer */
	__u8 tcp_flags;
	__u8 tos;
	bool has_ip; /* this level has an IP header */
	bool is_ipv6;
	bool in_tunnel; /* the outer flow is told already */
	bool tunnels; /* go into tunnels at all */
	bool payload; /* it is asked where it ends */
};

/*
 * `hook` is an argument all the way down, not a field: in a loop's callback the verifier forgets what a field held, and
 * would refuse the other hooks' helpers.
 */
static __always_inline bool load(const enum hook hook, const struct walk *w, __u32 at, void *to, __u32 bytes)
{
	switch (hook) {
	case HOOK_XDP:
		return !bpf_xdp_load_bytes(w->source.ctx, at, to, bytes);
	case HOOK_REPLAY:
		if (at + bytes > w->source.captured_len)
			return false;
		return !bpf_skb_load_bytes(w->source.ctx, at, to, bytes);
	case HOOK_TC:
		return !bpf_skb_load_bytes(w->source.ctx, at, to, bytes);
	}
	return false;
}

static __always_inline void fail(struct walk *w, enum parse_fault fault)
{
	w->out->fault = fault;
	w->layer = LAYER_END;
}

/* The level that was read becomes a flow: the first one the outer, each further one the inner so far. */
static __always_inline void tell_level(struct walk *w)
{
	struct parsed *out = w->out;

	if (!w->in_tunnel) {
		if (!w->has_ip) {
			w->key.kind |= FLOW_NOT_IP;
			w->key.src_port = 0;
			w->key.dst_port = bpf_htons(w->next);
		}
		out->key = w->key;
		out->is_ipv6 = w->is_ipv6;
		out->tcp_flags = w->tcp_flags;
		out->tos = w->tos;
		out->transport = w->transport;
	} else if (w->has_ip) {
		out->inner = w->key;
		out->inner_is_ipv6 = w->is_ipv6;
		out->inner_tcp_flags = w->tcp_flags;
		out->inner_tos = w->tos;
		out->inner_transport = w->transport;
		out->has_inner = true;
	}
}

static __always_inline void enter_tunnel(struct walk *w, enum flow_tunnel tunnel, __u32 id, enum layer layer,
					 __u16 next)
{
	if (!w->tunnels) {
		w->layer = LAYER_END;
		return;
	}
	tell_level(w);
	w->in_tunnel = true;
	w->has_ip = false;
	w->is_ipv6 = false;
	w->tcp_flags = 0;
	w->tos = 0;
	w->transport = (struct transport){};
	w->key = (struct flow_key){ .kind = tunnel << FLOW_TUNNEL_SHIFT, .tunnel_id = id };
	w->layer = layer;
	w->next = next;
}

#include "walk_link.h"
#include "walk_network.h"
#include "walk_tunnel.h"
#include "walk_transport.h"

static __always_inline long walk_step(const enum hook hook, struct walk *w)
{
	switch (w->layer) {
	case LAYER_ETHERNET:
		walk_ethernet(hook, w);
		break;
	case LAYER_TYPE:
		walk_type(hook, w);
		break;
	case LAYER_PROTOCOL:
		walk_protocol(hook, w);
		break;
	}
	return w->layer == LAYER_END;
}

static long walk_step_tc(__u64 index, struct walk *w)
{
	return walk_step(HOOK_TC, w);
}

static long walk_step_xdp(__u64 index, struct walk *w)
{
	return walk_step(HOOK_XDP, w);
}

static long walk_step_replay(__u64 index, struct walk *w)
{
	return walk_step(HOOK_REPLAY, w);
}

/*
 * Before 6.7 the verifier looks at a loop's callback once, as all is before the loop, and takes out what could not be reached then. So it must not
 * know what the fields hold that change: it does not know that `nothing`, read from a map, is 0.
 */
static __always_inline void forget_fields(struct walk *w, __u64 nothing)
{
	__u64 *words = (__u64 *)&w->key;

#pragma unroll
	for (int i = 0; i < (sizeof(*w) - __builtin_offsetof(struct walk, key)) / sizeof(__u64); i++)
		words[i] += nothing;
}

/* Fills `out`, which the caller has cleared; it lies in a map. */
static __always_inline void parse_walk(const enum hook hook, struct walk *w)
{
	const __u64 nothing = *(volatile __u64 *)w->out;

	forget_fields(w, nothing);
	w->out->fault = FAULT_NONE;
	if (w->source.ethernet) {
		w->layer = LAYER_ETHERNET + nothing;
	} else {
		__u8 version = 0;

		w->layer = LAYER_TYPE + nothing;
		if (!load(hook, w, 0, &version, 1))
			fail(w, FAULT_TRUNCATED);
		w->next = (version >> 4 == 6 ? ETH_IPV6 : ETH_IPV4) + nothing;
	}
	if (hook == HOOK_TC)
		bpf_loop(WALK_STEPS_MAX, walk_step_tc, w, 0);
	else if (hook == HOOK_XDP)
		bpf_loop(WALK_STEPS_MAX, walk_step_xdp, w, 0);
	else
		bpf_loop(WALK_STEPS_MAX, walk_step_replay, w, 0);
	if (w->layer != LAYER_END)
		w->out->fault = FAULT_TOO_DEEP;
	tell_level(w);
	w->out->header_len = w->at;
}

#endif /* NETRIG_PARSE_WALK_H */
