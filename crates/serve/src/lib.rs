//! HTTP on loopback: metrics, health, status, live records.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | Prometheus text, or OpenMetrics where `Accept` asks for it |
//! | `/healthz` | 200 while every probe that is on does its work, else 503 with the reasons |
//! | `/api/v1/status` | the [`Snapshot`] as JSON |
//! | `/api/v1/flows` | the records of the open window, and those not stored yet, as JSON Lines |
//! | `/api/v1/flows.parquet` | the same as one Parquet file |
//! | `/api/v1/connections`, `/api/v1/connections.parquet` | the same of connections |
//! | `/api/v1/latency`, `/api/v1/latency.parquet` | the same of latency |
//! | `/api/v1/drops`, `/api/v1/drops.parquet` | the same of drops |
//! | `/api/v1/bursts`, `/api/v1/bursts.parquet` | the same of bursts |
//! | `/api/v1/requests`, `/api/v1/requests.parquet` | the same of requests |
//! | `/api/v1/policy` | the [`PolicyStatus`](netrig_model::PolicyStatus) as JSON; `null` where the rig has no policy probe |
//! | `/api/v1/policy_events`, `/api/v1/policy_events.parquet` | the records of packets that policies' rules matched |
//!
//! It has a thread of its own, answers reads only, and nothing a client does reaches the road from kernel to store: it
//! asks [`Live`] for pictures. Loopback only, and only by loopback's names: a page in a browser that has some name
//! resolve to 127.0.0.1 gets no answer.

mod error;
mod guard;
mod health;
mod holder;
mod records;
mod routes;
mod server;

pub use error::ServeError;
pub use health::{Health, health};
pub use server::{ServeOptions, Server};

use netrig_model::{
    BurstRecord, ConnectionRecord, DropRecord, FlowRecord, LatencyRecord, PolicyEventRecord, RequestRecord, Snapshot,
    Timestamp,
};
use std::sync::Arc;

/// Header of every endpoint with records: nanoseconds since the epoch. Every record whose window starts before is whole in the
/// store, every later one is in the body; whoever reads both takes each record once.
pub const STORED_BEFORE_HEADER: &str = "x-netrig-stored-before";

/// Header of every endpoint with records: the store's folder, where a store is on.
pub const STORE_HEADER: &str = "x-netrig-store";

/// What a running rig shows.
pub trait Live: Send + Sync + 'static {
    /// The latest picture; returns at once.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// The flow records that are not in the store yet; may block for some seconds. None when the rig had no time to collect
    /// them: no records would be a lie.
    fn open_flows(&self) -> Option<OpenFlows>;

    /// The same of connections. Their windows need not be those of flows.
    fn open_connections(&self) -> Option<OpenConnections>;

    /// The same of latency, whose windows need not be those of flows either.
    fn open_latency(&self) -> Option<OpenLatency>;

    /// The same of drops.
    fn open_drops(&self) -> Option<OpenDrops>;

    /// The same of bursts.
    fn open_bursts(&self) -> Option<OpenBursts>;

    /// The same of requests.
    fn open_requests(&self) -> Option<OpenRequests>;

    /// The same of packets that policies' rules matched. Who looks at none has none: all there are lie in the store.
    fn open_policy_events(&self) -> Option<OpenPolicyEvents> {
        Some(OpenPolicyEvents { records: Vec::new(), stored_before: Timestamp(i64::MAX) })
    }
}

/// Records that are not in the store yet.
#[derive(Clone, Debug)]
pub struct Open<R> {
    /// Those of closed windows, then those of the open one as they stand.
    pub records: Vec<R>,
    /// Where the store ends and these begin.
    pub stored_before: Timestamp,
}

/// Flow records that are not in the store yet.
pub type OpenFlows = Open<FlowRecord>;

/// Connection records that are not in the store yet.
pub type OpenConnections = Open<ConnectionRecord>;

/// Latency records that are not in the store yet.
pub type OpenLatency = Open<LatencyRecord>;

/// Drop records that are not in the store yet.
pub type OpenDrops = Open<DropRecord>;

/// Burst records that are not in the store yet.
pub type OpenBursts = Open<BurstRecord>;

/// Request records that are not in the store yet.
pub type OpenRequests = Open<RequestRecord>;

/// Records of packets that policies' rules matched that are not in the store yet.
pub type OpenPolicyEvents = Open<PolicyEventRecord>;
