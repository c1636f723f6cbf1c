/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's own structs, as far as the probes of sockets read them. CO-RE finds the fields in the running kernel. */
#ifndef NETRIG_KERNEL_TCP_H
#define NETRIG_KERNEL_TCP_H

#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic64_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup;
};

typedef struct {
	int owned; /* by a process, which is then the one that runs, or is waited for */
} socket_lock_t;

struct sk_buff_head {
	struct sk_buff *next;
	struct sk_buff *prev;
	__u32 qlen;
};

typedef struct {
	atomic_t refs;
} refcount_t;

struct list_head {
	struct list_head *next;
};

struct wait_queue_head {
	struct list_head head;
};

struct socket_wq {
	struct wait_queue_head wait;
};

struct dst_entry {
	struct net_device *dev;
};

struct sock {
	struct sock_common __sk_common;
	struct dst_entry *sk_dst_cache;
	atomic_t sk_drops;
	struct sk_buff_head sk_receive_queue;
	struct socket_wq *sk_wq;
	refcount_t sk_wmem_alloc;
	__u32 sk_pacing_status;
	__u8 sk_userlocks : 4;
	__u16 sk_protocol;
	int sk_err;
	socket_lock_t sk_lock;
	struct {
		int len;
	} sk_backlog;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	struct sock_cgroup_data sk_cgrp_data;
};

