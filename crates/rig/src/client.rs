//! A running rig, asked over HTTP.

use netrig_model::{FlowRecord, Snapshot, Timestamp};
use netrig_serve::{STORE_HEADER, STORED_BEFORE_HEADER};
use netrig_store::Record;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
/// Collecting the open window's records may take a second; more on a host that has no CPU to spare.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
const READ_TIME_MAX: Duration = Duration::from_secs(10);
/// A longer line is no record.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Why a rig gave no answer.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// Nobody answers there.
    NoAnswer(String),
    /// Somebody does, but not as a rig would.
    NotARig(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(why) | Self::NotARig(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ClientError {}

/// A rig at an address.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: Agent,
    url: String,
}

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            // The rig is on this host: a proxy from the environment would look for it elsewhere.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIME_MAX))
            .timeout_recv_response(Some(ANSWER_TIME_MAX))
            .timeout_per_read(Some(READ_TIME_MAX))
            .user_agent(concat!("netrig/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.new_agent(), url: url.to_owned() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The rig's state.
    pub(crate) fn status(&self) -> Result<Snapshot, ClientError> {
        let body = self.get("/api/v1/status")?.into_body().into_with_config().limit(u64::MAX).reader();
        parse(&mut serde_json::Deserializer::from_reader(BufReader::new(body)), "/api/v1/status")
    }

    /// The rig's live flow records, still on their way.
    pub(crate) fn flows(&self) -> Result<LiveRecords<FlowRecord>, ClientError> {
        self.records()
    }

    /// The same of any table that a rig tells live.
    pub(crate) fn records<R: Record>(&self) -> Result<LiveRecords<R>, ClientError> {
        let path = format!("/api/v1/{}", R::TABLE);
        let response = self.get(&path)?;
        let header = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let stored_before = header(STORED_BEFORE_HEADER)
            .and_then(|ns| ns.parse().ok())
            .map(Timestamp)
            .ok_or_else(|| ClientError::NotARig(format!("{}{path} has no header {STORED_BEFORE_HEADER}", self.url)))?;
        let store = header(STORE_HEADER).map(PathBuf::from);
        let body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let body = BufReader::with_capacity(64 * 1024, Box::new(body) as Box<dyn std::io::Read + Send>);
        Ok(LiveRecords { stored_before, store, body, of: PhantomData })
    }

    fn get(&self, path: &str) -> Result<Response<Body>, ClientError> {
        let url = format!("{}{path}", self.url);
        let answer = self.agent.get(&url).call();
        let mut response = answer.map_err(|e| ClientError::NoAnswer(no_answer(&e)))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let said = response.body_mut().with_config().limit(1000).read_to_string().unwrap_or_default();
        Err(ClientError::NotARig(format!("{url} answers {}: {}", response.status(), said.trim())))
    }
}

fn no_answer(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ureq::Error::Timeout(_) => "it takes too long to answer".to_owned(),
        other => other.to_string(),
    }
}

fn parse<'de, T: DeserializeOwned, R: serde_json::de::Read<'de>>(
    text: &mut serde_json::Deserializer<R>,
    what: &str,
) -> Result<T, ClientError> {
    T::deserialize(text).map_err(|e| ClientError::NotARig(format!("{what} is not what this netrig reads: {e}")))
}

/// Records that are not in the store yet.
pub(crate) struct LiveRecords<R> {
    /// Where the store ends and these begin.
    pub(crate) stored_before: Timestamp,
    /// The store's folder.
    pub(crate) store: Option<PathBuf>,
    body: BufReader<Box<dyn std::io::Read + Send>>,
    of: PhantomData<R>,
}

impl<R: DeserializeOwned> LiveRecords<R> {
    /// Gives every record, as they arrive.
    pub(crate) fn for_each(mut self, sink: &mut dyn FnMut(R)) -> Result<(), ClientError> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut limited = std::io::Read::take(&mut self.body, LINE_BYTES_MAX);
            let length = limited
                .read_until(b'\n', &mut line)
                .map_err(|e| ClientError::NoAnswer(format!("the rig's records broke off: {e}")))?;
            if length == 0 {
                return Ok(());
            }
            sink(parse(&mut serde_json::Deserializer::from_slice(&line), "a live record")?);
        }
    }
}
