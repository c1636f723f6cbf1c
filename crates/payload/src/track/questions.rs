//! DNS: questions that wait for their answers.
//!
//! A question is known by who asked whom (addresses, ports, protocol), its number, its name and type. It is held where an
//! answer is looked for first: at the interface where it was seen first.

use super::ends::{Ends, Place, turned};
use super::slab::{NONE, Slab};
use super::turn::{HOLD_NS, Turn, between};
use crate::parse::DnsMessage;
use netrig_model::{
    Address, DnsExchange, Exchange, FlowKey, InterfaceId, KernelOwner, Request, RequestOutcome, Timestamp,
};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// Multicast DNS: asked and answered from this port, and nobody has to answer.
const MULTICAST_PORT: u16 = 5353;
/// A second sight of a packet, at another place, comes within this.
const ECHO_NS: i64 = 100_000_000;
/// Asking again lets a question wait for longer, up to so many time-outs.
const PATIENCE: i64 = 4;
/// Questions that differ in name or type alone.
const ALIKE_MAX: usize = 16;

/// Lists of questions, each in order of time.
const WAITING: usize = 0;
/// Answers that may yet find their question, or be seen where the question was seen first.
const HELD: usize = 1;
/// Told; remembered for the sake of second sights.
const TOLD: usize = 2;
/// Told; remembered for answers that are late.
const TOLD_LATE: usize = 3;

/// A DNS message as it passed.
pub(super) struct Passed<'a> {
    pub(super) time: Timestamp,
    pub(super) key: &'a FlowKey,
    pub(super) owner: Option<KernelOwner>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Slot {
    ends: Ends,
    /// The message's number; of multicast DNS the name's hash.
    tag: u64,
}

enum State {
    Waiting,
    /// An answer was seen, but at another interface than the question was seen at first.
    Elsewhere {
        time: Timestamp,
        iface: InterfaceId,
    },
    /// An answer without a question so far.
    Orphan,
    Told,
}

struct Question {
    slot: Slot,
    next: u32,
    state: State,
    /// When it was put into its list.
    since: Timestamp,
    key: FlowKey,
    started: Timestamp,
    /// The latest sight at another interface.
    also: Option<(InterfaceId, Timestamp)>,
    owner: Option<KernelOwner>,
    retries: u32,
    /// Of name and type.
    hash: u64,
    exchange: DnsExchange,
}

pub(super) struct Questions {
    slots: FxHashMap<Slot, u32>,
    slab: Slab<Question, 4>,
}

impl Questions {
    pub(super) fn new() -> Self {
        Self { slots: FxHashMap::default(), slab: Slab::new() }
    }

    /// Questions that wait.
    pub(super) fn pending(&self) -> usize {
        self.slab.length(WAITING) + self.slab.length(HELD)
    }

    pub(super) fn bytes(&self) -> usize {
        self.slab.bytes() + self.slots.capacity() * (size_of::<(Slot, u32)>() + 1)
    }

    pub(super) fn take(&mut self, passed: &Passed<'_>, message: DnsMessage, turn: &mut Turn<'_>) {
        if message.is_response {
            self.answer(passed, message, turn);
        } else {
            self.question(passed, message, turn);
        }
    }

    fn question(&mut self, passed: &Passed<'_>, message: DnsMessage, turn: &mut Turn<'_>) {
        let slot = Slot::of_question(passed.key, &message);
        let hash = hash_of(&message.exchange);
        let mut at = self.slots.get(&slot).copied().unwrap_or(NONE);
        while let Some(question) = self.slab.get(at) {
            if question.hash == hash && (!slot.is_group() || question.key.src == passed.key.src) {
                if self.asked_before(at, passed, turn) {
                    return;
                }
                break;
            }
            at = question.next;
        }
        let question = Question::new(slot, hash, State::Waiting, passed, *passed.key, message.exchange);
        self.add(WAITING, question, turn);
    }

    /// The same question once more. Says whether that settles it; if not it is a new one, and the one of before is gone.
    fn asked_before(&mut self, at: u32, passed: &Passed<'_>, turn: &mut Turn<'_>) -> bool {
        let Some(question) = self.slab.get_mut(at) else { return false };
        let same_place = Place::of(&question.key) == Place::of(passed.key);
        match question.state {
            State::Waiting | State::Elsewhere { .. } if same_place => {
                question.retries += 1;
                let waited_ns = passed.time.0.saturating_sub(question.started.0);
                let is_patient = waited_ns < turn.config.timeout_ns.saturating_mul(PATIENCE);
                if matches!(question.state, State::Waiting) && is_patient {
                    question.since = turn.now;
                    self.slab.shift(at, WAITING);
                }
                true
            }
            State::Waiting | State::Elsewhere { .. } => {
                turn.counts.again += 1;
                question.also = Some((passed.key.iface, passed.time));
                true
            }
            State::Orphan => {
                let answered = question.started;
                question.key = *passed.key;
                question.owner = passed.owner.or(question.owner);
                question.started = passed.time;
                self.tell(at, RequestOutcome::Answered, between(passed.time, answered), turn);
                true
            }
            State::Told if !same_place && passed.time.0.saturating_sub(question.since.0) <= ECHO_NS => {
                turn.counts.again += 1;
                true
            }
            State::Told => {
                self.forget(at);
                false
            }
        }
    }

