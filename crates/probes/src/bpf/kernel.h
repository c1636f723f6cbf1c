/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's types, as far as netrig reads them.
 *
 * Program contexts are UAPI: their layout is a promise, so they are written down here rather than taken from whatever
 * headers the build machine has. Kernel-internal structs, when a probe needs one, carry preserve_access_index and hold
 * only the fields really read: CO-RE finds them in the running kernel.
 */
#ifndef NETRIG_KERNEL_H
#define NETRIG_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0

enum {
	BPF_MAP_TYPE_ARRAY = 2,
};

enum {
	BPF_F_MMAPABLE = 1 << 10,
};

enum tc_verdict {
	TC_NEXT = -1, /* TCX_NEXT and TC_ACT_UNSPEC: let the next program decide */
};

enum xdp_action {
	XDP_ABORTED,
	XDP_DROP,
	XDP_PASS,
	XDP_TX,
	XDP_REDIRECT,
};

/* UAPI: what a tc or tcx program is given. */
struct __sk_buff {
	__u32 len;
	__u32 pkt_type;
	__u32 mark;
	__u32 queue_mapping;
	__u32 protocol;
	__u32 vlan_present;
	__u32 vlan_tci;
	__u32 vlan_proto;
	__u32 priority;
	__u32 ingress_ifindex;
	__u32 ifindex;
	__u32 tc_index;
	__u32 cb[5];
	__u32 hash;
	__u32 tc_classid;
	__u32 data;
	__u32 data_end;
	__u32 napi_id;
	__u32 family;
	__u32 remote_ip4;
	__u32 local_ip4;
	__u32 remote_ip6[4];
	__u32 local_ip6[4];
	__u32 remote_port;
	__u32 local_port;
	__u32 data_meta;
	__u64 flow_keys;
	__u64 tstamp;
	__u32 wire_len;
	__u32 gso_segs;
	__u64 sk;
	__u32 gso_size;
	__u8 tstamp_type;
	__u32 : 24;
	__u64 hwtstamp;
};

/* UAPI: what an XDP program is given. */
struct xdp_md {
	__u32 data;
	__u32 data_end;
	__u32 data_meta;
	__u32 ingress_ifindex;
	__u32 rx_queue_index;
	__u32 egress_ifindex;
};

/* UAPI: what a socket is looked up by. */
struct bpf_sock_tuple {
	union {
		struct {
			__be32 saddr;
			__be32 daddr;
			__be16 sport;
			__be16 dport;
		} ipv4;
		struct {
			__u64 saddr[2];
			__u64 daddr[2];
			__be16 sport;
			__be16 dport;
		} __attribute__((packed, aligned(4))) ipv6;
	};
};

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#endif /* NETRIG_KERNEL_H */
