/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * latency: where the time goes between the driver and the application, in both directions, and beyond. Of one message in so
 * many, and of each of a connection that is slow; the others' hooks return at once.
 *
 * Hooks: tracepoints by BTF (sk_data_ready, sched_waking, tcp_rcv_space_adjust, tcp_sendmsg_locked; for a slice of time
 * sock_recv_length, softirq_raise, softirq_entry, net_dev_queue, net_dev_start_xmit); socket operations at the root of
 * the v2 control groups (round trips, ends, and where a chosen message is on its way out); an iterator over sockets at the start.
 * Metrics: netrig_latency_*.
 */
#include "choose.h"
#include "host.h"
#include "older.h"

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
