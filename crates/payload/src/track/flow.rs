//! One flow: what is spoken on it, and what of that waits.

use super::begin::{Beginning, beginning};
use super::config::TrackerConfig;
use super::dns_stream;
use super::http::{After, Http};
use super::http2::Http2;
use super::questions::Questions;
use super::quic::{self, Quic};
use super::stream::{Added, Stream};
use super::talk::Talk;
use super::tls::Tls;
use super::turn::{HOLD_NS, Turn};
use netrig_model::{PayloadSegment, RequestOutcome, Timestamp};

/// A flow whose opening is all we want is remembered for so long, for what is seen again of it.
const LINGER_NS: i64 = 2_000_000_000;
/// A connection that may go on with another request.
const IDLE_NS: i64 = 60_000_000_000;
/// Octets that may wait in a stream for what comes before them, in what is copied of one message.
const ROOM: usize = 4;
/// Octets that say what begins.
const TELLING: usize = 24;

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;

enum Spoken {
    Unknown,
    Dns,
    Tls(Tls),
    Http(Http),
    Http2(Http2),
    Quic(Quic),
    /// The opening of one that has been told, by the id it began with.
    QuicDone(Vec<u8>),
    /// All that was wanted has been told.
    Done,
}

pub(super) struct Flow {
    talk: Talk,
    spoken: Spoken,
    /// Where each side's octets end, where it said so.
    ends: [Option<u64>; 2],
    /// When the connection was seen to be over.
    closing: Option<Timestamp>,
    last: Timestamp,
}

impl Flow {
    pub(super) fn new(side: usize, is_dns: bool, segment: &PayloadSegment<'_>) -> Self {
        let streams = [Stream::default(), Stream::default()];
        let talk = Talk { key: segment.key, key_side: side, owners: [None; 2], streams };
        let spoken = if is_dns { Spoken::Dns } else { Spoken::Unknown };
        Self { talk, spoken, ends: [None; 2], closing: None, last: segment.time }
    }

    /// A flow of datagrams; none when its first one opens nothing.
    pub(super) fn of_datagram(side: usize, segment: &PayloadSegment<'_>) -> Option<Self> {
        let quic = Quic::begin(side, segment)?;
        let mut flow = Self::new(side, false, segment);
        flow.talk.owners[side] = segment.owner;
        flow.spoken = Spoken::Quic(quic);
        Some(flow)
    }

    /// Whether a segment is of another connection between the same ends.
    pub(super) fn is_another(&mut self, side: usize, segment: &PayloadSegment<'_>) -> bool {
        let is_bare = segment.octets.is_empty();
        if segment.tcp_flags & SYN != 0 && is_bare {
            return segment.time >= self.last;
        }
        if is_bare {
            return false;
        }
        let is_done = match &self.spoken {
            Spoken::Tls(tls) => tls.is_answered(),
            spoken => matches!(spoken, Spoken::Done),
        };
        let is_over = self.closing.is_some() && is_done;
        let begins = beginning(segment.octets);
        let stream = &mut self.talk.streams[side];
        let at = stream.end_at(segment.sequence, 0);
        let is_behind_end = self.ends[side].is_some_and(|end| at > end);
        let is_new = at >= stream.seen();
        is_behind_end
            || (segment.tcp_flags & SYN != 0 && is_new)
            || (is_over && is_new && !matches!(begins, Beginning::Other | Beginning::Short))
            || (is_done && is_new && begins == Beginning::ClientHello)
    }

    pub(super) fn take(
        &mut self,
        side: usize,
        segment: &PayloadSegment<'_>,
        questions: &mut Questions,
        turn: &mut Turn<'_>,
    ) {
        self.last = self.last.max(segment.time);
        let owner = &mut self.talk.owners[side];
        *owner = owner.or(segment.owner);
        if !segment.octets.is_empty() {
            match self.talk.streams[side].add(segment, turn.config.copy.saturating_mul(ROOM), turn.spare) {
                Added::Fresh => {}
                Added::Again => turn.counts.again += 1,
                Added::NoRoom => turn.counts.no_room += 1,
            }
        }
        self.note_end(side, segment);
        self.go_on(questions, turn);
    }

    pub(super) fn take_datagram(&mut self, side: usize, segment: &PayloadSegment<'_>, turn: &mut Turn<'_>) {
        self.last = self.last.max(segment.time);
        let owner = &mut self.talk.owners[side];
        *owner = owner.or(segment.owner);
        let spoken = match std::mem::replace(&mut self.spoken, Spoken::Done) {
            Spoken::Quic(mut quic) => match quic.take(&self.talk, side, segment, turn) {
                true => Spoken::QuicDone(quic.into_id()),
                false => Spoken::Quic(quic),
            },
            Spoken::QuicDone(id) => self.open_again(id, side, segment, turn),
            spoken => spoken,
        };
        self.spoken = spoken;
    }