    fn answer(&mut self, passed: &Passed<'_>, mut message: DnsMessage, turn: &mut Turn<'_>) {
        let key = turned(passed.key);
        let slot = Slot::of_answer(&key, &message);
        let hash = hash_of(&message.exchange);
        if slot.is_group() {
            if self.group_answer(slot, passed, &message.exchange, turn) {
                return;
            }
        } else if let Some(at) = self.question_of(slot, hash, &message) {
            self.answered(at, passed, std::mem::take(&mut message.exchange), turn);
            return;
        }
        let question = Question::new(slot, hash, State::Orphan, passed, key, message.exchange);
        self.add(HELD, question, turn);
    }

    fn question_of(&self, slot: Slot, hash: u64, answer: &DnsMessage) -> Option<u32> {
        let has_question = !answer.exchange.name.is_empty();
        [slot, slot.of_any_server()].into_iter().find_map(|slot| {
            let mut at = *self.slots.get(&slot)?;
            loop {
                let question = self.slab.get(at)?;
                if question.hash == hash || !has_question {
                    return Some(at);
                }
                at = question.next;
            }
        })
    }

    /// Multicast DNS: one answer is for all who wait for its name. Says whether anyone did, or it was seen before.
    fn group_answer(&mut self, slot: Slot, passed: &Passed<'_>, answer: &DnsExchange, turn: &mut Turn<'_>) -> bool {
        let mut at = self.slots.get(&slot).copied().unwrap_or(NONE);
        let was_known = at != NONE;
        while let Some(question) = self.slab.get(at) {
            let next = question.next;
            self.answered(at, passed, answer.clone(), turn);
            at = next;
        }
        was_known
    }

    fn answered(&mut self, at: u32, passed: &Passed<'_>, answer: DnsExchange, turn: &mut Turn<'_>) {
        let Some(question) = self.slab.get_mut(at) else { return };
        let is_here = question.key.iface == passed.key.iface;
        let latency_ns = between(question.started, passed.time);
        match question.state {
            State::Waiting => {
                let asked = std::mem::take(&mut question.exchange);
                question.exchange = DnsExchange { name: asked.name, qtype: asked.qtype, ..answer };
                question.owner = question.owner.or(passed.owner);
                if is_here {
                    self.tell(at, RequestOutcome::Answered, latency_ns, turn);
                } else {
                    question.state = State::Elsewhere { time: passed.time, iface: passed.key.iface };
                    question.since = turn.now;
                    self.slab.shift(at, HELD);
                }
            }
            State::Elsewhere { .. } => {
                turn.counts.again += 1;
                if is_here {
                    self.tell(at, RequestOutcome::Answered, latency_ns, turn);
                }
            }
            State::Orphan | State::Told => turn.counts.again += 1,
        }
    }

