/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * policy, a generation: what is decided of a packet. For each dimension a table says which rows may match; what all of them say
 * are candidates, which are tried in the order of the policy.
 *
 * Hooks: XDP, through the door (entry.bpf.c).
 * Metrics: netrig_policy_*.
 */
#include "syn.h"
#include "tell.h"

enum {
	BPF_MAP_TYPE_DEVMAP = 14,
	BPF_MAP_TYPE_CPUMAP = 16,
};

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} cpus SEC(".maps");

#define NO_RULE 0xffff
#define WORDS_MAX 16
#define DIMENSIONS 5
/* Each step tries a candidate or goes on to the next word. */
#define STEPS_MAX (1024 + WORDS_MAX)

struct search {
	struct xdp_md *xdp;
	__u64 bits; /* candidates of this word that were not tried yet */
	struct subject s;
	__u32 sets[DIMENSIONS]; /* where the packet's sets begin; all of those that are not used are the first */
	__u32 word;
	__u32 ifindex;
	__u32 number; /* redirect: place in its map */
	struct syn syn; /* of a SYN that is to be answered */
	__u64 mac[2]; /* destination, source: six octets each, as they lie */
	__u16 verdict; /* enum xdp_action */
	__u16 told; /* the rule told last: of one with several rows a packet is counted once */
	__u8 act; /* of the rule that decided */
};

static __always_inline __u64 word_of(__u32 set, __u32 word)
{
	__u32 at = set + word * 8;

	return at < layout.sets_end ? *(__u64 *)part(at) : 0;
}

static __always_inline __u64 candidates(const struct search *q, __u32 word)
{
	__u64 bits = word_of(q->sets[0], word);

	if (layout.src.of.used)
		bits &= word_of(q->sets[1], word);
	if (layout.dst.of.used)
		bits &= word_of(q->sets[2], word);
	if (layout.src_port.of.used)
		bits &= word_of(q->sets[3], word);
	if (layout.dst_port.of.used)
		bits &= word_of(q->sets[4], word);
	return bits;
}

static __always_inline __u32 set_of_addresses(const volatile struct policy_addresses *at, const struct subject *s,
					      bool source)
{
	__u32 class = 0;

	if (s->kind < POLICY_KIND_IPV6)
		class = class_of_ipv4(&at->v4, bpf_ntohl((__u32)(source ? s->addr[3] : s->addr[3] >> 32)));
	else if (s->kind < POLICY_KIND_NOT_IP && at->v6.used)
		class = class_of_ipv6(&at->v6, bpf_be64_to_cpu(s->addr[source ? 0 : 2]),
				      bpf_be64_to_cpu(s->addr[source ? 1 : 3]));
	return set_of(&at->of, class);
}

/*
 * The packet's sets, dimension by dimension; false as soon as nothing is left, which where one word holds all rows is known at
 * once.
 */
static __always_inline bool find_sets(struct search *q)
{
	const struct subject *s = &q->s;
	__u64 bits;

	q->sets[0] = layout.kinds + ((__u32)s->kind << layout.set_shift);
	bits = word_of(q->sets[0], 0);
	if (layout.words == 1 && !bits)
		return false;
	if (layout.src.of.used) {
		q->sets[1] = set_of_addresses(&layout.src, s, true);
		bits &= word_of(q->sets[1], 0);
		if (layout.words == 1 && !bits)
			return false;
	}
	if (layout.dst.of.used) {
		q->sets[2] = set_of_addresses(&layout.dst, s, false);
		bits &= word_of(q->sets[2], 0);
		if (layout.words == 1 && !bits)
			return false;
	}
	if (layout.dst_port.of.used) {
		q->sets[4] = set_of_port(&layout.dst_port, s->dst_port);
		bits &= word_of(q->sets[4], 0);
	}
	if (layout.src_port.of.used) {
		q->sets[3] = set_of_port(&layout.src_port, s->src_port);
		bits &= word_of(q->sets[3], 0);
	}
	q->bits = bits;
#pragma clang loop unroll(disable)
	for (__u32 word = 1; !q->bits && word < WORDS_MAX && word < layout.words; word++) {
		q->word = word;
		q->bits = candidates(q, word);
	}
	return q->bits;
}

