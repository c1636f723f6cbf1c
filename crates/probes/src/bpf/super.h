/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a super-packet is on the wire: the stack has one, which goes as many, each with the same headers. */
#ifndef NETRIG_SUPER_H
#define NETRIG_SUPER_H

#include "table.h"

/* Segments of a super-packet. Some drivers leave the count to whoever needs it. */
static __always_inline __u32 segments(__u32 len, __u32 header_len, __u32 gso_size, __u32 gso_segs)
{
	if (gso_segs || gso_size == GSO_BY_FRAGS || len <= header_len)
		return gso_segs ?: 1;
	return (len - header_len + gso_size - 1) / gso_size;
}

/* Beyond what the stack sees: further segments with their headers, and lifted tags. */
static __always_inline void make_wire_true(struct contribution *add, struct iface_counts *counts, __u32 header_len,
					   __u32 gso_size, __u32 gso_segs, __u16 lifted_tag)
{
	const __u32 len = add->bytes;

	if (gso_size) {
		add->packets = segments(len, header_len, gso_size, gso_segs);
		add->bytes += (__u64)(add->packets - 1) * header_len;
	}
	if (lifted_tag)
		add->bytes += (__u64)LEN_VLAN * add->packets;
	counts->extra_packets += add->packets - 1;
	counts->extra_bytes += add->bytes - len;
}

#endif /* NETRIG_SUPER_H */
