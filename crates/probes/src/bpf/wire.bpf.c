/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* No program: an instance of every struct that crosses the boundary, for the generator of the Rust types. */
#include "wire.h"
#include "../tcp/wire.h"
#include "../latency/wire.h"
#include "../drop/wire.h"
#include "../burst/wire.h"
#include "../payload/wire.h"
#include "../queue/wire.h"
#include "../policy/wire.h"
#include "../capture/wire.h"
#include "../recorder/wire.h"

struct flow_key flow_key;
struct flow_hot flow_hot;
struct flow_cold flow_cold;
struct flow_slot4 flow_slot4;
struct flow_slot6 flow_slot6;
struct flow_set4 flow_set4;
struct flow_set6 flow_set6;
struct iface_counts iface_counts;
struct pace pace;
struct pace_state pace_state;
struct flow_sampling flow_sampling;
struct flow_sampler flow_sampler;
struct outbox_ends outbox_ends;
struct iface_entry iface_entry;
struct flow_settings flow_settings;
struct replay_frame replay_frame;
struct clock_reading clock_reading;

struct tcp_slot tcp_slot;
struct tcp_service tcp_service;
struct tcp_totals tcp_totals;
struct tcp_ends tcp_ends;
struct tcp_owner tcp_owner;
struct tcp_settings tcp_settings;
struct bound_key bound_key;
struct time_histogram time_histogram;

struct latency_key latency_key;
struct latency_service latency_service;
struct latency_cpu latency_cpu;
struct latency_gate latency_gate;
struct latency_settings latency_settings;

struct drop_key drop_key;
struct drop_group drop_group;
struct drop_flow drop_flow;
struct drop_example drop_example;
struct drop_gate drop_gate;
struct drop_settings drop_settings;

struct burst_bucket burst_bucket;
struct burst_sample burst_sample;
struct burst_retransmit burst_retransmit;
struct burst_cpu burst_cpu;
struct burst_settings burst_settings;

struct payload_ends payload_ends;
struct payload_record payload_record;
struct payload_settings payload_settings;

struct queue_polls queue_polls;
struct queue_settings queue_settings;

struct policy_row policy_row;
struct policy_rule policy_rule;
struct policy_layout policy_layout;
struct policy_count policy_count;
struct policy_removed policy_removed;
struct policy_source policy_source;
struct policy_source_set policy_source_set;
struct policy_bucket policy_bucket;
struct policy_bucket_set policy_bucket_set;
struct policy_event policy_event;
struct policy_gate policy_gate;

struct capture_count capture_count;
struct capture_cpu capture_cpu;
struct capture_lately capture_lately;
struct capture_ends capture_ends;
struct capture_record capture_record;
struct capture_owner capture_owner;
struct capture_dropped capture_dropped;
struct capture_frame capture_frame;
struct capture_gate capture_gate;
struct capture_settings capture_settings;

struct recorder_slot recorder_slot;
struct recorder_ring recorder_ring;
struct recorder_settings recorder_settings;

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