    /// Tells what has waited for long enough.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>) {
        let timeout_ns = turn.config.timeout_ns;
        while let Some(at) = self.due(HELD, HOLD_NS, turn.now) {
            self.tell_held(at, turn);
        }
        while let Some(at) = self.due(WAITING, timeout_ns, turn.now) {
            self.tell_unanswered(at, turn);
        }
        for (list, kept_ns) in [(TOLD, ECHO_NS), (TOLD_LATE, timeout_ns)] {
            while let Some(at) = self.due(list, kept_ns, turn.now) {
                self.forget(at);
            }
        }
    }

    /// Tells all that waits.
    pub(super) fn finish(&mut self, turn: &mut Turn<'_>) {
        while let Some(at) = self.slab.first(HELD) {
            self.tell_held(at, turn);
        }
        while let Some(at) = self.slab.first(WAITING) {
            self.tell(at, RequestOutcome::Unknown, None, turn);
        }
        *self = Self::new();
    }

    /// Gives up the question that has waited for longest. Says whether there was one.
    pub(super) fn give_up_first(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(at) = self.slab.first(WAITING).or_else(|| self.slab.first(HELD)) else { return false };
        self.give_up(at, turn);
        true
    }

    fn due(&self, list: usize, after_ns: i64, now: Timestamp) -> Option<u32> {
        let at = self.slab.first(list)?;
        (self.slab.get(at)?.since.plus_ns(after_ns) <= now).then_some(at)
    }

    fn tell_held(&mut self, at: u32, turn: &mut Turn<'_>) {
        let Some(question) = self.slab.get(at) else { return };
        let latency_ns = match question.state {
            State::Elsewhere { time, iface } => {
                let there = question.also.filter(|(also, _)| *also == iface).map(|(_, time)| time);
                between(there.unwrap_or(question.started), time)
            }
            _ => None,
        };
        self.tell(at, RequestOutcome::Answered, latency_ns, turn);
    }

    fn tell_unanswered(&mut self, at: u32, turn: &mut Turn<'_>) {
        let may_be_ignored = self.slab.get(at).is_some_and(|question| question.slot.is_any_server());
        let outcome = if may_be_ignored { RequestOutcome::Unknown } else { RequestOutcome::Unanswered };
        self.tell(at, outcome, None, turn);
    }

    fn tell(&mut self, at: u32, outcome: RequestOutcome, latency_ns: Option<u64>, turn: &mut Turn<'_>) {
        let Some(question) = self.slab.get_mut(at) else { return };
        question.state = State::Told;
        question.since = turn.now;
        let request = Request {
            key: question.key,
            started: question.started,
            latency_ns,
            outcome,
            retries: question.retries,
            owner: question.owner,
            what: Exchange::Dns(std::mem::take(&mut question.exchange)),
        };
        let may_be_answered_again = question.retries > 0 || outcome != RequestOutcome::Answered;
        self.slab.shift(at, if may_be_answered_again { TOLD_LATE } else { TOLD });
        turn.tell(request);
    }

    fn give_up(&mut self, at: u32, turn: &mut Turn<'_>) {
        let Some(question) = self.slab.get(at) else { return };
        match question.state {
            State::Waiting => self.tell(at, RequestOutcome::Unknown, None, turn),
            State::Elsewhere { .. } | State::Orphan => self.tell_held(at, turn),
            State::Told => return self.forget(at),
        }
        turn.counts.no_room += 1;
        self.forget(at);
    }

    /// Sees to it that there is room for one more.
    fn room(&mut self, turn: &mut Turn<'_>) {
        let max = turn.config.pending_max.max(1);
        while self.pending() >= max && self.give_up_first(turn) {}
        while self.slab.length(TOLD) + self.slab.length(TOLD_LATE) >= max {
            let Some(at) = self.slab.first(TOLD).or_else(|| self.slab.first(TOLD_LATE)) else { break };
            self.forget(at);
        }
    }

    fn add(&mut self, list: usize, mut question: Question, turn: &mut Turn<'_>) {
        self.room(turn);
        let slot = question.slot;
        question.since = turn.now;
        question.next = self.slots.get(&slot).copied().unwrap_or(NONE);
        let (mut last, mut alike) = (question.next, 1);
        let at = self.slab.insert(list, question);
        self.slots.insert(slot, at);
        while let Some(other) = self.slab.get(last) {
            if other.next == NONE {
                break;
            }
            (last, alike) = (other.next, alike + 1);
        }
        if alike >= ALIKE_MAX {
            self.give_up(last, turn);
        }
    }

    fn forget(&mut self, at: u32) {
        let Some(question) = self.slab.remove(at) else { return };
        let Some(first) = self.slots.get_mut(&question.slot) else { return };
        if *first != at {
            let mut before = *first;
            while let Some(other) = self.slab.get_mut(before) {
                if other.next == at {
                    other.next = question.next;
                    return;
                }
                before = other.next;
            }
        } else if question.next == NONE {
            self.slots.remove(&question.slot);
        } else {
            *first = question.next;
        }
    }
}

impl Question {
    fn new(slot: Slot, hash: u64, state: State, passed: &Passed<'_>, key: FlowKey, exchange: DnsExchange) -> Self {
        let (since, started, owner) = (passed.time, passed.time, passed.owner);
        Self { slot, next: NONE, state, since, key, started, also: None, owner, retries: 0, hash, exchange }
    }
}

impl Slot {
    fn of_question(key: &FlowKey, message: &DnsMessage) -> Self {
        let slot = Self::of_answer(key, message);
        if !slot.is_group() && is_multicast(key) { slot.of_any_server() } else { slot }
    }

    /// By the question's key.
    fn of_answer(key: &FlowKey, message: &DnsMessage) -> Self {
        let ends = Ends::of(key);
        if ends.from_port == MULTICAST_PORT && ends.to_port == MULTICAST_PORT {
            let (nobody, tag) = (Address::default(), text_hash(&message.exchange.name, ""));
            return Self { ends: Ends { from: nobody, to: nobody, ipv6: false, ..ends }, tag };
        }
        Self { ends, tag: u64::from(message.id) }
    }

    /// Where a question waits that was asked of a group: whoever answers does so from an address of its own.
    fn of_any_server(self) -> Self {
        Self { ends: Ends { to: Address::default(), ..self.ends }, ..self }
    }

    fn is_any_server(self) -> bool {
        self.ends.to == Address::default()
    }

    fn is_group(self) -> bool {
        self.is_any_server() && self.ends.from == Address::default()
    }
}

fn is_multicast(key: &FlowKey) -> bool {
    if key.kind.is_ipv6() { key.dst.0[0] == 0xff } else { key.dst.0[12] & 0xf0 == 0xe0 }
}

fn hash_of(exchange: &DnsExchange) -> u64 {
    text_hash(&exchange.name, &exchange.qtype)
}

fn text_hash(name: &str, qtype: &str) -> u64 {
    let mut hasher = FxHasher::default();
    (name, qtype).hash(&mut hasher);
    hasher.finish()
}
