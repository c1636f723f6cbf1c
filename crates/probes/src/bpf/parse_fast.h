/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The common shapes, straight down: Ethernet or none, at most two tags, IPv4 without options or IPv6 without extension
 * headers, then TCP, UDP or ICMP, all of it in the first buffer. Two nanoseconds. Anything else is for parse_walk.h,
 * which reads the same things of a packet; a test holds the two against each other.
 */
#ifndef NETRIG_PARSE_FAST_H
#define NETRIG_PARSE_FAST_H

#include "packet.h"

/* What it reads. Its address goes nowhere, so that all of it stays in registers. */
struct fast {
	__u64 addr[4]; /* as in flow_key */
	__be16 src_port;
	__be16 dst_port;
	__u16 vlan;
	__u16 vlan_inner;
	__u32 header_len;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 dscp;
	bool is_ipv6;
};

/* Headers that it looks at end before this. */
#define FAST_BYTES_MAX 128

/* The word of a key that holds ports, interface, protocol and kind, as it lies in memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define KEY_FACTS(SRC, DST, IFACE, PROTOCOL, KIND)                                                    \
	((__u64)(SRC) | (__u64)(DST) << 16 | (__u64)(IFACE) << 32 | (__u64)(PROTOCOL) << 48 | (__u64)(KIND) << 56)
#else
#error "KEY_FACTS has not been written for big-endian machines"
#endif

static __always_inline __u16 load_be16(const void *at)
{
	return bpf_ntohs(*(const __u16 *)at);
}

static __always_inline bool fast_transport(void *l4, void *end, __u8 protocol, struct fast *f)
{
	f->protocol = protocol;
	switch (protocol) {
	case PROTO_TCP:
		if (l4 + LEN_TCP_FLAGS > end)
			return false;
		f->tcp_flags = *(__u8 *)(l4 + 13);
		f->header_len += (*(__u8 *)(l4 + 12) >> 4) * 4;
		break;
	case PROTO_UDP:
		if (l4 + LEN_UDP > end)
			return false;
		f->header_len += LEN_UDP;
		break;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		if (l4 + LEN_UDP > end)
			return false;
		f->src_port = bpf_htons(*(__u8 *)l4);
		f->dst_port = bpf_htons(*(__u8 *)(l4 + 1));
		return true;
	default:
		return false;
	}
	f->src_port = *(__be16 *)l4;
	f->dst_port = *(__be16 *)(l4 + 2);
	return true;
}

static __always_inline bool fast_ipv4(void *l3, void *end, struct fast *f)
{
	if (l3 + LEN_IPV4 > end || *(__u8 *)l3 != 0x45 || (*(__be16 *)(l3 + 6) & bpf_htons(0x3fff)))
		return false;
	f->dscp = *(__u8 *)(l3 + 1) >> 2;
	f->header_len += LEN_IPV4;
	f->addr[3] = *(__u64 *)(l3 + 12);
	if (*(__u8 *)(l3 + 9) == PROTO_ICMPV6)
		return false;
	return fast_transport(l3 + LEN_IPV4, end, *(__u8 *)(l3 + 9), f);
}

static __always_inline bool fast_ipv6(void *l3, void *end, struct fast *f)
{
	if (l3 + LEN_IPV6 > end || *(__u8 *)l3 >> 4 != 6)
		return false;
	f->is_ipv6 = true;
	f->dscp = (load_be16(l3) >> 6) & 0x3f;
	f->header_len += LEN_IPV6;
	f->addr[0] = *(__u64 *)(l3 + 8);
	f->addr[1] = *(__u64 *)(l3 + 16);
	f->addr[2] = *(__u64 *)(l3 + 24);
	f->addr[3] = *(__u64 *)(l3 + 32);
	if (*(__u8 *)(l3 + 6) == PROTO_ICMP)
		return false;
	return fast_transport(l3 + LEN_IPV6, end, *(__u8 *)(l3 + 6), f);
}

static __always_inline void push_fast_vlan(struct fast *f, __u16 tci)
{
	__u16 tag = (tci & 0xfff) | VLAN_SEEN;

	if (!f->vlan)
		f->vlan = tag;
	else if (!f->vlan_inner)
		f->vlan_inner = tag;
}

/* False where the packet is not of these shapes: `f` is not to be used then. */
static __always_inline bool parse_fast(void *data, void *end, bool ethernet, struct fast *f)
{
	__u16 type;

	if (!ethernet) {
		if (data + 1 > end)
			return false;
		return *(__u8 *)data >> 4 == 6 ? fast_ipv6(data, end, f) : fast_ipv4(data, end, f);
	}
	if (data + LEN_ETHERNET > end)
		return false;
	type = load_be16(data + 12);
	f->header_len = LEN_ETHERNET;
	data += LEN_ETHERNET;
#pragma unroll
	for (int tags = 0; tags < 2; tags++) {
		if (!is_vlan_tag(type))
			break;
		if (data + LEN_VLAN > end)
			return false;
		push_fast_vlan(f, load_be16(data));
		type = load_be16(data + 2);
		f->header_len += LEN_VLAN;
		data += LEN_VLAN;
	}
	if (type == ETH_IPV4)
		return fast_ipv4(data, end, f);
	if (type == ETH_IPV6)
		return fast_ipv6(data, end, f);
	return false;
}

#endif /* NETRIG_PARSE_FAST_H */
