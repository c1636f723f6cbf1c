//! Packets of the captures that the replay is tested with.

use pcap_parser::{LegacyPcapReader, PcapBlockOwned, PcapError, traits::PcapReaderIterator};
use std::path::{Path, PathBuf};

/// A packet of a capture.
pub(crate) struct Frame {
    pub(crate) ns: i64,
    pub(crate) original: u32,
    pub(crate) octets: Vec<u8>,
}

/// The captures, by name.
pub(crate) fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../replay/tests/captures");
    let entries = std::fs::read_dir(folder).expect("the captures");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut captures: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "pcap")).collect();
    captures.sort();
    assert!(captures.len() > 5, "the captures have gone");
    captures
}

pub(crate) fn frames(path: &Path) -> Vec<Frame> {
    let file = std::fs::File::open(path).expect("a capture");
    let mut reader = LegacyPcapReader::new(1 << 20, file).expect("a capture's header");
    let mut frames = Vec::new();
    let mut ns_per_unit = 1000;
    loop {
        match reader.next() {
            Ok((length, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) if header.is_nanosecond_precision() => ns_per_unit = 1,
                    PcapBlockOwned::Legacy(packet) => frames.push(Frame {
                        ns: i64::from(packet.ts_sec) * 1_000_000_000 + i64::from(packet.ts_usec) * ns_per_unit,
                        original: packet.origlen,
                        octets: packet.data.to_vec(),
                    }),
                    _ => {}
                }
                reader.consume(length);
            }
            Err(PcapError::Eof) => return frames,
            Err(PcapError::Incomplete(_)) => reader.refill().expect("more octets"),
            Err(error) => panic!("{}: {error:?}", path.display()),
        }
    }
}
