//! `netrig store`: what is kept at which level of detail, what it costs, and for how long.

use crate::cli::StoreArgs;
use crate::output::{Output, say, table_style};
use crate::settings;
use netrig_store::reduce::Level;
use netrig_store::{StoreReader, Table, TableOverview};
use netrig_view::{StoredTable, StoredWhole, store_notes, store_table};
use serde::Serialize;

pub(crate) fn run(args: &StoreArgs) -> anyhow::Result<()> {
    // Of a store that is named alone, nobody has said what it may take.
    let config = match (&args.store, &args.file.config) {
        (Some(_), None) => None,
        (_, file) => Some(settings::load(file.as_deref())?),
    };
    let dir = args.store.clone().or_else(|| config.as_ref().map(|c| c.store.dir.clone())).unwrap_or_default();
    let reader = StoreReader::open(&dir)?;
    let overview = reader.overview()?;
    let tables: Vec<_> = overview.iter().map(stored).collect();
    let budget_bytes = config.map(|c| c.store.budget.0);
    let whole = StoredWhole {
        dir: dir.display().to_string(),
        files: overview.iter().map(|t| t.files).sum(),
        bytes: overview.iter().map(|t| t.bytes).sum(),
        budget_bytes,
        detail_days: budget_bytes.and_then(|budget| detail_days(&overview, budget)),
        detail_rate_span_ns: overview.iter().find(|t| t.table == Table::Flows).map(|flows| flows.recent_ns),
    };
    print(args, &tables, &whole)?;
    if tables.is_empty() {
        say(&format!("netrig: the store in {} is empty: a rig writes its first window when that ends", dir.display()));
    }
    Ok(())
}

fn print(args: &StoreArgs, tables: &[StoredTable], whole: &StoredWhole) -> anyhow::Result<()> {
    let mut out = Output::stdout();
    if args.json {
        for table in tables {
            out.line(&line("store_table", table)?);
        }
        out.line(&line("store", whole)?);
    } else if !tables.is_empty() {
        store_table(tables, whole).render_lines(table_style(), &mut |line| out.line(line));
        store_notes(tables).iter().for_each(|note| out.line(note));
    }
    out.finish()?;
    Ok(())
}

/// As other commands' lines, with the kind of record in it.
fn line(record: &str, value: &impl Serialize) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(value)?;
    value["record"] = record.into();
    Ok(value.to_string())
}

fn stored(overview: &TableOverview) -> StoredTable {
    StoredTable {
        table: overview.table.to_string(),
        files: overview.files,
        rows: overview.rows,
        bytes: overview.bytes,
        bytes_per_row: (overview.rows > 0).then(|| overview.bytes as f64 / overview.rows as f64),
        start: overview.start,
        end: overview.end,
        bytes_per_day: StoredTable::per_day(overview.recent_bytes, overview.recent_ns),
        forgets: Level::of(overview.table).map(|level| level.forgets().to_owned()),
    }
}

/// Half of what other tables leave is detail's once all levels are there; flows have at least half of the whole.
fn detail_days(overview: &[TableOverview], budget_bytes: u64) -> Option<f64> {
    let flows = overview.iter().find(|t| t.table == Table::Flows)?;
    let per_day = StoredTable::per_day(flows.recent_bytes, flows.recent_ns).filter(|rate| *rate > 0.0)?;
    let of_flows = |t: &&TableOverview| Table::FLOW_LEVELS.contains(&t.table);
    let others: u64 = overview.iter().filter(|t| !of_flows(t)).map(|t| t.bytes).sum();
    let room = budget_bytes - others.min(budget_bytes / 2);
    Some(room as f64 / 2.0 / per_day)
}
