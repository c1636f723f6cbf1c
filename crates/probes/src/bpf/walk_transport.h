/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What EtherTypes and IP protocol numbers lead to, and the transports' ports. Part of parse_walk.h. */
#ifndef NETRIG_WALK_TRANSPORT_H
#define NETRIG_WALK_TRANSPORT_H

static __always_inline void cut_before_ports(struct walk *w)
{
	w->key.kind |= FLOW_CUT;
	fail(w, FAULT_TRUNCATED);
}

static __always_inline bool walk_ports(const enum hook hook, struct walk *w)
{
	__be16 ports[2];

	if (!load(hook, w, w->at, ports, sizeof(ports))) {
		cut_before_ports(w);
		return false;
	}
	w->key.src_port = ports[0];
	w->key.dst_port = ports[1];
	w->layer = LAYER_END;
	return true;
}

static __always_inline void walk_tcp(const enum hook hook, struct walk *w)
{
	__u8 head[10]; /* from the sequence number to the flags */
	__u32 header_len;

	if (!walk_ports(hook, w))
		return;
	if (!load(hook, w, w->at + 4, head, sizeof(head)))
		return fail(w, FAULT_TRUNCATED);
	w->tcp_flags = head[9];
	header_len = (head[8] >> 4) * 4;
	w->at += header_len;
	w->transport.sequence = (__u32)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
	if (header_len >= LEN_TCP_MIN)
		w->transport.at = w->at;
}

static __always_inline void walk_udp_length(const enum hook hook, struct walk *w)
{
	__be16 length;

	if (!load(hook, w, w->at + 4, &length, sizeof(length)))
		return;
	w->transport.at = w->at + LEN_UDP;
	length = bpf_ntohs(length);
	if (length >= LEN_UDP && w->at + length < w->transport.end)
		w->transport.end = w->at + length;
}

static __always_inline void walk_udp(const enum hook hook, struct walk *w)
{
	if (!walk_ports(hook, w))
		return;
	if (w->payload)
		walk_udp_length(hook, w);
	w->at += LEN_UDP;
	if (w->tunnels)
		walk_udp_tunnel(hook, w);
}

static __always_inline void walk_icmp(const enum hook hook, struct walk *w)
{
	__u8 head[2];

	if (!load(hook, w, w->at, head, sizeof(head)))
		return cut_before_ports(w);
	w->key.src_port = bpf_htons(head[0]);
	w->key.dst_port = bpf_htons(head[1]);
	w->layer = LAYER_END;
}

static __always_inline void walk_type(const enum hook hook, struct walk *w)
{
	switch (w->next) {
	case ETH_IPV4:
		return walk_ipv4(hook, w);
	case ETH_IPV6:
		return walk_ipv6(hook, w);
	case ETH_VLAN:
	case ETH_QINQ:
	case ETH_QINQ_OLD:
		return walk_vlan(hook, w);
	case ETH_MPLS:
	case ETH_MPLS_MULTICAST:
		return walk_mpls(hook, w);
	case ETH_PPPOE:
		return walk_pppoe(hook, w);
	case ETH_PPP:
		return walk_ppp(hook, w);
	}
	if (w->next <= ETH_LENGTH_MAX)
		return walk_llc(hook, w);
	w->layer = LAYER_END;
}

static __always_inline void walk_protocol(const enum hook hook, struct walk *w)
{
	switch (w->next) {
	case PROTO_TCP:
		return walk_tcp(hook, w);
	case PROTO_UDP:
		return walk_udp(hook, w);
	case PROTO_AH:
		return walk_extension(hook, w, 4);
	case PROTO_GRE:
		return walk_gre(hook, w);
	case PROTO_IPIP:
		return enter_tunnel(w, FLOW_TUNNEL_IPIP, 0, LAYER_TYPE, ETH_IPV4);
	case PROTO_IPV6:
		return enter_tunnel(w, w->is_ipv6 ? FLOW_TUNNEL_IPIP : FLOW_TUNNEL_6IN4, 0, LAYER_TYPE, ETH_IPV6);
	case PROTO_SCTP:
	case PROTO_DCCP:
	case PROTO_UDPLITE:
		walk_ports(hook, w);
		return;
	}
	if (w->next == (w->is_ipv6 ? PROTO_ICMPV6 : PROTO_ICMP))
		return walk_icmp(hook, w);
	if (w->is_ipv6) {
		switch (w->next) {
		case PROTO_HOPOPTS:
		case PROTO_ROUTING:
		case PROTO_DSTOPTS:
		case PROTO_SHIM6: /* nothing follows mobility (135) and HIP (139): they are what the packet carries */
			return walk_extension(hook, w, 8);
		case PROTO_FRAGMENT:
			return walk_ipv6_fragment(hook, w);
		}
	}
	w->layer = LAYER_END;
}

#endif /* NETRIG_WALK_TRANSPORT_H */
