//! One record of each connection: the latest.

use crate::columns::Groupable;
use netrig_model::{ConnectionEnd, ConnectionRecord};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::Hasher;

/// Lets the latest record of each connection through, while records stream by. A final record goes through at once and only
/// its connection's number is remembered; records of connections that are open are held.
#[derive(Debug)]
pub struct Latest {
    open: FxHashMap<u64, Box<ConnectionRecord>>,
    open_max: usize,
    /// Connections whose final record has gone through. Records come in the order of their windows, so that these are asked
    /// for only where the store's end and the rig's beginning overlap: the oldest can be forgotten.
    ended: FxHashSet<u64>,
    left_out: u64,
}

impl Latest {
    /// Open connections held: some 100 MB at most.
    pub const OPEN_MAX: usize = 100_000;
    /// Connections remembered to have ended: some 20 MB at most.
    const ENDED_MAX: usize = 900_000;

    /// Holds at most `open_max` open connections.
    #[must_use]
    pub fn new(open_max: usize) -> Self {
        Self { open: FxHashMap::default(), open_max, ended: FxHashSet::default(), left_out: 0 }
    }

    /// Takes a record; one that is its connection's last goes to `sink`.
    pub fn add(&mut self, record: ConnectionRecord, sink: &mut dyn FnMut(ConnectionRecord)) {
        let mut hasher = FxHasher::default();
        record.identify(&mut hasher);
        let key = hasher.finish();
        // What was evicted goes on, and may come back into the table.
        if !matches!(record.end_reason, ConnectionEnd::Open | ConnectionEnd::Evicted) {
            self.open.remove(&key);
            if self.ended.len() >= Self::ENDED_MAX {
                self.ended.clear();
            }
            if self.ended.insert(key) {
                sink(record);
            }
            return;
        }
        if self.ended.contains(&key) {
            return;
        }
        let full = self.open.len() >= self.open_max;
        match self.open.get_mut(&key) {
            Some(held) if held.last_seen <= record.last_seen => **held = record,
            Some(_) => {}
            None if full => self.left_out += 1,
            None => {
                self.open.insert(key, Box::new(record));
            }
        }
    }

    /// Gives the connections that are still open, and tells how many of their records were left out for want of memory.
    #[must_use = "what was left out must be told"]
    pub fn finish(self, sink: &mut dyn FnMut(ConnectionRecord)) -> u64 {
        let mut open: Vec<Box<ConnectionRecord>> = self.open.into_values().collect();
        open.sort_unstable_by_key(|r| (r.window_start, r.connection_id));
        open.into_iter().for_each(|record| sink(*record));
        self.left_out
    }
}
