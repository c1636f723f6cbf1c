/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The common shapes, straight down: Ethernet or none, at most two tags, IPv4 without options or IPv6 without extension
 * headers, then TCP, UDP or ICMP, all of it in the first buffer. Two nanoseconds. Anything else is for parse_walk.h,
 * which reads the same things of a packet; a test holds the two against each other.
 */
#ifndef NETRIG_PARSE_FAST_H
#define NETRIG_PARSE_FAST_H

#include "packet.h"

static __always_inline __u16 load_be16(const void *at)
{
	return bpf_ntohs(*(const __u16 *)at);
}

static __always_inline bool fast_transport(void *l4, void *end, __u8 protocol, struct parsed *p)
{
	p->key.protocol = protocol;
	switch (protocol) {
	case PROTO_TCP:
		if (l4 + LEN_TCP_FLAGS > end)
			return false;
		p->tcp_flags = *(__u8 *)(l4 + 13);
		p->header_len += (*(__u8 *)(l4 + 12) >> 4) * 4;
		break;
	case PROTO_UDP:
		if (l4 + LEN_UDP > end)
			return false;
		p->header_len += LEN_UDP;
		break;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		if (l4 + LEN_UDP > end)
			return false;
		p->key.src_port = bpf_htons(*(__u8 *)l4);
		p->key.dst_port = bpf_htons(*(__u8 *)(l4 + 1));
		return true;
	default:
		return false;
	}
	p->key.src_port = *(__be16 *)l4;
	p->key.dst_port = *(__be16 *)(l4 + 2);
	return true;
}

static __always_inline bool fast_ipv4(void *l3, void *end, struct parsed *p)
{
	if (l3 + LEN_IPV4 > end || *(__u8 *)l3 != 0x45 || (*(__be16 *)(l3 + 6) & bpf_htons(0x3fff)))
		return false;
	p->dscp = *(__u8 *)(l3 + 1) >> 2;
	p->header_len += LEN_IPV4;
	p->key.addr[3] = *(__u64 *)(l3 + 12);
	if (*(__u8 *)(l3 + 9) == PROTO_ICMPV6)
		return false;
	return fast_transport(l3 + LEN_IPV4, end, *(__u8 *)(l3 + 9), p);
}

static __always_inline bool fast_ipv6(void *l3, void *end, struct parsed *p)
{
	if (l3 + LEN_IPV6 > end || *(__u8 *)l3 >> 4 != 6)
		return false;
	p->is_ipv6 = true;
	p->dscp = (load_be16(l3) >> 6) & 0x3f;
	p->header_len += LEN_IPV6;
	p->key.addr[0] = *(__u64 *)(l3 + 8);
	p->key.addr[1] = *(__u64 *)(l3 + 16);
	p->key.addr[2] = *(__u64 *)(l3 + 24);
	p->key.addr[3] = *(__u64 *)(l3 + 32);
	if (*(__u8 *)(l3 + 6) == PROTO_ICMP)
		return false;
	return fast_transport(l3 + LEN_IPV6, end, *(__u8 *)(l3 + 6), p);
}

/* False where the packet is not of these shapes: `p` is then to be cleared. */
static __always_inline bool parse_fast(void *data, void *end, bool ethernet, struct parsed *p)
{
	__u16 type;

	if (!ethernet) {
		if (data + 1 > end)
			return false;
		return *(__u8 *)data >> 4 == 6 ? fast_ipv6(data, end, p) : fast_ipv4(data, end, p);
	}
	if (data + LEN_ETHERNET > end)
		return false;
	type = load_be16(data + 12);
	p->header_len = LEN_ETHERNET;
	data += LEN_ETHERNET;
#pragma unroll
	for (int tags = 0; tags < 2; tags++) {
		if (!is_vlan_tag(type))
			break;
		if (data + LEN_VLAN > end)
			return false;
		push_vlan(&p->key, load_be16(data));
		type = load_be16(data + 2);
		p->header_len += LEN_VLAN;
		data += LEN_VLAN;
	}
	if (type == ETH_IPV4)
		return fast_ipv4(data, end, p);
	if (type == ETH_IPV6)
		return fast_ipv6(data, end, p);
	return false;
}

#endif /* NETRIG_PARSE_FAST_H */
