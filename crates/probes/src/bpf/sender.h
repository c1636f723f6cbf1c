/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which process a packet comes from, for sockets other than TCP's: the TCP probe writes it where the socket is made or
 * bound, the flow probe asks when it meets a new flow. TCP's own are found by their addresses, with more to say.
 */
#ifndef NETRIG_SENDER_H
#define NETRIG_SENDER_H

#include "wire.h"

enum {
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_F_NO_PREALLOC = 1 << 0,
};

struct other_socket {
	__u32 pid;
	struct bound_key bound; /* port 0: to none */
	__u32 reserved;
	__u64 cgroup;
	char process[16]; /* it may be gone when its packet is told of */
};

/* Freed by the kernel with its socket. One map for both probes. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct other_socket);
} other_sockets SEC(".maps");

#endif /* NETRIG_SENDER_H */
