/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The SYN guard. Above its rate a SYN is answered here, by a SYN-ACK whose sequence number is the stack's own cookie: nothing is
 * remembered of it. The ACK that comes back goes to the stack, which knows its cookie again.
 *
 * The cookie is asked of the very socket that listens, so it is given only where the stack would give one: there is a listener, its
 * queue of those to be accepted has room, and net.ipv4.tcp_syncookies is 2, or is 1 and its queue of half-open connections is full.
 * The listener is told by the same call that it gives cookies, without which the stack would refuse them. All else passes.
 *
 * As with the stack's own cookies to who has no timestamps, of the client's options only the MSS is kept: no window scaling, no SACK.
 */
#ifndef NETRIG_POLICY_SYN_H
#define NETRIG_POLICY_SYN_H

#include "limit.h"

enum {
	TCP_FIN = 1 << 0,
	TCP_SYN = 1 << 1,
	TCP_RST = 1 << 2,
	TCP_ACK = 1 << 4,
};

enum {
	FAMILY_IPV4 = 2,
	FAMILY_IPV6 = 10,
	LEN_TCP = 20,
	LEN_TCP_MAX = 60,
	LEN_FRAME_MIN = 60,
	TTL = 64,
	/* What may come before the stack has said its own window: ten segments, which is what a client begins with. */
	WINDOW = 14600,
	SYN_TAGS_MAX = 2,
};

/* UAPI: what a route is looked up by. */
struct bpf_fib_lookup {
	__u8 family;
	__u8 l4_protocol;
	__be16 sport;
	__be16 dport;
	__u16 tot_len;
	__u32 ifindex;
	__be32 flowinfo;
	__be32 src[4];
	__be32 dst[4];
	__u32 link[4];
};

enum {
	BPF_FIB_LKUP_RET_NOT_FWDED = 4,
	BPF_FIB_LKUP_RET_FWD_DISABLED = 5,
};

struct synack {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack;
	__u8 words; /* of the header, in the upper half */
	__u8 flags;
	__be16 window;
	__u16 check;
	__be16 urgent;
	__u8 option;
	__u8 option_octets;
	__be16 mss;
};

struct ipv4_header {
	__u8 version_words;
	__u8 tos;
	__be16 octets;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 check;
	__be32 saddr;
	__be32 daddr;
};

struct ipv6_header {
	__be32 version_flow;
	__be16 octets;
	__u8 protocol;
	__u8 hops;
	__u64 saddr[2];
	__u64 daddr[2];
};

/* What the answer to a SYN needs beyond the subject. */
struct syn {
	__u32 seq; /* the client's, host order */
	__u32 cookie;
	__u16 mss;
	__u16 network; /* where the IP header begins */
};

