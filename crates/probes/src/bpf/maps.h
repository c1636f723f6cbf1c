/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The flow probe's memory. Arrays, because the JIT inlines their access (a hash lookup costs more than all the rest of
 * a packet), and mapped into user space, because a drain by system calls costs 400 ns a flow and more. The loader sets
 * the sizes from the memory budget.
 */
#ifndef NETRIG_MAPS_H
#define NETRIG_MAPS_H

#include "wire.h"

#define SHARED_ARRAY(NAME, TYPE)                          \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_ARRAY);         \
		__uint(map_flags, BPF_F_MMAPABLE);        \
		__uint(max_entries, 1);                   \
		__type(key, __u32);                       \
		__type(value, TYPE);                      \
	} NAME SEC(".maps")

SHARED_ARRAY(table4, struct flow_set4); /* a partition per CPU: nothing on one CPU interrupts a packet's account */
SHARED_ARRAY(table6, struct flow_set6);
SHARED_ARRAY(outbox4, struct flow_slot4); /* a ring per CPU: one writer, one reader, no lock, no helper */
SHARED_ARRAY(outbox6, struct flow_slot6);
SHARED_ARRAY(ends, struct outbox_ends);
SHARED_ARRAY(counts, struct iface_counts); /* [cpu][interface][direction] */
SHARED_ARRAY(ifaces, struct iface_entry);
SHARED_ARRAY(replay, struct replay_frame);

SHARED_ARRAY(clock, struct clock_reading);

const volatile struct flow_settings settings SEC(".rodata.settings") = {};

#endif /* NETRIG_MAPS_H */
