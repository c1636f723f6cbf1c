/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What rings: each object has a ring of its own, for which one thread of user space waits. What is put there is of no interest.
 */
#ifndef NETRIG_BELL_RING_H
#define NETRIG_BELL_RING_H

#include "kernel.h"

enum {
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_RB_FORCE_WAKEUP = 1 << 1,
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} bell SEC(".maps");

/* `word`: eight octets of shared memory. */
static __always_inline void strike(void *word)
{
	bpf_ringbuf_output(&bell, word, sizeof(__u64), BPF_RB_FORCE_WAKEUP);
}

#endif /* NETRIG_BELL_RING_H */
