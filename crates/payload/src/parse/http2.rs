//! The beginning of an HTTP/2 connection in the clear. Frames by hand, they are but a length and a number; what is in
//! them by the `loona-hpack` crate, whose tables live for one call.

use super::Read;
use super::text::text;
use loona_hpack::Decoder;
use std::borrow::Cow;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;
/// The largest table a side may ask the other to keep for it, as browsers do.
const TABLE_MAX: usize = 64 << 10;
/// Header blocks are read up to this length.
const BLOCK_MAX: usize = 16 << 10;

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
const PRIORITY_LENGTH: usize = 5;

/// What the first HEADERS frame of a client says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http2Request {
    /// `:method`.
    pub method: Option<String>,
    /// `:authority`, or the host.
    pub host: Option<String>,
    /// `:path`.
    pub path: Option<String>,
    /// By its content type.
    pub grpc: bool,
}

/// Reads the preface and the first HEADERS frame of a client's stream.
#[must_use]
pub fn http2_request(octets: &[u8]) -> Read<Http2Request> {
    let Some(frames) = octets.strip_prefix(PREFACE) else {
        return if PREFACE.starts_with(octets) { Read::More } else { Read::No };
    };
    match Blocks::of(frames).next() {
        Next::Block(block) if block.is_whole => request(&block).map_or(Read::No, Read::Whole),
        Next::Block(_) | Next::Cut => Read::More,
        Next::Over => Read::No,
    }
}

/// What is known of a client's first HEADERS frame whose rest will not come.
#[must_use]
pub fn http2_request_cut(octets: &[u8]) -> Option<Http2Request> {
    match Blocks::of(octets.strip_prefix(PREFACE)?).next() {
        Next::Block(block) => request(&block),
        Next::Cut | Next::Over => None,
    }
}

/// Reads a server's stream up to its first HEADERS frame: the status. None where the server is going away instead.
#[must_use]
pub fn http2_status(octets: &[u8]) -> Read<Option<u16>> {
    let mut blocks = Blocks::of(octets);
    let mut decoder = decoder();
    loop {
        let block = match blocks.next() {
            Next::Block(block) => block,
            Next::Cut => return Read::More,
            Next::Over if blocks.is_going_away => return Read::Whole(None),
            Next::Over => return Read::No,
        };
        let mut status = None;
        let decoded = decoder.decode_with_cb(&block.octets, |name, value| {
            if *name == *b":status" {
                status = str::from_utf8(&value).ok().and_then(|value| value.parse().ok());
            }
        });
        match status {
            // What is said in between: the answer comes after it.
            Some(100..200) if decoded.is_ok() => {}
            Some(status) => return Read::Whole(Some(status)),
            None if !block.is_whole => return Read::More,
            None => return Read::Whole(None),
        }
    }
}

fn decoder() -> Decoder<'static> {
    let mut decoder = Decoder::new();
    decoder.set_max_allowed_table_size(TABLE_MAX);
    decoder
}

/// What a client's header block says, as far as it goes; none where it says nothing of a request.
fn request(block: &Block<'_>) -> Option<Http2Request> {
    let mut request = Http2Request::default();
    let mut host = None;
    // An error is the end of what can be read; what came before it holds.
    _ = decoder().decode_with_cb(&block.octets, |name, value| match &*name {
        b":method" => request.method = Some(text(&value)),
        b":authority" => request.host = Some(text(&value)),
        b":path" => request.path = Some(text(&value)),
        b"host" => host = Some(text(&value)),
        b"content-type" => request.grpc = value.starts_with(b"application/grpc"),
        _ => {}
    });
    request.host = request.host.or(host);
    (request.method.is_some() || request.path.is_some()).then_some(request)
}

/// A header block: one HEADERS frame and the CONTINUATION frames behind it.
struct Block<'a> {
    octets: Cow<'a, [u8]>,
    is_whole: bool,
}

enum Next<'a> {
    Block(Block<'a>),
    /// More octets are needed.
    Cut,
    /// Not HTTP/2, or none will come.
    Over,
}

/// The header blocks of one side's stream. Its first frame must be its settings.
struct Blocks<'a> {
    rest: &'a [u8],
    is_first: bool,
    is_going_away: bool,
}

struct Frame<'a> {
    kind: u8,
    flags: u8,
    body: &'a [u8],
    is_whole: bool,
}

impl<'a> Blocks<'a> {
    fn of(octets: &'a [u8]) -> Self {
        Self { rest: octets, is_first: true, is_going_away: false }
    }

    fn next(&mut self) -> Next<'a> {
        loop {
            let Some(frame) = self.frame() else {
                return if self.is_first && !could_be_settings(self.rest) { Next::Over } else { Next::Cut };
            };
            if self.is_first && (frame.kind != SETTINGS || frame.flags > 1) {
                return Next::Over;
            }
            self.is_first = false;
            match frame.kind {
                HEADERS => return self.block(&frame),
                GOAWAY => {
                    self.is_going_away = true;
                    return Next::Over;
                }
                _ if !frame.is_whole => return Next::Cut,
                _ => {}
            }
        }
    }

    fn frame(&mut self) -> Option<Frame<'a>> {
        let (&[high, middle, low, kind, flags, ..], rest) = self.rest.split_first_chunk::<FRAME_HEADER>()?;
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let (body, behind) = rest.split_at(length.min(rest.len()));
        self.rest = behind;
        Some(Frame { kind, flags, body, is_whole: body.len() == length })
    }

    fn block(&mut self, headers: &Frame<'a>) -> Next<'a> {
        let Some(fragment) = fragment(headers) else { return if headers.is_whole { Next::Over } else { Next::Cut } };
        let mut octets = Cow::Borrowed(fragment);
        let (mut is_whole, mut is_last) = (headers.is_whole, headers.flags & END_HEADERS != 0);
        while is_whole && !is_last && octets.len() < BLOCK_MAX {
            let Some(frame) = self.frame() else {
                is_whole = false;
                break;
            };
            if frame.kind != CONTINUATION {
                return Next::Over;
            }
            octets.to_mut().extend_from_slice(frame.body);
            (is_whole, is_last) = (frame.is_whole, frame.flags & END_HEADERS != 0);
        }
        if octets.len() > BLOCK_MAX {
            octets = Cow::Owned(octets[..BLOCK_MAX].to_vec());
        }
        Next::Block(Block { octets, is_whole })
    }
}

/// What of a HEADERS frame is the header block: not its padding, nor its priority. Of a cut frame what there is.
fn fragment<'a>(headers: &Frame<'a>) -> Option<&'a [u8]> {
    let mut body = headers.body;
    if headers.flags & PADDED != 0 {
        let (padding, rest) = body.split_first()?;
        let end = rest.len().checked_sub(usize::from(*padding));
        body = if headers.is_whole { &rest[..end?] } else { rest };
    }
    if headers.flags & PRIORITY != 0 {
        body = body.get(PRIORITY_LENGTH..)?;
    }
    Some(body)
}

/// Whether these octets, too few for a frame's header, could become settings'.
fn could_be_settings(octets: &[u8]) -> bool {
    octets.first().is_none_or(|high| *high == 0) && octets.get(3).is_none_or(|kind| *kind == SETTINGS)
}
