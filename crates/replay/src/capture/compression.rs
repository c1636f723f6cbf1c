//! Packed captures, known by their first bytes and not by their names.

use super::error::CaptureFault;
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufReader, Read};

/// The most layers that are unpacked; more is a joke or an attack.
const LAYERS_MAX: usize = 4;
/// As many first bytes as any magic number here has.
const HEAD_BYTES: usize = 8;
const READ_BUFFER_BYTES: usize = 256 << 10;

/// A stream of bytes.
pub(super) type Stream = Box<dyn Read + Send>;

#[derive(Clone, Copy)]
enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // A skippable frame: `pzstd` and seekable archives begin with one.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn unpack(self, packed: Stream) -> io::Result<Stream> {
        let packed = BufReader::with_capacity(READ_BUFFER_BYTES, packed);
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(packed)?),
        })
    }
}

/// An unpacked stream.
pub(super) struct Unpacked {
    /// The capture itself, buffered.
    pub(super) stream: Stream,
    /// Its first bytes, which `stream` still gives.
    pub(super) head: Vec<u8>,
    /// How it was packed, innermost.
    pub(super) packing: Option<&'static str>,
}

/// Takes all layers of packing off a file.
pub(super) fn unpack(file: Stream) -> Result<Unpacked, CaptureFault> {
    let mut stream = file;
    let mut packing = None;
    for _ in 0..=LAYERS_MAX {
        let failed = |source| match packing {
            Some(format) => CaptureFault::Packed { format, source },
            None => CaptureFault::Read(source),
        };
        let (head, whole) = peek(stream).map_err(failed)?;
        let Some(inner) = Packing::of(&head) else {
            let stream = Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, whole));
            return Ok(Unpacked { stream, head, packing });
        };
        stream = inner.unpack(whole).map_err(failed)?;
        packing = Some(inner.name());
    }
    Err(CaptureFault::PackedTooDeep(LAYERS_MAX))
}

/// The first bytes of a stream, and the whole of it.
fn peek(mut stream: Stream) -> io::Result<(Vec<u8>, Stream)> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    stream.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let whole = Box::new(io::Cursor::new(head.clone()).chain(stream));
    Ok((head, whole))
}
