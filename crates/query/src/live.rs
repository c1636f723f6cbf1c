//! The records of the running rig that are not in its store yet.

use crate::failure::Failure;
use anyhow::Context;
use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use netrig_model::Timestamp;
use netrig_store::{Table, schema};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

/// More than a rig within any sane memory budget can hold.
const BODY_BYTES_MAX: u64 = 1 << 30;

/// What a rig sent.
pub(crate) struct Live {
    /// Its open and not yet stored flow records.
    pub(crate) batches: Vec<RecordBatch>,
    /// Every record whose window starts before this is whole in the store; every later one is in `batches`.
    pub(crate) stored_before: Timestamp,
    /// Its store, if it has one.
    pub(crate) store: Option<PathBuf>,
}

/// Asks the rig at `url`. `None`, with a note on stderr, if none runs there: the store alone is then the whole truth.
pub(crate) fn fetch(url: &str) -> Result<Option<Live>, Failure> {
    let endpoint = format!("{}/api/v1/flows.parquet", url.trim_end_matches('/'));
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(30))).build(),
    );
    let mut response = match agent.get(&endpoint).call() {
        Ok(response) => response,
        Err(error) if is_absent(&error) => {
            eprintln!("netrig-query: no rig answers at {url}; this is what the store holds");
            return Ok(None);
        }
        Err(ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::HostNotFound) => {
            return Err(Failure::Usage(format!("--live {url} is no address of a rig, like http://127.0.0.1:9798")));
        }
        Err(error) => {
            return Err(anyhow::Error::from(error).context(format!("cannot ask the rig: GET {endpoint}")).into());
        }
    };
    let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let stored_before = header("x-netrig-stored-before").and_then(|v| v.parse().ok()).map(Timestamp);
    let stored_before = stored_before
        .with_context(|| format!("{endpoint} does not say what is stored (x-netrig-stored-before): is that a rig?"))?;
    let store = header("x-netrig-store").map(PathBuf::from);
    let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
    let body = body.with_context(|| format!("cannot read the answer to GET {endpoint}"))?;
    let batches = decode(body.into()).with_context(|| format!("GET {endpoint} gave no Parquet file"))?;
    Ok(Some(Live { batches, stored_before, store }))
}

fn is_absent(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::ConnectionFailed)
        || matches!(error, ureq::Error::Io(e) if e.kind() == ErrorKind::ConnectionRefused)
}

fn decode(body: Bytes) -> anyhow::Result<Vec<RecordBatch>> {
    // Read as this version's columns; a rig of another version is refused rather than misread.
    let options = ArrowReaderOptions::new().with_schema(schema(Table::Flows));
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(body, options)?.build()?;
    Ok(reader.collect::<Result<_, _>>()?)
}