#define FAILS(CHECK, HOLDS) (layout.all_checks & (CHECK) && checks & (CHECK) && !(HOLDS))

static __always_inline bool holds_below_transport(const struct search *q, const struct policy_row *row)
{
	const struct subject *s = &q->s;
	__u32 checks = row->checks;

	if (FAILS(POLICY_CHECK_LENGTH, s->length >= row->length_min && s->length <= row->length_max))
		return false;
	if (FAILS(POLICY_CHECK_UNTAGGED, !s->vlan))
		return false;
	if (FAILS(POLICY_CHECK_VLAN,
		  s->vlan && (s->vlan & 0xfff) >= row->vlan_min && (s->vlan & 0xfff) <= row->vlan_max))
		return false;
	if (FAILS(POLICY_CHECK_FRAGMENT, s->kind != POLICY_KIND_NOT_IP && s->fragment & row->fragments))
		return false;
	if (FAILS(POLICY_CHECK_IFINDEX, q->ifindex == row->ifindex))
		return false;
	if (FAILS(POLICY_CHECK_ETHERTYPE, s->ethertype == row->ethertype))
		return false;
	if (FAILS(POLICY_CHECK_DST_MAC, q->mac[0] == row->dst_mac))
		return false;
	return !FAILS(POLICY_CHECK_SRC_MAC, q->mac[1] == row->src_mac);
}

static __always_inline bool holds_of_transport(const struct subject *s, const struct policy_row *row)
{
	__u32 checks = row->checks;

	if (FAILS(POLICY_CHECK_ICMP_TYPE, s->icmp_type >= row->icmp_min && s->icmp_type <= row->icmp_max))
		return false;
	return !FAILS(POLICY_CHECK_TCP_FLAGS, (s->tcp_flags & row->flags_mask) == row->flags_value);
}

static __always_inline bool acts(const struct policy_rule *rule)
{
	return rule->act == POLICY_DROP || rule->act >= POLICY_LIMIT;
}

static __always_inline bool is_unreadable(const struct subject *s, const struct policy_row *row)
{
	if (s->unreadable == FLAGS_UNREADABLE)
		return row->checks & POLICY_CHECK_TCP_FLAGS;
	return s->unreadable && row->checks & POLICY_NEEDS_TRANSPORT;
}

/* Whether a SYN comes too fast to be let in, and can be answered. In shadow mode no cookie is made, so all that come too fast are. */
static __always_inline bool is_guarded(struct search *q, const struct policy_rule *rule)
{
	if (!layout.guards_syn || !is_syn(&q->s) || !is_over(&q->s, rule))
		return false;
	if (rule->flags & POLICY_SHADOW)
		return true;
	q->syn = (struct syn){};
	return find_cookie(q->xdp, &q->s, &q->syn);
}

/* Whether the rule removes the packet, or would; a rule that observes does not. */
static __always_inline bool removes(struct search *q, const struct policy_rule *rule, bool unreadable)
{
	if (rule->act == POLICY_LIMIT)
		return unreadable || is_over(&q->s, rule);
	if (rule->act == POLICY_SYN_GUARD)
		return unreadable || is_guarded(q, rule);
	return acts(rule);
}

/* What a rule that matches does. Ends the search where it decides. */
static __always_inline long apply(struct search *q, const struct policy_rule *rule, bool unreadable)
{
	bool over = removes(q, rule, unreadable);

	tell(q->xdp, &q->s, rule, over);
	if (rule->flags & POLICY_SHADOW || rule->act == POLICY_COUNT || rule->act == POLICY_SAMPLE)
		return 0;
	q->verdict = over ? XDP_DROP : XDP_PASS;
	q->number = rule->number;
	if (!unreadable)
		q->act = rule->act;
	return 1;
}

