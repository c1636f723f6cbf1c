/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Below IP: Ethernet, 802.2, VLAN tags, MPLS labels, PPPoE, ERSPAN's and PPP's ways of carrying them. Part of parse_walk.h. */
#ifndef NETRIG_WALK_LINK_H
#define NETRIG_WALK_LINK_H

static __always_inline void walk_ethernet(const enum hook hook, struct walk *w)
{
	__be16 type;

	if (!load(hook, w, w->at + 12, &type, sizeof(type)))
		return fail(w, FAULT_TRUNCATED);
	w->next = bpf_ntohs(type);
	w->layer = LAYER_TYPE;
	w->at += LEN_ETHERNET;
}

static __always_inline void walk_vlan(const enum hook hook, struct walk *w)
{
	__be16 tag[2];

	if (!load(hook, w, w->at, tag, sizeof(tag)))
		return fail(w, FAULT_TRUNCATED);
	push_vlan(&w->key, bpf_ntohs(tag[0]));
	w->next = bpf_ntohs(tag[1]);
	w->at += LEN_VLAN;
}

/* Under the last label nothing says what comes: by custom the first nibble does, 0 being a pseudowire's control word. */
static __always_inline void walk_mpls(const enum hook hook, struct walk *w)
{
	__u8 label[LEN_MPLS];
	__u8 first;

	if (!load(hook, w, w->at, label, sizeof(label)))
		return fail(w, FAULT_TRUNCATED);
	w->at += LEN_MPLS;
	if (!(label[2] & 1))
		return;
	if (!load(hook, w, w->at, &first, 1))
		return fail(w, FAULT_TRUNCATED);
	switch (first >> 4) {
	case 4:
		w->next = ETH_IPV4;
		break;
	case 6:
		w->next = ETH_IPV6;
		break;
	case 0:
		w->at += 4;
		w->layer = LAYER_ETHERNET;
		break;
	default:
		w->layer = LAYER_END;
	}
}

/* PPP's protocol numbers, one or two bytes long; its address and control bytes may stand in front. */
static __always_inline void walk_ppp(const enum hook hook, struct walk *w)
{
	__u8 head[4] = {};
	__u16 protocol;

	if (!load(hook, w, w->at, head, 1))
		return fail(w, FAULT_TRUNCATED);
	if (head[0] == 0xff) {
		w->at += 2;
		if (!load(hook, w, w->at, head, 1))
			return fail(w, FAULT_TRUNCATED);
	}
	protocol = head[0];
	if (head[0] & 1) {
		w->at += 1;
	} else {
		if (!load(hook, w, w->at, head, 2))
			return fail(w, FAULT_TRUNCATED);
		protocol = head[0] << 8 | head[1];
		w->at += 2;
	}
	if (protocol == 0x0021)
		w->next = ETH_IPV4;
	else if (protocol == 0x0057)
		w->next = ETH_IPV6;
	else
		w->layer = LAYER_END;
}

static __always_inline void walk_pppoe(const enum hook hook, struct walk *w)
{
	__u8 head[LEN_PPPOE];

	if (!load(hook, w, w->at, head, sizeof(head)))
		return fail(w, FAULT_TRUNCATED);
	if (head[0] != 0x11)
		return fail(w, FAULT_MALFORMED);
	if (head[1]) { /* not session data */
		w->layer = LAYER_END;
		return;
	}
	w->at += LEN_PPPOE - 2;
	walk_ppp(hook, w);
}

/* A length instead of a type: 802.2 follows. Only SNAP with a plain EtherType can lead to IP. */
static __always_inline void walk_llc(const enum hook hook, struct walk *w)
{
	__u8 llc[8];

	w->layer = LAYER_END;
	if (!load(hook, w, w->at, llc, sizeof(llc)))
		return; /* short ones are honest: most are three bytes of LLC and padding */
	if (llc[0] != 0xaa || llc[1] != 0xaa || llc[2] != 3 || llc[3] || llc[4] || llc[5])
		return;
	w->next = llc[6] << 8 | llc[7];
	if (w->next <= ETH_LENGTH_MAX)
		return;
	w->at += sizeof(llc);
	w->layer = LAYER_TYPE;
}

#endif /* NETRIG_WALK_LINK_H */
