/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Token buckets, each one number: the time at which it will be full again. A packet that would move that time further away than the
 * bucket is deep is beyond the limit. Nanoseconds are kept in sixteenths, so that no rate loses its remainder.
 *
 * All CPUs share a bucket, so that a limit is what it says; they settle by compare-and-exchange.
 */
#ifndef NETRIG_POLICY_LIMIT_H
#define NETRIG_POLICY_LIMIT_H

#include "subject.h"

SHARED_ARRAY(source_buckets, struct policy_bucket_set);

#define TRIES_MAX 8

static __always_inline bool take_from(struct policy_bucket *bucket, const struct policy_rule *rule, __u64 now,
				      __u64 cost)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < TRIES_MAX; i++) {
		__u64 full_at = *(volatile __u64 *)&bucket->full_at, begin = full_at > now ? full_at : now;
		const __u64 empty = now + rule->capacity;

		if (begin + cost > empty) {
			/* A slower limit of the same rule has left it emptier than empty: from now on it fills at this one's rate. */
			if (full_at > empty)
				__sync_val_compare_and_swap(&bucket->full_at, full_at, empty);
			return false;
		}
		if (__sync_val_compare_and_swap(&bucket->full_at, full_at, begin + cost) == full_at)
			return true;
	}
	return false;
}

static __always_inline __u64 key_of_source(const struct subject *s, const struct policy_rule *rule)
{
	__u64 hash = layout.seed + rule->slot * 0x9e3779b97f4a7c15ull;

	if (s->kind < POLICY_KIND_IPV6) {
		/* The bit beyond tells an address of zeros from what is not IP. */
		hash ^= ((__u32)s->addr[3] & rule->source_mask4) | 1ull << 32;
	} else if (s->kind < POLICY_KIND_NOT_IP) {
		hash ^= (s->addr[0] & rule->source_mask[0]) * 0xc2b2ae3d27d4eb4full;
		hash ^= hash >> 29;
		hash += (s->addr[1] & rule->source_mask[1]) * 0x165667b19e3779f9ull + 1;
	}
	hash = (hash ^ hash >> 32) * 0xff51afd7ed558ccdull;
	hash = (hash ^ hash >> 29) * 0xc4ceb9fe1a85ec53ull;
	return (hash ^ hash >> 32) ?: 1;
}

/* The source's bucket; one whose bucket is full, or else the fullest, makes room for it. NULL: lost to another CPU just now. */
static __always_inline struct policy_bucket *bucket_of_source(const struct subject *s, const struct policy_rule *rule,
							      __u64 now)
{
	__u64 key = key_of_source(s, rule), old;
	__u32 at = (__u32)(key >> 32) & layout.bucket_mask;
	struct policy_bucket_set *set = bpf_map_lookup_elem(&source_buckets, &at);
	struct policy_bucket *fullest;

	if (!set)
		return NULL;
	fullest = &set->way[0];
#pragma unroll
	for (int i = 0; i < POLICY_BUCKET_WAYS; i++) {
		struct policy_bucket *each = &set->way[i];

		if (each->key == key)
			return each;
		if (each->full_at < fullest->full_at)
			fullest = each;
	}
	old = fullest->key;
	if (fullest->full_at > now)
		__sync_fetch_and_add(&the_gate()->buckets_lost, 1);
	if (__sync_val_compare_and_swap(&fullest->key, old, key) != old)
		return NULL;
	*(volatile __u64 *)&fullest->full_at = 0;
	return fullest;
}

/* From 2^20ths to 16ths. In halves: at a few bytes a second the product of large frames would not fit. */
static __always_inline __u64 cost_of_bytes(__u64 cost, __u32 length)
{
	return length * (cost >> 16) + (length * (cost & 0xffff) >> 16);
}

/* Whether the packet is beyond the rule's limit. */
static __always_inline bool is_over(const struct subject *s, const struct policy_rule *rule)
{
	__u64 now = bpf_ktime_get_ns() << 4;
	__u64 cost = rule->flags & POLICY_LIMIT_BYTES ? cost_of_bytes(rule->cost, s->length) : rule->cost;
	__u32 slot = rule->slot;
	struct policy_bucket *bucket;

	if (rule->flags & POLICY_LIMIT_SOURCE)
		bucket = bucket_of_source(s, rule, now);
	else
		bucket = bpf_map_lookup_elem(&rule_buckets, &slot);
	return bucket && !take_from(bucket, rule, now, cost);
}

#endif /* NETRIG_POLICY_LIMIT_H */
