//! One direction of a TCP connection, put in order as far as it was copied.
//!
//! Positions are sequence numbers that do not wrap. What was copied lies in pieces; those that fit on to what is being read
//! move to the run, which always begins at the beginning of a message. Where the next message begins is known
//! ([`Stream::is_synced`]) or has to be found: then a piece of which its protocol says that it begins like a message is where.

use super::turn::{HOLD_NS, Turn};
use netrig_model::{PayloadSegment, Timestamp};

/// Pieces that wait for what comes before them.
const PIECES_MAX: usize = 64;
/// So many that what comes before them is not waited for any longer; or a quarter of the octets there is room for.
const PIECES_MANY: usize = 32;
/// What lies so far behind the latest octet is sent again, and not four gigabytes ahead of it.
const BEHIND_MAX: u32 = 1 << 26;
/// So that a position is never below 0.
const FIRST: u64 = 1 << 40;
const WRAP: u64 = 1 << 32;

pub(super) struct Piece {
    pub(super) at: u64,
    pub(super) time: Timestamp,
    pub(super) octets: Vec<u8>,
    /// Octets it had before it was copied, or more.
    length: u64,
}

impl Piece {
    fn end(&self) -> u64 {
        self.at + self.octets.len() as u64
    }
}

/// What a segment was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// Octets that were not seen before.
    Fresh,
    /// Sent again, or seen at another place.
    Again,
    /// No room for it.
    NoRoom,
}

/// Memory for a run and its marks, which goes from stream to stream: most messages are read as soon as they have come, and then no stream
/// has to ask for memory, or to keep any.
#[derive(Default)]
pub(super) struct Spare {
    run: Vec<u8>,
    marks: Vec<(u64, Timestamp)>,
}

/// More is not kept for the next.
const SPARE_OCTETS_MAX: usize = 1 << 14;
const SPARE_MARKS_MAX: usize = 16;

#[derive(Default)]
pub(super) struct Stream {
    has_begun: bool,
    is_synced: bool,
    /// Behind the run; where the next octet to be read lies.
    next: u64,
    /// Behind all octets that passed, copied or not.
    seen: u64,
    /// Where copied octets may come again, when those behind the run were not copied.
    cut_to: u64,
    run: Vec<u8>,
    /// Where the run's parts begin and when they passed.
    marks: Vec<(u64, Timestamp)>,
    pieces: Vec<Piece>,
    /// Most octets that pieces may have.
    room: usize,
    /// Octets that nobody saw may have had messages in them.
    has_lost: bool,
}

impl Stream {
    /// Takes what a segment brought. `room`: most octets that may lie here waiting for what comes before them.
    pub(super) fn add(&mut self, segment: &PayloadSegment<'_>, room: usize, spare: &mut Spare) -> Added {
        let copied = segment.octets.len() as u64;
        let length = copied.max(u64::from(segment.length));
        let at = self.position(segment.sequence);
        if self.pieces.iter().any(|piece| piece.at <= at && at + copied <= piece.end()) {
            return Added::Again;
        }
        let is_fresh = at + length > self.seen;
        self.seen = self.seen.max(at + length);
        if at + copied <= self.next {
            if at + length > self.next {
                self.cut_to = self.cut_to.max(at + length);
                self.notice_hidden();
            }
            return if is_fresh { Added::Fresh } else { Added::Again };
        }
        let held = self.held();
        if self.pieces.len() >= PIECES_MAX || held + segment.octets.len() > room {
            return Added::NoRoom;
        }
        self.room = room;
        if self.is_synced && self.pieces.is_empty() && at <= self.next {
            self.borrow(spare);
            self.append(at, segment.time, segment.octets, length);
            return Added::Fresh;
        }
        let index = self.pieces.partition_point(|piece| piece.at <= at);
        self.pieces.insert(index, Piece { at, time: segment.time, octets: segment.octets.to_vec(), length });
        self.settle();
        Added::Fresh
    }

    /// Where a segment without octets lies.
    pub(super) fn end_at(&mut self, sequence: u32, length: u32) -> u64 {
        self.position(sequence) + u64::from(length)
    }

