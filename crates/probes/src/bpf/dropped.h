/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can be known of a packet that is being thrown away, wherever in the stack that is. */
#ifndef NETRIG_DROPPED_H
#define NETRIG_DROPPED_H

#include "kernel_tcp.h"

enum {
	HEADER_UNSET = 0xffff,
	NETNS_FIRST = 0xeffffff0, /* inode numbers of namespaces begin here */
};

/* As wire.h has it for each who tells of it. */
enum way {
	WAY_UNKNOWN,
	WAY_IN,
	WAY_OUT,
};

/*
 * Not every packet has its device where the field says: UDP keeps lengths there, TCP's queues a tree's pointer. A device has a
 * namespace, whose inode number is like no other number.
 */
static __always_inline struct net_device *device_of(struct sk_buff *skb, __u32 *netns)
{
	struct net_device *dev = skb->dev;
	struct net *net;

	if ((__s64)dev >= 0)
		return NULL;
	net = dev->nd_net.net;
	if ((__s64)net >= 0)
		return NULL;
	*netns = net->ns.inum;
	return *netns >= NETNS_FIRST ? dev : NULL;
}

/*
 * Received packets know their interface once the stack has taken them; what is forwarded has another device by then. Before that
 * (a full backlog) a received packet's data begins behind its link header, a sent one's not.
 */
static __always_inline __u8 way_of(struct sk_buff *skb, struct net_device *dev, struct sock *receiver)
{
	__u32 received_by = skb->skb_iif;
	__u16 mac = skb->mac_header;

	if (receiver)
		return WAY_IN;
	if (received_by)
		return dev && dev->ifindex != received_by ? WAY_OUT : WAY_IN;
	if (dev && mac != HEADER_UNSET && skb->head + mac < skb->data)
		return WAY_IN;
	return dev || skb->sk ? WAY_OUT : WAY_UNKNOWN;
}

#endif /* NETRIG_DROPPED_H */
