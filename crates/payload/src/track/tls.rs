//! The opening of a TLS session over TCP: one hello, one answer, one request.

use super::begin::{Beginning, beginning};
use super::stream::Piece;
use super::talk::{Talk, Went};
use super::turn::{HOLD_NS, Turn};
use crate::parse::{
    ClientHello, NextRecord, Read, ServerAnswer, client_hello, client_hello_cut, hello_octets, next_record,
    server_answer,
};
use netrig_model::{Exchange, RequestOutcome, Timestamp, TlsExchange};

const RECORD_HEADER: usize = 5;
/// A record of one octet that means nothing since TLS 1.3.
const CHANGE_CIPHER: u8 = 0x14;
/// A client that says nothing behind the server's answer for so long has not refused it. Shorter than a flow is remembered.
const REFUSAL_NS: i64 = 1_000_000_000;

#[derive(Default)]
enum Hello {
    #[default]
    Reading,
    Whole(Box<ClientHello>),
    /// Nothing of what was copied of it could be read.
    Unreadable,
}

pub(super) struct Tls {
    client: usize,
    hello: Hello,
    /// When the hello's first octet passed.
    started: Option<Timestamp>,
    answer: Option<Box<ServerAnswer>>,
    /// When the answer's first octet passed.
    answered: Option<Timestamp>,
    /// The answer is all it will be.
    is_answered: bool,
    /// The alert by which the client gave up.
    refusal: Option<String>,
    /// The client will not refuse the answer any more, or nobody would see it.
    goes_on: bool,
}

impl Tls {
    pub(super) fn new(client: usize) -> Self {
        let (hello, started, answer, answered) = (Hello::Reading, None, None, None);
        Self { client, hello, started, answer, answered, is_answered: false, refusal: None, goes_on: false }
    }

    pub(super) fn client(&self) -> usize {
        self.client
    }

    /// What waits for an answer, or for its hello.
    pub(super) fn pending(&self) -> usize {
        usize::from(self.has_request() && !self.may_be_refused())
    }

    fn has_request(&self) -> bool {
        self.started.is_some() || self.is_answered
    }

    /// Whether it was asked and answered: a hello behind that is another session's.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered && !matches!(self.hello, Hello::Reading)
    }

    pub(super) fn due(&self, timeout_ns: i64) -> Option<Timestamp> {
        match self.answered.filter(|_| self.is_answered) {
            Some(answered) if self.may_be_refused() => Some(answered.plus_ns(REFUSAL_NS)),
            Some(answered) => Some(answered.plus_ns(HOLD_NS)),
            None => self.started.map(|time| time.plus_ns(timeout_ns)),
        }
    }

    /// Reads on. Says whether the request has been told.
    pub(super) fn read(&mut self, talk: &mut Talk, all: bool, turn: &mut Turn<'_>) -> bool {
        self.read_hello(talk, all, turn);
        self.read_answer(talk, all, turn);
        self.read_on(talk, turn);
        let is_late = self.started.is_some_and(|time| time.plus_ns(turn.config.timeout_ns) <= turn.now);
        let is_over = self.is_answered && self.is_hello_over(turn) && !self.waits_for_refusal(turn);
        if is_over || is_late {
            // What there is of a hello must do then.
            self.read_hello(talk, true, turn);
            self.tell(talk, RequestOutcome::Unanswered, turn);
        }
        is_over || is_late
    }

    /// Whether the client may yet answer the answer with an alert in the clear.
    fn may_be_refused(&self) -> bool {
        let is_accepted = self.answer.as_ref().is_some_and(|answer| answer.alert.is_none());
        let has_both = self.is_answered && is_accepted && matches!(self.hello, Hello::Whole(_));
        has_both && !self.goes_on && self.refusal.is_none()
    }

    fn waits_for_refusal(&self, turn: &Turn<'_>) -> bool {
        self.may_be_refused() && self.answered.is_some_and(|time| turn.now < time.plus_ns(REFUSAL_NS))
    }

    /// Whether the hello has been read, or does not come any more.
    fn is_hello_over(&self, turn: &Turn<'_>) -> bool {
        match self.hello {
            Hello::Reading => self.answered.is_none_or(|time| time.plus_ns(HOLD_NS) <= turn.now),
            Hello::Whole(_) | Hello::Unreadable => true,
        }
    }

    fn read_hello(&mut self, talk: &mut Talk, all: bool, turn: &mut Turn<'_>) {
        let stream = &mut talk.streams[self.client];
        if !matches!(self.hello, Hello::Reading) {
            return;
        }
        let begins = |octets: &[u8]| beginning(octets) == Beginning::ClientHello;
        turn.counts.unknown += stream.seek(turn.now, all, begins) as u64;
        let Some(time) = stream.time() else { return };
        self.started = Some(time);
        match client_hello(stream.run()) {
            Read::Whole(hello) => {
                self.hello = Hello::Whole(Box::new(hello));
                let octets = hello_octets(stream.run()).unwrap_or(stream.run().len());
                return stream.skip(octets as u64);
            }
            Read::More if !all && !stream.is_over(turn) => return,
            Read::More => {
                let hello = client_hello_cut(stream.run());
                turn.counts.unknown += u64::from(hello.is_none());
                self.hello = hello.map_or(Hello::Unreadable, |hello| Hello::Whole(Box::new(hello)));
            }
            Read::No => {
                turn.counts.malformed += 1;
                self.hello = Hello::Unreadable;
            }
        }
        // Where the client's next record begins is not known.
        self.goes_on = true;
        stream.clear();
    }

    /// What the client says behind its hello.
    fn read_on(&mut self, talk: &mut Talk, turn: &mut Turn<'_>) {
        if matches!(self.hello, Hello::Reading) {
            return;
        }
        let stream = &mut talk.streams[self.client];
        // Of what was not copied nobody knows whether it was an alert.
        self.goes_on |= !stream.is_synced() || stream.has_waited(turn.now);
        while !self.goes_on && self.refusal.is_none() {
            match next_record(stream.run()) {
                Some(NextRecord::Alert(word)) => self.refusal = Some(word),
                // One that comes before the answer may be of another hello, which was asked for.
                Some(NextRecord::Other { octets }) if !self.is_answered => stream.skip(octets as u64),
                Some(NextRecord::Other { .. } | NextRecord::Data) => self.goes_on = true,
                None => return,
            }
        }
        stream.clear();
    }

    fn read_answer(&mut self, talk: &mut Talk, all: bool, turn: &mut Turn<'_>) {
        let stream = &mut talk.streams[1 - self.client];
        if self.is_answered {
            return stream.clear();
        }
        // Before a hello the server may have said anything; behind it whatever it says is its answer.
        if let Some(started) = self.started.filter(|_| !stream.is_synced()) {
            turn.counts.unknown += stream.drop_pieces(|piece| piece.time < started) as u64;
            let is_late = |time: Timestamp| all || time.plus_ns(HOLD_NS) <= turn.now;
            let begins = |piece: &Piece| is_answer(&piece.octets) || is_late(piece.time);
            if let Some(index) = stream.pieces().iter().position(begins) {
                turn.counts.unknown += stream.begin_at(index) as u64;
            }
        } else {
            turn.counts.unknown += stream.seek(turn.now, all, is_answer) as u64;
        }
        while let Some(time) = stream.time() {
            self.answered.get_or_insert(time);
            match server_answer(stream.run()) {
                Read::Whole(answer) if answer.is_retry => {
                    self.answer = Some(Box::new(answer));
                    let octets = retry_octets(stream.run());
                    stream.skip(octets as u64);
                    continue;
                }
                Read::Whole(answer) => self.answer = Some(Box::new(answer)),
                Read::More if !all && !stream.is_over(turn) => return,
                Read::More => turn.counts.unknown += 1,
                Read::No => turn.counts.malformed += 1,
            }
            self.is_answered = true;
            return stream.clear();
        }
    }

    /// Tells the request as it stands, when there is one.
    pub(super) fn end(&mut self, talk: &mut Talk, outcome: RequestOutcome, turn: &mut Turn<'_>) {
        if self.has_request() {
            self.tell(talk, outcome, turn);
        }
    }

    fn tell(&mut self, talk: &mut Talk, outcome: RequestOutcome, turn: &mut Turn<'_>) {
        let went = match (self.started, self.answered) {
            (Some(started), Some(answered)) => Went::answered(started, answered),
            (Some(started), None) => Went::without(started, outcome),
            (None, Some(answered)) => Went::unasked(answered),
            (None, None) => return,
        };
        let hello = match std::mem::take(&mut self.hello) {
            Hello::Whole(hello) => Some(hello),
            _ => None,
        };
        let mut what = exchange(hello.map(|hello| *hello), self.answer.take().map(|answer| *answer));
        what.alert = what.alert.or_else(|| self.refusal.take());
        talk.tell(self.client, &went, Exchange::Tls(what), turn);
    }
}

