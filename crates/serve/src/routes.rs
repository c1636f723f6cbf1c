//! Paths and answers.

use crate::guard::loopback_names_only;
use crate::health::health;
use crate::records::json_lines;
use crate::server::ServeOptions;
use crate::{Live, Open, STORE_HEADER, STORED_BEFORE_HEADER};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use netrig_metrics::{Exporter, Exposition};
use netrig_model::Timestamp;
use netrig_store::Record;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers with live records that are under way at once; each holds its records in memory until it is sent.
const RECORD_ANSWERS_MAX: usize = 2;

/// How long a request waits for its turn among those.
const TURN_TIME_MAX: Duration = Duration::from_secs(5);

const PATHS: &str = "\
/metrics                     Prometheus metrics: text, OpenMetrics or protobuf, as Accept asks
/healthz                     200 while the probes do their work, else 503 with the reasons
/api/v1/status               the rig's state as JSON
/api/v1/flows                flow records that are not stored yet, as JSON Lines
/api/v1/flows.parquet        the same as one Parquet file
/api/v1/connections          connection records that are not stored yet, as JSON Lines
/api/v1/connections.parquet  the same as one Parquet file
/api/v1/latency              latency records that are not stored yet, as JSON Lines
/api/v1/latency.parquet      the same as one Parquet file
/api/v1/drops                drop records that are not stored yet, as JSON Lines
/api/v1/drops.parquet        the same as one Parquet file
/api/v1/bursts               burst records that are not stored yet, as JSON Lines
/api/v1/bursts.parquet       the same as one Parquet file
/api/v1/requests             request records that are not stored yet, as JSON Lines
/api/v1/requests.parquet     the same as one Parquet file
/api/v1/policy               the policy in force and what its rules did, as JSON
/api/v1/policy_events        records of packets that rules matched and that are not stored yet, as JSON Lines
/api/v1/policy_events.parquet  the same as one Parquet file
";

#[derive(Clone)]
struct Shared {
    live: Arc<dyn Live>,
    exporter: Arc<Mutex<Exporter>>,
    record_answers: Arc<Semaphore>,
    metrics: bool,
}

pub(crate) fn router(live: Arc<dyn Live>, options: &ServeOptions, exporter: Arc<Mutex<Exporter>>) -> Router {
    let shared = Shared {
        live,
        exporter,
        record_answers: Arc::new(Semaphore::new(RECORD_ANSWERS_MAX)),
        metrics: options.metrics,
    };
    Router::new()
        .route("/", get(|| async { PATHS }))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/api/v1/status", get(status))
        .route("/api/v1/flows", get(|State(shared)| lines(shared, <dyn Live>::open_flows)))
        .route("/api/v1/flows.parquet", get(|State(shared)| parquet(shared, <dyn Live>::open_flows)))
        .route("/api/v1/connections", get(|State(shared)| lines(shared, <dyn Live>::open_connections)))
        .route("/api/v1/connections.parquet", get(|State(shared)| parquet(shared, <dyn Live>::open_connections)))
        .route("/api/v1/latency", get(|State(shared)| lines(shared, <dyn Live>::open_latency)))
        .route("/api/v1/latency.parquet", get(|State(shared)| parquet(shared, <dyn Live>::open_latency)))
        .route("/api/v1/drops", get(|State(shared)| lines(shared, <dyn Live>::open_drops)))
        .route("/api/v1/drops.parquet", get(|State(shared)| parquet(shared, <dyn Live>::open_drops)))
        .route("/api/v1/bursts", get(|State(shared)| lines(shared, <dyn Live>::open_bursts)))
        .route("/api/v1/bursts.parquet", get(|State(shared)| parquet(shared, <dyn Live>::open_bursts)))
        .route("/api/v1/requests", get(|State(shared)| lines(shared, <dyn Live>::open_requests)))
        .route("/api/v1/requests.parquet", get(|State(shared)| parquet(shared, <dyn Live>::open_requests)))
        .route("/api/v1/policy", get(policy))
        .route("/api/v1/policy_events", get(|State(shared)| lines(shared, <dyn Live>::open_policy_events)))
        .route("/api/v1/policy_events.parquet", get(|State(shared)| parquet(shared, <dyn Live>::open_policy_events)))
        .fallback(unknown)
        .layer(middleware::from_fn(loopback_names_only))
        .with_state(shared)
}

