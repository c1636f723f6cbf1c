//! Where records come from: the running rig, its store, or both as one.

use super::reduced::ReducedSpans;
use crate::cli::RigAddress;
use crate::client::{Client, LiveRecords};
use crate::output::say;
use crate::settings;
use anyhow::bail;
use netrig_model::{BurstRecord, ConnectionRecord, DropRecord, FlowRecord, LatencyRecord, RequestRecord, Timestamp};
use netrig_store::{LeveledFlow, Record, StoreReader, Table};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// What to do where no rig answers.
const NEXT_STEP: &str = "Start a rig with `netrig run`, or name one with --url.";

/// What an answer from one table is made of.
pub(crate) struct Sources<R> {
    live: Option<LiveRecords<R>>,
    store: Option<StoreReader>,
    description: String,
    /// A rig was looked for, and there is none.
    no_rig: bool,
}

impl<R: Record + DeserializeOwned> Sources<R> {
    /// Finds what there is: `--store` alone asks no rig, `--url` must answer, and otherwise a rig that answers comes with
    /// its store, and one that does not leaves the store of the configuration. A rig is asked for records of this table alone.
    pub(crate) fn open(rig: &RigAddress, store: Option<&Path>) -> anyhow::Result<Self> {
        if let (Some(dir), None) = (store, &rig.url) {
            let reader = StoreReader::open(dir)?;
            return Ok(Self {
                live: None,
                store: Some(reader),
                description: format!("the store in {}", dir.display()),
                no_rig: false,
            });
        }
        let config = settings::load(rig.file.config.as_deref())?;
        let client = Client::new(&rig.url.clone().unwrap_or_else(|| settings::url(&config)));
        match client.records() {
            Ok(live) => Ok(Self::with_live(client.url(), live, store)),
            Err(error) if rig.url.is_some() => {
                bail!("no rig answers at {}: {error}\n{NEXT_STEP}", client.url())
            }
            Err(error) => {
                let dir = config.store.dir;
                match StoreReader::open(&dir) {
                    Ok(reader) => {
                        let place = dir.display();
                        let why = format!("the store in {place} alone: no rig answers at {} ({error})", client.url());
                        Ok(Self { live: None, store: Some(reader), description: why, no_rig: true })
                    }
                    Err(no_store) => bail!(
                        "no rig answers at {} ({error})\nand {no_store}\nStart a rig with `netrig run`, name one with \
                         --url, or a store with --store.",
                        client.url()
                    ),
                }
            }
        }
    }

    fn with_live(url: &str, live: LiveRecords<R>, store: Option<&Path>) -> Self {
        let Some(dir) = store.map(PathBuf::from).or_else(|| live.store.clone()) else {
            return Self {
                live: Some(live),
                store: None,
                description: format!("the rig at {url}, which keeps no store"),
                no_rig: false,
            };
        };
        match StoreReader::open(&dir) {
            Ok(reader) => {
                let description = format!("the rig at {url} and its store in {}", dir.display());
                Self { live: Some(live), store: Some(reader), description, no_rig: false }
            }
            Err(error) => {
                let description = format!("the rig at {url} alone: {error}");
                Self { live: Some(live), store: None, description, no_rig: false }
            }
        }
    }

    /// What is used, for people.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// What to do where a rig was looked for and none answers.
    pub(crate) fn next_step(&self) -> Option<&'static str> {
        self.no_rig.then_some(NEXT_STEP)
    }

    /// The store, where one is used.
    pub(crate) fn store(&self) -> Option<&StoreReader> {
        self.store.as_ref()
    }

    /// Gives every record of a window that reaches past `since`, each once: the stored ones, then the live ones.
    fn records(&mut self, since: Option<Timestamp>, sink: &mut dyn FnMut(R)) -> anyhow::Result<()> {
        // The live answer was begun first, and says where the store ends for it: what has been stored since is in both.
        let until = self.live.as_ref().map(|live| live.stored_before);
        if let Some(store) = &self.store {
            store.records(since, until, sink)?;
        }
        self.live_records(since, sink)
    }

    fn live_records(&mut self, since: Option<Timestamp>, sink: &mut dyn FnMut(R)) -> anyhow::Result<()> {
        if let Some(live) = self.live.take() {
            live.for_each(&mut |record| {
                if since.is_none_or(|t| record.window().end > t) {
                    sink(record);
                }
            })?;
        }
        Ok(())
    }

    /// The end of the newest stored window; of flows, at whichever level.
    pub(crate) fn stored_until(&self) -> Option<Timestamp> {
        let tables: &[Table] = if R::TABLE == Table::Flows { &Table::FLOW_LEVELS } else { &[R::TABLE] };
        let segments = self.store()?.segments_of(tables, None, None).ok()?;
        segments.iter().map(|s| s.range.end).max()
    }

    /// Says on stderr what is used.
    pub(crate) fn say(&self) {
        say(&format!("netrig: from {}", self.description()));
    }
}

impl Sources<FlowRecord> {
    /// Gives every flow record of a window that reaches past `since`, each once; where detail is gone, what is kept instead.
    /// Says which times those are.
    pub(crate) fn flows(
        &mut self,
        since: Option<Timestamp>,
        sink: &mut dyn FnMut(FlowRecord),
    ) -> anyhow::Result<ReducedSpans> {
        let mut spans = ReducedSpans::default();
        let until = self.live.as_ref().map(|live| live.stored_before);
        if let Some(store) = &self.store {
            store.flows_of_all_levels(since, until, &mut |row| match row {
                LeveledFlow::Detail(flow) => sink(flow),
                LeveledFlow::Reduced(level, row) => {
                    spans.add(level, row.window_start, row.window_end);
                    sink(row.into());
                }
            })?;
        }
        self.live_records(since, sink)?;
        Ok(spans)
    }
}

impl Sources<ConnectionRecord> {
    /// Gives every connection record of a window that reaches past `since`, each once.
    pub(crate) fn connections(
        &mut self,
        since: Option<Timestamp>,
        sink: &mut dyn FnMut(ConnectionRecord),
    ) -> anyhow::Result<()> {
        self.records(since, sink)
    }
}

impl Sources<LatencyRecord> {
    /// Gives every latency record of a window that reaches past `since`, each once.
    pub(crate) fn latency(
        &mut self,
        since: Option<Timestamp>,
        sink: &mut dyn FnMut(LatencyRecord),
    ) -> anyhow::Result<()> {
        self.records(since, sink)
    }
}

impl Sources<DropRecord> {
    /// Gives every record of drops of a window that reaches past `since`, each once.
    pub(crate) fn drops(&mut self, since: Option<Timestamp>, sink: &mut dyn FnMut(DropRecord)) -> anyhow::Result<()> {
        self.records(since, sink)
    }
}

impl Sources<BurstRecord> {
    /// Gives every burst of a window that reaches past `since`, each once.
    pub(crate) fn bursts(&mut self, since: Option<Timestamp>, sink: &mut dyn FnMut(BurstRecord)) -> anyhow::Result<()> {
        self.records(since, sink)
    }
}

impl Sources<RequestRecord> {
    /// Gives every record of requests of a window that reaches past `since`, each once.
    pub(crate) fn requests(
        &mut self,
        since: Option<Timestamp>,
        sink: &mut dyn FnMut(RequestRecord),
    ) -> anyhow::Result<()> {
        self.records(since, sink)
    }
}
