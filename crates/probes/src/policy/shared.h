/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the door and every generation share. The loader gives each generation the door's. What every packet that matches touches are
 * areas, whose address the program knows; the rest are array maps.
 */
#ifndef NETRIG_POLICY_SHARED_H
#define NETRIG_POLICY_SHARED_H

#include "../bpf/shared.h"
#include "wire.h"

enum {
	BPF_MAP_TYPE_RINGBUF = 27,
};

struct policy_gate gates[1] SEC(".data.gates");
struct policy_count counts[1] SEC(".data.counts"); /* [cpu][POLICY_RULES] */
struct policy_removed removed[1] SEC(".data.removed"); /* [cpu][POLICY_IFACES] */
SHARED_ARRAY(sources, struct policy_source_set); /* [cpu][POLICY_SOURCE_SETS] */
SHARED_ARRAY(rule_buckets, struct policy_bucket); /* [POLICY_RULES] */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* A place in a table of tables. Where bits do not overlap the compiler would OR them, of which the verifier before 6.9 knows no bound. */
static __always_inline __u32 place_in(__u32 first, __u32 further)
{
	asm volatile("" : "+r"(further));
	return first + further;
}

static __always_inline struct policy_gate *the_gate(void)
{
	struct policy_gate *gate = gates;

	/* Of an area's start the compiler must not think that it has one element. */
	asm volatile("" : "+r"(gate));
	return gate;
}

#endif /* NETRIG_POLICY_SHARED_H */
