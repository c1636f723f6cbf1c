//! A dump on its way: what was in the rings when something fired, and what comes after it until it is written.

use super::owners::{Ends, Owners};
use super::{Interfaces, Waiter};
use netrig_drain::recorder::{Cursors, Reach, Recorder, Recording};
use std::collections::{BTreeMap, BTreeSet};

/// Stories of one file; more are counted only.
const STORIES_MAX: usize = 32;
/// While triggers join it, a recording may become so many times as long after its first one.
const AFTERS_MAX: u64 = 4;
/// Flows whose owners are asked for.
const FLOWS_MAX: usize = 4096;

/// Why something is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Story {
    /// The trigger's name.
    pub(super) trigger: String,
    /// When it fired, monotonic.
    pub(super) at_ns: u64,
    /// What it saw.
    pub(super) told: String,
}

/// What is recorded for one file.
#[derive(Debug)]
pub(super) struct Dump {
    pub(super) stories: Vec<Story>,
    /// Stories beyond the bound.
    pub(super) more_stories: u64,
    /// What passed from here …
    pub(super) since_ns: u64,
    /// … to here is written.
    pub(super) until_ns: u64,
    latest_ns: u64,
    cursors: Cursors,
    pub(super) recording: Recording,
    pub(super) reaches: BTreeMap<u32, Reach>,
    /// Since when memory has had no room for more; none: it has.
    pub(super) full_since_ns: Option<u64>,
    bytes_max: usize,
    pub(super) waiters: Vec<Waiter>,
    /// Since when owners are waited for.
    pub(super) asked_ns: Option<u64>,
    pub(super) owners: Option<Owners>,
}

impl Dump {
    /// Begins with what is in the rings: `cursors` are where they were at its beginning, as near as is known.
    pub(super) fn begin(recorder: &Recorder, story: Story, (since_ns, after_ns): (u64, u64), cursors: Cursors) -> Self {
        let at_ns = story.at_ns;
        let mut dump = Self {
            stories: vec![story],
            more_stories: 0,
            since_ns,
            until_ns: at_ns + after_ns,
            latest_ns: at_ns + after_ns * AFTERS_MAX,
            cursors,
            recording: Recording::default(),
            reaches: BTreeMap::new(),
            full_since_ns: None,
            // All that is in the rings has room, and as much again three times.
            bytes_max: usize::try_from(recorder.sizes().bytes()).unwrap_or(usize::MAX).saturating_mul(4),
            waiters: Vec::new(),
            asked_ns: None,
            owners: None,
        };
        dump.copy(recorder, at_ns);
        dump
    }

    /// Another trigger has fired meanwhile: its story is told in the same file, which ends as long after it as it would have after
    /// the first, within bounds.
    pub(super) fn join(&mut self, story: Story, after_ns: u64) {
        self.until_ns = self.until_ns.max(story.at_ns + after_ns).min(self.latest_ns);
        if self.stories.len() < STORIES_MAX {
            self.stories.push(story);
        } else {
            self.more_stories += 1;
        }
    }

    /// Takes what has been recorded since the last time.
    pub(super) fn copy(&mut self, recorder: &Recorder, now_ns: u64) {
        if self.full_since_ns.is_some() {
            return;
        }
        let span = (self.since_ns, self.until_ns);
        recorder.read(&mut self.cursors, span, &mut self.recording, &mut self.reaches);
        if self.recording.bytes() > self.bytes_max {
            self.full_since_ns = Some(now_ns);
        }
    }

    /// Whether there is nothing more to come.
    pub(super) fn is_over(&self, now_ns: u64) -> bool {
        now_ns > self.until_ns || self.full_since_ns.is_some()
    }

    /// Packets in order of time, by their place.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.recording.packets.len()).collect();
        order.sort_by_key(|at| self.recording.packets[*at].time_ns);
        order
    }

    /// The flows of what was recorded.
    pub(super) fn flows(&self, interfaces: &Interfaces) -> Vec<Ends> {
        let mut flows = BTreeSet::new();
        for packet in &self.recording.packets {
            let Some(interface) = interfaces.get(&packet.ifindex) else { continue };
            flows.extend(Ends::of(self.recording.octets(packet), interface.link));
            if flows.len() == FLOWS_MAX {
                break;
            }
        }
        flows.into_iter().collect()
    }
}
