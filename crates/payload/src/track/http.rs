//! Requests of HTTP/1 on one connection, paired with their answers in order.
//!
//! Bodies are skipped by their length where it is known; where it is not, the next message is where a copied segment begins
//! like one. When a copy is missing and more than one request waits, whose answer an answer is cannot be known: those that
//! wait are then told as such, so that the next pair is right again.

use super::begin::{Beginning, beginning};
use super::heads::{Head, Reading, chunked_octets, read_answer, read_request};
use super::stream::Stream;
use super::talk::{Talk, Went};
use super::turn::{HOLD_NS, Turn};
use crate::parse::Body;
use netrig_model::{Exchange, HttpExchange, RequestOutcome, Timestamp};
use std::collections::VecDeque;

/// Requests of one connection that wait for their answers.
const WAITING_MAX: usize = 128;

struct Asked {
    started: Timestamp,
    exchange: HttpExchange,
}

/// What a connection goes on as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Http,
    /// What a CONNECT asked for.
    Tunnel,
    /// Another protocol, asked for by an upgrade.
    Upgraded,
}

pub(super) struct Http {
    client: usize,
    /// In order; the first `late` of them have been told as unanswered, and their answers may yet come.
    waiting: VecDeque<Asked>,
    late: usize,
    /// Answers whose requests have not been seen yet.
    unasked: VecDeque<Asked>,
    /// An answer may be missing before the next one.
    is_unsure: bool,
}

impl Http {
    pub(super) fn new(client: usize) -> Self {
        Self { client, waiting: VecDeque::new(), late: 0, unasked: VecDeque::new(), is_unsure: false }
    }

    pub(super) fn client(&self) -> usize {
        self.client
    }

    pub(super) fn pending(&self) -> usize {
        self.waiting.len() - self.late + self.unasked.len()
    }

    pub(super) fn due(&self, timeout_ns: i64) -> Option<Timestamp> {
        let asked = self.waiting.get(self.late).map(|asked| asked.started.plus_ns(timeout_ns));
        let unasked = self.unasked.front().map(|answer| answer.started.plus_ns(HOLD_NS));
        asked.into_iter().chain(unasked).min()
    }

    /// Reads on.
    pub(super) fn read(&mut self, talk: &mut Talk, all: bool, turn: &mut Turn<'_>) -> After {
        self.read_requests(talk, all, turn);
        let after = self.read_answers(talk, all, turn);
        // What is answered has been asked: the rest of its head was lost.
        let answered = self.unasked.front().map(|answer| answer.started);
        if answered.is_some_and(|time| time.plus_ns(HOLD_NS) <= turn.now)
            && talk.streams[self.client].time().is_some_and(|started| Some(started) <= answered)
        {
            self.read_requests(talk, true, turn);
        }
        self.tell_late(talk, turn);
        after
    }

    fn read_requests(&mut self, talk: &mut Talk, all: bool, turn: &mut Turn<'_>) {
        loop {
            let place = talk.place(self.client);
            let stream = &mut talk.streams[self.client];
            stream.seek(turn.now, all, |octets| matches!(beginning(octets), Beginning::HttpRequest | Beginning::Short));
            let Some(started) = stream.time() else {
                if !give_up_gap(stream, all, turn) {
                    return;
                }
                continue;
            };
            let (no_more, lately) = (all || stream.is_over(turn), turn.lately.at(place));
            match read_request(stream.run(), no_more, turn.veil.tells_paths(), lately) {
                Reading::Head(Head { exchange, octets, body }) => {
                    skip(stream, octets, body);
                    stream.take_lost();
                    self.asked(talk, Asked { started, exchange }, turn);
                }
                Reading::More => return,
                Reading::No => {
                    turn.counts.malformed += 1;
                    stream.unsync();
                }
            }
        }
    }

    fn asked(&mut self, talk: &Talk, asked: Asked, turn: &mut Turn<'_>) {
        // Who asks again does not wait for what was not answered in all that time.
        self.waiting.drain(..self.late);
        self.late = 0;
        while let Some(answer) = self.unasked.pop_front() {
            if answer.started >= asked.started {
                return self.tell_pair(talk, asked, &answer, turn);
            }
            self.tell_unasked(talk, answer, turn);
        }
        if self.waiting.len() >= WAITING_MAX
            && let Some(oldest) = self.waiting.pop_front()
        {
            turn.counts.no_room += 1;
            self.tell_without(talk, oldest, RequestOutcome::Unknown, turn);
            self.is_unsure = true;
        }
        self.waiting.push_back(asked);
    }

