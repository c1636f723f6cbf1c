//! The records of the running rig that are not in its store yet.

use crate::failure::Failure;
use anyhow::Context;
use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use datafusion::sql::parser::Statement;
use datafusion::sql::resolve::resolve_table_references;
use netrig_model::Timestamp;
use netrig_store::{Table, schema};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;
use ureq::Body;
use ureq::http::Response;

/// More than a rig within any sane memory budget can hold.
const BODY_BYTES_MAX: u64 = 1 << 30;

/// The tables of which a rig has records that are not stored yet.
const LIVE_TABLES: [Table; 7] = [
    Table::Flows,
    Table::Connections,
    Table::Latency,
    Table::Drops,
    Table::Bursts,
    Table::Requests,
    Table::PolicyEvents,
];

/// What a rig sent.
pub(crate) struct Live {
    /// Of each table asked for.
    pub(crate) told: Vec<Told>,
    /// Its store, if it has one.
    pub(crate) store: Option<PathBuf>,
}

/// What a rig sent of one table.
pub(crate) struct Told {
    /// Which.
    pub(crate) table: Table,
    /// Its open and not yet stored records.
    pub(crate) batches: Vec<RecordBatch>,
    /// Every record whose window starts before this is whole in the store; every later one is in `batches`.
    pub(crate) stored_before: Timestamp,
}

/// The tables a rig has to be asked for before a statement is answered: those it names, and one in any case, because the
/// answer also says where the rig's store is.
pub(crate) fn tables(statement: &Statement) -> Result<Vec<Table>, Failure> {
    let (named, _) = resolve_table_references(statement, true).map_err(|e| Failure::planning(&e))?;
    let is_named = |table: &Table| named.iter().any(|name| name.table() == table.name());
    let mut tables: Vec<_> = LIVE_TABLES.into_iter().filter(is_named).collect();
    if tables.is_empty() {
        tables.push(Table::Flows);
    }
    Ok(tables)
}

/// Asks the rig at `url`. `None`, with a note on stderr, if none runs there: the store alone is then the whole truth.
pub(crate) fn fetch(url: &str, tables: &[Table]) -> Result<Option<Live>, Failure> {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(30))).build(),
    );
    let mut live = Live { told: Vec::new(), store: None };
    for table in tables {
        let endpoint = format!("{}/api/v1/{table}.parquet", url.trim_end_matches('/'));
        let response = match agent.get(&endpoint).call() {
            Ok(response) => response,
            Err(error) if is_absent(&error) && live.told.is_empty() => {
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
        live.store = header(&response, "x-netrig-store").map(PathBuf::from);
        live.told.push(read(*table, &endpoint, response)?);
    }
    Ok(Some(live))
}

fn read(table: Table, endpoint: &str, mut response: Response<Body>) -> anyhow::Result<Told> {
    let stored_before = header(&response, "x-netrig-stored-before").and_then(|v| v.parse().ok()).map(Timestamp);
    let stored_before = stored_before
        .with_context(|| format!("{endpoint} does not say what is stored (x-netrig-stored-before): is that a rig?"))?;
    let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
    let body = body.with_context(|| format!("cannot read the answer to GET {endpoint}"))?;
    let batches = decode(table, body.into()).with_context(|| format!("GET {endpoint} gave no Parquet file"))?;
    Ok(Told { table, batches, stored_before })
}

fn header(response: &Response<Body>, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
}

fn is_absent(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::ConnectionFailed)
        || matches!(error, ureq::Error::Io(e) if e.kind() == ErrorKind::ConnectionRefused)
}

fn decode(table: Table, body: Bytes) -> anyhow::Result<Vec<RecordBatch>> {
    // Read as this version's columns; a rig of another version is refused rather than misread.
    let options = ArrowReaderOptions::new().with_schema(schema(table));
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(body, options)?.build()?;
    Ok(reader.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_only::check;

    #[test]
    fn a_rig_is_asked_for_the_tables_that_a_query_names() {
        use Table::{Bursts, Connections, Drops, Flows, Latency, PolicyEvents, Requests};
        for (sql, want) in [
            ("SELECT * FROM flows", &[Flows][..]),
            ("SELECT count(*) FROM Connections WHERE role = 'flows'", &[Connections]),
            ("SELECT * FROM connections c JOIN netrig.public.flows f USING (src_addr)", &[Flows, Connections]),
            ("WITH a AS (SELECT * FROM connections) SELECT * FROM a", &[Connections]),
            ("WITH flows AS (SELECT * FROM connections) SELECT * FROM flows", &[Connections]),
            ("SELECT * FROM ledger WHERE iface IN (SELECT process FROM connections)", &[Connections]),
            ("SELECT stage, sum(samples) FROM latency GROUP BY stage", &[Latency]),
            ("SELECT * FROM latency JOIN connections USING (container)", &[Connections, Latency]),
            ("SELECT reason, sum(packets) FROM drops GROUP BY reason", &[Drops]),
            ("SELECT * FROM bursts b JOIN drops d ON d.iface = b.iface", &[Drops, Bursts]),
            ("SELECT sum(requests) FROM requests WHERE failed", &[Requests]),
            ("SELECT rule FROM policy_events", &[PolicyEvents]),
            ("EXPLAIN SELECT * FROM connections", &[Connections]),
            ("DESCRIBE connections", &[Connections]),
            // Asked for its store's folder.
            ("SELECT * FROM ledger", &[Flows]),
            ("SHOW TABLES", &[Flows]),
        ] {
            let statement = check(sql).expect(sql);
            assert_eq!(tables(&statement).expect(sql), want, "{sql}");
        }
    }
}