fn is_answer(octets: &[u8]) -> bool {
    matches!(beginning(octets), Beginning::ServerHello | Beginning::Alert)
        || (matches!(octets, [0x15 | 0x16] | [0x15 | 0x16, 3, ..]) && beginning(octets) == Beginning::Short)
}

/// Octets of a request for another hello: its record, and what may follow it for the sake of old boxes in between.
fn retry_octets(run: &[u8]) -> usize {
    let record = |at: usize| match run.get(at..at + RECORD_HEADER) {
        Some(&[_, _, _, high, low]) => RECORD_HEADER + usize::from(u16::from_be_bytes([high, low])),
        _ => run.len() - at,
    };
    let mut at = record(0).min(run.len());
    while run.get(at) == Some(&CHANGE_CIPHER) {
        at = (at + record(at)).min(run.len());
    }
    at.max(1)
}

/// What both said, as one.
pub(super) fn exchange(hello: Option<ClientHello>, answer: Option<ServerAnswer>) -> TlsExchange {
    let resumed = answer.as_ref().and_then(|answer| resumed(hello.as_ref(), answer));
    let mut told = TlsExchange { resumed, ..TlsExchange::default() };
    if let Some(hello) = hello {
        told.sni = hello.sni;
        told.alpn = hello.alpn;
        told.version = hello.version;
        told.ja4 = Some(hello.ja4).filter(|ja4| !ja4.is_empty());
        told.ech = Some(hello.ech);
    }
    if let Some(answer) = answer {
        told.alpn = answer.alpn.or(told.alpn);
        told.version = answer.version.or(told.version);
        told.cipher = answer.cipher;
        told.alert = answer.alert;
    }
    told
}

/// Whether a session was resumed: TLS 1.3 says so, before it the client's session id comes back.
fn resumed(hello: Option<&ClientHello>, answer: &ServerAnswer) -> Option<bool> {
    if answer.is_retry {
        return None;
    }
    if answer.version.as_deref()? == "TLS 1.3" {
        return Some(answer.took_psk);
    }
    let hello = hello?;
    match hello.session_id.is_empty() {
        true => (!hello.offers_resumption).then_some(false),
        false => Some(hello.session_id == answer.session_id),
    }
}
