/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the queue probe and user space say to each other. Both lie in memory-mapped arrays.
 *
 * A place belongs to one device on one CPU. User space clears all of them between two slices, in which nothing is attached.
 */
#ifndef NETRIG_QUEUE_WIRE_H
#define NETRIG_QUEUE_WIRE_H

#include "../bpf/wire.h"

#define QUEUE_PLACES 128 /* of one CPU; a power of two */

enum queue_place {
	QUEUE_PLACE_BACKLOG, /* what has no device of its own: the CPU's own queue */
	QUEUE_PLACE_REST, /* all beyond the places */
	QUEUE_PLACES_FIXED,
};

struct queue_polls {
	__u32 netns; /* inode number of its namespace; 0: the place is free */
	__u32 ifindex;
	char name[16];
	__u64 polls;
	__u64 packets;
	__u64 exhausted; /* polls that used their whole budget */
	__u64 reserved[2];
};

struct queue_settings {
	__u32 cpu_mask;
	__u32 reserved;
};

#endif /* NETRIG_QUEUE_WIRE_H */
