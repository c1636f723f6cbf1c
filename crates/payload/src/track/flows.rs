//! All flows that are followed: found by their ends, bounded, each with the time at which it wants to be looked at.

use super::ends::Ends;
use super::flow::Flow;
use super::questions::Questions;
use super::slab::Slab;
use super::turn::Turn;
use netrig_model::{PayloadSegment, RequestOutcome, Timestamp};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Lists of flows, longest idle first: those that hold octets, and the others.
const LIGHT: usize = 0;
const HEAVY: usize = 1;
/// A flow is not looked at again sooner than this.
const PAUSE_NS: i64 = 1_000_000;

struct Entry {
    ends: Ends,
    flow: Flow,
    used: Timestamp,
    due: Timestamp,
    octets: usize,
    pending: usize,
}

pub(super) struct Flows {
    ids: FxHashMap<Ends, u32>,
    slab: Slab<Entry, 2>,
    due: BTreeSet<(Timestamp, u32)>,
    octets: usize,
    pending: usize,
}

impl Flows {
    pub(super) fn new() -> Self {
        Self { ids: FxHashMap::default(), slab: Slab::new(), due: BTreeSet::new(), octets: 0, pending: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    pub(super) fn bytes(&self) -> usize {
        let ids = self.ids.capacity() * (size_of::<(Ends, u32)>() + 1);
        ids + self.slab.bytes() + self.octets + self.due.len() * 2 * size_of::<(Timestamp, u32)>()
    }

    /// Takes a segment of a TCP connection.
    pub(super) fn segment(
        &mut self,
        segment: &PayloadSegment<'_>,
        is_dns: bool,
        questions: &mut Questions,
        turn: &mut Turn<'_>,
    ) {
        let (ends, side) = Ends::of(&segment.key).canonical();
        let mut found = self.ids.get(&ends).copied();
        if let Some(id) = found
            && self.slab.get_mut(id).is_some_and(|entry| entry.flow.is_another(side, segment))
        {
            self.end(id, RequestOutcome::Unanswered, questions, turn);
            found = None;
        }
        if found.is_none() && segment.octets.is_empty() {
            return;
        }
        let id = found.unwrap_or_else(|| self.add(ends, Flow::new(side, is_dns, segment), questions, turn));
        if let Some(entry) = self.slab.get_mut(id) {
            entry.flow.take(side, segment, questions, turn);
        }
        self.used(id, questions, turn);
    }

    /// Takes a datagram.
    pub(super) fn datagram(&mut self, segment: &PayloadSegment<'_>, questions: &mut Questions, turn: &mut Turn<'_>) {
        let (ends, side) = Ends::of(&segment.key).canonical();
        let id = match self.ids.get(&ends) {
            Some(id) => {
                let id = *id;
                if let Some(entry) = self.slab.get_mut(id) {
                    entry.flow.take_datagram(side, segment, turn);
                }
                id
            }
            None => {
                let Some(flow) = Flow::of_datagram(side, segment) else {
                    turn.counts.unknown += 1;
                    return;
                };
                self.add(ends, flow, questions, turn)
            }
        };
        self.used(id, questions, turn);
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, questions: &mut Questions, turn: &mut Turn<'_>) {
        while let Some((due, id)) = self.due.first().copied()
            && due <= turn.now
        {
            let Some(entry) = self.slab.get_mut(id) else {
                self.due.pop_first();
                continue;
            };
            entry.flow.go_on(questions, turn);
            if entry.flow.is_over(turn) {
                self.end(id, RequestOutcome::Unknown, questions, turn);
            } else {
                self.account(id);
                self.schedule(id, turn.now.plus_ns(PAUSE_NS), turn);
            }
        }
        self.keep_bounds(questions, turn);
    }

    /// Tells all that waits.
    pub(super) fn finish(&mut self, questions: &mut Questions, turn: &mut Turn<'_>) {
        while let Some(id) = self.slab.first(LIGHT).or_else(|| self.slab.first(HEAVY)) {
            self.end(id, RequestOutcome::Unknown, questions, turn);
        }
        *self = Self::new();
    }

    fn add(&mut self, ends: Ends, flow: Flow, questions: &mut Questions, turn: &mut Turn<'_>) -> u32 {
        while self.len() >= turn.config.flows_max.max(1) && self.evict(None, questions, turn) {}
        let entry = Entry { ends, flow, used: turn.now, due: Timestamp(i64::MAX), octets: 0, pending: 0 };
        let id = self.slab.insert(LIGHT, entry);
        self.ids.insert(ends, id);
        id
    }

    /// Keeps the books after a flow was used.
    fn used(&mut self, id: u32, questions: &mut Questions, turn: &mut Turn<'_>) {
        self.account(id);
        let Some(entry) = self.slab.get_mut(id) else { return };
        entry.used = turn.now;
        let list = if entry.octets > 0 { HEAVY } else { LIGHT };
        self.slab.shift(id, list);
        self.schedule(id, Timestamp(i64::MIN), turn);
        self.keep_bounds(questions, turn);
    }

    fn keep_bounds(&mut self, questions: &mut Questions, turn: &mut Turn<'_>) {
        while self.octets > turn.config.octets_max && self.evict(Some(HEAVY), questions, turn) {}
        let pending_max = turn.config.pending_max.max(1);
        while self.pending > 0 && self.pending + questions.pending() > pending_max {
            if !self.evict(None, questions, turn) {
                break;
            }
        }
    }

    fn account(&mut self, id: u32) {
        let Some(entry) = self.slab.get_mut(id) else { return };
        let (octets, pending) = (entry.flow.octets(), entry.flow.pending());
        self.octets = self.octets - entry.octets + octets;
        self.pending = self.pending - entry.pending + pending;
        (entry.octets, entry.pending) = (octets, pending);
    }

    /// A flow that wants to be looked at later than it is planned keeps its place: moving it at each segment costs more.
    fn schedule(&mut self, id: u32, not_before: Timestamp, turn: &Turn<'_>) {
        let Some(entry) = self.slab.get_mut(id) else { return };
        let due = entry.flow.due(turn.config).max(not_before);
        if due < entry.due || entry.due < not_before {
            self.due.remove(&(entry.due, id));
            self.due.insert((due, id));
            entry.due = due;
        }
    }

    /// Gives up the flow that has been idle for longest. Says whether there was one.
    fn evict(&mut self, list: Option<usize>, questions: &mut Questions, turn: &mut Turn<'_>) -> bool {
        let used = |id: &u32| self.slab.get(*id).map(|entry| entry.used);
        let firsts = [LIGHT, HEAVY].into_iter().filter(|at| list.is_none_or(|list| list == *at));
        let Some(id) = firsts.filter_map(|list| self.slab.first(list)).min_by_key(used) else { return false };
        if let Some(entry) = self.slab.get(id) {
            turn.counts.no_room += (entry.pending as u64).max(u64::from(entry.octets > 0));
        }
        self.end(id, RequestOutcome::Unknown, questions, turn);
        true
    }

    /// Tells what waits in a flow and forgets it.
    fn end(&mut self, id: u32, outcome: RequestOutcome, questions: &mut Questions, turn: &mut Turn<'_>) {
        let Some(mut entry) = self.slab.remove(id) else { return };
        entry.flow.end(outcome, questions, turn);
        self.due.remove(&(entry.due, id));
        self.ids.remove(&entry.ends);
        self.octets -= entry.octets;
        self.pending -= entry.pending;
    }
}
