//! TLS records, and the first message of a handshake, which may lie in several.

use super::SERVER_HELLO;
use crate::parse::Read;
use std::borrow::Cow;

pub(super) const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
pub(super) const DATA: u8 = 23;
const HEADER: usize = 5;
/// What RFC 5246 allows an encrypted record; none in the clear is longer.
const RECORD_MAX: usize = (1 << 14) + 2048;
/// A handshake message's own header.
const MESSAGE_HEADER: usize = 4;
/// Longer hellos are none.
const MESSAGE_MAX: usize = 1 << 17;

/// One record, whole or cut: what there is of it.
pub(super) struct Record<'a> {
    pub(super) kind: u8,
    pub(super) body: &'a [u8],
    /// Octets that it has with its header, whether or not they are here.
    pub(super) whole: usize,
}

/// Records one after the other; the last may be cut. Ends at what is none.
pub(super) struct Records<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (&[kind, major, minor, high, low], rest) = self.0.split_first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(20..=24).contains(&kind) || major != 3 || minor > 4 || length > RECORD_MAX {
            return None;
        }
        let (body, behind) = rest.split_at(length.min(rest.len()));
        self.0 = behind;
        Some(Record { kind, body, whole: HEADER + length })
    }
}

/// A message of the handshake, without its header.
pub(super) struct Message<'a> {
    pub(super) body: Cow<'a, [u8]>,
}

/// The stream's first handshake message, if it is of this kind. Warnings may come before it.
pub(super) fn handshake(octets: &[u8], kind: u8) -> Read<Message<'_>> {
    let Some(message) = gather(octets, kind) else { return Read::No };
    let Some((&[_, high, middle, low], body)) = message.split_first_chunk::<MESSAGE_HEADER>() else {
        return Read::More;
    };
    let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).unwrap_or(usize::MAX);
    if length > MESSAGE_MAX {
        return Read::No;
    }
    if body.len() < length {
        return Read::More;
    }
    Read::Whole(Message {
        body: match message {
            Cow::Borrowed(message) => Cow::Borrowed(&message[MESSAGE_HEADER..MESSAGE_HEADER + length]),
            Cow::Owned(message) => Cow::Owned(message[MESSAGE_HEADER..MESSAGE_HEADER + length].to_vec()),
        },
    })
}

/// The same, as far as it goes.
pub(super) fn handshake_cut(octets: &[u8], kind: u8) -> Option<Cow<'_, [u8]>> {
    let message = gather(octets, kind)?;
    Some(Cow::Owned(message.get(MESSAGE_HEADER..)?.to_vec()))
}

/// Octets of the records that the stream's first handshake message lies in; none while it is not whole.
pub(super) fn first_message_octets(octets: &[u8]) -> Option<usize> {
    let (mut message, mut whole) = (Vec::new(), 0);
    for record in Records(octets) {
        whole += record.whole;
        message.extend_from_slice(record.body);
        if is_whole(&message) {
            return Some(whole);
        }
    }
    None
}

/// What there is of the handshake's first messages; none where the stream is not TLS or another message comes first.
fn gather(octets: &[u8], kind: u8) -> Option<Cow<'_, [u8]>> {
    let mut gathered: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut records = Records(octets);
    for record in records.by_ref() {
        match record.kind {
            HANDSHAKE if gathered.is_empty() => gathered = Cow::Borrowed(record.body),
            HANDSHAKE => gathered.to_mut().extend_from_slice(record.body),
            // A server warns before it goes on, or gives up.
            ALERT if kind == SERVER_HELLO && gathered.is_empty() => continue,
            ALERT if kind == SERVER_HELLO => return Some(gathered),
            _ => return None,
        }
        if gathered.first().is_some_and(|first| *first != kind) {
            return None;
        }
        if is_whole(&gathered) {
            return Some(gathered);
        }
    }
    could_be_record(records.0).then_some(gathered)
}

fn is_whole(message: &[u8]) -> bool {
    let Some((&[_, high, middle, low], body)) = message.split_first_chunk::<MESSAGE_HEADER>() else { return false };
    body.len() as u64 >= u64::from(u32::from_be_bytes([0, high, middle, low]))
}

/// Whether these octets, too few for a record's header, could become one.
pub(super) fn could_be_record(rest: &[u8]) -> bool {
    let could_be = |(at, octet): (usize, &u8)| match at {
        0 => (20..=24).contains(octet),
        1 => *octet == 3,
        2 => *octet <= 4,
        _ => true,
    };
    rest.len() < HEADER && rest.iter().enumerate().all(could_be)
}
