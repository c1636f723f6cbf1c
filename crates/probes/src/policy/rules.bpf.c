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
/* Each step tries a candidate or goes on to the next word. */
#define STEPS_MAX (1024 + WORDS_MAX)

struct search {
	struct xdp_md *xdp;
	__u64 bits; /* candidates of this word that were not tried yet */
	const struct subject *s;
	const __u32 *sets; /* remembered's */
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
	__u64 at = set + word * 8;

	return BELOW(at, layout.sets_end) ? *(__u64 *)part(at) : 0;
}

static __always_inline __u64 candidates(const __u32 *sets, __u32 word)
{
	__u64 bits = word_of(sets[0], word);

	if (layout.src.of.used)
		bits &= word_of(sets[1], word);
	if (layout.dst.of.used)
		bits &= word_of(sets[2], word);
	if (layout.src_port.of.used)
		bits &= word_of(sets[3], word);
	if (layout.dst_port.of.used)
		bits &= word_of(sets[4], word);
	return bits;
}

static __always_inline __u64 set_of_kind(const struct subject *s)
{
	/* To the verifier there are as many kinds as this; the area goes on behind those that there are. */
	return layout.kinds + ((__u64)(s->kind & (2 * POLICY_KIND_NOT_IP - 1)) << layout.set_shift);
}

