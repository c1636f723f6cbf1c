/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What rules ask of a packet, read from it once: the common shapes straight down, all others by the walk that the flow probe
 * has, without going into tunnels.
 */
#ifndef NETRIG_POLICY_SUBJECT_H
#define NETRIG_POLICY_SUBJECT_H

#include "../bpf/parse_walk.h"
#include "tables.h"

/* What a packet should have and cannot be read. */
enum unreadable {
	READABLE,
	FLAGS_UNREADABLE, /* TCP's flags, but not its ports */
	TRANSPORT_UNREADABLE, /* ports, ICMP type, TCP flags */
};

struct subject {
	__u64 addr[4]; /* network order: IPv6 source, destination; IPv4 both in addr[3] */
	__u32 length;
	__u32 src_port; /* host order, or POLICY_PORT_NONE or _UNREADABLE; ICMP: the type */
	__u32 dst_port;
	__u16 kind; /* protocol, + POLICY_KIND_IPV6, or POLICY_KIND_NOT_IP */
	__u16 ethertype;
	__u16 vlan; /* id | VLAN_SEEN, or 0 */
	__u8 protocol;
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 fragment; /* enum policy_fragment */
	__u8 unreadable; /* enum unreadable */
};

static __always_inline bool has_ports(__u8 protocol)
{
	return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_DCCP || protocol == PROTO_SCTP ||
	       protocol == PROTO_UDPLITE;
}

static __always_inline bool read_transport(struct subject *s, void *l4, void *end, __u8 icmp)
{
	if (l4 + LEN_UDP > end)
		return false;
	if (s->protocol == icmp) {
		s->src_port = s->dst_port = POLICY_PORT_NONE;
		s->icmp_type = *(__u8 *)l4;
		return true;
	}
	s->src_port = bpf_ntohs(*(__be16 *)l4);
	s->dst_port = bpf_ntohs(*(__be16 *)(l4 + 2));
	if (s->protocol == PROTO_UDP)
		return true;
	if (s->protocol != PROTO_TCP || l4 + LEN_TCP_FLAGS > end)
		return false;
	s->tcp_flags = *(__u8 *)(l4 + 13);
	return true;
}

static __always_inline bool read_ipv4(struct subject *s, void *l3, void *end)
{
	if (l3 + LEN_IPV4 > end || *(__u8 *)l3 != 0x45 || (*(__be16 *)(l3 + 6) & bpf_htons(0x3fff)))
		return false;
	s->protocol = *(__u8 *)(l3 + 9);
	s->kind = s->protocol;
	s->addr[3] = *(__u64 *)(l3 + 12);
	return read_transport(s, l3 + LEN_IPV4, end, PROTO_ICMP);
}

static __always_inline bool read_ipv6(struct subject *s, void *l3, void *end)
{
	if (l3 + LEN_IPV6 > end || *(__u8 *)l3 >> 4 != 6)
		return false;
	s->protocol = *(__u8 *)(l3 + 6);
	s->kind = s->protocol + POLICY_KIND_IPV6;
	s->addr[0] = *(__u64 *)(l3 + 8);
	s->addr[1] = *(__u64 *)(l3 + 16);
	s->addr[2] = *(__u64 *)(l3 + 24);
	s->addr[3] = *(__u64 *)(l3 + 32);
	return read_transport(s, l3 + LEN_IPV6, end, PROTO_ICMPV6);
}

