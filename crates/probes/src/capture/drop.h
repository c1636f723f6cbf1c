/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that the kernel throws away. No program may look into them there as at an interface, so what the filter needs is copied to
 * this CPU's frame first: as much as lies in one piece.
 */
#ifndef NETRIG_CAPTURE_DROP_H
#define NETRIG_CAPTURE_DROP_H

#include "../bpf/dropped.h"
#include "store.h"

enum {
	LINK_HEADER = 14,
	LINK_ADDRESSES = 12,
	SLOT_FILTER = 1,
};

static __always_inline struct capture_frame *frame_at(__u64 cpu)
{
	return (struct capture_frame *)start_of(frames) + cpu;
}

/* Reads `octets` of the packet from `begin` on to `to`; tells how many. */
static __always_inline __u32 copy(__u8 *to, struct sk_buff *skb, __u32 begin, __u64 room)
{
	__u64 octets = skb->tail - begin;

	if (skb->tail <= begin)
		return 0;
	if (octets > room)
		octets = room;
	/* As for a ring's record. */
	asm volatile("" : "+r"(octets));
	if ((__s64)octets <= 0)
		return 0;
	asm volatile("" : "+r"(octets));
	if (octets > CAPTURE_FRAME_OCTETS - LINK_HEADER)
		return 0;
	return bpf_probe_read_kernel(to, octets, skb->head + begin) ? 0 : octets;
}

/* Makes the frame as it would be on the wire of an Ethernet; false where there is nothing to be made of. */
static __always_inline bool make_frame(struct capture_frame *frame, struct sk_buff *skb)
{
	struct capture_record *head = &frame->head;
	__u16 mac = skb->mac_header, network = skb->network_header;
	__u32 octets, rest = skb->tail - network;

	if (mac != HEADER_UNSET && network == mac + LINK_HEADER) {
		if (bpf_probe_read_kernel(frame->octets, LINK_HEADER, skb->head + mac))
			return false;
	} else {
		__builtin_memset(frame->octets, 0, LINK_ADDRESSES);
		*(__be16 *)(frame->octets + LINK_ADDRESSES) = skb->protocol;
		frame->dropped.made_link = 1;
	}
	octets = copy(frame->octets + LINK_HEADER, skb, network, CAPTURE_FRAME_OCTETS - LINK_HEADER);
	if (!octets)
		return false;
	head->captured = octets + LINK_HEADER;
	/* Behind what lies in one piece comes what does not: all of it counts, wherever the data begins by now. */
	head->length = rest + skb->data_len + LINK_HEADER;
	return true;
}

static __always_inline void tell_owner_of_socket(struct capture_frame *frame, struct sock *sk)
{
	struct capture_owner *owner;

	if (!sk || !settings.owners)
		return;
	owner = bpf_sk_storage_get(&owners, sk, 0, 0);
	if (owner)
		frame->owner = *owner;
}

SEC("tp_btf/kfree_skb")
int capture_dropped(__u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct sock *receiver = settings.rx_socket ? (struct sock *)ctx[3] : NULL;
	struct sock *sk = receiver ?: skb->sk;
	struct capture_frame *frame = frame_at(this_cpu());
	struct capture_record *head = &frame->head;
	__u32 netns = 0, ifindex;
	struct net_device *dev = device_of(skb, &netns);

	if (!dev && sk)
		netns = sk->__sk_common.skc_net.net->ns.inum;
	ifindex = dev ? dev->ifindex : skb->skb_iif;
	if (netns != settings.netns || (settings.some_ifaces && !bpf_map_lookup_elem(&ifaces, &ifindex)))
		return 0;
	__builtin_memset(frame, 0, __builtin_offsetof(struct capture_frame, octets));
	if (!make_frame(frame, skb))
		return 0;
	frame->dropped.location = ctx[1];
	frame->dropped.reason = (__u32)ctx[2];
	frame->dropped.ifindex = ifindex;
	head->hook = CAPTURE_DROP;
	head->queue = CAPTURE_NO_QUEUE;
	head->way = way_of(skb, dev, receiver);
	tell_owner_of_socket(frame, sk);
	bpf_tail_call(ctx, &programs_drop, SLOT_FILTER);
	return 0;
}

/* The filter has taken what is in the frame. */
SEC("tp_btf/kfree_skb")
int capture_taken(__u64 *ctx)
{
	__u64 cpu = this_cpu();
	struct capture_frame *frame = frame_at(cpu);
	struct capture_record head = frame->head;
	struct capture_count *count = count_of(cpu, 0);
	const struct capture_owner *owner = &frame->owner;

	count->matched++;
	if (some_are_wanted() && (!owner->pid || !is_wanted(owner))) {
		count->foreign++;
		return 0;
	}
	if (is_sampled_out(count)) {
		count->sampled_out++;
		return 0;
	}
	head.monotonic_ns = bpf_ktime_get_ns();
	conclude(frame, CAPTURE_DROP, &head, head.captured, owner->pid ? owner : NULL, count, cpu);
	return 0;
}

#endif /* NETRIG_CAPTURE_DROP_H */
