/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doors into tunnels: VXLAN, GENEVE, GRE, IP in IP. Part of parse_walk.h. */
#ifndef NETRIG_WALK_TUNNEL_H
#define NETRIG_WALK_TUNNEL_H

static __always_inline void walk_vxlan(const enum hook hook, struct walk *w)
{
	__u8 head[8];
	__u32 vni;

	if (!load(hook, w, w->at, head, sizeof(head)))
		return fail(w, FAULT_TRUNCATED);
	if (!(head[0] & 0x08)) { /* no VNI: not VXLAN, whatever the port says */
		w->layer = LAYER_END;
		return;
	}
	vni = head[4] << 16 | head[5] << 8 | head[6];
	w->at += sizeof(head);
	if (!(head[0] & 0x04)) /* the generic extension has a next protocol */
		return enter_tunnel(w, FLOW_TUNNEL_VXLAN, vni, LAYER_ETHERNET, 0);
	if (head[3] == 1)
		enter_tunnel(w, FLOW_TUNNEL_VXLAN, vni, LAYER_TYPE, ETH_IPV4);
	else if (head[3] == 2)
		enter_tunnel(w, FLOW_TUNNEL_VXLAN, vni, LAYER_TYPE, ETH_IPV6);
	else if (head[3] == 3)
		enter_tunnel(w, FLOW_TUNNEL_VXLAN, vni, LAYER_ETHERNET, 0);
	else
		w->layer = LAYER_END;
}

static __always_inline void walk_geneve(const enum hook hook, struct walk *w)
{
	__u8 head[8];
	__u16 type;
	__u32 vni;

	if (!load(hook, w, w->at, head, sizeof(head)))
		return fail(w, FAULT_TRUNCATED);
	if (head[0] >> 6) { /* only version 0 is known */
		w->layer = LAYER_END;
		return;
	}
	type = head[2] << 8 | head[3];
	vni = head[4] << 16 | head[5] << 8 | head[6];
	w->at += sizeof(head) + (head[0] & 0x3f) * 4;
	enter_tunnel(w, FLOW_TUNNEL_GENEVE, vni, type == ETH_TEB ? LAYER_ETHERNET : LAYER_TYPE, type);
}

/* Version 1 is PPTP's: its key is a length and a call number, and it acknowledges. */
static __always_inline void walk_gre(const enum hook hook, struct walk *w)
{
	__u8 head[4], key[4] = {};
	__u16 type;
	__u32 id;

	if (!load(hook, w, w->at, head, sizeof(head)))
		return fail(w, FAULT_TRUNCATED);
	type = head[2] << 8 | head[3];
	w->at += sizeof(head);
	if (head[0] & 0xc0) /* checksum, or source routing: either brings four bytes */
		w->at += 4;
	if (head[0] & 0x20) {
		if (!load(hook, w, w->at, key, sizeof(key)))
			return fail(w, FAULT_TRUNCATED);
		w->at += 4;
	}
	if (head[0] & 0x10)
		w->at += 4;
	id = (__u32)key[0] << 24 | key[1] << 16 | key[2] << 8 | key[3];
	if ((head[1] & 7) == 1) {
		if (head[1] & 0x80)
			w->at += 4;
		id &= 0xffff;
	}
	if (type == ETH_ERSPAN && (head[0] & 0x10)) /* type II; type I has no sequence number and no header */
		w->at += 8;
	if (type == ETH_ERSPAN3 && w->tunnels) {
		__u8 last;

		if (!load(hook, w, w->at + 11, &last, 1))
			return fail(w, FAULT_TRUNCATED);
		w->at += last & 1 ? 20 : 12; /* a further header where the first one's last bit says so */
	}
	if (type == ETH_TEB || type == ETH_ERSPAN || type == ETH_ERSPAN3)
		return enter_tunnel(w, FLOW_TUNNEL_GRE, id, LAYER_ETHERNET, 0);
	enter_tunnel(w, FLOW_TUNNEL_GRE, id, LAYER_TYPE, type);
}

static __always_inline void walk_udp_tunnel(const enum hook hook, struct walk *w)
{
	__u16 port = bpf_ntohs(w->key.dst_port);

	if (!is_udp_tunnel_port(port))
		port = bpf_ntohs(w->key.src_port);
	switch (port) {
	case PORT_VXLAN:
	case PORT_VXLAN_OLD:
	case PORT_VXLAN_GPE:
		return walk_vxlan(hook, w);
	case PORT_GENEVE:
		return walk_geneve(hook, w);
	}
	w->layer = LAYER_END;
}

#endif /* NETRIG_WALK_TUNNEL_H */
