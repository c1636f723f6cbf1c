//! Frames of Initial packets, and the handshake that is put together from them.

use super::packet::Reader;

/// The most of a handshake that is kept; hellos with post-quantum keys have 2 KiB.
const HANDSHAKE_MAX: usize = 16 << 10;
/// The most pieces that wait for what is between them. Chrome cuts a hello into some 20, out of order.
const RANGES_MAX: usize = 64;
/// A handshake message's own header.
const MESSAGE_HEADER: usize = 4;

/// What of a packet is of use.
pub(super) enum Frame<'a> {
    /// Octets of the handshake, and where they belong.
    Crypto(u64, &'a [u8]),
    Close(Close),
}

/// The connection is over: the error's number.
#[derive(Clone, Copy)]
pub(super) struct Close(pub(super) u64);

/// A packet's frames; ends at the first that does not belong into an Initial packet.
pub(super) struct Frames<'a>(Reader<'a>);

impl<'a> Frames<'a> {
    pub(super) fn of(payload: &'a [u8]) -> Self {
        Self(Reader { octets: payload, at: 0 })
    }

    /// Passes over an acknowledgement.
    fn acknowledgement(&mut self, has_counts: bool) -> Option<()> {
        let reader = &mut self.0;
        reader.number()?;
        reader.number()?;
        let ranges = reader.number()?;
        reader.number()?;
        for _ in 0..ranges {
            reader.number()?;
            reader.number()?;
        }
        for _ in 0..if has_counts { 3 } else { 0 } {
            reader.number()?;
        }
        Some(())
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        loop {
            match self.0.octet()? {
                // PADDING, PING
                0x00 | 0x01 => {}
                kind @ (0x02 | 0x03) => self.acknowledgement(kind == 0x03)?,
                0x06 => {
                    let (offset, length) = (self.0.number()?, self.0.length()?);
                    return Some(Frame::Crypto(offset, self.0.take(length)?));
                }
                0x1c => return Some(Frame::Close(Close(self.0.number()?))),
                _ => return None,
            }
        }
    }
}

/// One side's handshake: its first message, put together until it was told.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    octets: Vec<u8>,
    /// What of them is there: from, to; in order, apart from each other.
    ranges: Vec<(usize, usize)>,
    is_told: bool,
}

impl Handshake {
    pub(super) fn take(&mut self, offset: u64, octets: &[u8]) {
        let Some(from) = usize::try_from(offset).ok().filter(|from| *from <= HANDSHAKE_MAX) else { return };
        let to = from + octets.len();
        if self.is_told || octets.is_empty() || to > HANDSHAKE_MAX || !self.insert(from, to) {
            return;
        }
        self.octets.resize(self.octets.len().max(to), 0);
        self.octets[from..to].copy_from_slice(octets);
    }

    /// Notes that a range is there; not where there would be too many of them.
    fn insert(&mut self, from: usize, to: usize) -> bool {
        let first = self.ranges.partition_point(|range| range.1 < from);
        let last = self.ranges.partition_point(|range| range.0 <= to);
        if first == last && self.ranges.len() >= RANGES_MAX {
            return false;
        }
        let touched = &self.ranges[first..last];
        let from = touched.first().map_or(from, |range| range.0.min(from));
        let to = touched.last().map_or(to, |range| range.1.max(to));
        self.ranges.splice(first..last, [(from, to)]);
        true
    }

    /// The first message's body, once, when it is whole and of this kind.
    pub(super) fn message(&mut self, kind: u8) -> Option<Vec<u8>> {
        let &(0, end) = self.ranges.first()? else { return None };
        let (&[first, high, middle, low], body) = self.octets[..end].split_first_chunk::<MESSAGE_HEADER>()?;
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let body = body.get(..length)?.to_vec();
        self.tell();
        (first == kind).then_some(body)
    }

    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }

    /// Nothing more is of use: its memory is given back.
    pub(super) fn tell(&mut self) {
        *self = Self { is_told: true, ..Self::default() };
    }
}