    /// The same two may open another connection soon.
    fn open_again(&self, id: Vec<u8>, side: usize, segment: &PayloadSegment<'_>, turn: &mut Turn<'_>) -> Spoken {
        let is_same = quic::id_of(segment.octets) == id;
        let may_be_another = !is_same && segment.key == self.talk.key_of(side);
        if let Some(quic) = Quic::begin(side, segment).filter(|_| may_be_another) {
            return Spoken::Quic(quic);
        }
        let count = if is_same { &mut turn.counts.again } else { &mut turn.counts.unknown };
        *count += 1;
        Spoken::QuicDone(id)
    }

    fn note_end(&mut self, side: usize, segment: &PayloadSegment<'_>) {
        if segment.tcp_flags & (FIN | RST) == 0 {
            return;
        }
        self.ends[side] = Some(self.talk.streams[side].end_at(segment.sequence, segment.length));
        // A client that has said all may yet be answered.
        let client_waits = self.client() == Some(side) && segment.tcp_flags & RST == 0;
        if !client_waits || self.ends.iter().all(Option::is_some) {
            self.closing.get_or_insert(segment.time);
        }
    }

    fn client(&self) -> Option<usize> {
        match &self.spoken {
            Spoken::Tls(tls) => Some(tls.client()),
            Spoken::Http(http) => Some(http.client()),
            Spoken::Http2(http2) => Some(http2.client()),
            _ => None,
        }
    }

    /// Reads on, and does what is due.
    pub(super) fn go_on(&mut self, questions: &mut Questions, turn: &mut Turn<'_>) {
        self.read(false, questions, turn);
        if self.closing.is_some_and(|time| time.plus_ns(HOLD_NS) <= turn.now) {
            self.end(RequestOutcome::Unanswered, questions, turn);
        }
        self.talk.streams.iter_mut().for_each(|stream| stream.give_back(turn.spare));
    }

    /// Reads what there is and tells what waits.
    pub(super) fn end(&mut self, outcome: RequestOutcome, questions: &mut Questions, turn: &mut Turn<'_>) {
        self.read(true, questions, turn);
        match &mut self.spoken {
            Spoken::Tls(tls) => tls.end(&mut self.talk, outcome, turn),
            Spoken::Http(http) => http.end(&self.talk, outcome, turn),
            Spoken::Http2(http2) => http2.end(&self.talk, outcome, turn),
            Spoken::Quic(quic) => quic.end(&self.talk, outcome, turn),
            Spoken::Unknown | Spoken::Dns | Spoken::QuicDone(_) | Spoken::Done => {}
        }
        self.done();
    }

    fn read(&mut self, all: bool, questions: &mut Questions, turn: &mut Turn<'_>) {
        if matches!(self.spoken, Spoken::Unknown) {
            self.find(all, turn);
        }
        let is_done = match &mut self.spoken {
            Spoken::Unknown => false,
            Spoken::Dns => {
                dns_stream::read(&mut self.talk, all, questions, turn);
                false
            }
            Spoken::Tls(tls) => tls.read(&mut self.talk, all, turn),
            Spoken::Http(http) => match http.read(&mut self.talk, all, turn) {
                After::Http => false,
                After::Upgraded => {
                    http.end(&self.talk, RequestOutcome::Unknown, turn);
                    true
                }
                After::Tunnel => {
                    http.end(&self.talk, RequestOutcome::Unknown, turn);
                    self.talk.streams.iter_mut().for_each(Stream::unsync);
                    self.spoken = Spoken::Unknown;
                    return self.read(all, questions, turn);
                }
            },
            Spoken::Http2(http2) => http2.read(&mut self.talk, all, turn),
            Spoken::Quic(quic) => quic.expire(&self.talk, turn),
            Spoken::QuicDone(_) => false,
            Spoken::Done => true,
        };
        if is_done {
            self.done();
        }
    }

    fn done(&mut self) {
        self.spoken = Spoken::Done;
        self.talk.streams.iter_mut().for_each(Stream::clear);
    }

