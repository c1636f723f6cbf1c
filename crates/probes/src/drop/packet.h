/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can be told of a packet that is being thrown away, wherever in the stack that is. */
#ifndef NETRIG_DROP_PACKET_H
#define NETRIG_DROP_PACKET_H

#include "../bpf/dropped.h"
#include "../bpf/shared.h"
#include "wire.h"

const volatile struct drop_settings settings SEC(".rodata.settings") = {};

enum {
	AF_UNIX = 1,
	AF_NETLINK = 16,
	AF_PACKET = 17,
	ETH_P_IP = 0x0800,
	ETH_P_ARP = 0x0806,
	ETH_P_IPV6 = 0x86dd,
	IP_OFFSET = 0x1fff,
	HEADERS_MAX = 4, /* extension headers of IPv6 that are walked over */
	HEADER_FRAGMENT = 44,
};

static __always_inline __u32 netns_of_socket(struct sock *sk)
{
	struct net *net = sk->__sk_common.skc_net.net;

	return net ? net->ns.inum : 0;
}

static __always_inline __u8 family_of(struct sk_buff *skb, struct sock *sk)
{
	__be16 protocol = skb->protocol;

	if (protocol == bpf_htons(ETH_P_IP))
		return DROP_FAMILY_IPV4;
	if (protocol == bpf_htons(ETH_P_IPV6))
		return DROP_FAMILY_IPV6;
	if (protocol == bpf_htons(ETH_P_ARP))
		return DROP_FAMILY_ARP;
	if (!sk)
		return DROP_FAMILY_OTHER;
	switch (sk->__sk_common.skc_family) {
	case AF_UNIX:
		return DROP_FAMILY_UNIX;
	case AF_NETLINK:
		return DROP_FAMILY_NETLINK;
	case AF_PACKET:
		return DROP_FAMILY_PACKET;
	}
	return DROP_FAMILY_OTHER;
}

/* The first octets of a network header, as they lie there. */
#define HEADER_WORDS 11

/* Reads words one by one where reads of any memory are checked by the kernel as they happen: a call costs more (Linux 6.2). */
static __always_inline bool read_words(__u32 *words, const void *from, const int count)
{
	if (!bpf_ksym_exists(bpf_rdonly_cast))
		return !bpf_probe_read_kernel(words, count * sizeof(*words), from);
#pragma unroll
	for (int i = 0; i < HEADER_WORDS; i++) {
		const __u32 type = bpf_core_type_id_kernel(struct in6_addr); /* four words in a row */

		if (i < count)
			words[i] =
				((struct in6_addr *)bpf_rdonly_cast(from + i / 4 * 16, type))->in6_u.u6_addr32[i % 4];
	}
	return true;
}

/* `held` octets are there from the network header on: what lies behind them is of another packet, or of none. */
static __always_inline void ports_at(struct drop_flow *flow, const void *l3, __u32 at, __u32 held)
{
	__u32 ports = 0;

	if (at + sizeof(ports) > held)
		return;
	switch (flow->protocol) {
	case 6: /* TCP, UDP, DCCP, SCTP, UDP-Lite */
	case 17:
	case 33:
	case 132:
	case 136:
		bpf_probe_read_kernel(&ports, sizeof(ports), l3 + at);
		flow->src_port = (__be16)ports;
		flow->dst_port = ports >> 16;
	}
}

static __always_inline void set_ports(struct drop_flow *flow, __u32 word)
{
	flow->src_port = (__be16)word;
	flow->dst_port = word >> 16;
}

static __always_inline bool flow_ipv4(struct drop_flow *flow, const void *l3, __u32 held)
{
	__u32 words[6], first;

	if (held < 20 || !read_words(words, l3, 6))
		return false;
	first = words[0] & 0xff;
	if (first >> 4 != 4)
		return false;
	flow->addr[3] = (__u64)words[3] | (__u64)words[4] << 32;
	flow->protocol = words[2] >> 8;
	if (words[1] & ((__u32)bpf_htons(IP_OFFSET) << 16))
		return true;
	if (first == 0x45 && held >= 24 && (flow->protocol == 6 || flow->protocol == 17))
		set_ports(flow, words[5]);
	else
		ports_at(flow, l3, (first & 15) * 4, held);
	return true;
}

static __always_inline bool is_extension(__u8 header)
{
	return header == 0 || header == 43 || header == HEADER_FRAGMENT || header == 60 || header == 135;
}

static __always_inline bool flow_ipv6(struct drop_flow *flow, const void *l3, __u32 held)
{
	__u32 words[HEADER_WORDS], at = 40;
	__u8 next, extension[4];

	if (held < at || !read_words(words, l3, HEADER_WORDS) || (words[0] & 0xf0) != 0x60)
		return false;
#pragma unroll
	for (int i = 0; i < 4; i++)
		flow->addr[i] = (__u64)words[2 * i + 2] | (__u64)words[2 * i + 3] << 32;
	next = words[1] >> 16;
	for (int i = 0; i < HEADERS_MAX && is_extension(next); i++) {
		bool fragment = next == HEADER_FRAGMENT;

		if (at + 8 > held || bpf_probe_read_kernel(extension, sizeof(extension), l3 + at))
			break;
		next = extension[0];
		/* A later fragment begins in the middle of something. */
		if (fragment && (extension[2] | (extension[3] & 0xf8)))
			held = 0;
		at += fragment ? 8 : (extension[1] + 1) * 8;
	}
	flow->protocol = next;
	if (at == 40 && held >= 44 && (next == 6 || next == 17))
		set_ports(flow, words[10]);
	else
		ports_at(flow, l3, at, held);
	return true;
}

/* The packet's flow; false where there is none to be read. `flow` is all zero before. */
static __always_inline bool flow_of(struct drop_flow *flow, struct sk_buff *skb, __u8 family)
{
	__u32 begin = skb->network_header, end = skb->tail;
	__u32 held = end > begin ? end - begin : 0;
	const void *l3 = skb->head + begin;
	bool read = false;

	if (family == DROP_FAMILY_IPV4)
		read = flow_ipv4(flow, l3, held);
	else if (family == DROP_FAMILY_IPV6)
		read = flow_ipv6(flow, l3, held);
	if (read)
		flow->family = family;
	return read;
}

#endif /* NETRIG_DROP_PACKET_H */
