/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bell that wakes user space before what fills has no room: at rest it sleeps for longer than a flood takes to fill a ring. Whoever
 * goes to sleep for long says so in a word, which whoever rings takes back: one ring, however many fill.
 */
#ifndef NETRIG_BELL_H
#define NETRIG_BELL_H

#include "bell_ring.h"
#include "maps.h"

/* A part of so many of its room is full. */
#define BELL_PART 64

/* Inlined: calls of the way that copies payload have no stack left. */
static __always_inline void ring_bell(void)
{
	*(volatile __u32 *)&sampling[0].asleep = 0;
	strike(sampling);
}

/* `waiting` of `room` are there, of which one part in `part` should not wait for longer. */
static __always_inline void wake_if_over(__u64 waiting, __u64 room, const __u32 part)
{
	if (waiting * part > room && *(volatile __u32 *)&sampling[0].asleep)
		ring_bell();
}

static __always_inline void wake_if_full(__u64 waiting, __u64 room)
{
	wake_if_over(waiting, room, BELL_PART);
}

#endif /* NETRIG_BELL_H */