    /// Finds out what is spoken.
    fn find(&mut self, all: bool, turn: &mut Turn<'_>) {
        for side in [0, 1] {
            let stream = &mut self.talk.streams[side];
            let Some((index, begins)) = first_beginning(stream, all, turn.now) else { continue };
            turn.counts.unknown += stream.begin_at(index) as u64;
            self.spoken = match begins {
                Beginning::ClientHello => Spoken::Tls(Tls::new(side)),
                Beginning::ServerHello => Spoken::Tls(Tls::new(1 - side)),
                Beginning::HttpRequest => Spoken::Http(Http::new(side)),
                Beginning::HttpAnswer => Spoken::Http(Http::new(1 - side)),
                Beginning::Http2 => Spoken::Http2(Http2::new(side)),
                Beginning::Alert | Beginning::Short | Beginning::Other => Spoken::Unknown,
            };
            return;
        }
        let (old, shorts_old) = (turn.now.plus_ns(-HOLD_NS), turn.now.plus_ns(-LINGER_NS));
        for stream in &mut self.talk.streams {
            let dropped = stream.drop_pieces(|piece| {
                let is_short = beginning(&piece.octets) == Beginning::Short;
                all || piece.time <= if is_short { shorts_old } else { old }
            });
            turn.counts.unknown += dropped as u64;
        }
    }

    pub(super) fn pending(&self) -> usize {
        match &self.spoken {
            Spoken::Tls(tls) => tls.pending(),
            Spoken::Http(http) => http.pending(),
            Spoken::Http2(http2) => http2.pending(),
            Spoken::Quic(_) => 1,
            Spoken::Unknown | Spoken::Dns | Spoken::QuicDone(_) | Spoken::Done => 0,
        }
    }

    /// Memory of octets that wait.
    pub(super) fn octets(&self) -> usize {
        let initials = if matches!(self.spoken, Spoken::Quic(_)) { quic::OCTETS } else { 0 };
        initials + self.talk.octets()
    }

    /// When something is to be done here, whatever comes.
    pub(super) fn due(&self, config: &TrackerConfig) -> Timestamp {
        let timeout_ns = config.timeout_ns;
        let waits = match &self.spoken {
            Spoken::Tls(tls) => tls.due(timeout_ns),
            Spoken::Http(http) => http.due(timeout_ns),
            Spoken::Http2(http2) => http2.due(timeout_ns),
            Spoken::Quic(quic) => Some(quic.due(timeout_ns)),
            Spoken::Unknown | Spoken::Dns | Spoken::QuicDone(_) | Spoken::Done => None,
        };
        let holds = self.talk.streams.iter().filter_map(Stream::oldest).chain(self.closing.filter(|_| !self.is_done()));
        waits.into_iter().chain(holds.map(|time| time.plus_ns(HOLD_NS))).fold(self.forgotten_at(config), Timestamp::min)
    }

    /// Whether it may be forgotten.
    pub(super) fn is_over(&self, turn: &Turn<'_>) -> bool {
        self.pending() == 0 && self.forgotten_at(turn.config) <= turn.now
    }

    fn forgotten_at(&self, config: &TrackerConfig) -> Timestamp {
        if config.remember {
            return Timestamp(i64::MAX);
        }
        let goes_on = matches!(self.spoken, Spoken::Http(_) | Spoken::Dns) && self.closing.is_none();
        self.last.plus_ns(if goes_on { IDLE_NS } else { LINGER_NS })
    }

    fn is_done(&self) -> bool {
        matches!(self.spoken, Spoken::Done)
    }
}

/// The first piece that says what is spoken. One that is too short to say waits for its rest.
fn first_beginning(stream: &Stream, all: bool, now: Timestamp) -> Option<(usize, Beginning)> {
    for (index, piece) in stream.pieces().iter().enumerate() {
        match begins_at(stream, index) {
            Beginning::Short if !all && piece.time.plus_ns(HOLD_NS) > now => return None,
            Beginning::Alert | Beginning::Short | Beginning::Other => {}
            begins => return Some((index, begins)),
        }
    }
    None
}

/// What begins at a piece, with those that follow it when it is short.
fn begins_at(stream: &Stream, index: usize) -> Beginning {
    let pieces = &stream.pieces()[index..];
    let Some(first) = pieces.first() else { return Beginning::Other };
    let begins = beginning(&first.octets);
    if begins != Beginning::Short {
        return begins;
    }
    let mut octets = Vec::with_capacity(2 * TELLING);
    for piece in pieces {
        if octets.len() >= TELLING || piece.at != first.at + octets.len() as u64 {
            break;
        }
        octets.extend_from_slice(&piece.octets);
    }
    beginning(&octets)
}