    /// The position of a sequence number, near what passed last.
    fn position(&mut self, sequence: u32) -> u64 {
        if !self.has_begun {
            self.has_begun = true;
            self.seen = FIRST + u64::from(sequence);
            self.next = self.seen - u64::from(BEHIND_MAX);
            self.cut_to = self.next;
        }
        let ahead = sequence.wrapping_sub(self.seen as u32);
        if ahead > u32::MAX - BEHIND_MAX {
            return self.seen - (WRAP - u64::from(ahead));
        }
        let at = self.seen + u64::from(ahead);
        // A body of more than four gigabytes passed that nobody copied.
        let is_next = self.is_synced && at < self.next && (self.next - at).is_multiple_of(WRAP);
        if is_next { self.next } else { at }
    }

    /// Moves to the run what fits on to it.
    fn settle(&mut self) {
        while self.is_synced && self.pieces.first().is_some_and(|piece| piece.at <= self.next) {
            let Piece { at, time, octets, length } = self.pieces.remove(0);
            self.append(at, time, &octets, length);
        }
    }

    /// Takes behind the run what is new of octets that begin at it, or before its end.
    fn append(&mut self, at: u64, time: Timestamp, octets: &[u8], length: u64) {
        let known = usize::try_from(self.next - at).unwrap_or(usize::MAX);
        if known < octets.len() {
            self.marks.push((self.next, time));
            self.run.extend_from_slice(&octets[known..]);
            self.next = at + octets.len() as u64;
        }
        self.cut_to = self.cut_to.max(at + length);
        self.notice_hidden();
    }

    fn borrow(&mut self, spare: &mut Spare) {
        if self.run.capacity() == 0 {
            self.run = std::mem::take(&mut spare.run);
        }
        if self.marks.capacity() == 0 {
            self.marks = std::mem::take(&mut spare.marks);
        }
    }

    /// Gives back what was borrowed and is not needed any more; what is, fits.
    pub(super) fn give_back(&mut self, spare: &mut Spare) {
        if !self.run.is_empty() {
            self.run.shrink_to_fit();
            self.marks.shrink_to_fit();
            return;
        }
        let (run, marks) = (std::mem::take(&mut self.run), std::mem::take(&mut self.marks));
        if run.capacity() > spare.run.capacity() && run.capacity() <= SPARE_OCTETS_MAX {
            spare.run = run;
        }
        if marks.capacity() > spare.marks.capacity() && marks.capacity() <= SPARE_MARKS_MAX {
            spare.marks = marks;
        }
    }

    /// When a message should begin among octets that were not copied, it is lost, and those behind it must be found.
    fn notice_hidden(&mut self) {
        if self.is_synced && self.run.is_empty() && self.cut_to > self.next {
            self.has_lost = true;
            self.unsync();
        }
    }

    /// Octets in order, from the beginning of a message on.
    pub(super) fn run(&self) -> &[u8] {
        &self.run
    }

    /// When the run's first octet passed.
    pub(super) fn time(&self) -> Option<Timestamp> {
        self.marks.first().map(|(_, time)| *time)
    }

    /// Whether it is known where the next message begins.
    pub(super) fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// Whether what comes behind the run was not copied, and never comes.
    pub(super) fn is_cut(&self) -> bool {
        self.cut_to > self.next
    }

    /// Whether octets behind the run have been missed for so long that they do not come.
    pub(super) fn is_stuck(&self, now: Timestamp) -> bool {
        self.is_synced && self.has_waited(now)
    }

    /// Whether what comes before the pieces is not worth waiting for any more.
    pub(super) fn has_waited(&self, now: Timestamp) -> bool {
        let is_crowded = self.pieces.len() >= PIECES_MANY || self.held() > self.room / 4;
        self.oldest().is_some_and(|time| is_crowded || time.plus_ns(HOLD_NS) <= now)
    }

    fn held(&self) -> usize {
        self.pieces.iter().map(|piece| piece.octets.len()).sum()
    }

    /// Whether a message that is not whole yet never will be.
    pub(super) fn is_over(&self, turn: &Turn<'_>) -> bool {
        self.is_cut() || self.run.len() >= turn.config.copy || self.is_stuck(turn.now)
    }