    fn read_answers(&mut self, talk: &mut Talk, all: bool, turn: &mut Turn<'_>) -> After {
        loop {
            let place = talk.place(1 - self.client);
            let stream = &mut talk.streams[1 - self.client];
            // Among several the first must be found, and it may be late.
            let may_be_late = !all && self.waiting.len() > 1 && !stream.is_synced();
            if may_be_late && !stream.has_waited(turn.now) {
                return After::Http;
            }
            stream.seek(turn.now, all, |octets| matches!(beginning(octets), Beginning::HttpAnswer | Beginning::Short));
            let Some(started) = stream.time() else {
                if !give_up_gap(stream, all, turn) {
                    return After::Http;
                }
                self.is_unsure = true;
                continue;
            };
            let (no_more, lately) = (all || stream.is_over(turn), turn.lately.at(place));
            let head = match read_answer(stream.run(), no_more, lately) {
                Reading::Head(head) => head,
                Reading::More => return After::Http,
                Reading::No => {
                    turn.counts.malformed += 1;
                    stream.unsync();
                    self.is_unsure = true;
                    continue;
                }
            };
            let after = self.answer(talk, started, head, turn);
            if after != After::Http {
                return after;
            }
        }
    }

    fn answer(&mut self, talk: &mut Talk, started: Timestamp, head: Head, turn: &mut Turn<'_>) -> After {
        let Head { exchange, octets, mut body } = head;
        let status = exchange.status.unwrap_or_default();
        if (100..200).contains(&status) && status != 101 {
            skip(&mut talk.streams[1 - self.client], octets, Body::None);
            return After::Http;
        }
        let asked = self.take_asked(talk, started, turn);
        let method = asked.as_ref().and_then(Found::method).unwrap_or_default();
        let is_tunnel = method == "CONNECT" && (200..300).contains(&status);
        if method == "HEAD" || is_tunnel || matches!(status, 101 | 204 | 304) {
            body = Body::None;
        }
        let was_found = asked.is_some();
        let answer = Asked { started, exchange };
        match asked {
            Some(Found::Waiting(asked)) => self.tell_pair(talk, asked, &answer, turn),
            Some(Found::Late(_) | Found::Unsure) => {}
            None => self.unasked(talk, answer, turn),
        }
        if self.skip_answer(talk, octets, body, was_found) {
            // The answers of those that waited by then may have been among what was not copied.
            let count = self.waiting.partition_point(|asked| asked.started <= started);
            self.give_up(talk, count, turn);
        }
        match status {
            101 => After::Upgraded,
            _ if is_tunnel => After::Tunnel,
            _ => After::Http,
        }
    }

    /// The request that an answer is for.
    fn take_asked(&mut self, talk: &Talk, answered: Timestamp, turn: &mut Turn<'_>) -> Option<Found> {
        let before = self.waiting.partition_point(|asked| asked.started <= answered);
        let could = self.waiting.range(self.late.min(before)..before);
        let first = could.clone().next().map(|asked| asked.started);
        let are_of_one_segment = could.clone().all(|asked| Some(asked.started) == first);
        if std::mem::take(&mut self.is_unsure) && !are_of_one_segment {
            self.give_up(talk, before, turn);
            return Some(Found::Unsure);
        }
        if before == 0 {
            return None;
        }
        let asked = self.waiting.pop_front()?;
        if self.late == 0 {
            return Some(Found::Waiting(asked));
        }
        self.late -= 1;
        Some(Found::Late(asked))
    }

    /// Goes on behind an answer. Says whether others may have passed that nobody saw.
    fn skip_answer(&mut self, talk: &mut Talk, octets: usize, body: Body, was_asked: bool) -> bool {
        let stream = &mut talk.streams[1 - self.client];
        let was_cut = stream.is_cut();
        match body {
            // The answer to a HEAD has a length and no body.
            Body::Length(length) if !was_asked && length > 0 => {
                let is_here = stream.run().len() as u64 >= length.saturating_add(octets as u64);
                skip(stream, octets, if is_here { body } else { Body::UntilClose });
            }
            body => skip(stream, octets, body),
        }
        self.is_unsure |= !stream.is_synced();
        stream.take_lost() || (was_cut && !stream.is_synced())
    }

