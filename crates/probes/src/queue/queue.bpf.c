/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The queue probe: how much each device's polls take in, and how often one ends with more waiting. Every poll of the host comes
 * by here, so user space attaches it for a slice of every period.
 */
#include "../bpf/kernel_tcp.h"
#include "../bpf/clock.h"
#include "wire.h"

#define PROBES 8 /* places looked at before it is the rest's */

SHARED_ARRAY(polls, struct queue_polls); /* [cpu][QUEUE_PLACES] */

const volatile struct queue_settings settings SEC(".rodata.settings") = {};

struct napi_struct {
	struct net_device *dev;
} __attribute__((preserve_access_index));

static __always_inline struct queue_polls *place_at(__u32 number)
{
	__u32 index = (bpf_get_smp_processor_id() & settings.cpu_mask) * QUEUE_PLACES + (number & (QUEUE_PLACES - 1));

	return bpf_map_lookup_elem(&polls, &index);
}

static __always_inline struct queue_polls *place_of(struct net_device *dev)
{
	struct queue_polls *place;
	struct net *net = dev->nd_net.net;
	__u32 netns = net ? net->ns.inum : 0, ifindex = dev->ifindex, first = ifindex ^ netns * 0x9e3779b1u;
	int i;

	if (!netns || !ifindex) /* a driver's own, that nobody can see */
		return place_at(QUEUE_PLACE_BACKLOG);
#pragma unroll
	for (i = 0; i < PROBES; i++) {
		__u32 number = (first + i) & (QUEUE_PLACES - 1);

		if (number < QUEUE_PLACES_FIXED)
			continue;
		place = place_at(number);
		if (!place)
			return NULL;
		if (place->netns == netns && place->ifindex == ifindex)
			return place;
		if (!place->netns) {
			bpf_probe_read_kernel(place->name, sizeof(place->name), &dev->name);
			place->ifindex = ifindex;
			place->netns = netns;
			return place;
		}
	}
	return place_at(QUEUE_PLACE_REST);
}

/* Polls run with bottom halves off: none comes in the midst of another, but for netpoll's, whose budget is 0. */
SEC("tp_btf/napi_poll")
int BPF_PROG(queue_polled, struct napi_struct *napi, int work, int budget)
{
	struct queue_polls *place;
	struct net_device *dev = napi->dev;

	if (!budget)
		return 0;
	place = dev ? place_of(dev) : place_at(QUEUE_PLACE_BACKLOG);
	if (!place)
		return 0;
	place->polls++;
	place->packets += work;
	if (work >= budget)
		place->exhausted++;
	return 0;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