    /// When the oldest piece passed that waits for what comes before it.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.pieces.iter().map(|piece| piece.time).min()
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether anything passed that may have had messages in it and was not seen, since this was asked last.
    pub(super) fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.has_lost)
    }

    /// Goes on behind so many octets, whether or not they are, or ever will be, there.
    pub(super) fn skip(&mut self, octets: u64) {
        let here = usize::try_from(octets).unwrap_or(usize::MAX).min(self.run.len());
        if here == self.run.len() {
            self.run.clear();
            self.marks.clear();
        } else {
            self.run.drain(..here);
            let start = self.next - self.run.len() as u64;
            let before = self.marks.partition_point(|(at, _)| *at <= start).saturating_sub(1);
            self.marks.drain(..before);
        }
        self.next = self.next.saturating_add(octets - here as u64);
        self.settle();
        self.notice_hidden();
    }

    /// Gives up the run: where the next message begins must be found.
    pub(super) fn unsync(&mut self) {
        self.is_synced = false;
        self.next = self.next.max(self.cut_to);
        self.run.clear();
        self.marks.clear();
    }

    /// Begins to read at a piece. Those before it are of no use; gives how many.
    pub(super) fn begin_at(&mut self, index: usize) -> usize {
        let before = self.pieces.drain(..index).count();
        if let Some(piece) = self.pieces.first() {
            self.next = self.next.max(piece.at);
            self.cut_to = self.cut_to.max(self.next);
            self.is_synced = true;
            self.settle();
        }
        before
    }

    /// Finds where a message begins, when that is not known. Gives how many pieces were of no use. With `all`, none is left
    /// to wait for what comes before it.
    pub(super) fn seek(&mut self, now: Timestamp, all: bool, begins: impl Fn(&[u8]) -> bool) -> usize {
        if self.is_synced {
            return 0;
        }
        if let Some(index) = self.pieces.iter().position(|piece| begins(&piece.octets)) {
            return self.begin_at(index);
        }
        let mut dropped = 0;
        while self.pieces.first().is_some_and(|piece| piece.at <= self.next) {
            let piece = self.pieces.remove(0);
            self.next = self.next.max(piece.at + piece.length);
            dropped += 1;
        }
        dropped + self.drop_pieces(|piece| all || piece.time.plus_ns(HOLD_NS) <= now)
    }

    /// When the latest of the run's octets passed.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.marks.last().map(|(_, time)| *time)
    }

    /// Drops pieces; gives how many.
    pub(super) fn drop_pieces(&mut self, is_useless: impl Fn(&Piece) -> bool) -> usize {
        let before = self.pieces.len();
        self.pieces.retain(|piece| !is_useless(piece));
        before - self.pieces.len()
    }

    /// Behind all octets that passed.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Gives all memory back: nothing that passed is of use any more.
    pub(super) fn clear(&mut self) {
        self.unsync();
        self.next = self.next.max(self.seen);
        (self.run, self.marks, self.pieces) = (Vec::new(), Vec::new(), Vec::new());
    }

    /// Memory of octets.
    pub(super) fn octets(&self) -> usize {
        self.run.capacity() + self.pieces.iter().map(|piece| piece.octets.capacity()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netrig_model::{Address, Direction, FlowKey, FlowKind, InterfaceId};

    const ROOM: usize = 1 << 16;

    fn segment(time: i64, sequence: u32, length: u32, octets: &[u8]) -> PayloadSegment<'_> {
        let key = FlowKey {
            src: Address::default(),
            dst: Address::default(),
            src_port: 1,
            dst_port: 2,
            iface: InterfaceId(1),
            protocol: 6,
            kind: FlowKind::Ipv4,
            direction: Direction::Egress,
            vlan: None,
            vlan_inner: None,
            tunnel: None,
        };
        PayloadSegment { time: Timestamp(time), key, sequence, tcp_flags: 0, length, octets, owner: None }
    }

    fn put(stream: &mut Stream, time: i64, sequence: u32, octets: &[u8]) -> Added {
        stream.add(&segment(time, sequence, octets.len() as u32, octets), ROOM, &mut Spare::default())
    }

    /// A stream that has read `abc` at 100.
    fn begun() -> Stream {
        let mut stream = Stream::default();
        put(&mut stream, 1, 100, b"abc");
        stream.begin_at(0);
        stream
    }

    #[test]
    fn pieces_join_in_order_and_overlaps_count_once() {
        let mut stream = begun();
        assert_eq!(put(&mut stream, 3, 106, b"ghi"), Added::Fresh);
        assert_eq!((stream.run(), stream.oldest()), (&b"abc"[..], Some(Timestamp(3))));
        assert_eq!(put(&mut stream, 4, 106, b"ghi"), Added::Again);
        assert_eq!(put(&mut stream, 5, 102, b"cdefgh"), Added::Fresh);
        assert_eq!((stream.run(), stream.oldest()), (&b"abcdefghi"[..], None));
        assert_eq!(put(&mut stream, 6, 100, b"abcdef"), Added::Again);
        stream.skip(4);
        assert_eq!((stream.run(), stream.time()), (&b"efghi"[..], Some(Timestamp(5))));
        stream.skip(4);
        assert_eq!((stream.run(), stream.time()), (&b"i"[..], Some(Timestamp(3))));
    }

    #[test]
    fn what_is_read_at_once_goes_through_memory_that_all_streams_share() {
        let (mut one, mut other, mut spare) = (begun(), begun(), Spare::default());
        one.skip(3);
        one.give_back(&mut spare);
        assert_eq!((one.octets(), spare.run.capacity() > 0), (0, true));
        other.skip(3);
        other.give_back(&mut Spare::default());
        assert_eq!(other.add(&segment(2, 103, 4, b"whol"), ROOM, &mut spare), Added::Fresh);
        assert_eq!((other.run(), other.time(), spare.run.capacity()), (&b"whol"[..], Some(Timestamp(2)), 0));
        other.skip(2);
        other.give_back(&mut spare);
        assert_eq!((other.run(), other.octets(), spare.run.capacity()), (&b"ol"[..], 2, 0), "what is left fits");
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut stream = Stream::default();
        put(&mut stream, 1, u32::MAX - 1, b"abc");
        stream.begin_at(0);
        put(&mut stream, 2, 1, b"def");
        assert_eq!(stream.run(), b"abcdef");
        assert_eq!(put(&mut stream, 3, u32::MAX - 1, b"abc"), Added::Again);
    }

    #[test]
    fn behind_a_body_of_ten_gigabytes_the_next_message_is_found() {
        let mut stream = begun();
        stream.skip(3 + 10_000_000_000);
        let next = 103u64 + 10_000_000_000;
        assert_eq!(put(&mut stream, 2, next as u32, b"next"), Added::Fresh);
        assert_eq!((stream.run(), stream.is_synced()), (&b"next"[..], true));
    }

    #[test]
    fn a_message_that_should_begin_where_nothing_was_copied_is_lost() {
        let mut stream = Stream::default();
        stream.add(&segment(1, 100, 1000, b"abcdef"), ROOM, &mut Spare::default());
        stream.begin_at(0);
        assert!(stream.is_cut() && !stream.take_lost());
        stream.skip(6 + 994);
        assert!(stream.is_synced() && !stream.is_cut(), "its body ends where the segment does");
        stream.add(&segment(2, 1100, 1000, b"abcdef"), ROOM, &mut Spare::default());
        stream.skip(500);
        assert!(!stream.is_synced() && stream.take_lost() && !stream.take_lost());
        put(&mut stream, 3, 2100, b"next");
        assert_eq!(stream.seek(Timestamp(3), false, |octets| octets == b"next"), 0);
        assert_eq!(stream.run(), b"next");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut stream = begun();
        put(&mut stream, 2, 200, b"gap");
        assert!(!stream.is_stuck(Timestamp(HOLD_NS)) && stream.is_stuck(Timestamp(2 + HOLD_NS)));
        for n in 1..1000 {
            put(&mut stream, 2, 200 + n * 10, b"gap");
        }
        assert!(stream.octets() < 1000);
        assert!(stream.is_stuck(Timestamp(2)), "so many are not kept waiting");
        assert_eq!(stream.add(&segment(3, 150, 5, b"abcde"), 4, &mut Spare::default()), Added::NoRoom);
        stream.clear();
        assert_eq!(stream.octets(), 0);
    }
}
