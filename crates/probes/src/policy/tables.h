/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A generation's tables: one area, whose parts begin where the layout says. The layout is constant to the verifier, so that what
 * a policy does not use is not even compiled, and every access is an addition.
 *
 * Of what class a packet is in a dimension, and which rows that class may match.
 */
#ifndef NETRIG_POLICY_TABLES_H
#define NETRIG_POLICY_TABLES_H

#include "shared.h"

char tables[8] SEC(".data.tables");

const volatile struct policy_layout layout SEC(".rodata.layout") = {};

/* The area's start, of which the compiler must not think that it has eight bytes; the verifier knows its real size. */
static __always_inline void *part(__u64 offset)
{
	void *start = tables;

	asm volatile("" : "+r"(start));
	return start + offset;
}

/*
 * Whether a number is below a bound of the layout's. The verifier before 6.9 has to see the bound on the very register that is added to
 * an address: so such numbers are 64 bits long, and the compiler may not make another of them.
 */
#define BELOW(NUMBER, BOUND)                     \
	({                                       \
		asm volatile("" : "+r"(NUMBER)); \
		(NUMBER) < (BOUND);              \
	})

/* Searches more than 2^24 entries of one upper part would take more. */
#define SEARCH_STEPS_MAX 24
/* So many entries are compared all at once; each array of entries has as many more behind it. */
#define FEW 8

/* 1 where a < b, else 0, without a branch: which entry is met is chance to the CPU, and each wrong guess costs it some 20 cycles. */
static __always_inline __u64 less(__u64 a, __u64 b)
{
	__u64 difference = a - b;

	/* The compiler would make a branch of it. */
	asm volatile("" : "+r"(difference));
	return difference >> 63;
}

/* Of up to FEW entries the last that is below `after`; the first always is. */
static __always_inline __u64 last_of_few(const __u32 *entries, __u64 count, __u64 after)
{
	__u64 place = 0;

#pragma unroll
	for (__u32 i = 1; i < FEW; i++)
		place += less(entries[i], after) & less(i, count);
	return place;
}

/* `(upper half: where it begins, lower half: its class)`: the last of `count` entries from `first` on that begins at `key` or before. */
static __always_inline __u32 search4(const volatile struct policy_ranges4 *at, __u64 first, __u64 count, __u32 key)
{
	const __u32 *entries = part(at->entries);
	/* The key's half, with all classes below. */
	__u64 after = ((__u64)key << 16 | 0xffff) + 1;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 17 && count > FEW; i++) {
		__u64 half = count / 2, middle = first + half;

		if (!BELOW(middle, at->entry_count))
			return 0;
		first += half * less(entries[middle], after);
		count -= half;
	}
	if (!BELOW(first, at->entry_count))
		return 0;
	entries += first;
	return entries[last_of_few(entries, count, after) & (FEW - 1)] & 0xffff;
}

static __always_inline __u32 class_of_ipv4(const volatile struct policy_ranges4 *at, __u32 address)
{
	const __u32 *index = part(at->index);
	__u64 upper;
	__u32 first;

	if (!at->shift)
		return 0;
	upper = (__u64)address >> at->shift;
	first = index[upper];
	return search4(at, first, index[upper + 1] - first, address & ((1u << at->shift) - 1));
}

/* Where the last of `count` keys from `first` on lies that is `key` or less. */
static __always_inline __u64 search6(const __u64 *keys, __u32 bound, __u64 first, __u64 count, __u64 key)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < SEARCH_STEPS_MAX && count > 1; i++) {
		__u64 half = count / 2, middle = first + half;

		if (BELOW(middle, bound) && keys[middle] <= key)
			first = middle;
		count -= half;
	}
	return first;
}

#define DEEPER (1u << 31)

static __always_inline __u32 class_of_lower(const volatile struct policy_ranges6 *at, __u64 place, __u64 lower)
{
	const __u32 *deeper = part(at->deeper), *classes = part(at->lower_class);
	__u64 first;

	if (!BELOW(place, at->deeper_count))
		return 0;
	deeper += place;
	first = search6(part(at->lower), at->lower_count, deeper[0], deeper[1] - deeper[0], lower);
	return BELOW(first, at->lower_count) ? classes[first] : 0;
}

/*
 * Both halves in host order. The upper 16 bits alone say little: registries give out from a few of them. So a part that has more than a
 * few keys has an index of its own, of as many of the next bits as it has keys; what is left to search is one or two.
 */
static __always_inline __u32 class_of_ipv6(const volatile struct policy_ranges6 *at, __u64 upper, __u64 lower)
{
	const __u32 *classes = part(at->upper_class);
	__u64 of_part, first, count;
	__u32 class;

	if (!at->used)
		return 0;
	of_part = ((const __u64 *)part(at->parts))[upper >> 48];
	first = (__u32)of_part;
	count = of_part >> 32 & 0xff;
	if (!count) {
		const __u32 *fine = part(at->fine);
		__u64 place = first + ((upper << 16 >> 1) >> (of_part >> 40 & 63));

		if (!BELOW(place, at->fine_count))
			return 0;
		fine += place;
		first = fine[0];
		count = fine[1] - fine[0] + 1;
	}
	first = search6(part(at->upper), at->upper_count, first, count, upper);
	class = BELOW(first, at->upper_count) ? classes[first] : 0;
	return class & DEEPER ? class_of_lower(at, class & ~DEEPER, lower) : class;
}

/* Where the set of a class begins. */
static __always_inline __u64 set_of(const volatile struct policy_dimension *of, __u64 class)
{
	if (!BELOW(class, of->classes))
		class = 0;
	return of->sets + (class << layout.set_shift);
}

/* `port` may be POLICY_PORT_NONE or POLICY_PORT_UNREADABLE. */
static __always_inline __u64 set_of_port(const volatile struct policy_ports *at, __u64 port)
{
	const __u16 *classes = part(at->table);

	return set_of(&at->of, BELOW(port, POLICY_PORT_UNREADABLE + 1) ? classes[port] : 0);
}

#endif /* NETRIG_POLICY_TABLES_H */
