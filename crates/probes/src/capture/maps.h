/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A capture's memory. Areas are data sections, whose address programs know; the loader sets their lengths. */
#ifndef NETRIG_CAPTURE_MAPS_H
#define NETRIG_CAPTURE_MAPS_H

#include "../bpf/kernel_tcp.h"
#include "wire.h"

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_F_CLONE = 1 << 9,
	BPF_SK_STORAGE_GET_F_CREATE = 1 << 0,
};

#define AREA(NAME, TYPE) TYPE NAME[1] SEC(".data." #NAME)

AREA(counts, struct capture_count); /* [cpu][source] */
AREA(cpus, struct capture_cpu); /* [cpu] */
AREA(frames, struct capture_frame); /* [cpu]: a dropped packet, for the filter to look at */
AREA(lately, struct capture_lately); /* [cpu][CAPTURE_LATELY] */
AREA(gate, struct capture_gate);

/*
 * A ring for each CPU, and behind those of all CPUs one for each CPU's drops, which come in the midst of all else. In plain memory: its one
 * writer needs no lock, and its reader no call. What comes is written from `head` on; a record that would go beyond the end begins at the
 * start.
 */
AREA(rings, __u64); /* [ring][octets], and room for one more record behind the last */
AREA(ends, struct capture_ends); /* [ring] */

/* What user space waits for: nothing but that there is much. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} wakings SEC(".maps");

/* Where a filter hands on what it takes; and for drops, where the filter itself is. */
#define PROGRAMS(NAME)                                 \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, 2);                \
		__type(key, __u32);                    \
		__type(value, __u32);                  \
	} NAME SEC(".maps")

PROGRAMS(programs_xdp);
PROGRAMS(programs_tc);
PROGRAMS(programs_drop);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} ifaces SEC(".maps");

const volatile struct capture_settings settings SEC(".rodata.settings") = {};

/* An area's start, of which the compiler must not think that it has one element; the verifier knows its real size. */
static __always_inline void *start_of(void *area)
{
	asm volatile("" : "+r"(area));
	return area;
}

static __always_inline __u64 this_cpu(void)
{
	return bpf_get_smp_processor_id() & settings.cpu_mask;
}

/*
 * A place in a table of tables. Where bits do not overlap the compiler would OR them, of which the verifier before 6.9 knows no bound;
 * nor does it of the lower halves of registers.
 */
static __always_inline __u64 place_in(__u64 first, __u64 further)
{
	asm volatile("" : "+r"(further));
	return first + further;
}

static __always_inline struct capture_cpu *cpu_at(__u64 cpu)
{
	return (struct capture_cpu *)start_of(cpus) + cpu;
}

static __always_inline struct capture_count *count_of(__u64 cpu, __u64 source)
{
	__u64 mask = (1ull << settings.source_shift) - 1;

	return (struct capture_count *)start_of(counts) + place_in(cpu << settings.source_shift, source & mask);
}

#endif /* NETRIG_CAPTURE_MAPS_H */
