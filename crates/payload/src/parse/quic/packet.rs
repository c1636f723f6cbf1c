//! Datagrams and their Initial packets, as far as they can be read without keys.

/// The longest connection id.
const ID_MAX: usize = 20;

/// Versions whose keys are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Draft29,
    V1,
    V2,
}

/// A connection id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionId {
    octets: [u8; ID_MAX],
    length: u8,
}

impl ConnectionId {
    fn of(id: &[u8]) -> Option<Self> {
        let mut octets = [0; ID_MAX];
        octets.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { octets, length: u8::try_from(id.len()).ok()? })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }
}

/// An Initial packet, still protected.
pub(super) struct Initial<'a> {
    pub(super) version: Version,
    pub(super) destination: ConnectionId,
    /// The packet from its first octet to its last.
    pub(super) octets: &'a [u8],
    /// Where its number begins.
    pub(super) number_at: usize,
}

/// The Initial packets of a datagram. Others among them are passed over.
pub(super) struct Initials<'a> {
    rest: &'a [u8],
}

impl<'a> Initials<'a> {
    pub(super) fn of(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }
}

impl<'a> Iterator for Initials<'a> {
    type Item = Initial<'a>;

    fn next(&mut self) -> Option<Initial<'a>> {
        loop {
            let (packet, length) = packet(self.rest)?;
            self.rest = &self.rest[length..];
            if packet.is_some() {
                return packet;
            }
        }
    }
}

/// What a packet's bits say it is.
enum Kind {
    Initial,
    /// 0-RTT and Handshake packets have a length, but nothing that could be read.
    Other,
}

fn kind(first: u8, version: Version) -> Option<Kind> {
    // Version 2 calls the types by other numbers, so that nobody relies on them.
    match ((first >> 4) & 3, version) {
        (0, Version::V1 | Version::Draft29) | (1, Version::V2) => Some(Kind::Initial),
        (3, Version::V1 | Version::Draft29) | (0, Version::V2) => None,
        _ => Some(Kind::Other),
    }
}

/// The packet at the beginning, if it is an Initial, and its length; nothing where no long header with a length is.
fn packet(octets: &[u8]) -> Option<(Option<Initial<'_>>, usize)> {
    let mut reader = Reader { octets, at: 0 };
    let first = reader.octet()?;
    if first & 0x80 == 0 {
        return None;
    }
    let version = match u32::from_be_bytes(*reader.take(4)?.first_chunk()?) {
        0x0000_0001 => Version::V1,
        0x6b33_43cf => Version::V2,
        0xff00_001d => Version::Draft29,
        _ => return None,
    };
    let kind = kind(first, version)?;
    let destination = ConnectionId::of(reader.short()?)?;
    reader.short().filter(|source| source.len() <= ID_MAX)?;
    if matches!(kind, Kind::Initial) {
        let token = reader.length()?;
        reader.take(token)?;
    }
    let rest = reader.length()?;
    let number_at = reader.at;
    reader.take(rest)?;
    let octets = &octets[..reader.at];
    let initial = matches!(kind, Kind::Initial).then_some(Initial { version, destination, octets, number_at });
    Some((initial, octets.len()))
}

/// Reads numbers and octets one after the other, never beyond the end.
pub(super) struct Reader<'a> {
    pub(super) octets: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn octet(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.octets.get(self.at..)?.get(..length)?;
        self.at += length;
        Some(taken)
    }

    /// Octets behind their number in one octet.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.octet()?;
        self.take(usize::from(length))
    }

    /// A number whose first two bits say how long it is (RFC 9000, 16).
    pub(super) fn number(&mut self) -> Option<u64> {
        let first = self.octet()?;
        let more = (1_usize << (first >> 6)) - 1;
        Some(self.take(more)?.iter().fold(u64::from(first & 0x3f), |number, octet| number << 8 | u64::from(*octet)))
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }
}
