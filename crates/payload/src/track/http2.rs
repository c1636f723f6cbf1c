//! The first request of an HTTP/2 connection in the clear, and its answer.

use super::begin::{Beginning, beginning};
use super::talk::{Talk, Went};
use super::turn::{HOLD_NS, Turn};
use crate::parse::{Http2Request, Read, http2_request, http2_request_cut, http2_status};
use netrig_model::{Exchange, HttpExchange, RequestOutcome, Timestamp};
use std::borrow::Cow;

pub(super) struct Http2 {
    client: usize,
    request: Option<Http2Request>,
    /// When the request's head was whole: the preface may have gone ahead of it long before.
    started: Option<Timestamp>,
    status: Option<u16>,
    answered: Option<Timestamp>,
    /// The server's first octets are longer than what is copied, and no answer was among them.
    is_unknown: bool,
}

impl Http2 {
    pub(super) fn new(client: usize) -> Self {
        Self { client, request: None, started: None, status: None, answered: None, is_unknown: false }
    }

    pub(super) fn client(&self) -> usize {
        self.client
    }

    pub(super) fn pending(&self) -> usize {
        usize::from(self.started.is_some() || self.answered.is_some())
    }

    pub(super) fn due(&self, timeout_ns: i64) -> Option<Timestamp> {
        match self.started {
            Some(started) => Some(started.plus_ns(timeout_ns)),
            None => self.answered.map(|time| time.plus_ns(HOLD_NS)),
        }
    }

    /// Reads on. Says whether the request has been told.
    pub(super) fn read(&mut self, talk: &mut Talk, all: bool, turn: &mut Turn<'_>) -> bool {
        self.read_request(talk, all, turn);
        self.read_answer(talk, all, turn);
        let outcome = match (self.started, self.answered) {
            (Some(_), Some(_)) => RequestOutcome::Answered,
            (None, Some(answered)) if answered.plus_ns(HOLD_NS) <= turn.now => RequestOutcome::Answered,
            (Some(_), None) if self.is_unknown => RequestOutcome::Unknown,
            (Some(started), None) if started.plus_ns(turn.config.timeout_ns) <= turn.now => RequestOutcome::Unanswered,
            _ => return false,
        };
        self.end(talk, outcome, turn);
        true
    }

    fn read_request(&mut self, talk: &mut Talk, all: bool, turn: &mut Turn<'_>) {
        let stream = &mut talk.streams[self.client];
        if self.request.is_some() {
            return stream.clear();
        }
        turn.counts.unknown += stream.seek(turn.now, all, |octets| beginning(octets) == Beginning::Http2) as u64;
        let Some(latest) = stream.latest() else { return };
        self.request = Some(match http2_request(stream.run()) {
            Read::Whole(request) => request,
            Read::More if !all && !stream.is_over(turn) => return,
            Read::More => http2_request_cut(stream.run()).unwrap_or_default(),
            Read::No => {
                turn.counts.malformed += 1;
                Http2Request::default()
            }
        });
        self.started = Some(latest);
        stream.clear();
    }

    fn read_answer(&mut self, talk: &mut Talk, all: bool, turn: &mut Turn<'_>) {
        let stream = &mut talk.streams[1 - self.client];
        if self.answered.is_some() || self.is_unknown {
            return stream.clear();
        }
        stream.seek(turn.now, all, |_| true);
        let Some(latest) = stream.latest() else { return };
        match http2_status(stream.run()) {
            Read::Whole(status) => (self.status, self.answered) = (status, Some(latest)),
            Read::More if !all && !stream.is_over(turn) => return,
            Read::More => self.is_unknown = true,
            Read::No => {
                turn.counts.malformed += 1;
                self.is_unknown = true;
            }
        }
        stream.clear();
    }

    /// Tells the request as it stands, when there is one.
    pub(super) fn end(&mut self, talk: &Talk, outcome: RequestOutcome, turn: &mut Turn<'_>) {
        let went = match (self.started.take(), self.answered.take()) {
            (Some(started), Some(answered)) => Went::answered(started, answered),
            (Some(started), None) => Went::without(started, outcome),
            (None, Some(answered)) => Went::unasked(answered),
            (None, None) => return,
        };
        let request = self.request.take().unwrap_or_default();
        let what = HttpExchange {
            version: Some("2"),
            method: request.method.map(Cow::Owned),
            host: request.host,
            path: request.path,
            status: self.status,
            grpc: request.grpc,
        };
        talk.tell(self.client, &went, Exchange::Http2(what), turn);
    }
}