static __always_inline void read_walked(struct subject *s, const struct parsed *p)
{
	bool later = p->key.kind & FLOW_FRAGMENT, cut = p->key.kind & FLOW_CUT;
	__u8 icmp = p->is_ipv6 ? PROTO_ICMPV6 : PROTO_ICMP, protocol = p->key.protocol;

	s->vlan = p->key.vlan;
	s->ethertype = p->is_ipv6 ? ETH_IPV6 : ETH_IPV4;
	s->src_port = s->dst_port = POLICY_PORT_NONE;
	s->fragment =
		later ? POLICY_FRAGMENT_LATER : (p->more_fragments ? POLICY_FRAGMENT_FIRST : POLICY_FRAGMENT_NONE);
	if (p->key.kind & FLOW_NOT_IP) {
		s->kind = POLICY_KIND_NOT_IP;
		s->ethertype = bpf_ntohs(p->key.dst_port);
		s->fragment = POLICY_FRAGMENT_NONE;
		return;
	}
	s->protocol = protocol;
	s->kind = protocol + (p->is_ipv6 ? POLICY_KIND_IPV6 : 0);
	__builtin_memcpy(s->addr, p->key.addr, sizeof(s->addr));
	s->tcp_flags = p->tcp_flags;
	if (protocol == icmp) {
		s->unreadable = later || cut ? TRANSPORT_UNREADABLE : READABLE;
		s->icmp_type = bpf_ntohs(p->key.src_port);
	} else if (has_ports(protocol)) {
		s->src_port = bpf_ntohs(p->key.src_port);
		s->dst_port = bpf_ntohs(p->key.dst_port);
		if (protocol == PROTO_TCP && p->fault == FAULT_TRUNCATED)
			s->unreadable = FLAGS_UNREADABLE;
		if (later || cut) {
			s->unreadable = TRANSPORT_UNREADABLE;
			s->src_port = s->dst_port = POLICY_PORT_UNREADABLE;
		}
	}
}

/* Kinds, addresses and ports of both sides. */
#define DIMENSIONS 5

/*
 * What of a packet has to be in memory, of few: those that are not of the common shapes, whose rows ask for more, that are told, or
 * all where one word does not hold all rows. Not on the stack, which is short where functions call each other.
 */
struct remembered {
	struct parsed parsed;
	struct subject subject;
	__u32 sets[DIMENSIONS]; /* where the packet's sets begin; those of dimensions that are not used are the first */
	__u32 word; /* the first with candidates */
	__u64 ip[LEN_IPV6 / 8]; /* headers of a SYN */
	__u64 tcp[8];
};

SHARED_ARRAY(scratch, struct remembered); /* [cpu] */

static __always_inline struct remembered *the_remembered(void)
{
	__u32 cpu = bpf_get_smp_processor_id() & layout.cpu_mask;

	return bpf_map_lookup_elem(&scratch, &cpu);
}

static __always_inline struct remembered *remember(const struct subject *s)
{
	struct remembered *remembered = the_remembered();

	if (!remembered)
		return NULL;
	remembered->subject = *s;
	remembered->word = 0;
	return remembered;
}

/* A global function: the verifier looks at it once. */
__noinline int read_slowly(struct xdp_md *xdp)
{
	struct remembered *remembered = the_remembered();
	struct walk w = {
		.source = { .ctx = xdp, .ethernet = true },
	};

	if (!remembered)
		return 0;
	w.out = &remembered->parsed;
	remembered->parsed = (struct parsed){};
	parse_walk(HOOK_XDP, &w);
	remembered->subject = (struct subject){};
	read_walked(&remembered->subject, &remembered->parsed);
	return 0;
}

/* ARP, neighbour discovery and DHCP: without them the host is off the net, whatever the rules meant. */
static __always_inline bool always_passes(const struct subject *s)
{
	if (s->kind == PROTO_UDP || s->kind == PROTO_UDP + POLICY_KIND_IPV6)
		return s->dst_port - 67 < 2 || s->dst_port - 546 < 2;
	if (s->kind == PROTO_ICMPV6 + POLICY_KIND_IPV6)
		return !s->unreadable && s->icmp_type >= 133 && s->icmp_type <= 137;
	return s->kind == POLICY_KIND_NOT_IP && s->ethertype == 0x0806;
}

#endif /* NETRIG_POLICY_SUBJECT_H */
