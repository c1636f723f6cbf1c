//! The bytes of a capture, and how far they were read.

use super::compression::{Stream, unpack};
use super::error::{CaptureFault, Found};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// An unpacked capture.
pub(super) struct Source {
    stream: Stream,
    packing: Option<&'static str>,
    /// Bytes read so far.
    pub(super) offset: u64,
}

impl Source {
    /// Opens a file; also gives its first bytes, unpacked.
    pub(super) fn open(path: &Path) -> Found<(Self, Vec<u8>)> {
        let file = File::open(path).map_err(CaptureFault::Open)?;
        if file.metadata().map_err(CaptureFault::Open)?.is_dir() {
            return Err(CaptureFault::Directory);
        }
        Self::new(Box::new(file))
    }

    /// Reads a stream; also gives its first bytes, unpacked.
    pub(super) fn new(stream: Stream) -> Found<(Self, Vec<u8>)> {
        let unpacked = unpack(stream)?;
        if unpacked.head.is_empty() {
            return Err(CaptureFault::Empty);
        }
        let source = Self { stream: unpacked.stream, packing: unpacked.packing, offset: 0 };
        Ok((source, unpacked.head))
    }

    /// Fills `bytes` as far as the capture goes, and says how far.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Found<usize> {
        let mut filled = 0;
        while let Some(space) = bytes.get_mut(filled..).filter(|s| !s.is_empty()) {
            match self.stream.read(space) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.failed(e)),
            }
        }
        self.offset += filled as u64;
        Ok(filled)
    }

    /// Fills all of `bytes`; `what` names them for the one who has to hear that the file ends before.
    pub(super) fn fill_all(&mut self, bytes: &mut [u8], what: &'static str) -> Found<()> {
        let there = self.fill(bytes)?;
        if there == bytes.len() {
            return Ok(());
        }
        Err(CaptureFault::CutShort { what, wanted: bytes.len() as u64, there: there as u64 })
    }

    /// Leaves out as many bytes.
    pub(super) fn skip(&mut self, bytes: u64, what: &'static str) -> Found<()> {
        let skipped = io::copy(&mut self.stream.by_ref().take(bytes), &mut io::sink()).map_err(|e| self.failed(e))?;
        self.offset += skipped;
        if skipped == bytes {
            return Ok(());
        }
        Err(CaptureFault::CutShort { what, wanted: bytes, there: skipped })
    }

    fn failed(&self, source: io::Error) -> CaptureFault {
        match self.packing {
            Some(format) => CaptureFault::Packed { format, source },
            None => CaptureFault::Read(source),
        }
    }
}
