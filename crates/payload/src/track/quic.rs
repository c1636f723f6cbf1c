//! The opening of a QUIC connection: datagrams of both sides, one request.

use super::ends::Place;
use super::talk::{Talk, Went};
use super::tls;
use super::turn::Turn;
use crate::parse::{ClientHello, QuicInitials, QuicRead, ServerAnswer};
use netrig_model::{Exchange, PayloadSegment, RequestOutcome, Timestamp};

/// How a packet begins that may be an Initial.
const LONG_HEADER: u8 = 0xc0;
/// Parts of a hello follow each other sooner than a hello is sent again.
const AGAIN_NS: i64 = 50_000_000;
/// What an opening may take in memory: the datagrams' keys, and parts of hellos.
pub(super) const OCTETS: usize = 4096;

pub(super) struct Quic {
    client: usize,
    initials: Box<QuicInitials>,
    hello: Option<Box<ClientHello>>,
    started: Timestamp,
    /// When the server's first datagram passed.
    answered: Option<Timestamp>,
    retries: u32,
    /// The address that the client made up for the server, or what stands where it should.
    id: Vec<u8>,
    /// Where each side's datagrams were seen first.
    places: [Option<Place>; 2],
}

impl Quic {
    /// Begins with a client's datagram; none when it is not one.
    pub(super) fn begin(client: usize, segment: &PayloadSegment<'_>) -> Option<Self> {
        let mut initials = Box::new(QuicInitials::default());
        let hello = match initials.client(segment.octets) {
            QuicRead::Client(hello) => Some(hello),
            QuicRead::More => None,
            QuicRead::Server(_) | QuicRead::No => return None,
        };
        let mut places = [None; 2];
        places[client] = Some(Place::of(&segment.key));
        Some(Self {
            client,
            initials,
            hello,
            started: segment.time,
            answered: None,
            retries: 0,
            id: id_of(segment.octets).to_vec(),
            places,
        })
    }

    pub(super) fn into_id(self) -> Vec<u8> {
        self.id
    }

    pub(super) fn due(&self, timeout_ns: i64) -> Timestamp {
        self.started.plus_ns(timeout_ns)
    }

    /// Takes a datagram. Says whether the request has been told.
    pub(super) fn take(&mut self, talk: &Talk, side: usize, segment: &PayloadSegment<'_>, turn: &mut Turn<'_>) -> bool {
        let place = Place::of(&segment.key);
        if *self.places[side].get_or_insert(place) != place {
            turn.counts.again += 1;
            return false;
        }
        if side == self.client {
            self.take_client(segment, turn);
            return false;
        }
        self.answered.get_or_insert(segment.time);
        match self.initials.server(segment.octets) {
            QuicRead::Server(answer) => {
                self.tell(talk, Some(*answer), RequestOutcome::Answered, turn);
                return true;
            }
            QuicRead::More => {}
            QuicRead::Client(_) | QuicRead::No => turn.counts.unknown += 1,
        }
        false
    }

    fn take_client(&mut self, segment: &PayloadSegment<'_>, turn: &mut Turn<'_>) {
        let is_late = self.started.plus_ns(AGAIN_NS) <= segment.time;
        let is_long = segment.octets.first().is_some_and(|first| first & LONG_HEADER == LONG_HEADER);
        match self.initials.client(segment.octets) {
            QuicRead::Client(hello) if self.hello.is_none() => self.hello = Some(hello),
            // A hello that is sent again, or what acknowledges the server's.
            _ if self.hello.is_some() && is_long && is_late && self.answered.is_none() => self.retries += 1,
            QuicRead::No if self.hello.is_none() => turn.counts.unknown += 1,
            _ => {}
        }
    }

    /// Tells the request when it has waited for too long. Says whether it did.
    pub(super) fn expire(&mut self, talk: &Talk, turn: &mut Turn<'_>) -> bool {
        let is_late = self.due(turn.config.timeout_ns) <= turn.now;
        if is_late {
            self.end(talk, RequestOutcome::Unanswered, turn);
        }
        is_late
    }

    /// Tells the request as it stands.
    pub(super) fn end(&mut self, talk: &Talk, outcome: RequestOutcome, turn: &mut Turn<'_>) {
        self.tell(talk, None, outcome, turn);
    }

    fn tell(&mut self, talk: &Talk, answer: Option<ServerAnswer>, outcome: RequestOutcome, turn: &mut Turn<'_>) {
        let mut went = match self.answered {
            Some(answered) => Went::answered(self.started, answered),
            None => Went::without(self.started, outcome),
        };
        went.retries = self.retries;
        let what = tls::exchange(self.hello.take().map(|hello| *hello), answer);
        talk.tell(self.client, &went, Exchange::Quic(what), turn);
    }
}

/// A long header has the destination's connection id behind its flags and its version, and the id's length before it.
pub(super) fn id_of(octets: &[u8]) -> &[u8] {
    let Some((length, rest)) = octets.get(5..).and_then(<[u8]>::split_first) else { return &[] };
    rest.get(..usize::from(*length)).unwrap_or_default()
}
