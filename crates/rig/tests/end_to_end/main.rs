//! The real `netrig`, started as a user would, in network namespaces of its own: what it tells is held against what was
//! sent, what the kernel counted and what other tools saw.

mod accounting;
mod answers;
mod bad_input;
mod burst_shapes;
mod drop_conservation;
mod drop_headers;
mod drop_policy;
mod drop_sockets;
mod drop_ways;
mod ending;
mod flow_sampling;
mod hot_plug;
mod latency_beyond;
mod latency_faults;
mod latency_queue;
mod latency_sampling;
mod latency_ways;
mod overhead;
mod policy;
mod queue_waits;
mod recorder;
mod requests_dns;
mod requests_http;
mod requests_replayed;
mod support;
mod tcp_churn;
mod tcp_delay;
mod tcp_ending;
mod tcp_failures;
mod tcp_loss;
mod tcp_older;
mod tcp_owners;
mod tcp_words;
