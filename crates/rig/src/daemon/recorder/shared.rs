//! What the loop, the keeper and the writer of the flight recorder share.

use super::owners::Ends;
use netrig_model::{DumpOutcome, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names of triggers that are counted apart; reloads may bring new ones again and again.
const NAMES_MAX: usize = 128;
/// All beyond.
const OTHER: &str = "other";

/// Counts since the start, and what the keeper asks of the loop.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) dumps: BTreeMap<(String, DumpOutcome), u64>,
    pub(super) dumped_packets: u64,
    pub(super) overwritten_packets: u64,
    pub(super) files_removed: u64,
    pub(super) last_file: Option<(String, Timestamp)>,
    /// Why the latest dump failed.
    pub(super) failed: Option<String>,
    pub(super) recording: bool,
    /// Flows whose owners are asked for.
    pub(super) asked: Option<Vec<Ends>>,
}

impl Shared {
    /// A trigger has fired.
    pub(super) fn count(&mut self, trigger: &str, outcome: DumpOutcome) {
        let key = (trigger.to_owned(), outcome);
        let full = self.dumps.len() >= NAMES_MAX * DumpOutcome::ALL.len();
        let key = if full && !self.dumps.contains_key(&key) { (OTHER.to_owned(), outcome) } else { key };
        *self.dumps.entry(key).or_default() += 1;
    }
}

impl Shared {
    /// What became of each trigger; of those that there are also that nothing was written yet, so that a first time shows as a rise.
    pub(super) fn dumps<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<(String, DumpOutcome, u64)> {
        let mut all = self.dumps.clone();
        for name in names {
            for outcome in [DumpOutcome::Written, DumpOutcome::Failed] {
                all.entry((name.to_owned(), outcome)).or_default();
            }
        }
        all.into_iter().map(|((name, outcome), count)| (name, outcome, count)).collect()
    }
}

/// One handle of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Handle(Arc<Mutex<Shared>>);

impl Handle {
    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