    /// Tells the first so many that it is not known whether they were answered.
    fn give_up(&mut self, talk: &Talk, count: usize, turn: &mut Turn<'_>) {
        for at in 0..count {
            let Some(asked) = self.waiting.pop_front() else { break };
            if at >= self.late {
                self.tell_without(talk, asked, RequestOutcome::Unknown, turn);
            }
        }
        self.late = self.late.saturating_sub(count);
    }

    /// Tells requests that have waited for too long, and answers that nobody asked for.
    fn tell_late(&mut self, talk: &Talk, turn: &mut Turn<'_>) {
        while let Some(answer) = self.unasked.pop_front_if(|answer| answer.started.plus_ns(HOLD_NS) <= turn.now) {
            self.tell_unasked(talk, answer, turn);
        }
        let timeout_ns = turn.config.timeout_ns;
        while let Some(asked) = self.waiting.get_mut(self.late)
            && asked.started.plus_ns(timeout_ns) <= turn.now
        {
            // What its answer has for a body depends on the method.
            let method = asked.exchange.method.clone();
            let exchange = std::mem::replace(&mut asked.exchange, HttpExchange { method, ..HttpExchange::default() });
            let went = Went::without(asked.started, RequestOutcome::Unanswered);
            talk.tell(self.client, &went, Exchange::Http(exchange), turn);
            self.late += 1;
        }
    }

    /// Tells all that waits: the connection is over, or given up.
    pub(super) fn end(&mut self, talk: &Talk, outcome: RequestOutcome, turn: &mut Turn<'_>) {
        for answer in std::mem::take(&mut self.unasked) {
            self.tell_unasked(talk, answer, turn);
        }
        for asked in std::mem::take(&mut self.waiting).into_iter().skip(self.late) {
            self.tell_without(talk, asked, outcome, turn);
        }
        self.late = 0;
    }

    fn unasked(&mut self, talk: &Talk, answer: Asked, turn: &mut Turn<'_>) {
        if self.unasked.len() >= WAITING_MAX
            && let Some(oldest) = self.unasked.pop_front()
        {
            self.tell_unasked(talk, oldest, turn);
        }
        self.unasked.push_back(answer);
    }

    fn tell_unasked(&self, talk: &Talk, answer: Asked, turn: &mut Turn<'_>) {
        talk.tell(self.client, &Went::unasked(answer.started), Exchange::Http(answer.exchange), turn);
    }

    fn tell_pair(&self, talk: &Talk, asked: Asked, answer: &Asked, turn: &mut Turn<'_>) {
        let went = Went::answered(asked.started, answer.started);
        let exchange = HttpExchange { status: answer.exchange.status, ..asked.exchange };
        talk.tell(self.client, &went, Exchange::Http(exchange), turn);
    }

    fn tell_without(&self, talk: &Talk, asked: Asked, outcome: RequestOutcome, turn: &mut Turn<'_>) {
        let went = Went::without(asked.started, outcome);
        talk.tell(self.client, &went, Exchange::Http(asked.exchange), turn);
    }
}

enum Found {
    Waiting(Asked),
    /// Told as unanswered already.
    Late(Asked),
    /// One of several, and it is not known which.
    Unsure,
}

impl Found {
    fn method(&self) -> Option<&str> {
        match self {
            Self::Waiting(asked) | Self::Late(asked) => asked.exchange.method.as_deref(),
            Self::Unsure => None,
        }
    }
}

/// Goes on behind a head and its body.
fn skip(stream: &mut Stream, octets: usize, body: Body) {
    let octets = octets as u64;
    match body {
        Body::None => stream.skip(octets),
        Body::Length(length) => stream.skip(octets.saturating_add(length)),
        Body::Chunked => match stream.run().get(octets as usize..).and_then(chunked_octets) {
            Some(body) => stream.skip(octets.saturating_add(body as u64)),
            None => stream.unsync(),
        },
        Body::UntilClose => stream.unsync(),
    }
}

/// When nothing is being read and what should come next does not come, lets the next message be found. Says whether it did.
fn give_up_gap(stream: &mut Stream, all: bool, turn: &Turn<'_>) -> bool {
    let has_gap = stream.is_synced() && !stream.pieces().is_empty() && (all || stream.is_stuck(turn.now));
    if has_gap {
        stream.unsync();
    }
    has_gap
}
