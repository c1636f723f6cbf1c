/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The payload part's memory. */
#ifndef NETRIG_PAYLOAD_MAPS_H
#define NETRIG_PAYLOAD_MAPS_H

#include "../bpf/maps.h"
#include "wire.h"

/*
 * A ring for each CPU. Programs run with bottom halves off and none comes in the midst of another on its CPU, so a ring has one writer. What
 * comes is written from `head` on; a record that would go beyond the end begins at the start.
 */
SHARED_AREA(payload_rings, __u64); /* [cpu][octets], and room for one more record behind the last */
SHARED_AREA(payload_ends, struct payload_ends); /* [cpu] */

const volatile struct payload_settings payload SEC(".rodata.payload") = {};

enum payload_tcp_flag {
	PAYLOAD_FIN = 1 << 0,
	PAYLOAD_SYN = 1 << 1,
	PAYLOAD_RST = 1 << 2,
	PAYLOAD_PSH = 1 << 3,
};

#endif /* NETRIG_PAYLOAD_MAPS_H */