static __always_inline __u64 set_of_addresses(const volatile struct policy_addresses *at, const struct subject *s,
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

/* Of a set whose place the verifier has seen come from the layout: it knows how far that can be. */
static __always_inline __u64 word_at(__u64 set)
{
	return *(__u64 *)part(set);
}

/* Where one word holds all rows: the candidates, dimension by dimension until nothing is left. Ports come first: they cost one look. */
static __always_inline __u64 candidates_of_one_word(const struct subject *s)
{
	__u64 bits = word_at(set_of_kind(s));

	if (layout.dst_port.of.used)
		bits &= word_at(set_of_port(&layout.dst_port, s->dst_port));
	if (layout.src_port.of.used)
		bits &= word_at(set_of_port(&layout.src_port, s->src_port));
	if (layout.src.of.used && bits)
		bits &= word_at(set_of_addresses(&layout.src, s, true));
	if (layout.dst.of.used && bits)
		bits &= word_at(set_of_addresses(&layout.dst, s, false));
	return bits;
}

/* Where they are more: the candidates of the first word that has any, of what is remembered. */
__noinline __u64 candidates_of_many(struct remembered *of)
{
	const struct subject *s;
	__u64 bits = 0;
	__u32 word;

	if (!of)
		return 0;
	s = &of->subject;
	of->sets[0] = set_of_kind(s);
	if (layout.src.of.used)
		of->sets[1] = set_of_addresses(&layout.src, s, true);
	if (layout.dst.of.used)
		of->sets[2] = set_of_addresses(&layout.dst, s, false);
	if (layout.src_port.of.used)
		of->sets[3] = set_of_port(&layout.src_port, s->src_port);
	if (layout.dst_port.of.used)
		of->sets[4] = set_of_port(&layout.dst_port, s->dst_port);
#pragma clang loop unroll(disable)
	for (word = 0; !bits && word < WORDS_MAX && word < layout.words; word++) {
		of->word = word;
		bits = candidates(of->sets, word);
	}
	return bits;
}

#define FAILS(CHECK, HOLDS) (layout.all_checks & (CHECK) && checks & (CHECK) && !(HOLDS))

static __always_inline bool holds_below_transport(const struct search *q, const struct policy_row *row)
{
	const struct subject *s = q->s;
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
	if (!layout.guards_syn || !is_syn(q->s) || !is_over(q->s, rule))
		return false;
	if (rule->flags & POLICY_SHADOW)
		return true;
	q->syn = (struct syn){};
	return find_cookie(q->xdp, q->s, &q->syn);
}

/* Whether the rule removes the packet, or would; a rule that observes does not. */
static __always_inline bool removes(struct search *q, const struct policy_rule *rule, bool unreadable)
{
	if (rule->act == POLICY_LIMIT)
		return unreadable || is_over(q->s, rule);
	if (rule->act == POLICY_SYN_GUARD)
		return unreadable || is_guarded(q, rule);
	return acts(rule);
}

/* What a rule that matches does. Ends the search where it decides. */
static __always_inline long apply(struct search *q, const struct policy_rule *rule, bool unreadable)
{
	bool over = removes(q, rule, unreadable);

	if (tell(q->s, this_cpu(), rule->slot, over, rule->act == POLICY_SAMPLE ? rule->number : 0))
		send_example(q->xdp, q->s, rule, over);
	if (rule->flags & POLICY_SHADOW || rule->act == POLICY_COUNT || rule->act == POLICY_SAMPLE)
		return 0;
	q->verdict = over ? XDP_DROP : XDP_PASS;
	q->number = rule->number;
	if (!unreadable)
		q->act = rule->act;
	return 1;
}

static __always_inline const struct policy_row *row_at(__u64 place)
{
	return BELOW(place, layout.row_count) ? (struct policy_row *)part(layout.rows) + place : NULL;
}

static __always_inline const struct policy_rule *rule_at(__u64 place)
{
	return BELOW(place, layout.rule_count) ? (struct policy_rule *)part(layout.rules) + place : NULL;
}

static __noinline long try_row(struct search *q, __u64 place)
{
	const struct policy_row *row = row_at(place);
	const struct policy_rule *rule;
	bool unreadable = false;

	if (!row || row->rule == q->told)
		return 0;
	rule = rule_at(row->rule);
	if (!rule)
		return 0;
	if (row->checks) {
		unreadable = is_unreadable(q->s, row);
		if (unreadable && !(layout.drop_unreadable && acts(rule)))
			return 0;
		if (!holds_below_transport(q, row) || (!unreadable && !holds_of_transport(q->s, row)))
			return 0;
	}
	if (rule->expires && bpf_jiffies64() >= rule->expires)
		return 0;
	q->told = row->rule;
	return apply(q, rule, unreadable);
}

/* Clang's own way to the lowest bit runs out of memory in version 14: a product whose upper six bits differ for each bit. */
#define LOWEST_BIT_PRODUCT 0x03f79d71b4cb0a89ull

static __always_inline __u32 product_of_lowest(__u64 bits)
{
	return (bits & -bits) * LOWEST_BIT_PRODUCT >> 58;
}

static const __u8 lowest_bit_by_product[64] = {
	0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38, 29, 17, 4,  62, 55, 59, 36, 53, 51,
	43, 22, 45, 39, 33, 30, 24, 18, 12, 5,  63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
	44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6,
};

static __always_inline __u32 lowest_bit(__u64 bits)
{
	return lowest_bit_by_product[product_of_lowest(bits)];
}

static long step(__u64 index, struct search *q)
{
	__u64 bits = q->bits;

	if (!bits) {
		/* The last word stays, so that the verifier meets no words beyond. */
		if (q->word + 1 >= layout.words)
			return 1;
		q->word++;
		q->bits = candidates(q->sets, q->word);
		return 0;
	}
	q->bits = bits & (bits - 1);
	return try_row(q, place_in(q->word * 64, lowest_bit(bits)));
}

/* What rows ask for that is nowhere yet. */
static __always_inline void read_rest(struct search *q)
{
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
	/* A target that has gone fails open. On another CPU the stack sees the packet all the same: it is not taken from it. */
	if (q->act == POLICY_REDIRECT_CPU)
		return bpf_redirect_map(&cpus, q->number, XDP_PASS);
	if (q->act == POLICY_REDIRECT_INTERFACE) {
		int done = bpf_redirect_map(&devices, q->number, XDP_PASS);

		if (done == XDP_REDIRECT)
			tell_removed(q->xdp, this_cpu(), q->s->length, true);
		return done;
	}
	if (layout.guards_syn && q->act == POLICY_SYN_GUARD && q->verdict == XDP_DROP)
		q->verdict = answer_syn(q->xdp, q->s, &q->syn);
	/* Nor does the stack see a SYN that was answered. */
	if (q->verdict != XDP_PASS)
		tell_removed(q->xdp, this_cpu(), q->s->length, false);
	return q->verdict;
}

/* All candidates in their order, whatever they ask for. `bits`: those of the first word that has any. A global function: see read_slowly. */
__noinline int try_all(struct xdp_md *xdp, struct remembered *of, __u64 bits)
{
	struct search q;
	__u32 word;

	if (!of)
		return XDP_PASS;
	word = of->word;
	/* So that the verifier sees an end. */
	if (word >= WORDS_MAX || word >= layout.words)
		return XDP_PASS;
	q.xdp = xdp;
	q.bits = bits;
	q.s = &of->subject;
	q.sets = of->sets;
	q.word = word;
	q.told = NO_RULE;
	q.verdict = XDP_PASS;
	q.act = POLICY_PASS;
	read_rest(&q);
	bpf_loop(STEPS_MAX, step, &q, 0);
	return carry_out(&q);
}

/* Counts what a rule decided, and carries it out. */
static __always_inline int conclude(struct xdp_md *xdp, const struct subject *s, __u32 slot, __u32 which, bool drop)
{
	__u32 cpu = this_cpu();

	if (tell(s, cpu, slot, drop, 0)) {
		const struct policy_rule *rule = rule_at(which);
		struct remembered *of = remember(s);

		if (rule && of)
			send_example(xdp, &of->subject, rule, drop);
	}
	if (!drop)
		return XDP_PASS;
	tell_removed(xdp, cpu, s->length, false);
	return XDP_DROP;
}

/*
 * A packet's fate. Nearly always it has no candidate, or the first one decides: that much is done here, with all that was read in
 * registers.
 */
static __always_inline int decide(struct xdp_md *xdp, struct subject *s)
{
	__u32 word = 0, which, how;
	struct remembered *of;
	__u64 bits, first;
	bool drop;

	if (always_passes(s)) {
		s->length = bpf_xdp_get_buff_len(xdp);
		return conclude(xdp, s, POLICY_SLOT_ALWAYS, 0, false);
	}
	if (layout.words == 1) {
		bits = candidates_of_one_word(s);
	} else {
		of = remember(s);
		if (!of)
			return XDP_PASS;
		bits = candidates_of_many(of);
		word = of->word & (WORDS_MAX - 1);
	}
	if (!bits)
		return XDP_PASS;
	s->length = bpf_xdp_get_buff_len(xdp);
	if (word >= layout.words)
		return XDP_PASS;
	first = *(__u64 *)part(layout.first + place_in(word * 64, product_of_lowest(bits)) * 8);
	how = first >> 32;
	which = (__u16)first;
	drop = how == POLICY_AT_ONCE_DROP;
	if (how == POLICY_AT_ONCE_LIMIT) {
		const struct policy_rule *rule = rule_at(which);

		if (!rule)
			return XDP_PASS;
		drop = is_over(s, rule);
	} else if (!how) {
		of = remember(s);
		if (!of)
			return XDP_PASS;
		of->word = word;
		return try_all(xdp, of, bits);
	}
	return conclude(xdp, s, (__u32)first >> 16, which, drop);
}

/* The two families part early and never meet again, so that nothing is asked twice. */
SEC("xdp.frags")
int policy_rules(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct remembered *remembered;
	struct subject s;

	if (data + LEN_ETHERNET > end)
		goto slowly;
	s.vlan = 0;
	s.tcp_flags = 0;
	s.icmp_type = 0;
	s.unreadable = READABLE;
	s.fragment = POLICY_FRAGMENT_NONE;
	if (*(__be16 *)(data + 12) == bpf_htons(ETH_IPV4)) {
		s.ethertype = ETH_IPV4;
		if (read_ipv4(&s, data + LEN_ETHERNET, end))
			return decide(xdp, &s);
	} else if (*(__be16 *)(data + 12) == bpf_htons(ETH_IPV6)) {
		s.ethertype = ETH_IPV6;
		if (read_ipv6(&s, data + LEN_ETHERNET, end))
			return decide(xdp, &s);
	}
slowly:
	read_slowly(xdp);
	remembered = the_remembered();
	return remembered ? decide(xdp, &remembered->subject) : XDP_PASS;
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