static __noinline long try_row(struct search *q, __u32 place)
{
	const struct policy_row *row;
	const struct policy_rule *rule;
	bool unreadable = false;
	__u32 which;

	if (place >= layout.row_count)
		return 0;
	row = (struct policy_row *)part(layout.rows) + place;
	which = row->rule;
	/* The verifier has to see the bound on the very number that is used. */
	asm volatile("" : "+r"(which));
	if (which == q->told || which >= layout.rule_count)
		return 0;
	rule = (struct policy_rule *)part(layout.rules) + which;
	if (row->checks) {
		unreadable = is_unreadable(&q->s, row);
		if (unreadable && !(layout.drop_unreadable && acts(rule)))
			return 0;
		if (!holds_below_transport(q, row) || (!unreadable && !holds_of_transport(&q->s, row)))
			return 0;
	}
	if (rule->expires && bpf_jiffies64() >= rule->expires)
		return 0;
	q->told = which;
	return apply(q, rule, unreadable);
}

/* Clang's own way to the lowest bit runs out of memory in version 14: a product whose upper six bits differ for each bit. */
#define LOWEST_BIT_PRODUCT 0x03f79d71b4cb0a89ull

static const __u8 lowest_bit_by_product[64] = {
	0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38, 29, 17, 4,  62, 55, 59, 36, 53, 51,
	43, 22, 45, 39, 33, 30, 24, 18, 12, 5,  63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
	44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6,
};

static __always_inline __u32 lowest_bit(__u64 bits)
{
	return lowest_bit_by_product[(bits & -bits) * LOWEST_BIT_PRODUCT >> 58];
}

static long step(__u64 index, struct search *q)
{
	__u64 bits = q->bits;

	if (!bits) {
		q->word++;
		if (q->word >= layout.words)
			return 1;
		q->bits = candidates(q, q->word);
		return 0;
	}
	q->bits = bits & (bits - 1);
	return try_row(q, q->word * 64 + lowest_bit(bits));
}

/* What only candidates are asked for. */
static __always_inline void read_rest(struct search *q)
{
	q->s.length = bpf_xdp_get_buff_len(q->xdp);
	if (layout.all_checks & POLICY_CHECK_IFINDEX)
		q->ifindex = q->xdp->ingress_ifindex;
	if (layout.all_checks & (POLICY_CHECK_SRC_MAC | POLICY_CHECK_DST_MAC)) {
		q->mac[0] = q->mac[1] = 0; /* of eight octets, six are loaded */
		bpf_xdp_load_bytes(q->xdp, 0, &q->mac[0], 6);
		bpf_xdp_load_bytes(q->xdp, 6, &q->mac[1], 6);
	}
}

static __always_inline int carry_out(struct search *q)
{
	if (q->act == POLICY_REDIRECT_INTERFACE || q->act == POLICY_REDIRECT_CPU) {
		/* A target that has gone fails open. */
		int done = q->act == POLICY_REDIRECT_INTERFACE ? bpf_redirect_map(&devices, q->number, XDP_PASS) :
								 bpf_redirect_map(&cpus, q->number, XDP_PASS);

		if (done == XDP_REDIRECT)
			tell_removed(q->xdp, &q->s, true);
		return done;
	}
	if (layout.guards_syn && q->act == POLICY_SYN_GUARD && q->verdict == XDP_DROP)
		q->verdict = answer_syn(q->xdp, &q->s, &q->syn);
	/* Nor does the stack see a SYN that was answered. */
	if (q->verdict != XDP_PASS)
		tell_removed(q->xdp, &q->s, false);
	return q->verdict;
}

static __always_inline int pass_always(struct search *q)
{
	q->s.length = bpf_xdp_get_buff_len(q->xdp);
	if (layout.rule_count)
		tell(q->xdp, &q->s, part(layout.rules), false);
	return XDP_PASS;
}

SEC("xdp.frags")
int policy_rules(struct xdp_md *xdp)
{
	struct search q;

	q.xdp = xdp;
	q.word = 0;
	q.told = NO_RULE;
	q.verdict = XDP_PASS;
	q.act = POLICY_PASS;
	if (!read_common(&q.s, (void *)(long)xdp->data, (void *)(long)xdp->data_end)) {
		q.s = (struct subject){};
		read_slowly(xdp, &q.s);
	}
	if (always_passes(&q.s))
		return pass_always(&q);
	if (!find_sets(&q))
		return XDP_PASS;
	read_rest(&q);
	/* The first candidate nearly always decides: for it no loop is begun. */
	if (!step(0, &q))
		bpf_loop(STEPS_MAX, step, &q, 0);
	return carry_out(&q);
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
