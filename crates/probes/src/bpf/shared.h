/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arrays that user space maps into its memory. The loader sets their length. */
#ifndef NETRIG_SHARED_H
#define NETRIG_SHARED_H

#include "wire.h"

#define SHARED_ARRAY(NAME, TYPE)                   \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);  \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, 1);            \
		__type(key, __u32);                \
		__type(value, TYPE);               \
	} NAME SEC(".maps")

#endif /* NETRIG_SHARED_H */
