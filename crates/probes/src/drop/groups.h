/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Groups of drops: open-addressed, a partition per CPU and in it a range per program, so that nobody else writes to a group.
 * What finds no place in its range is counted in the program's rest: keys may coarsen, totals never lie.
 */
#ifndef NETRIG_DROP_GROUPS_H
#define NETRIG_DROP_GROUPS_H

#include "packet.h"

#define PROBES_MAX 8

SHARED_ARRAY(groups, struct drop_group); /* [cpu][DROP_GROUPS] */

SHARED_ARRAY(gates, struct drop_gate);

static __always_inline struct drop_gate *the_gate(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&gates, &zero);
}

struct found_group {
	struct drop_group *group;
	__u32 place; /* of this CPU */
};

static __always_inline bool same_key(const struct drop_key *a, const struct drop_key *b)
{
	const __u64 *left = (const __u64 *)a, *right = (const __u64 *)b;

	return !((left[0] ^ right[0]) | (left[1] ^ right[1]) | (left[2] ^ right[2]));
}

static __always_inline __u64 hash_of_key(const struct drop_key *key)
{
	const __u64 *words = (const __u64 *)key;
	__u64 hash = words[0] * 0x9e3779b97f4a7c15ull + words[1] * 0xc2b2ae3d27d4eb4full;

	hash += words[2] * 0x165667b19e3779f9ull;
	return (hash ^ hash >> 32) * 0xff51afd7ed558ccdull;
}

static __always_inline struct drop_group *group_at(__u32 cpu, __u32 place)
{
	__u32 at = cpu * DROP_GROUPS + place;

	return bpf_map_lookup_elem(&groups, &at);
}

static __always_inline void begin_group(struct drop_group *group, const struct drop_key *key, struct net_device *dev,
					const struct bpf_prog *program)
{
	if (dev)
		bpf_probe_read_kernel_str(group->iface, sizeof(group->iface), dev->name);
	if (program)
		bpf_probe_read_kernel_str(group->program, sizeof(group->program), program->aux->name);
	group->key = *key;
	/* Readers look at this byte first. */
	asm volatile("" ::: "memory");
	*(volatile __u8 *)&group->key.taken = 1;
}

static __always_inline struct found_group rest_of(__u32 cpu, const __u32 who, const struct drop_key *key)
{
	struct found_group found = { .place = DROP_GROUPS_REST + who };

	found.group = group_at(cpu, found.place);
	if (found.group && !found.group->key.taken) {
		found.group->key.reason = DROP_REASON_OTHER;
		found.group->key.source = key->source;
		found.group->key.taken = 1;
	}
	return found;
}

/* The group of `key` in the range of program `who`, begun if it is new. `key->taken` is 1. */
static __always_inline struct found_group group_of(const __u32 who, const struct drop_key *key, struct net_device *dev,
						   const struct bpf_prog *program)
{
	const __u32 range = who == DROP_PROGRAM_SKB ? DROP_GROUPS_SKB : DROP_GROUPS_EACH;
	const __u32 first = who == DROP_PROGRAM_SKB ? 0 : DROP_GROUPS_SKB + (who - 1) * DROP_GROUPS_EACH;
	__u32 cpu = bpf_get_smp_processor_id() & settings.cpu_mask;
	__u32 hash = hash_of_key(key) >> 40;
	struct found_group found;

	for (__u32 i = 0; i < PROBES_MAX; i++) {
		found.place = first + ((hash + i) & (range - 1));
		found.group = group_at(cpu, found.place);
		if (!found.group || same_key(&found.group->key, key))
			return found;
		if (!found.group->key.taken) {
			begin_group(found.group, key, dev, program);
			return found;
		}
	}
	return rest_of(cpu, who, key);
}

static __always_inline void count(struct drop_group *group, __u64 packets, __u64 bytes)
{
	group->packets += packets;
	group->bytes += bytes;
}

#endif /* NETRIG_DROP_GROUPS_H */