async fn unknown(uri: Uri) -> Response {
    (StatusCode::NOT_FOUND, format!("There is nothing at {}. There is:\n{PATHS}", uri.path())).into_response()
}

async fn metrics(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if !shared.metrics {
        let off = "Metrics are off: set `[metrics] enabled = true` to have them.\n";
        return (StatusCode::NOT_FOUND, off).into_response();
    }
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let exposition = Exposition::negotiate(accept);
    let snapshot = shared.live.snapshot();
    // An exporter is names and sums: one that another thread left half advanced is as good as any.
    let body = shared.exporter.lock().unwrap_or_else(PoisonError::into_inner).render(&snapshot, exposition);
    ([(header::CONTENT_TYPE, exposition.content_type())], body).into_response()
}

async fn healthz(State(shared): State<Shared>) -> Response {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let health = health(&shared.live.snapshot(), Timestamp(i64::try_from(now).unwrap_or(i64::MAX)));
    let status = if health.is_healthy() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, health.text()).into_response()
}

async fn status(State(shared): State<Shared>) -> Response {
    json(&*shared.live.snapshot())
}

async fn policy(State(shared): State<Shared>) -> Response {
    json(&shared.live.snapshot().policy)
}

fn json(of: &impl Serialize) -> Response {
    match serde_json::to_vec(of) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => failed(&error),
    }
}

/// What a rig is asked for.
type Ask<R> = fn(&dyn Live) -> Option<Open<R>>;

async fn lines<R: Serialize + Send + 'static>(shared: Shared, ask: Ask<R>) -> Response {
    let (open, permit) = match open(&shared, ask).await {
        Ok(open) => open,
        Err(refused) => return refused,
    };
    answer(&shared, open.stored_before, "application/jsonl", json_lines(open.records, permit))
}

async fn parquet<R: Record + Send + 'static>(shared: Shared, ask: Ask<R>) -> Response {
    let (open, permit) = match open(&shared, ask).await {
        Ok(open) => open,
        Err(refused) => return refused,
    };
    let stored_before = open.stored_before;
    let made = tokio::task::spawn_blocking(move || netrig_store::to_parquet(&open.records)).await;
    drop(permit);
    match made {
        Ok(Ok(file)) => answer(&shared, stored_before, "application/vnd.apache.parquet", Body::from(file)),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

/// The live records, and the right to hold them.
async fn open<R: Send + 'static>(shared: &Shared, ask: Ask<R>) -> Result<(Open<R>, OwnedSemaphorePermit), Response> {
    let turn = tokio::time::timeout(TURN_TIME_MAX, Arc::clone(&shared.record_answers).acquire_owned());
    let Ok(Ok(permit)) = turn.await else {
        return Err(busy(&format!("{RECORD_ANSWERS_MAX} answers with live records are under way")));
    };
    let live = Arc::clone(&shared.live);
    match tokio::task::spawn_blocking(move || ask(&*live)).await {
        Ok(Some(open)) => Ok((open, permit)),
        Ok(None) => Err(busy("The rig had no time to collect its live records")),
        Err(error) => Err(failed(&error)),
    }
}

fn busy(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], format!("{why}: ask again in a second.\n"))
        .into_response()
}

fn answer(shared: &Shared, stored_before: Timestamp, content_type: &'static str, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(STORED_BEFORE_HEADER, HeaderValue::from(stored_before.0));
    if let Some(store) = &shared.live.snapshot().store
        && let Ok(dir) = HeaderValue::from_bytes(store.dir.as_bytes())
    {
        headers.insert(STORE_HEADER, dir);
    }
    response
}

fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "An HTTP answer could not be made.");
    (StatusCode::INTERNAL_SERVER_ERROR, format!("The rig could not make this answer: {error}\n")).into_response()
}
