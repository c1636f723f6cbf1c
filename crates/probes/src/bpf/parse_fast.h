/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The common shapes, straight down: Ethernet or none, at most one tag in the data, IPv4 without options or IPv6 without
 * extension headers, then TCP, UDP or ICMP, all of it in the first buffer. Anything else is for parse_walk.h, which reads the same
 * things of a packet; a test holds the two against each other. TCP's super-packets come here by a call of their own (account.h).
 *
 * The families part early and meet no more, so that what is read stays in registers until it is in the table. What nearly every packet
 * does is marked as likely, here and in its account: its code then lies in one piece, ahead of what is rare.
 */
#ifndef NETRIG_PARSE_FAST_H
#define NETRIG_PARSE_FAST_H

#include "aside.h"
#include "super.h"

/* Headers that it looks at end here at the latest. */
#define FAST_BYTES_MAX (LEN_ETHERNET + LEN_VLAN + LEN_IPV6 + LEN_TCP_FLAGS)

/* The word of a key that holds ports, interface, protocol and kind, as it lies in memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define KEY_FACTS(PORTS, IFACE, PROTOCOL, KIND) \
	((__u64)(PORTS) | (__u64)(IFACE) << 32 | (__u64)(PROTOCOL) << 48 | (__u64)(KIND) << 56)
#define KEY_ICMP(TYPE, CODE) ((__u32)(TYPE) << 8 | (__u32)(CODE) << 24)
#else
#error "the words of a key have not been written for big-endian machines"
#endif

/* What the hook knows of a packet whose headers are being read. */
struct fast {
	enum hook hook;
	void *ctx;
	void *end; /* of the first buffer */
	__u32 captured_len; /* replay only */
	__u32 l3; /* offset of the IP header, known when compiling */
	__u32 cpu;
	__u16 iface;
	__u16 vlan;
	__u16 vlan_inner;
	__u8 kind;
	struct iface_counts *counts;
	const struct slow_frame *super; /* a super-packet's; whether it is one is known when compiling */
	__u32 aside_words; /* of a super-packet's key that lies in its CPU's memory */
	struct contribution add;
};

static __always_inline __u16 load_be16(const void *at)
{
	return bpf_ntohs(*(const __u16 *)at);
}

/* Reads ports and flags; false for what is not common. */
static __always_inline bool fast_transport(struct fast *f, void *l4, __u8 protocol, __u8 icmp, __u32 *ports)
{
	if (unlikely(l4 + LEN_UDP > f->end))
		return false;
	*ports = *(__u32 *)l4;
	if (protocol == PROTO_TCP) {
		if (l4 + LEN_TCP_FLAGS > f->end)
			return false;
		f->add.tcp_flags = *(__u8 *)(l4 + 13);
		return true;
	}
	if (protocol == PROTO_UDP)
		return !(settings.tunnels &&
			 (is_udp_tunnel_port(load_be16(l4)) || is_udp_tunnel_port(load_be16(l4 + 2))));
	*ports = KEY_ICMP(*(__u8 *)l4, *(__u8 *)(l4 + 1));
	return protocol == icmp;
}

/* What the segments of a super-packet are on the wire; false for what is none of TCP's. Asked last, for it counts. */
static __always_inline bool fast_segments(struct fast *f, void *l4, __u32 headers_len, __u8 protocol, __u16 ip_len)
{
	const struct slow_frame *super = f->super;

	/* Where its length does not fit into its header it is not told there. */
	if (protocol != PROTO_TCP || !ip_len)
		return false;
	headers_len += (*(__u8 *)(l4 + 12) >> 4) * 4;
	make_wire_true(&f->add, f->counts, headers_len, super->gso_size, super->gso_segs, super->lifted_tag);
	return true;
}

static __always_inline struct wire_size fast_size(const struct fast *f)
{
	return (struct wire_size){ .bytes = f->add.bytes, .packets = f->add.packets };
}

/* While flows are sampled, and super-packets. What of payload may matter cannot be told from some packets, so none is looked at then. */
static __always_inline bool fast_aside(struct fast *f, const __u64 *key, const __u32 words, __u32 one_in)
{
	struct aside_packet *packet = &sampler_of(f->cpu)->packet;

#pragma unroll
	for (int i = 0; i < 6; i++) {
		if (i < words)
			packet->key[i] = key[i];
	}
	packet->bytes = f->add.bytes;
	packet->now = f->add.now;
	packet->one_in = one_in;
	packet->packets = f->add.packets;
	packet->tcp_flags = f->add.tcp_flags;
	packet->tos = f->add.tos;
	packet->l3 = f->l3;
	if (f->super)
		f->aside_words = words;
	else if (f->hook == HOOK_TC && words == 3)
		add_aside4_tc(f->ctx, f->cpu);
	else if (f->hook == HOOK_TC)
		add_aside6_tc(f->ctx, f->cpu);
	else if (words == 3)
		add_aside4(f->cpu);
	else
		add_aside6(f->cpu);
	return true;
}