struct udp_sock {
	struct sk_buff_head reader_queue;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct request_sock_queue {
	atomic_t qlen;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	__u8 icsk_ca_state : 5;
	__u8 icsk_pending;
};

struct minmax_sample {
	__u32 t;
	__u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct tcp_rack {
	__u32 rtt_us;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 snd_wnd;
	__u32 copied_seq;
	__u32 write_seq;
	__u32 snd_una;
	__u32 packets_out;
	__u64 tcp_wstamp_ns;
	__u8 nonagle : 4;
	__u8 bpf_sock_ops_cb_flags;
	__u32 mss_cache;
	__u32 snd_cwnd;
	__u32 segs_out;
	__u8 chrono_type : 2;
	__u32 chrono_start;
	__u32 chrono_stat[3];
	__u32 mdev_us;
	__u8 ecn_flags;
	__u32 rcv_nxt;
	__u32 srtt_us;
	__u32 delivered_ce;
	__u32 rcv_wnd;
	__u32 rcv_wup;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 bytes_received;
	__u32 segs_in;
	__u32 data_segs_in;
	__u32 dsack_dups;
	struct tcp_rack rack;
	__u32 total_retrans;
	__u32 rcv_ooopack;
	struct minmax rtt_min;
};

struct net_device {
	char name[16];
	int ifindex;
	possible_net_t nd_net;
};

struct sk_buff {
	struct net_device *dev; /* or what other layers keep in its place */
	struct sock *sk;
	__s64 tstamp;
	char cb[48];
	unsigned int len;
	unsigned int data_len; /* of them, those that do not lie between data and tail */
	int skb_iif; /* of the interface that received it; 0: none did */
	__be16 protocol;
	__u16 transport_header;
	__u16 network_header;
	__u16 mac_header;
	unsigned int tail; /* octets beyond head */
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
};

struct tcp_skb_cb {
	__u16 tcp_gso_segs;
};

struct bpf_prog_aux {
	char name[16];
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct skb_shared_info {
	__u32 tskey;
};

struct iov_iter {
	unsigned long count; /* octets left */
};

struct msghdr {
	struct iov_iter msg_iter;
};

struct request_sock {
	struct sock *rsk_listener;
};

struct socket {
	struct sock *sk;
};

struct file;

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct nsproxy {
	struct net *net_ns;
};

struct sched_info {
	unsigned long long run_delay; /* ns spent waiting for a CPU, in all */
};

struct task_struct {
	int pid;
	int tgid;
	struct sched_info sched_info;
	struct task_struct *group_leader;
	char comm[16];
	struct css_set *cgroups;
	struct nsproxy *nsproxy;
};

/* Where the kernel says why it sends a reset (6.10 and newer). */
enum sk_rst_reason {
	SK_RST_REASON_NOT_SPECIFIED,
};

struct bpf_sock_ops_kern {
	struct sk_buff *skb;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
	unsigned int uid;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

enum {
	AF_INET = 2,
	AF_INET6 = 10,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	EADDRNOTAVAIL = 99,
};

enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

enum tcp_ca_state {
	TCP_CA_RECOVERY = 3,
	TCP_CA_LOSS = 4,
};

enum {
	ICSK_TIME_LOSS_PROBE = 5,
	TCP_ECN_OK = 1,
	TCP_CHRONO_BUSY = 1, /* chrono_stat begins with it */
	SOCK_DONE = 1, /* bit of skc_flags: the peer's FIN has come */
};

/* UAPI: what a socket-operations program is given, as far as it is used. */
struct bpf_sock;

struct bpf_sock_ops {
	__u32 op;
	union {
		__u32 args[4];
		__u32 reply;
		__u32 replylong[4];
	};
	__u32 family;
	__u32 remote_ip4;
	__u32 local_ip4;
	__u32 remote_ip6[4];
	__u32 local_ip6[4];
	__u32 remote_port;
	__u32 local_port;
	__u32 is_fullsock;
	__u32 snd_cwnd;
	__u32 srtt_us;
	__u32 bpf_sock_ops_cb_flags;
	__u32 state;
	__u32 rtt_min;
	__u32 snd_ssthresh;
	__u32 rcv_nxt;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 mss_cache;
	__u32 ecn_flags;
	__u32 rate_delivered;
	__u32 rate_interval_us;
	__u32 packets_out;
	__u32 retrans_out;
	__u32 total_retrans;
	__u32 segs_in;
	__u32 data_segs_in;
	__u32 segs_out;
	__u32 data_segs_out;
	__u32 lost_out;
	__u32 sacked_out;
	__u32 sk_txhash;
	__u64 bytes_received;
	__u64 bytes_acked;
	struct bpf_sock *sk;
};

enum {
	BPF_SOCK_OPS_TCP_CONNECT_CB = 3,
	BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB = 4,
	BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB = 5,
	BPF_SOCK_OPS_STATE_CB = 10,
	BPF_SOCK_OPS_RTT_CB = 12,
	BPF_SOCK_OPS_TSTAMP_SCHED_CB = 16,
	BPF_SOCK_OPS_TSTAMP_SND_SW_CB = 17,
	BPF_SOCK_OPS_TSTAMP_SND_HW_CB = 18,
	BPF_SOCK_OPS_TSTAMP_ACK_CB = 19,
	BPF_SOCK_OPS_TSTAMP_SENDMSG_CB = 20,
	BPF_SOCK_OPS_RTO_CB_FLAG = 1 << 0,
	BPF_SOCK_OPS_RETRANS_CB_FLAG = 1 << 1,
	BPF_SOCK_OPS_STATE_CB_FLAG = 1 << 2,
	BPF_SOCK_OPS_RTT_CB_FLAG = 1 << 3,
	TCP_BPF_SOCK_OPS_CB_FLAGS = 1008,
	SK_BPF_CB_FLAGS = 1009,
	SK_BPF_CB_TX_TIMESTAMPING = 1,
	SOL_SOCKET = 1,
};

/* UAPI: what a program at a connect() is given. */
struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port; /* network order, in the lower half */
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 msg_src_ip4;
	__u32 msg_src_ip6[4];
	struct bpf_sock *sk;
};

/* UAPI: what a program at the making, binding or release of a socket is given. */
struct bpf_sock {
	__u32 bound_dev_if;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 mark;
	__u32 priority;
	__u32 src_ip4;
	__u32 src_ip6[4];
	__u32 src_port; /* host order */
};

/* A socket as the verifier lets TCP's fields be read from it; all TCP sockets begin with their struct sock. */
#define TCP_SOCK(sk) ((struct tcp_sock *)bpf_skc_to_tcp_sock(sk))
#define SOCK(tp) ((struct sock *)(tp))

/*
 * The same where nobody else's sockets come by: the call above takes 15 to 20 ns. Helpers want the kernel's own word, reads do
 * not, since each is checked as it happens. Linux 6.2.
 */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

#define TCP_SOCK_TO_READ(sk)                                                                        \
	(bpf_ksym_exists(bpf_rdonly_cast) ?                                                         \
		 (struct tcp_sock *)bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock)) : \
		 TCP_SOCK(sk))

#endif /* NETRIG_KERNEL_TCP_H */
