/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a policy costs: a program that makes each packet one of the next source and hands it to the contender of the turn, and
 * the contenders that are not netrig's. All are called alike, so that what this costs is the same for all.
 *
 * They say xdp.frags, as netrig's door does: programs of one array must be of one kind.
 */
#include "../../../probes/src/bpf/kernel.h"

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_F_NO_PREALLOC = 1,
	SEQUENCE_LEN = 1 << 20,
	LENGTH_MIN = 62, /* Ethernet, IPv6 and UDP */
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} contender SEC(".maps");

/* An IPv4 source, or the upper half of an IPv6 one, in network order; the lower half is the packet's own. */
__u64 sources[SEQUENCE_LEN] SEC(".data.sources");
__u32 cursor SEC(".data.cursor")
= 0;
/* Live frames: the device to send by. */
const volatile __u32 redirect_ifindex = 0;

struct prefix4 {
	__u32 bits;
	__u32 address;
};

struct prefix6 {
	__u32 bits;
	__u64 address[2];
} __attribute__((packed));

#define TABLE(NAME, TYPE, KEY, FLAGS)              \
	struct {                                   \
		__uint(type, TYPE);                \
		__uint(map_flags, FLAGS);          \
		__uint(max_entries, 1);            \
		__uint(key_size, sizeof(KEY));     \
		__uint(value_size, sizeof(__u64)); \
	} NAME SEC(".maps")

TABLE(trie4, BPF_MAP_TYPE_LPM_TRIE, struct prefix4, BPF_F_NO_PREALLOC);
TABLE(trie6, BPF_MAP_TYPE_LPM_TRIE, struct prefix6, BPF_F_NO_PREALLOC);
TABLE(hash4, BPF_MAP_TYPE_HASH, __u32, 0);
TABLE(hash6, BPF_MAP_TYPE_HASH, struct prefix6, 0);

static __always_inline void renew(struct xdp_md *xdp, bool is_ipv6)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__u64 source = sources[cursor++ & (SEQUENCE_LEN - 1)];

	if (data + LENGTH_MIN > end)
		return;
	if (is_ipv6)
		*(__u64 *)(data + 22) = source;
	else
		*(__u32 *)(data + 26) = source;
}

SEC("xdp.frags")
int policy_next4(struct xdp_md *xdp)
{
	renew(xdp, false);
	bpf_tail_call_static(xdp, &contender, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int policy_next6(struct xdp_md *xdp)
{
	renew(xdp, true);
	bpf_tail_call_static(xdp, &contender, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int policy_send4(struct xdp_md *xdp)
{
	renew(xdp, false);
	return bpf_redirect(redirect_ifindex, 0);
}

SEC("xdp.frags")
int policy_send6(struct xdp_md *xdp)
{
	renew(xdp, true);
	return bpf_redirect(redirect_ifindex, 0);
}

SEC("xdp.frags")
int policy_empty_drop(struct xdp_md *xdp)
{
	return XDP_DROP;
}

SEC("xdp.frags")
int policy_empty_pass(struct xdp_md *xdp)
{
	return XDP_PASS;
}

/* As tutorials write it: what is in the map is counted and dropped. Neither the parser nor the map knows anything else. */
static __always_inline int textbook(struct xdp_md *xdp, void *table4, void *table6, bool by_prefix)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	__u64 *count = NULL;

	if (data + 34 > end)
		return XDP_PASS;
	if (*(__u16 *)(data + 12) == bpf_htons(0x0800)) {
		struct prefix4 key = { .bits = 32, .address = *(__u32 *)(data + 26) };

		count = by_prefix ? bpf_map_lookup_elem(table4, &key) : bpf_map_lookup_elem(table4, &key.address);
	} else if (*(__u16 *)(data + 12) == bpf_htons(0x86dd) && data + 54 <= end) {
		struct prefix6 key = { .bits = 128, .address = { *(__u64 *)(data + 22), *(__u64 *)(data + 30) } };

		count = bpf_map_lookup_elem(table6, &key);
	}
	if (!count)
		return XDP_PASS;
	__sync_fetch_and_add(count, 1);
	return XDP_DROP;
}

SEC("xdp.frags")
int policy_trie(struct xdp_md *xdp)
{
	return textbook(xdp, &trie4, &trie6, true);
}

SEC("xdp.frags")
int policy_hash(struct xdp_md *xdp)
{
	return textbook(xdp, &hash4, &hash6, false);
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
