/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the door and every generation share. The loader gives each generation the door's. */
#ifndef NETRIG_POLICY_SHARED_H
#define NETRIG_POLICY_SHARED_H

#include "../bpf/shared.h"
#include "wire.h"

enum {
	BPF_MAP_TYPE_RINGBUF = 27,
};

SHARED_ARRAY(gates, struct policy_gate);
SHARED_ARRAY(counts, struct policy_count); /* [cpu][POLICY_RULES] */
SHARED_ARRAY(removed, struct policy_removed); /* [cpu][POLICY_IFACES] */
SHARED_ARRAY(sources, struct policy_source_set); /* [cpu][POLICY_SOURCE_SETS] */
SHARED_ARRAY(rule_buckets, struct policy_bucket); /* [POLICY_RULES] */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

static __always_inline struct policy_gate *the_gate(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&gates, &zero);
}

#endif /* NETRIG_POLICY_SHARED_H */
