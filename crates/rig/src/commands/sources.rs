//! Where records come from: the running rig, its store, or both as one.

use crate::cli::RigAddress;
use crate::client::{Client, LiveFlows};
use crate::output::say;
use crate::settings;
use anyhow::bail;
use netrig_model::{FlowRecord, Timestamp};
use netrig_store::{StoreReader, Table};
use std::path::{Path, PathBuf};

/// What an answer is made of.
pub(crate) struct Sources {
    live: Option<LiveFlows>,
    store: Option<StoreReader>,
    description: String,
}

impl Sources {
    /// Finds what there is: `--store` alone asks no rig, `--url` must answer, and otherwise a rig that answers comes with
    /// its store, and one that does not leaves the store of the configuration.
    pub(crate) fn open(rig: &RigAddress, store: Option<&Path>) -> anyhow::Result<Self> {
        if let (Some(dir), None) = (store, &rig.url) {
            let reader = StoreReader::open(dir)?;
            return Ok(Self {
                live: None,
                store: Some(reader),
                description: format!("the store in {}", dir.display()),
            });
        }
        let config = settings::load(rig.file.config.as_deref())?;
        let client = Client::new(&rig.url.clone().unwrap_or_else(|| settings::url(&config)));
        match client.flows() {
            Ok(live) => Ok(Self::with_live(client.url(), live, store)),
            Err(error) if rig.url.is_some() => bail!("no rig answers at {}: {error}", client.url()),
            Err(error) => {
                let dir = config.store.dir;
                match StoreReader::open(&dir) {
                    Ok(reader) => {
                        let place = dir.display();
                        let why = format!("the store in {place} alone: no rig answers at {} ({error})", client.url());
                        Ok(Self { live: None, store: Some(reader), description: why })
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

    fn with_live(url: &str, live: LiveFlows, store: Option<&Path>) -> Self {
        let Some(dir) = store.map(PathBuf::from).or_else(|| live.store.clone()) else {
            return Self {
                live: Some(live),
                store: None,
                description: format!("the rig at {url}, which keeps no store"),
            };
        };
        match StoreReader::open(&dir) {
            Ok(reader) => {
                let description = format!("the rig at {url} and its store in {}", dir.display());
                Self { live: Some(live), store: Some(reader), description }
            }
            Err(error) => {
                let description = format!("the rig at {url} alone: {error}");
                Self { live: Some(live), store: None, description }
            }
        }
    }

    /// What is used, for people.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// The store, where one is used.
    pub(crate) fn store(&self) -> Option<&StoreReader> {
        self.store.as_ref()
    }

    /// Gives every record of a window that reaches past `since`, each once: the stored ones, then the live ones.
    pub(crate) fn flows(&mut self, since: Option<Timestamp>, sink: &mut dyn FnMut(FlowRecord)) -> anyhow::Result<()> {
        // The live answer was begun first, and says where the store ends for it: what has been stored since is in both.
        let until = self.live.as_ref().map(|live| live.stored_before);
        if let Some(store) = &self.store {
            store.flows(since, until, sink)?;
        }
        if let Some(live) = self.live.take() {
            live.for_each(&mut |record| {
                if since.is_none_or(|t| record.window_end > t) {
                    sink(record);
                }
            })?;
        }
        Ok(())
    }

    /// The end of the newest stored window.
    pub(crate) fn stored_until(&self) -> Option<Timestamp> {
        let segments = self.store()?.segments(Table::Flows, None, None).ok()?;
        segments.iter().map(|s| s.range.end).max()
    }

    /// Says on stderr what is used.
    pub(crate) fn say(&self) {
        say(&format!("netrig: from {}", self.description()));
    }
}
