/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tcp: every connection's life, how it fares, and whose it is. No packet is looked at: the kernel keeps all of this for
 * itself, and says when it changes.
 *
 * Hooks: tracepoints by BTF (inet_sock_set_state, inet_sk_error_report, tcp_retransmit_skb, tcp_retransmit_synack,
 * tcp_send_reset, tcp_receive_reset; tcp_rcv_space_adjust where asked for); at the root of the v2 control groups socket operations (round trips), connect() and
 * accept(), and the making, binding and release of sockets (owners); iterators over sockets and over processes' files (what
 * is older than the rig).
 * Metrics: netrig_tcp_*.
 */
#include "../bpf/clock.h"
#include "life.h"

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, struct sock *sk, int old, int new)
{
	struct tcp_sock *tp = TCP_SOCK(sk);
	struct tcp_ref *ref;
	struct tcp_slot *slot;

	if (!tp)
		return 0;
	if (new == TCP_SYN_SENT) {
		slot = begin_client(tp, bpf_ktime_get_ns());
	} else if (new == TCP_LISTEN) {
		slot = begin_listener(tp, bpf_ktime_get_ns());
	} else if (new == TCP_SYN_RECV && old == TCP_LISTEN) {
		slot = begin_server(tp, bpf_ktime_get_ns());
	} else {
		ref = bpf_sk_storage_get(&refs, tp, 0, 0);
		slot = slot_of_ref(ref);
		if (slot && !(slot->facts & TCP_ENDED))
			step(slot, ref->slot, tp, old, new);
		else if (new == TCP_CLOSE && old != TCP_CLOSE &&old != TCP_LISTEN)
			COUNT(unknown_ends);
		return 0;
	}
	if (slot)
		slot->state = new;
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(tcp_error, const struct sock *sk)
{
	struct tcp_slot *slot;
	__u32 error = sk->sk_err;

	if (sk->sk_protocol != IPPROTO_TCP || !error)
		return 0;
	COUNT(errors[error & (TCP_ERRNOS - 1)]);
	slot = SLOT_OF((struct sock *)sk);
	if (slot)
		slot->error = error;
	return 0;
}

static __always_inline __u32 cause_of(struct tcp_sock *tp)
{
	struct inet_connection_sock *connection = &tp->inet_conn;
	__u32 congestion = BPF_CORE_READ_BITFIELD(connection, icsk_ca_state);

	if (SOCK(tp)->__sk_common.skc_state == TCP_SYN_SENT)
		return RETRANSMIT_SYN;
	if (congestion == TCP_CA_LOSS)
		return RETRANSMIT_TIMEOUT;
	if (congestion == TCP_CA_RECOVERY)
		return RETRANSMIT_FAST;
	return connection->icsk_pending == ICSK_TIME_LOSS_PROBE ? RETRANSMIT_TLP : RETRANSMIT_OTHER;
}

SEC("tp_btf/tcp_retransmit_skb")
int tcp_retransmit(__u64 *args)
{
	struct sock *sk = (struct sock *)args[0];
	struct tcp_totals *all = the_totals();
	struct tcp_sock *tp = TCP_SOCK(sk);
	__u32 cause, segments = 1;
	struct tcp_slot *slot;

	if (!tp)
		return 0;
	cause = cause_of(tp);
	slot = SLOT_OF(tp);
	if (slot) {
		/* Of one skb several segments may have been sent again. */
		segments = tp->total_retrans - slot->retransmits_seen;
		slot->retransmits_seen = tp->total_retrans;
		slot->retransmits[cause] += segments;
		if (cause == RETRANSMIT_SYN)
			copy_addresses(slot, tp);
		copy_health(slot, tp);
		look_at_windows(slot, tp);
	} else if (settings.retransmit_tells_error && (int)args[2]) {
		return 0; /* came to nothing, and no count of the socket's own can tell */
	}
	if (all)
		__sync_fetch_and_add(&all->retransmits[cause], segments);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tcp_retransmit_syn_ack, const struct sock *sk)
{
	struct tcp_slot *slot = SLOT_OF((struct sock *)sk);

	COUNT(retransmits[RETRANSMIT_SYN_ACK]);
	if (slot)
		__sync_fetch_and_add(&slot->retransmits[RETRANSMIT_SYN_ACK], 1);
	return 0;
}

/* Its third argument, the reason, came with 6.10; the type that came with it tells whether it is there. */
SEC("tp_btf/tcp_send_reset")
int tcp_reset_sent(__u64 *args)
{
	struct sock *sk = (struct sock *)args[0];
	struct tcp_slot *slot;
	__u32 reason = 0;

	if (bpf_core_type_exists(enum sk_rst_reason))
		reason = (__u32)args[2];
	COUNT(resets_sent[reason & (TCP_REASONS - 1)]);
	if (!sk)
		return 0;
	slot = SLOT_OF(sk);
	if (slot && slot->role != TCP_ROLE_LISTENER) {
		slot->facts |= TCP_RESET_SENT;
		slot->reset_reason = reason;
	}
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_reset_received, struct sock *sk)
{
	struct tcp_slot *slot = SLOT_OF(sk);

	COUNT(resets_received);
	if (slot)
		slot->facts |= TCP_RESET_RECEIVED;
	return 0;
}

/*
 * Whether the segment that ends a round trip carried no data: the peer's kernel sent it, and its application had no part in
 * the time. Segments with data are counted as they come, and their octets when they have been taken in, which is after
 * this. So one more of them than at the last round trip was an earlier one if octets have come meanwhile, else this one;
 * unless the last one's own octets were still to come. Of more than one nothing is concluded, nor of segments that waited for
 * the socket's lock, which were counted when they came.
 */
static __always_inline bool is_pure(struct tcp_slot *slot, struct tcp_sock *tp)
{
	__u32 segments = tp->data_segs_in - slot->data_segs_in;
	bool octets = tp->rcv_nxt != slot->rcv_nxt, pure;

	if (SOCK(tp)->sk_lock.owned)
		return false;
	pure = !segments || (segments == 1 && octets && !(slot->facts & TCP_OCTETS_TO_COME));
	if (pure)
		slot->facts &= ~TCP_OCTETS_TO_COME;
	else
		slot->facts |= TCP_OCTETS_TO_COME;
	slot->data_segs_in = tp->data_segs_in;
	slot->rcv_nxt = tp->rcv_nxt;
	return pure;
}

static __always_inline void round_trip(struct tcp_slot *slot, struct tcp_sock *tp, __u32 rtt_us)
{
	struct tcp_service *service = bpf_map_lookup_elem(&services, &slot->service);

	if (!slot->rtt_samples || rtt_us < slot->rtt_us_min)
		slot->rtt_us_min = rtt_us;
	if (rtt_us > slot->rtt_us_max)
		slot->rtt_us_max = rtt_us;
	slot->rtt_us_sum += rtt_us;
	slot->rtt_samples++;
	if (service)
		time_add(&service->rtt, (__u64)rtt_us * 1000);
	if (!is_pure(slot, tp))
		return;
	if (!slot->rtt_pure_samples || rtt_us < slot->rtt_pure_us_min)
		slot->rtt_pure_us_min = rtt_us;
	slot->rtt_pure_us_sum += rtt_us;
	slot->rtt_pure_samples++;
	if (service)
		time_add(&service->rtt_pure, (__u64)rtt_us * 1000);
}

/*
 * Only where it is asked for: every read costs as much again as every round trip. A process has read from the socket: whose
 * it is, how much has come, whether the window had been shut.
 */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(tcp_read, struct sock *sk)
{
	struct tcp_slot *slot = SLOT_OF(sk);
	struct tcp_sock *tp;

	if (!slot)
		return 0;
	tp = TCP_SOCK_TO_READ(sk);
	if (!tp)
		return 0;
	/* What waits for the lock has been counted, and not been looked at. */
	if (!SOCK(tp)->sk_backlog.len) {
		slot->data_segs_in = tp->data_segs_in;
		slot->rcv_nxt = tp->rcv_nxt;
		slot->facts &= ~TCP_OCTETS_TO_COME;
	}
	slot->segs_in = tp->segs_in;
	slot->bytes_received = payload_received(tp);
	slot->out_of_order = tp->rcv_ooopack;
	slot->active_tick = (__u32)bpf_jiffies64();
	look_at_windows(slot, tp);
	if (!(slot->facts & TCP_OWNED) && runs_for_owner(sk))
		set_owner(slot);
	return 0;
}

SEC("sockops")
int tcp_operations(struct bpf_sock_ops *ops)
{
	__u32 operation = ops->op;
	struct bpf_sock *sk;
	struct tcp_slot *slot;
	struct tcp_sock *tp;

	if (operation == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB || operation == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_RTT_CB_FLAG);
	if (operation != BPF_SOCK_OPS_RTT_CB && operation != BPF_SOCK_OPS_TCP_CONNECT_CB)
		return 1;
	sk = ops->sk;
	if (!sk)
		return 1;
	tp = TCP_SOCK_TO_READ(sk);
	if (!tp)
		return 1;
	slot = SLOT_OF(sk);
	if (!slot)
		return 1;
	if (operation == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		copy_addresses(slot, tp); /* the port was chosen after SYN_SENT */
		return 1;
	}
	/* Before 6.10 the callback has no arguments; the latest round trip is in the loss detection's state. */
	round_trip(slot, tp, ops->args[0] ?: tp->rack.rtt_us);
	copy_health(slot, tp);
	look_at_windows(slot, tp);
	slot->active_tick = (__u32)bpf_jiffies64();
	return 1;
}

#include "accept.h"
#include "walk.h"

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
