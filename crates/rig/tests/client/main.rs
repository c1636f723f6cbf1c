//! The client side of the command line, as a user runs it: against a made-up rig, a store, both, or neither.

mod asking;
mod bursts;
mod connections;
mod dashboards;
mod drops;
mod explain;
mod fixture;
mod flows;
mod latency;
mod overhead;
mod policy;
mod queues;
mod requests;
mod store;
