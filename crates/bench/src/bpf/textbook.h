/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The yardstick: flow accounting as tutorials write it. Parse, take the time, look up a hash map by 5-tuple, add to the
 * value or insert a new one. It knows no VLANs, options, fragments or super-packets, and two CPUs on one flow lose
 * counts; that is the point of it.
 */
#ifndef NETRIG_TEXTBOOK_H
#define NETRIG_TEXTBOOK_H

enum {
	TEXTBOOK_HASH = 1, /* BPF_MAP_TYPE_HASH */
	TEXTBOOK_NOEXIST = 1, /* BPF_NOEXIST */
};

struct textbook_key4 {
	__u32 src, dst;
	__u16 src_port, dst_port;
	__u32 protocol;
};

struct textbook_key6 {
	__u64 src[2], dst[2];
	__u16 src_port, dst_port;
	__u32 protocol;
};

struct textbook_flow {
	__u64 packets, bytes, first_ns, last_ns;
};

struct {
	__uint(type, TEXTBOOK_HASH);
	__uint(max_entries, 1);
	__type(key, struct textbook_key4);
	__type(value, struct textbook_flow);
} textbook4 SEC(".maps");

struct {
	__uint(type, TEXTBOOK_HASH);
	__uint(max_entries, 1);
	__type(key, struct textbook_key6);
	__type(value, struct textbook_flow);
} textbook6 SEC(".maps");

static __always_inline void textbook_add(void *map, void *key, __u32 bytes)
{
	__u64 now_ns = bpf_ktime_get_ns();
	struct textbook_flow *flow = bpf_map_lookup_elem(map, key);

	if (flow) {
		flow->packets++;
		flow->bytes += bytes;
		flow->last_ns = now_ns;
	} else {
		struct textbook_flow new = { .packets = 1, .bytes = bytes, .first_ns = now_ns, .last_ns = now_ns };

		bpf_map_update_elem(map, key, &new, TEXTBOOK_NOEXIST);
	}
}

static __always_inline void textbook(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	void *l3 = data + 14;

	if (data + 42 > end)
		return;
	if (*(__u16 *)(data + 12) == bpf_htons(0x0800)) {
		struct textbook_key4 key = {
			.src = *(__u32 *)(l3 + 12),
			.dst = *(__u32 *)(l3 + 16),
			.src_port = *(__u16 *)(l3 + 20),
			.dst_port = *(__u16 *)(l3 + 22),
			.protocol = *(__u8 *)(l3 + 9),
		};

		textbook_add(&textbook4, &key, skb->len);
	} else if (*(__u16 *)(data + 12) == bpf_htons(0x86dd) && l3 + 44 <= end) {
		struct textbook_key6 key = {
			.src = { *(__u64 *)(l3 + 8), *(__u64 *)(l3 + 16) },
			.dst = { *(__u64 *)(l3 + 24), *(__u64 *)(l3 + 32) },
			.src_port = *(__u16 *)(l3 + 40),
			.dst_port = *(__u16 *)(l3 + 42),
			.protocol = *(__u8 *)(l3 + 6),
		};

		textbook_add(&textbook6, &key, skb->len);
	}
}

#endif /* NETRIG_TEXTBOOK_H */