static __always_inline bool fast_ipv4(struct fast *f, void *l3)
{
	__u64 key[3], *slot;
	__u32 ports, one_in;
	__u8 protocol;

	if (unlikely(l3 + LEN_IPV4 > f->end || *(__u8 *)l3 != 0x45 || (*(__be16 *)(l3 + 6) & bpf_htons(0x3fff))))
		return false;
	protocol = *(__u8 *)(l3 + 9);
	if (!fast_transport(f, l3 + LEN_IPV4, protocol, PROTO_ICMP, &ports))
		return false;
	if (f->super && !fast_segments(f, l3 + LEN_IPV4, f->l3 + LEN_IPV4, protocol, *(__u16 *)(l3 + 2)))
		return false;
	one_in = sampling_rate();
	if (unlikely(one_in > 1) && passed_over(f->counts, f->cpu, &f->add, one_in))
		return true;
	key[0] = *(__u64 *)(l3 + 12);
	key[1] = KEY_FACTS(ports, f->iface, protocol, f->kind);
	key[2] = (__u64)f->vlan | (__u64)f->vlan_inner << 16;
	f->add.tos = *(__u8 *)(l3 + 1);
	if (f->super || unlikely(one_in > 1))
		return fast_aside(f, key, 3, one_in);
	slot = table_add(family4(), key, f->cpu, &f->add, fast_size(f));
	payload_common(f->hook, f->ctx, slot, 3, f->l3, f->cpu, f->captured_len, f->add.tcp_flags);
	return true;
}

static __always_inline bool fast_ipv6(struct fast *f, void *l3)
{
	__u64 key[6], *slot;
	__u32 ports, one_in;
	__u8 protocol;

	if (l3 + LEN_IPV6 > f->end || *(__u8 *)l3 >> 4 != 6)
		return false;
	protocol = *(__u8 *)(l3 + 6);
	if (!fast_transport(f, l3 + LEN_IPV6, protocol, PROTO_ICMPV6, &ports))
		return false;
	if (f->super && !fast_segments(f, l3 + LEN_IPV6, f->l3 + LEN_IPV6, protocol, *(__u16 *)(l3 + 4)))
		return false;
	one_in = sampling_rate();
	if (unlikely(one_in > 1) && passed_over(f->counts, f->cpu, &f->add, one_in))
		return true;
	key[0] = *(__u64 *)(l3 + 8);
	key[1] = *(__u64 *)(l3 + 16);
	key[2] = *(__u64 *)(l3 + 24);
	key[3] = *(__u64 *)(l3 + 32);
	key[4] = KEY_FACTS(ports, f->iface, protocol, f->kind);
	key[5] = (__u64)f->vlan | (__u64)f->vlan_inner << 16;
	f->add.tos = load_be16(l3) >> 4;
	if (f->super || unlikely(one_in > 1))
		return fast_aside(f, key, 6, one_in);
	slot = table_add(family6(), key, f->cpu, &f->add, fast_size(f));
	payload_common(f->hook, f->ctx, slot, 6, f->l3, f->cpu, f->captured_len, f->add.tcp_flags);
	return true;
}

/* Adds the packet that begins at `data` to its flow; false where it is not of these shapes, and nothing is done then. */
static __always_inline bool add_fast(struct fast *f, void *data, bool ethernet)
{
	__u16 type;

	if (!ethernet) {
		if (data + 1 > f->end)
			return false;
		return *(__u8 *)data >> 4 == 6 ? fast_ipv6(f, data) : fast_ipv4(f, data);
	}
	if (unlikely(data + LEN_ETHERNET > f->end))
		return false;
	type = *(__be16 *)(data + 12);
	data += LEN_ETHERNET;
	f->l3 = LEN_ETHERNET;
	if (likely(type == bpf_htons(ETH_IPV4)))
		return fast_ipv4(f, data);
	if (likely(type == bpf_htons(ETH_IPV6)))
		return fast_ipv6(f, data);
	if (type != bpf_htons(ETH_VLAN) || data + LEN_VLAN > f->end)
		return false;
	if (f->vlan)
		f->vlan_inner = (load_be16(data) & 0xfff) | VLAN_SEEN;
	else
		f->vlan = (load_be16(data) & 0xfff) | VLAN_SEEN;
	type = *(__be16 *)(data + 2);
	data += LEN_VLAN;
	f->l3 = LEN_ETHERNET + LEN_VLAN;
	if (type == bpf_htons(ETH_IPV4))
		return fast_ipv4(f, data);
	return type == bpf_htons(ETH_IPV6) && fast_ipv6(f, data);
}

#endif /* NETRIG_PARSE_FAST_H */
