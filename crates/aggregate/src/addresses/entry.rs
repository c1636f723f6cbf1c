//! The names of one address.

use super::SLACK_NS;
use netrig_model::Timestamp;
use std::cell::Cell;
use std::sync::Arc;

/// Names remembered of one address: hosts share addresses, and addresses change hands.
pub(super) const NAMES_MAX: usize = 8;

/// What somebody was told.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) text: Arc<str>,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

/// The latest names, the newest last.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) names: Vec<Name>,
    /// Asking puts that off.
    pub(super) kept_until: Cell<Timestamp>,
}

impl Entry {
    pub(super) fn add(&mut self, name: Name) {
        if let Some(last) = self.names.last_mut()
            && last.text == name.text
            && name.since <= last.until
        {
            last.since = last.since.min(name.since);
            last.until = last.until.max(name.until);
            return;
        }
        if self.names.len() == NAMES_MAX {
            self.names.remove(0);
        }
        self.names.push(name);
    }

    /// Of those that held then, the one that was told last; else the first that was told in the moment after.
    pub(super) fn name_at(&self, at: Timestamp) -> Option<&str> {
        let held = |name: &&Name| name.since <= at && at <= name.until;
        let soon = |name: &&Name| at < name.since && name.since <= at.plus_ns(SLACK_NS);
        let found = self.names.iter().rev().find(held).or_else(|| self.names.iter().find(soon));
        found.map(|name| name.text.as_ref())
    }

    /// Whether this is one of those that held then, or were told in the moment after.
    pub(super) fn has(&self, at: Timestamp, text: &str) -> bool {
        let held = |name: &&Name| name.since <= at.plus_ns(SLACK_NS) && at <= name.until;
        self.names.iter().filter(held).any(|name| name.text.eq_ignore_ascii_case(text))
    }

    /// Remembers it until then, at least.
    pub(super) fn keep(&self, until: Timestamp) {
        self.kept_until.set(self.kept_until.get().max(until));
    }

    /// Of all its names.
    pub(super) fn octets(&self) -> usize {
        self.names.iter().map(|name| name.text.len()).sum()
    }
}
