//! The engine: DataFusion within bounds.

use crate::args::Args;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::table::NO_FILES;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::object_store::memory::InMemory;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Instant;

/// A session with bounded memory and no file system.
pub(crate) fn session(args: &Args) -> std::result::Result<SessionContext, Failure> {
    build(args).map_err(|e| Failure::running(&e))
}

fn build(args: &Args) -> Result<SessionContext> {
    let mode = match (&args.spill_dir, args.spill) {
        (_, 0) => DiskManagerMode::Disabled,
        (Some(dir), _) => DiskManagerMode::Directories(vec![dir.clone()]),
        (None, _) => DiskManagerMode::OsTmpDirectory,
    };
    let memory = usize::try_from(args.memory).unwrap_or(usize::MAX);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
        .with_disk_manager_builder(
            DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(args.spill.max(1)),
        )
        .build_arc()?;
    runtime.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref())?;
    runtime.register_object_store(ObjectStoreUrl::parse(NO_FILES)?.as_ref(), Arc::new(InMemory::new()));
    let config = SessionConfig::new().with_default_catalog_and_schema("netrig", "public").with_information_schema(true);
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// Runs the query and prints its answer as it comes.
pub(crate) async fn answer(session: &SessionContext, args: &Args) -> std::result::Result<(), Failure> {
    let begun = Instant::now();
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let plan = session.sql_with_options(&args.sql, options).await.map_err(|e| Failure::planning(&e))?;
    let mut batches = plan.execute_stream().await.map_err(|e| Failure::planning(&e))?;
    let format = match (args.json, args.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Table,
    };
    let mut output = Output::new(format, &batches.schema(), std::io::stdout().lock());
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|e: DataFusionError| Failure::running(&e))?;
        output.write(&batch)?;
    }
    let rows = output.finish()?;
    if format == Format::Table {
        let unit = if rows == 1 { "row" } else { "rows" };
        eprintln!("{rows} {unit} in {:.2} s", begun.elapsed().as_secs_f64());
    }
    Ok(())
}
