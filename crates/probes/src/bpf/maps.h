/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow probe's memory, all of it mapped into user space: a drain by system calls costs 400 ns a flow and more. The
 * loader sets the sizes from the memory budget.
 *
 * What every packet touches are areas: data sections, whose address the program knows, so that reaching into them is an
 * addition. (A lookup in an array map is inlined too, but its key goes through the stack.) The rest are array maps.
 */
#ifndef NETRIG_MAPS_H
#define NETRIG_MAPS_H

#include "packet.h"
#include "shared.h"

#define SHARED_AREA(NAME, TYPE) TYPE NAME[1] SEC(".data." #NAME)

SHARED_AREA(table4, struct flow_set4); /* [cpu][set]: a partition per CPU, for nothing interrupts a packet's account */
SHARED_AREA(table6, struct flow_set6);
SHARED_AREA(counts, struct iface_counts); /* [cpu][interface][direction] */
SHARED_AREA(ifaces, struct iface_entry); /* open-addressed by the kernel's index */
SHARED_AREA(sampling, struct flow_sampling); /* user space's words; their cache line is hardly ever written here */
SHARED_ARRAY(outbox4, struct flow_slot4); /* a ring per CPU: one writer, one reader, no lock, no helper */
SHARED_ARRAY(outbox6, struct flow_slot6);
SHARED_ARRAY(ends, struct outbox_ends);
SHARED_ARRAY(replay, struct replay_frame);
SHARED_ARRAY(scratch, struct parsed); /* [cpu]: what would take too much of a stack of 512 bytes */

const volatile struct flow_settings settings SEC(".rodata.settings") = {};

/* An area's start, of which the compiler must not think that it has one element; the verifier knows its real size. */
static __always_inline void *start_of(void *area)
{
	asm volatile("" : "+r"(area));
	return area;
}

#endif /* NETRIG_MAPS_H */
