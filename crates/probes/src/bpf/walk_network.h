/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv4, IPv6 and what stands between their headers and the transport. Part of parse_walk.h. */
#ifndef NETRIG_WALK_NETWORK_H
#define NETRIG_WALK_NETWORK_H

/* Super-packets may be longer than the field can say: then it is 0. */
static __always_inline __u32 ip_end(__u32 at, __u32 length)
{
	return length ? at + length : ~0u;
}

static __always_inline void walk_ipv4(const enum hook hook, struct walk *w)
{
	__u8 head[LEN_IPV4] __attribute__((aligned(8)));
	__u32 header_len;

	if (!load(hook, w, w->at, head, sizeof(head)))
		return fail(w, FAULT_TRUNCATED);
	header_len = (head[0] & 0xf) * 4;
	if (head[0] >> 4 != 4 || header_len < LEN_IPV4)
		return fail(w, FAULT_MALFORMED);
	__builtin_memcpy(&w->key.addr[3], head + 12, 8);
	w->has_ip = true;
	w->tos = head[1];
	w->next = head[9];
	w->key.protocol = head[9];
	w->transport.end = ip_end(w->at, head[2] << 8 | head[3]);
	w->at += header_len;
	w->layer = LAYER_PROTOCOL;
	if (!w->in_tunnel)
		w->out->more_fragments = head[6] & 0x20;
	if (((head[6] & 0x1f) | head[7])) {
		w->key.kind |= FLOW_FRAGMENT;
		w->layer = LAYER_END;
	}
}

static __always_inline void walk_ipv6(const enum hook hook, struct walk *w)
{
	__u8 head[LEN_IPV6] __attribute__((aligned(8)));

	if (!load(hook, w, w->at, head, sizeof(head)))
		return fail(w, FAULT_TRUNCATED);
	if (head[0] >> 4 != 6)
		return fail(w, FAULT_MALFORMED);
	__builtin_memcpy(w->key.addr, head + 8, 32);
	w->has_ip = true;
	w->is_ipv6 = true;
	w->tos = head[0] << 4 | head[1] >> 4;
	w->next = head[6];
	w->key.protocol = head[6];
	w->at += LEN_IPV6;
	w->transport.end = ip_end(w->at, head[4] << 8 | head[5]);
	w->layer = LAYER_PROTOCOL;
}

/* Next header, length: extension headers count it in 8 bytes beyond the first 8, AH in 4 beyond the first 8. */
static __always_inline void walk_extension(const enum hook hook, struct walk *w, __u32 unit)
{
	__u8 head[2];

	if (!load(hook, w, w->at, head, sizeof(head)))
		return fail(w, FAULT_TRUNCATED);
	w->at += 8 + head[1] * unit;
	w->next = head[0];
	w->key.protocol = head[0];
}

static __always_inline void walk_ipv6_fragment(const enum hook hook, struct walk *w)
{
	__u8 head[8];

	if (!load(hook, w, w->at, head, sizeof(head)))
		return fail(w, FAULT_TRUNCATED);
	w->at += sizeof(head);
	w->next = head[0];
	w->key.protocol = head[0];
	if (!w->in_tunnel)
		w->out->more_fragments |= head[3] & 1; /* of several such headers, one is enough */
	if (head[2] | (head[3] & 0xf8)) {
		w->key.kind |= FLOW_FRAGMENT;
		w->layer = LAYER_END;
	}
}

#endif /* NETRIG_WALK_NETWORK_H */