static __always_inline bool is_syn(const struct subject *s)
{
	return s->protocol == PROTO_TCP && s->fragment == POLICY_FRAGMENT_NONE &&
	       (s->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

/* Where the network header begins; 0: nowhere that can be answered from. */
static __always_inline __u32 network_of(struct xdp_md *xdp)
{
	__u32 at = LEN_ETHERNET;
	__be16 type = 0;
	__u8 group = 1;

	/* What is for many is never answered. */
	if (bpf_xdp_load_bytes(xdp, 0, &group, sizeof(group)) || group & 1)
		return 0;
#pragma unroll
	for (int i = 0; i <= SYN_TAGS_MAX; i++) {
		if (bpf_xdp_load_bytes(xdp, at - sizeof(type), &type, sizeof(type)))
			return 0;
		if (!is_vlan_tag(bpf_ntohs(type)))
			return at;
		at += LEN_VLAN;
	}
	return 0;
}

/* A packet that is to be sent on is not for a socket here, even if one listens on all addresses. */
static __always_inline bool is_for_us(struct xdp_md *xdp, const struct subject *s, bool ipv6)
{
	struct bpf_fib_lookup route = {
		.family = ipv6 ? FAMILY_IPV6 : FAMILY_IPV4,
		.l4_protocol = PROTO_TCP,
		.ifindex = xdp->ingress_ifindex,
	};
	long found;

	if (ipv6) {
		__builtin_memcpy(route.src, &s->addr[0], 16);
		__builtin_memcpy(route.dst, &s->addr[2], 16);
	} else {
		__builtin_memcpy(&route.src[0], &s->addr[3], 4);
		__builtin_memcpy(&route.dst[0], (const void *)&s->addr[3] + 4, 4);
	}
	found = bpf_fib_lookup(xdp, &route, sizeof(route), 0);
	return found == BPF_FIB_LKUP_RET_NOT_FWDED || found == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

static __always_inline struct bpf_sock *socket_of(struct xdp_md *xdp, const struct subject *s, bool ipv6)
{
	struct bpf_sock_tuple tuple = {};

	if (ipv6) {
		__builtin_memcpy(tuple.ipv6.saddr, &s->addr[0], 16);
		__builtin_memcpy(tuple.ipv6.daddr, &s->addr[2], 16);
		tuple.ipv6.sport = bpf_htons(s->src_port);
		tuple.ipv6.dport = bpf_htons(s->dst_port);
		return bpf_skc_lookup_tcp(xdp, &tuple, sizeof(tuple.ipv6), -1, 0);
	}
	__builtin_memcpy(&tuple.ipv4.saddr, &s->addr[3], 4);
	__builtin_memcpy(&tuple.ipv4.daddr, (const void *)&s->addr[3] + 4, 4);
	tuple.ipv4.sport = bpf_htons(s->src_port);
	tuple.ipv4.dport = bpf_htons(s->dst_port);
	return bpf_skc_lookup_tcp(xdp, &tuple, sizeof(tuple.ipv4), -1, 0);
}

/* The stack's cookie for this SYN. A global function: the verifier looks at it once. */
__noinline int find_cookie(struct xdp_md *xdp, const struct subject *s, struct syn *syn)
{
	struct remembered *remembered = the_remembered();
	__u32 network, transport;
	__u64 octets;
	struct bpf_sock *socket;
	__u64 *ip, *tcp;
	__s64 cookie;
	bool ipv6;

	if (!s || !syn || !remembered)
		return 0;
	ip = remembered->ip;
	tcp = remembered->tcp;
	ipv6 = s->kind >= POLICY_KIND_IPV6;
	network = network_of(xdp);
	if (!network || bpf_xdp_load_bytes(xdp, network, ip, ipv6 ? LEN_IPV6 : LEN_IPV4))
		return 0;
	/* Options and extension headers are the stack's affair. */
	if (ipv6 ? ((__u8 *)ip)[6] != PROTO_TCP : *(__u8 *)ip != 0x45)
		return 0;
	transport = network + (ipv6 ? LEN_IPV6 : LEN_IPV4);
	if (bpf_xdp_load_bytes(xdp, transport, tcp, LEN_TCP))
		return 0;
	octets = ((__u8 *)tcp)[12] >> 4 << 2;
	/* As for an example's: two bounds, one after the other. */
	asm volatile("" : "+r"(octets));
	if (octets < LEN_TCP)
		return 0;
	asm volatile("" : "+r"(octets));
	if (octets > LEN_TCP_MAX || bpf_xdp_load_bytes(xdp, transport, tcp, octets))
		return 0;
	if (!is_for_us(xdp, s, ipv6))
		return 0;
	socket = socket_of(xdp, s, ipv6);
	if (!socket)
		return 0;
	cookie = bpf_tcp_gen_syncookie(socket, ip, ipv6 ? LEN_IPV6 : LEN_IPV4, (void *)tcp, octets);
	bpf_sk_release(socket);
	if (cookie <= 0)
		return 0;
	syn->seq = bpf_ntohl(*(__be32 *)((void *)tcp + 4));
	syn->cookie = cookie;
	syn->mss = cookie >> 32;
	syn->network = network;
	return 1;
}

static __always_inline __u16 folded(__s64 sum)
{
	__u64 left = (__u32)sum;

	left = (left & 0xffff) + (left >> 16);
	left = (left & 0xffff) + (left >> 16);
	return ~left;
}

/* The sum of both addresses does not change when they change places. */
static __always_inline void put_synack(struct synack *to, const struct subject *s, const struct syn *syn, bool ipv6,
				       bool option)
{
	__u32 octets = option ? sizeof(*to) : LEN_TCP;
	__s64 sum = bpf_htons(PROTO_TCP) + bpf_htons(octets);

	*to = (struct synack){
		.source = bpf_htons(s->dst_port),
		.dest = bpf_htons(s->src_port),
		.seq = bpf_htonl(syn->cookie),
		.ack = bpf_htonl(syn->seq + 1),
		.words = octets / 4 << 4,
		.flags = TCP_SYN | TCP_ACK,
		.window = bpf_htons(WINDOW),
	};
	if (option) {
		to->option = 2; /* MSS */
		to->option_octets = 4;
		to->mss = bpf_htons(syn->mss);
	}
	if (ipv6)
		sum = bpf_csum_diff(NULL, 0, (void *)s->addr, 32, sum);
	else
		sum = bpf_csum_diff(NULL, 0, (void *)&s->addr[3], 8, sum);
	/* An option that is not there is zeros. */
	to->check = folded(bpf_csum_diff(NULL, 0, (void *)to, sizeof(*to), (__u32)sum));
}

static __always_inline long put_ipv4(struct xdp_md *xdp, const struct subject *s, const struct syn *syn, bool option)
{
	struct {
		struct ipv4_header ip;
		struct synack tcp;
	} to = {
		.ip = {
			.version_words = 0x45,
			.octets = bpf_htons(LEN_IPV4 + (option ? sizeof(to.tcp) : LEN_TCP)),
			.fragment = bpf_htons(0x4000), /* do not */
			.ttl = TTL,
			.protocol = PROTO_TCP,
			.saddr = s->addr[3] >> 32,
			.daddr = s->addr[3],
		},
	};

	to.ip.check = folded(bpf_csum_diff(NULL, 0, (void *)&to.ip, sizeof(to.ip), 0));
	put_synack(&to.tcp, s, syn, false, option);
	return bpf_xdp_store_bytes(xdp, syn->network, &to, sizeof(to) - (option ? 0 : sizeof(to.tcp) - LEN_TCP));
}

static __always_inline long put_ipv6(struct xdp_md *xdp, const struct subject *s, const struct syn *syn, bool option)
{
	struct {
		struct ipv6_header ip;
		struct synack tcp;
	} to = {
		.ip = {
			.version_flow = bpf_htonl(6u << 28),
			.octets = bpf_htons(option ? sizeof(to.tcp) : LEN_TCP),
			.protocol = PROTO_TCP,
			.hops = TTL,
			.saddr = { s->addr[2], s->addr[3] },
			.daddr = { s->addr[0], s->addr[1] },
		},
	};

	put_synack(&to.tcp, s, syn, true, option);
	return bpf_xdp_store_bytes(xdp, syn->network, &to, sizeof(to) - (option ? 0 : sizeof(to.tcp) - LEN_TCP));
}

/* The SYN becomes its answer, and goes back where it came from. A global function: the verifier looks at it once. */
__noinline int answer_syn(struct xdp_md *xdp, const struct subject *s, const struct syn *syn)
{
	__u32 has = bpf_xdp_get_buff_len(xdp), needs;
	__u8 from[6] = {}, to[6] = {};
	bool ipv6, option;
	long failed;

	if (!s || !syn || bpf_xdp_load_bytes(xdp, 0, to, 6) || bpf_xdp_load_bytes(xdp, 6, from, 6))
		return XDP_PASS;
	ipv6 = s->kind >= POLICY_KIND_IPV6;
	needs = syn->network + (ipv6 ? LEN_IPV6 : LEN_IPV4) + sizeof(struct synack);
	if (needs < LEN_FRAME_MIN && has >= LEN_FRAME_MIN)
		needs = LEN_FRAME_MIN;
	/* Where there is no room for it the client does without the option. */
	option = !bpf_xdp_adjust_tail(xdp, (int)(needs - has)) || has > needs;
	failed = ipv6 ? put_ipv6(xdp, s, syn, option) : put_ipv4(xdp, s, syn, option);
	if (failed)
		return XDP_PASS;
	bpf_xdp_store_bytes(xdp, 0, from, 6);
	bpf_xdp_store_bytes(xdp, 6, to, 6);
	return XDP_TX;
}

#endif /* NETRIG_POLICY_SYN_H */
