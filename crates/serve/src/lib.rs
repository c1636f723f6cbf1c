//! HTTP on loopback: metrics, health, status, live records.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | Prometheus text, or OpenMetrics where `Accept` asks for it |
//! | `/healthz` | 200 while every probe that is on does its work, else 503 with the reasons |
//! | `/api/v1/status` | the [`Snapshot`] as JSON |
//! | `/api/v1/flows` | the records of the open window, and those not stored yet, as JSON Lines |
//! | `/api/v1/flows.parquet` | the same as one Parquet file |
//!
//! It has a thread of its own, answers reads only, and nothing a client does reaches the road from kernel to store: it
//! asks [`Live`] for pictures. Loopback only, and only by loopback's names: a page in a browser that has some name
//! resolve to 127.0.0.1 gets no answer.

mod error;
mod flows;
mod guard;
mod health;
mod holder;
mod routes;
mod server;

pub use error::ServeError;
pub use health::{Health, health};
pub use server::{ServeOptions, Server};

use netrig_model::{FlowRecord, Snapshot, Timestamp};
use std::sync::Arc;

/// Header of both flow endpoints: nanoseconds since the epoch. Every record whose window starts before is whole in the
/// store, every later one is in the body; whoever reads both takes each record once.
pub const STORED_BEFORE_HEADER: &str = "x-netrig-stored-before";

/// Header of both flow endpoints: the store's folder, where a store is on.
pub const STORE_HEADER: &str = "x-netrig-store";

/// What a running rig shows.
pub trait Live: Send + Sync + 'static {
    /// The latest picture; returns at once.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// The records that are not in the store yet; may block for up to a second.
    fn open_flows(&self) -> OpenFlows;
}

/// Records that are not in the store yet.
#[derive(Clone, Debug, Default)]
pub struct OpenFlows {
    /// Those of closed windows, then those of the open one as they stand.
    pub records: Vec<FlowRecord>,
    /// Where the store ends and these begin.
    pub stored_before: Timestamp,
}
