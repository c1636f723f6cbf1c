/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet as the programs see it, whichever hook it comes from, and what parsing makes of it. */
#ifndef NETRIG_PACKET_H
#define NETRIG_PACKET_H

#include "wire.h"

/* Where the bytes come from. Known when compiling: each program keeps only its own branch. */
enum hook {
	HOOK_TC,
	HOOK_XDP,
	HOOK_REPLAY,
};

struct source {
	void *ctx;
	bool ethernet; /* else the frame begins with its IP header */
	__u32 captured_len; /* replay: what lies beyond was not captured */
};

/* Where a transport's payload lies in the frame. */
struct transport {
	__u32 at; /* 0: there is none, or it could not be read */
	__u32 end; /* as IP and UDP say, whatever else is in the frame */
	__u32 sequence; /* TCP */
};

/* A packet as its payload is looked at: its flow has its slot by then. */
struct payload_packet {
	__u32 at; /* offset of the payload in the frame */
	__u32 length; /* octets of it; not more than IP says, so Ethernet's padding is none of it */
	__u32 end; /* replay: of what was captured of the frame */
	__u32 sequence; /* TCP: of the first octet of payload */
	__u32 ports; /* as they lie in the packet */
	__u32 cpu;
	__u8 protocol;
	__u8 tcp_flags;
	bool first; /* of its flow */
	bool is_ipv6;
};

struct parsed {
	struct flow_key key; /* the outer flow; its interface and direction are not the parser's to know */
	struct flow_key inner; /* the innermost flow inside tunnels, if has_inner */
	struct transport transport;
	struct transport inner_transport;
	struct payload_packet payload; /* while that is looked at: the stack has no room for it */
	__u32 header_len; /* up to the payload of the innermost transport: what each segment of a super-packet repeats */
	bool is_ipv6;
	bool inner_is_ipv6;
	bool has_inner;
	bool more_fragments; /* the outer packet is a fragment, and not the last */
	__u8 tcp_flags;
	__u8 inner_tcp_flags;
	__u8 tos; /* DSCP and ECN */
	__u8 inner_tos;
	__u8 fault; /* enum parse_fault */
};

/* What stays in memory of a frame for the thorough way; a struct, because a function takes five arguments at most. */
struct slow_frame {
	__u32 len;
	__u32 captured_len;
	__u32 gso_size;
	__u32 gso_segs;
	__u32 now;
	__u32 cpu;
	__u16 iface;
	__u16 lifted_tag;
	__u8 facts;
	bool ethernet;
	__u32 pid;
};

#define GSO_BY_FRAGS 0xffff

enum ethertype {
	ETH_IPV4 = 0x0800,
	ETH_IPV6 = 0x86dd,
	ETH_VLAN = 0x8100,
	ETH_QINQ = 0x88a8,
	ETH_QINQ_OLD = 0x9100,
	ETH_MPLS = 0x8847,
	ETH_MPLS_MULTICAST = 0x8848,
	ETH_PPPOE = 0x8864,
	ETH_TEB = 0x6558, /* Ethernet inside GRE or GENEVE */
	ETH_ERSPAN = 0x88be, /* type I and II */
	ETH_ERSPAN3 = 0x22eb,
	ETH_PPP = 0x880b,
	ETH_LENGTH_MAX = 0x05dc, /* up to here the field is an 802.3 length */
};

enum ip_protocol {
	PROTO_HOPOPTS = 0,
	PROTO_ICMP = 1,
	PROTO_IPIP = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_DCCP = 33,
	PROTO_IPV6 = 41,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_DSTOPTS = 60,
	PROTO_SCTP = 132,
	PROTO_UDPLITE = 136,
	PROTO_SHIM6 = 140,
};

enum udp_tunnel_port {
	PORT_VXLAN = 4789,
	PORT_VXLAN_GPE = 4790,
	PORT_VXLAN_OLD = 8472, /* Linux' own choice before there was a standard one */
	PORT_GENEVE = 6081,
};

enum header_len {
	LEN_ETHERNET = 14,
	LEN_VLAN = 4,
	LEN_MPLS = 4,
	LEN_PPPOE = 8, /* with the PPP protocol */
	LEN_IPV4 = 20,
	LEN_IPV6 = 40,
	LEN_UDP = 8,
	LEN_TCP_MIN = 20,
	LEN_TCP_FLAGS = 14, /* as far as the flags */
};

static __always_inline bool is_vlan_tag(__u16 ethertype)
{
	return ethertype == ETH_VLAN || ethertype == ETH_QINQ || ethertype == ETH_QINQ_OLD;
}

static __always_inline bool is_udp_tunnel_port(__u16 port)
{
	return port == PORT_VXLAN || port == PORT_GENEVE || port == PORT_VXLAN_OLD || port == PORT_VXLAN_GPE;
}

/* Tags beyond the second are walked over and not told. */
static __always_inline void push_vlan(struct flow_key *key, __u16 tci)
{
	__u16 tag = (tci & 0xfff) | VLAN_SEEN;

	if (!key->vlan)
		key->vlan = tag;
	else if (!key->vlan_inner)
		key->vlan_inner = tag;
}

#endif /* NETRIG_PACKET_H */
